//! From JSON input to texts, numbers, flags and lists (contract/03 §3). Nothing here fails: what can't be converted is
//! the empty value.

use serde_json::Value as Json;

use crate::formats::parse_flag;

/// A text: numbers in plain decimal form, flags by name; null, arrays and objects are `""`.
pub fn to_text(input: &Json) -> String {
    match input {
        Json::String(text) => text.clone(),
        Json::Number(number) => decimal_text(number.as_f64().unwrap_or_default()),
        Json::Bool(flag) => flag.to_string(),
        Json::Null | Json::Array(_) | Json::Object(_) => String::new(),
    }
}

/// A number in decimal form without exponent, as short as it can be read back: `1`, `1.5`, `1000000000000000000000`.
pub fn decimal_text(number: f64) -> String {
    // Rust prints a double so that it reads back the same, and never with an exponent.
    format!("{number}")
}

/// A number; texts `Infinity` and `NaN` give what they say, so that the field's check can refuse them.
pub fn to_number(input: &Json) -> f64 {
    match input {
        Json::Number(number) => number.as_f64().unwrap_or_default(),
        Json::String(text) => text_to_number(text),
        Json::Bool(flag) => f64::from(u8::from(*flag)),
        Json::Null | Json::Array(_) | Json::Object(_) => 0.0,
    }
}

/// Decimal or exponent form with an optional sign; `_` may stand between digits. Numbers too big for a double are
/// unreadable like any other text, thus 0.
pub fn text_to_number(text: &str) -> f64 {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.eq_ignore_ascii_case("nan") && unsigned.len() == text.len() {
        return f64::NAN;
    }
    if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        return if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return 0.0;
    }
    let parsed = if text.contains('_') { parse_separated(text) } else { text.parse().ok() };
    parsed.filter(|number: &f64| number.is_finite()).unwrap_or(0.0)
}

/// A number whose digits are separated by single underscores.
fn parse_separated(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let is_digit = |index: Option<usize>| index.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
    let separates = |i: usize| is_digit(i.checked_sub(1)) && is_digit(Some(i + 1));
    let all_separate = bytes.iter().enumerate().filter(|(_, b)| **b == b'_').all(|(i, _)| separates(i));
    if all_separate { text.replace('_', "").parse().ok() } else { None }
}

/// A flag: numbers other than 0, and the texts that say true.
pub fn to_bool(input: &Json) -> bool {
    match input {
        Json::Bool(flag) => *flag,
        Json::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Json::String(text) => text_to_bool(text),
        Json::Null | Json::Array(_) | Json::Object(_) => false,
    }
}

/// Whether a text is one of those that mean true.
pub fn text_to_bool(text: &str) -> bool {
    parse_flag(text) == Some(true)
}

/// The elements of a select, relation or file value: texts in order, neither empty nor repeated.
pub fn to_list(input: &Json) -> Vec<String> {
    match input {
        Json::String(text) => text_to_list(text),
        Json::Array(items) => unique(items.iter().map(to_text)),
        Json::Number(_) | Json::Bool(_) => vec![to_text(input)],
        Json::Null | Json::Object(_) => Vec::new(),
    }
}

/// The elements in a text: those of the JSON list of texts that it is, else itself.
pub fn text_to_list(text: &str) -> Vec<String> {
    if text.contains('[')
        && let Ok(items) = serde_json::from_str::<Vec<String>>(text)
    {
        return unique(items);
    }
    unique([text.to_owned()])
}

/// The texts in order without empty and repeated ones.
pub fn unique(items: impl IntoIterator<Item = String>) -> Vec<String> {
    /// Up to here comparing each with each is cheaper than a set.
    const FEW: usize = 16;

    let mut kept: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for item in items {
        let is_new = if kept.len() < FEW { !kept.contains(&item) } else { !seen.contains(&item) };
        if item.is_empty() || !is_new {
            continue;
        }
        kept.push(item);
        match kept.len() {
            0..FEW => {}
            FEW => seen.extend(kept.iter().cloned()),
            _ => seen.extend(kept.last().cloned()),
        }
    }
    kept
}

/// A finite number as JSON, whole ones as integers; `None` for NaN and the infinities.
pub fn json_number(number: f64) -> Option<Json> {
    if is_exact_integer(number) {
        return Some(Json::from(number as i64));
    }
    serde_json::Number::from_f64(number).map(Json::Number)
}

/// Whether the number is whole and so small that an `i64` holds it exactly and prints it shortest (2^53). −0 counts as 0.
pub fn is_exact_integer(number: f64) -> bool {
    number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts() {
        for (input, text) in [
            (json!("as is "), "as is "),
            (json!(1), "1"),
            (json!(1.5), "1.5"),
            (json!(1e21), "1000000000000000000000"),
            (json!(1e-7), "0.0000001"),
            (json!(true), "true"),
            (json!(false), "false"),
            (json!(null), ""),
            (json!(["a"]), ""),
            (json!({"a": 1}), ""),
        ] {
            assert_eq!(to_text(&input), text, "{input}");
        }
    }

    #[test]
    fn numbers() {
        for (input, number) in [
            (json!(5), 5.0),
            (json!("1.5"), 1.5),
            (json!("1e3"), 1000.0),
            (json!("+5"), 5.0),
            (json!("-5"), -5.0),
            (json!(".5"), 0.5),
            (json!("5."), 5.0),
            (json!("007"), 7.0),
            (json!("1_000"), 1000.0),
            (json!("1__000"), 0.0),
            (json!("_1"), 0.0),
            (json!("1_"), 0.0),
            (json!(true), 1.0),
            (json!(false), 0.0),
            (json!(""), 0.0),
            (json!(" 5 "), 0.0),
            (json!("abc"), 0.0),
            (json!("0x10"), 0.0),
            (json!("1,5"), 0.0),
            (json!("1e400"), 0.0),
            (json!("."), 0.0),
            (json!("--5"), 0.0),
            (json!("+-5"), 0.0),
            (json!(null), 0.0),
            (json!([1]), 0.0),
            (json!({}), 0.0),
            (json!("Infinity"), f64::INFINITY),
            (json!("-inf"), f64::NEG_INFINITY),
        ] {
            assert_eq!(to_number(&input), number, "{input}");
        }
        assert!(to_number(&json!("NaN")).is_nan());
    }

    #[test]
    fn flags() {
        for text in ["1", "t", "T", "true", "TRUE", "True"] {
            assert!(to_bool(&json!(text)), "{text}");
        }
        for input in [json!(1), json!(-0.5), json!(true)] {
            assert!(to_bool(&input), "{input}");
        }
        for input in
            [json!(0), json!("yes"), json!("on"), json!("tRUE"), json!([true]), json!({}), json!(null), json!("")]
        {
            assert!(!to_bool(&input), "{input}");
        }
    }

    #[test]
    fn lists() {
        for (input, items) in [
            (json!("a"), vec!["a"]),
            (json!(""), vec![]),
            (json!(r#"["a","b","a",""]"#), vec!["a", "b"]),
            (json!(r#" ["a"] "#), vec!["a"]),
            (json!("[1,2]"), vec!["[1,2]"]),
            (json!("a[b"), vec!["a[b"]),
            (json!(["b", "a", "b", "", null, 1, 1.5, true, ["x"]]), vec!["b", "a", "1", "1.5", "true"]),
            (json!(7), vec!["7"]),
            (json!(false), vec!["false"]),
            (json!(null), vec![]),
            (json!({"a": 1}), vec![]),
        ] {
            assert_eq!(to_list(&input), items, "{input}");
        }
    }

    #[test]
    fn long_lists_are_unique_too() {
        let twice: Vec<Json> = (0..200).map(|i| json!(format!("v{}", i % 100))).collect();
        let once: Vec<String> = (0..100).map(|i| format!("v{i}")).collect();
        assert_eq!(to_list(&Json::Array(twice)), once);
    }

    proptest::proptest! {
        #[test]
        fn every_double_survives_its_text(number in proptest::num::f64::NORMAL) {
            proptest::prop_assert_eq!(text_to_number(&decimal_text(number)), number);
        }
    }
}
