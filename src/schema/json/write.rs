//! Values to JSON bytes.

use crate::schema::casts::is_exact_integer;
use crate::schema::dates::is_stored_form;
use crate::schema::{FieldValue, Shape};
use crate::store::Cell;

use super::canonical::is_json;

/// How many bytes are tested for an escape at once: the compiler makes vector instructions of it.
const CHUNK_BYTES: usize = 32;

/// What a byte below 128 becomes inside a string: 0 is itself, `u` is `\u00XX`, else the letter after the backslash.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table
};

/// Writes a cell of a column of this shape as JSON. Lenient: what lies there in another shape is shown as the same
/// value sent by a client would be (contract/03 §9); NULL is the empty value.
pub fn write_cell(shape: Shape, cell: Cell<'_>, out: &mut Vec<u8>) {
    match (shape, cell) {
        (Shape::Text, Cell::Text(text)) => write_string(text, out),
        (Shape::Text | Shape::Date | Shape::Single, Cell::Null) => out.extend_from_slice(b"\"\""),
        (Shape::Date, Cell::Text(text)) if text.is_empty() || is_stored_form(text) => write_plain(text, out),
        (Shape::Single, Cell::Text(text)) if !text.contains('[') => write_string(text, out),
        (Shape::Number, Cell::Int(number)) => write_integer(number, out),
        (Shape::Number, Cell::Real(number)) => write_number(number, out),
        (Shape::Number, Cell::Null) => out.push(b'0'),
        (Shape::Bool, Cell::Int(number)) => write_bool(number != 0, out),
        (Shape::Bool, Cell::Null) => write_bool(false, out),
        (Shape::Json, Cell::Null) => out.extend_from_slice(b"null"),
        (Shape::Json, Cell::Text(text)) if is_json(text) => out.extend_from_slice(text.as_bytes()),
        (Shape::Multiple, Cell::Text("[]") | Cell::Null) => out.extend_from_slice(b"[]"),
        _ => write_value(&FieldValue::from_cell(shape, cell), out),
    }
}

/// Writes a value as JSON.
pub fn write_value(value: &FieldValue, out: &mut Vec<u8>) {
    match value {
        FieldValue::Text(text) => write_string(text, out),
        FieldValue::Number(number) => write_number(*number, out),
        FieldValue::Bool(flag) => write_bool(*flag, out),
        FieldValue::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(item, out);
            }
            out.push(b']');
        }
        FieldValue::Json(None) => out.extend_from_slice(b"null"),
        FieldValue::Json(Some(text)) if is_json(text) => out.extend_from_slice(text.as_bytes()),
        FieldValue::Json(Some(text)) => write_string(text, out),
        FieldValue::Point { lon, lat } => {
            out.extend_from_slice(b"{\"lon\":");
            write_number(*lon, out);
            out.extend_from_slice(b",\"lat\":");
            write_number(*lat, out);
            out.push(b'}');
        }
    }
}

/// Writes a text as a JSON string.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut chunks = text.as_bytes().chunks_exact(CHUNK_BYTES);
    for chunk in &mut chunks {
        // No early exit: that is what makes this a handful of vector instructions.
        let has_escape =
            chunk.iter().fold(false, |found, &byte| found | (byte < 0x20) | (byte == b'"') | (byte == b'\\'));
        if has_escape {
            write_escaped(chunk, out);
        } else {
            out.extend_from_slice(chunk);
        }
    }
    write_escaped(chunks.remainder(), out);
    out.push(b'"');
}

/// Bytes of a string, with what must be escaped.
fn write_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    let mut plain_from = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        let escape = ESCAPES[usize::from(byte)];
        if escape == 0 {
            continue;
        }
        out.extend_from_slice(&bytes[plain_from..index]);
        plain_from = index + 1;
        match escape {
            b'u' => {
                let hex = b"0123456789abcdef";
                let (high, low) = (hex[usize::from(byte >> 4)], hex[usize::from(byte & 15)]);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
    }
    out.extend_from_slice(&bytes[plain_from..]);
}

/// A text that is known to need no escape.
fn write_plain(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn write_bool(flag: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if flag { b"true" } else { b"false" });
}

/// Writes an integer; one that no double holds is rounded to one, as clients read it (contract/01 §6).
pub fn write_integer(number: i64, out: &mut Vec<u8>) {
    /// Up to here every integer is a double.
    const EXACT: i64 = 1 << 53;
    if (-EXACT..=EXACT).contains(&number) {
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    } else {
        write_number(number as f64, out);
    }
}

/// Writes a double in its shortest form: whole numbers without a fraction, from 1e21 on and below 1e-6 with an
/// exponent, −0 as 0. What isn't finite has no JSON form and is written as 0; no field keeps it.
pub fn write_number(number: f64, out: &mut Vec<u8>) {
    if is_exact_integer(number) {
        out.extend_from_slice(itoa::Buffer::new().format(number as i64).as_bytes());
        return;
    }
    if !number.is_finite() {
        out.push(b'0');
        return;
    }
    let size = number.abs();
    if !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}"); // 1e21, 1.5e-7
        out.extend_from_slice(text.replace("e", if size >= 1.0 { "e+" } else { "e" }).as_bytes());
        return;
    }
    let mut buffer = ryu::Buffer::new();
    let shortest = buffer.format_finite(number);
    if shortest.contains('e') {
        out.extend_from_slice(format!("{number}").as_bytes());
    } else {
        out.extend_from_slice(shortest.strip_suffix(".0").unwrap_or(shortest).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_have_their_shortest_form() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-5.0, "-5"),
            (1.5, "1.5"),
            (0.1, "0.1"),
            (1e-6, "0.000001"),
            (1.5e-6, "0.0000015"),
            (1e-7, "1e-7"),
            (-1.25e-9, "-1.25e-9"),
            (1e15, "1000000000000000"),
            (1e16, "10000000000000000"),
            (123456789012345680000.0, "123456789012345680000"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (9007199254740992.0, "9007199254740992"),
            (0.30000000000000004, "0.30000000000000004"),
        ] {
            assert_eq!(written(|out| write_number(number, out)), text, "{number:e}");
        }
        assert_eq!(written(|out| write_integer(9_007_199_254_740_993, out)), "9007199254740992");
        assert_eq!(written(|out| write_integer(i64::MIN, out)), "-9223372036854776000");
    }

    #[test]
    fn cells_in_the_shape_of_their_column() {
        for (shape, cell, text) in [
            (Shape::Text, Cell::Text("a\"b"), r#""a\"b""#),
            (Shape::Number, Cell::Int(5), "5"),
            (Shape::Number, Cell::Real(2.5), "2.5"),
            (Shape::Bool, Cell::Int(1), "true"),
            (Shape::Date, Cell::Text("2024-01-02 03:04:05.000Z"), r#""2024-01-02 03:04:05.000Z""#),
            (Shape::Json, Cell::Text(r#"{"a":[1, 2]}"#), r#"{"a":[1, 2]}"#),
            (Shape::Json, Cell::Int(7), "7"),
            (Shape::Json, Cell::Text("null"), "null"),
            (Shape::Point, Cell::Text(r#"{"lon":1.5,"lat":-2}"#), r#"{"lon":1.5,"lat":-2}"#),
            (Shape::Single, Cell::Text("x"), r#""x""#),
            (Shape::Multiple, Cell::Text(r#"["a","b"]"#), r#"["a","b"]"#),
        ] {
            assert_eq!(written(|out| write_cell(shape, cell, out)), text, "{shape:?} {cell:?}");
        }
    }

    #[test]
    fn null_is_the_empty_value() {
        for (shape, text) in [
            (Shape::Text, r#""""#),
            (Shape::Number, "0"),
            (Shape::Bool, "false"),
            (Shape::Date, r#""""#),
            (Shape::Json, "null"),
            (Shape::Point, r#"{"lon":0,"lat":0}"#),
            (Shape::Single, r#""""#),
            (Shape::Multiple, "[]"),
        ] {
            assert_eq!(written(|out| write_cell(shape, Cell::Null, out)), text, "{shape:?}");
        }
    }

    #[test]
    fn cells_of_another_shape_are_taken_as_input() {
        for (shape, cell, text) in [
            (Shape::Text, Cell::Int(5), r#""5""#),
            (Shape::Text, Cell::Real(1.5), r#""1.5""#),
            (Shape::Number, Cell::Text("1.5"), "1.5"),
            (Shape::Number, Cell::Text("abc"), "0"),
            (Shape::Number, Cell::Text("NaN"), "0"),
            (Shape::Bool, Cell::Text("true"), "true"),
            (Shape::Bool, Cell::Real(0.5), "true"),
            (Shape::Date, Cell::Text("2024-01-02"), r#""2024-01-02 00:00:00.000Z""#),
            (Shape::Date, Cell::Text("soon"), r#""""#),
            (Shape::Date, Cell::Int(5), r#""""#),
            (Shape::Json, Cell::Text("{broken"), r#""{broken""#),
            (Shape::Json, Cell::Text(""), r#""""#),
            (Shape::Json, Cell::Real(1.5), "1.5"),
            (Shape::Json, Cell::Text(" [1]"), r#"[1]"#),
            (Shape::Point, Cell::Text("nowhere"), r#"{"lon":0,"lat":0}"#),
            (Shape::Single, Cell::Text(r#"["a","b"]"#), r#""b""#),
            (Shape::Single, Cell::Int(7), r#""7""#),
            (Shape::Multiple, Cell::Text("a"), r#"["a"]"#),
            (Shape::Multiple, Cell::Text(""), "[]"),
            (Shape::Multiple, Cell::Text(r#"["a","","a","b"]"#), r#"["a","b"]"#),
            (Shape::Text, Cell::Blob(b"by\xfftes"), "\"by\u{fffd}tes\""),
        ] {
            assert_eq!(written(|out| write_cell(shape, cell, out)).trim_start(), text, "{shape:?} {cell:?}");
        }
    }

    proptest! {
        #[test]
        fn a_string_is_read_back_as_it_was(text in "(\\PC|[\u{0}-\u{1f}\"\\\\]|[a-z ]{20}){0,30}") {
            let bytes = written(|out| write_string(&text, out));
            prop_assert_eq!(serde_json::from_str::<String>(&bytes).unwrap(), text);
        }

        #[test]
        fn a_number_is_read_back_as_it_was(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            let text = written(|out| write_number(number, out));
            prop_assert_eq!(text.parse::<f64>().unwrap(), if number == 0.0 { 0.0 } else { number });
            prop_assert!(serde_json::from_str::<Json>(&text).is_ok());
        }

        #[test]
        fn every_cell_gives_json(shape_index in 0..8_usize, text in "\\PC{0,20}|\\[.{0,10}\\]|\\{.{0,10}\\}|[0-9.e-]{0,5}",
                                 number in any::<f64>(), integer in any::<i64>()) {
            use Shape::*;
            let shape = [Text, Number, Bool, Date, Json, Point, Single, Multiple][shape_index];
            for cell in [Cell::Text(&text), Cell::Int(integer), Cell::Real(number), Cell::Null, Cell::Blob(text.as_bytes())] {
                let bytes = written(|out| write_cell(shape, cell, out));
                prop_assert!(serde_json::from_str::<serde_json::Value>(&bytes).is_ok(), "{:?} {:?} gave {}", shape, cell, bytes);
            }
        }

        #[test]
        fn a_cell_shows_what_its_value_shows(shape_index in 0..8_usize, text in "\\PC{0,20}|\\[(\"[ab]\",?){0,3}\\]|[0-9.e-]{0,5}") {
            use Shape::*;
            let shape = [Text, Number, Bool, Date, Json, Point, Single, Multiple][shape_index];
            let cell = Cell::Text(&text);
            let direct = written(|out| write_cell(shape, cell, out));
            let by_value = written(|out| write_value(&FieldValue::from_cell(shape, cell), out));
            let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            prop_assert_eq!(parse(&direct), parse(&by_value));
        }
    }

    #[test]
    fn a_list_keeps_its_order() {
        let list = FieldValue::List(vec!["b".into(), "a\n".into()]);
        assert_eq!(serde_json::from_str::<Json>(&written(|out| write_value(&list, out))).unwrap(), json!(["b", "a\n"]));
    }
}
