//! How the stored values compare: the type affinities of contract/04 §2 (they are SQLite's), for folding constants and
//! for the memory evaluator.

use std::cmp::Ordering;
use std::fmt::Write;

use crate::store::Value;

/// What a side of a comparison does to the other one before they are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Affinity {
    /// Constants, JSON paths, results of functions.
    None,
    /// Text-like, date and single-valued columns.
    Text,
    /// Number, bool and JSON-typed columns.
    Number,
}

/// A value and the affinity of what it came from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Typed {
    pub value: Value,
    pub affinity: Affinity,
}

impl Typed {
    pub fn new(value: Value, affinity: Affinity) -> Self {
        Self { value, affinity }
    }

    /// A value without affinity.
    pub fn bare(value: Value) -> Self {
        Self::new(value, Affinity::None)
    }

    pub fn null() -> Self {
        Self::bare(Value::Null)
    }

    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// Without its affinity and with `''` for NULL, as `COALESCE(x, '')` gives it.
    pub fn or_empty(&self) -> Self {
        if self.is_null() { Self::bare(Value::from("")) } else { Self::bare(self.value.clone()) }
    }
}

/// The order of two values by an operator: `None` if either is NULL.
pub(super) fn compare(left: &Typed, right: &Typed) -> Option<Ordering> {
    if left.is_null() || right.is_null() {
        return None;
    }
    // Two affinities: a number's wins, two texts need nothing. One affinity applies to the side without.
    let applied = match (left.affinity, right.affinity) {
        (Affinity::Number, _) | (_, Affinity::Number) => Affinity::Number,
        (Affinity::Text, Affinity::None) | (Affinity::None, Affinity::Text) => Affinity::Text,
        (Affinity::Text, Affinity::Text) | (Affinity::None, Affinity::None) => Affinity::None,
    };
    Some(match applied {
        Affinity::Number => order(&as_number(&left.value), &as_number(&right.value)),
        Affinity::Text if is_text(&left.value) || is_text(&right.value) => {
            order(&as_text(&left.value), &as_text(&right.value))
        }
        Affinity::Text | Affinity::None => order(&left.value, &right.value),
    })
}

fn is_text(value: &Value) -> bool {
    matches!(value, Value::Text(_))
}

/// A text that looks like a number as that number, anything else as it is.
fn as_number(value: &Value) -> Value {
    match value {
        Value::Text(text) => parse_number(text).unwrap_or_else(|| value.clone()),
        _ => value.clone(),
    }
}

fn as_text(value: &Value) -> Value {
    match value {
        Value::Int(_) | Value::Real(_) => Value::from(text_of(value).unwrap_or_default()),
        _ => value.clone(),
    }
}

/// The storage order: numbers, then texts bytewise, then blobs. NULL isn't ordered here.
fn order(left: &Value, right: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Int(_) | Value::Real(_) => 1,
        Value::Text(_) => 2,
        Value::Blob(_) => 3,
    };
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Real(a), Value::Real(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Value::Int(a), Value::Real(b)) => order_int_real(*a, *b),
        (Value::Real(a), Value::Int(b)) => order_int_real(*b, *a).reverse(),
        (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Blob(a), Value::Blob(b)) => a.cmp(b),
        _ => rank(left).cmp(&rank(right)),
    }
}

/// Exact: an integer of more than 53 bits doesn't become a float first.
fn order_int_real(int: i64, real: f64) -> Ordering {
    const BOUND: f64 = 9_223_372_036_854_775_808.0; // 2^63
    if real >= BOUND {
        return Ordering::Less;
    }
    if real < -BOUND {
        return Ordering::Greater;
    }
    int.cmp(&(real as i64)).then_with(|| 0.0.partial_cmp(&real.fract()).unwrap_or(Ordering::Equal))
}

/// The number that a whole text is; blanks around it are allowed. Integers that fit stay integers.
pub(super) fn parse_number(text: &str) -> Option<Value> {
    let text = text.trim_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let has_digit = !whole.is_empty() || fraction.is_some_and(|fraction| !fraction.is_empty());
    let is_number = has_digit
        && digits(whole)
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent));
    if !is_number {
        return None;
    }
    if fraction.is_none()
        && exponent.is_none()
        && let Ok(int) = text.parse()
    {
        return Some(Value::Int(int));
    }
    text.parse().ok().map(Value::Real)
}

/// The value as text, as LIKE and LOWER see it; `None` for NULL.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Int(int) => Some(int.to_string()),
        Value::Real(real) => Some(real_text(*real)),
        Value::Text(text) => Some(text.to_string()),
        Value::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

/// A float as SQLite writes it: 17 significant digits, fewer where a short form reads back the same; always with a
/// point; an exponent below 1e-4 and from 1e17 on.
pub(super) fn real_text(real: f64) -> String {
    if real == 0.0 {
        return "0.0".to_owned();
    }
    if real.is_infinite() {
        return if real > 0.0 { "Inf" } else { "-Inf" }.to_owned();
    }
    let (digits, exponent) = significant_digits(real.abs());
    let sign = if real < 0.0 { "-" } else { "" };
    let mut text = sign.to_owned();
    if !(-4..=16).contains(&exponent) {
        let fraction = if digits.len() > 1 { &digits[1..] } else { "0" };
        let direction = if exponent < 0 { '-' } else { '+' };
        let _ = write!(text, "{}.{fraction}e{direction}{:02}", &digits[..1], exponent.abs());
    } else if exponent < 0 {
        let zeros = "0".repeat((-exponent - 1) as usize);
        let _ = write!(text, "0.{zeros}{digits}");
    } else {
        let whole = exponent as usize + 1;
        let padded = format!("{digits:0<whole$}");
        let (before, after) = padded.split_at(whole);
        let _ = write!(text, "{before}.{}", if after.is_empty() { "0" } else { after });
    }
    text
}

/// Significant digits without trailing zeros, and the decimal exponent of the first.
fn significant_digits(real: f64) -> (String, i32) {
    // The engine takes 18 digits and rounds them once more.
    let (long, exponent) = digits_of(&format!("{real:.17e}"));
    // A form that ends in zeros or nines but for its last digits stands for a shorter one, if that reads back the same.
    let nearly_round = &long[13..16] == "000" || &long[14..16] == "99" || exponent >= 17;
    let (short, short_exponent) = digits_of(&format!("{real:.14e}"));
    if nearly_round && format!("{}.{}e{short_exponent}", &short[..1], &short[1..]).parse() == Ok(real) {
        return (short.trim_end_matches('0').to_owned(), short_exponent);
    }
    let rounded = match (long[..17].parse::<u64>().expect("17 digits fit"), long.as_bytes()[17]) {
        (digits, b'5'..) => digits + 1,
        (digits, _) => digits,
    };
    let rounded = rounded.to_string();
    let carried = i32::from(rounded.len() > 17);
    (rounded.trim_end_matches('0').to_owned(), exponent + carried)
}

/// The digits and the exponent of a number in exponent form.
fn digits_of(text: &str) -> (String, i32) {
    let (mantissa, exponent) = text.split_once('e').expect("the exponent form has an exponent");
    (mantissa.replace('.', ""), exponent.parse().expect("the exponent is an integer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_the_engine_writes_them() {
        for (real, text) in [
            (0.1 + 0.2, "0.30000000000000004"),
            (1e15, "1000000000000000.0"),
            (1e16, "10000000000000000.0"),
            (1e17, "1.0e+17"),
            (123_456_789_012_345.0, "123456789012345.0"),
            (1.0, "1.0"),
            (-3.5, "-3.5"),
            (1e-5, "1.0e-05"),
            (1.0 / 3.0, "0.33333333333333332"),
            (49.47, "49.47"),
            (1e300, "1.0e+300"),
            (5e-324, "4.9406564584124654e-324"),
            (0.0001, "0.0001"),
            (123_456.789, "123456.789"),
            (f64::MAX, "1.7976931348623157e+308"),
            (12_345_678_901_234_567_890.0, "1.2345678901234567e+19"),
            (0.1, "0.1"),
        ] {
            assert_eq!(real_text(real), text);
        }
    }

    #[test]
    fn texts_that_look_like_numbers_are_numbers() {
        for (text, number) in [
            ("10", Some(Value::Int(10))),
            (" -5 ", Some(Value::Int(-5))),
            ("1e5", Some(Value::Real(1e5))),
            (".5", Some(Value::Real(0.5))),
            ("5.", Some(Value::Real(5.0))),
            ("99999999999999999999", Some(Value::Real(1e20))),
            ("", None),
            (".", None),
            ("1e", None),
            ("0x10", None),
            ("10a", None),
            ("inf", None),
        ] {
            assert_eq!(parse_number(text), number, "{text:?}");
        }
    }

    #[test]
    fn affinities_apply_to_the_side_without_one() {
        let text = |text: &str| Typed::new(Value::from(text), Affinity::Text);
        let number = |number: i64| Typed::new(Value::Int(number), Affinity::Number);
        let bare = |value: Value| Typed::bare(value);
        assert_eq!(compare(&text("123"), &bare(Value::Real(123.0))), Some(Ordering::Less));
        assert_eq!(compare(&number(10), &bare(Value::from("10"))), Some(Ordering::Equal));
        assert_eq!(compare(&number(10), &text("10")), Some(Ordering::Equal));
        assert_eq!(compare(&bare(Value::Int(10)), &bare(Value::from("10"))), Some(Ordering::Less));
        assert_eq!(compare(&number(1), &Typed::null()), None);
        assert_eq!(compare(&bare(Value::Int(i64::MAX)), &bare(Value::Real(9.3e18))), Some(Ordering::Less));
        assert_eq!(compare(&bare(Value::Int(3)), &bare(Value::Real(3.5))), Some(Ordering::Less));
    }
}
