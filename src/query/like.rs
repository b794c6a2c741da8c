//! LIKE (contract/04 §4): the pattern of a constant right side, and the match itself for the memory evaluator.

use super::affinity::text_of;
use crate::store::Value;

/// Longer patterns are refused by the engine (SQLite's default); here they match nothing.
pub(super) const PATTERN_BYTES_MAX: usize = 50_000;

/// The pattern that a constant on the right of `~` stands for; NULL stays NULL, as does a pattern over the limit.
pub(super) fn constant_pattern(value: &Value) -> Value {
    let text = match value {
        Value::Null => return Value::Null,
        // Numbers are formatted minimally: `12`, not `12.0`.
        Value::Real(real) => format!("{real}"),
        other => text_of(other).unwrap_or_default(),
    };
    let pattern = if has_wildcard(&text) { text } else { format!("%{}%", escape_literal(&text)) };
    if pattern.len() > PATTERN_BYTES_MAX { Value::Null } else { Value::from(pattern) }
}

/// The pattern of a value that isn't a constant of the text: `'%' || x || '%'`.
pub(super) fn column_pattern(value: &Value) -> Option<String> {
    text_of(value).map(|text| format!("%{text}%")).filter(|pattern| pattern.len() <= PATTERN_BYTES_MAX)
}

/// Whether there is a `%` that no backslash precedes.
fn has_wildcard(text: &str) -> bool {
    let mut previous = '\0';
    text.chars().any(|c| {
        let found = c == '%' && previous != '\\';
        previous = c;
        found
    })
}

/// Escapes `\`, `%` and `_` where they aren't escaped yet.
fn escape_literal(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(&next @ ('\\' | '%' | '_'))) => {
                escaped.extend(['\\', next]);
                chars.next();
            }
            ('\\' | '%' | '_', _) => escaped.extend(['\\', c]),
            (c, _) => escaped.push(c),
        }
    }
    escaped
}

/// Whether `text` matches `pattern`: `%` is any run, `_` any character, `\` takes the next one literally; ASCII letters
/// match in either case. Both end at a NUL, as in the engine.
pub(super) fn is_like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().take_while(|&c| c != '\0').collect();
    let Some(pattern) = elements(pattern) else { return false };
    let (mut at, mut in_pattern) = (0, 0);
    // Where the last `%` stands, and how much of the text it has swallowed so far.
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(in_pattern) {
            Some(Element::AnyRun) => {
                retry = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(element) if element.matches(text[at]) => {
                at += 1;
                in_pattern += 1;
            }
            _ => {
                let Some((run, swallowed)) = &mut retry else { return false };
                *swallowed += 1;
                at = *swallowed;
                in_pattern = *run + 1;
            }
        }
    }
    pattern[in_pattern..].iter().all(|element| *element == Element::AnyRun)
}

#[derive(PartialEq)]
enum Element {
    AnyRun,
    AnyChar,
    Char(char),
}

impl Element {
    fn matches(&self, c: char) -> bool {
        match self {
            Element::AnyChar => true,
            Element::Char(expected) => expected.eq_ignore_ascii_case(&c),
            Element::AnyRun => false,
        }
    }
}

/// The pattern's elements; `None` if it ends in an escape, which matches nothing.
fn elements(pattern: &str) -> Option<Vec<Element>> {
    let mut chars = pattern.chars().take_while(|&c| c != '\0');
    let mut elements = Vec::new();
    while let Some(c) = chars.next() {
        elements.push(match c {
            '%' => Element::AnyRun,
            '_' => Element::AnyChar,
            '\\' => Element::Char(chars.next()?),
            c => Element::Char(c),
        });
    }
    Some(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_become_patterns() {
        for (value, pattern) in [
            (Value::from(""), "%%"),
            (Value::from("a_b"), r"%a\_b%"),
            (Value::from("a%"), "a%"),
            (Value::from(r"\%"), r"%\%%"),
            (Value::from(r"\"), r"%\\%"),
            (Value::from(r"x\_y"), r"%x\_y%"),
            (Value::Real(12.0), "%12%"),
            (Value::Real(1.5), "%1.5%"),
        ] {
            assert_eq!(constant_pattern(&value), Value::from(pattern));
        }
        assert_eq!(constant_pattern(&Value::Null), Value::Null);
    }

    #[test]
    fn patterns_match_as_the_engine_does() {
        for (text, pattern, matches) in [
            ("Alpha", "%ALPHA%", true),
            ("École", "%école%", false),
            ("abc", "a%c", true),
            ("abc", "a_c", true),
            ("a%c", r"a\%c", true),
            ("abc", r"a\%c", false),
            ("ab", r"ab\", false),
            ("aXbXc", "a%x%c", true),
            ("", "%", true),
            ("", "_", false),
            ("a\0b", "a", true),
        ] {
            assert_eq!(is_like(text, pattern), matches, "{text:?} ~ {pattern:?}");
        }
    }
}
