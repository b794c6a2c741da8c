//! What a name of an expression is, by its form alone (contract/04 §7 "allowed identifier shapes", §5, §9, §10).

use super::macros::Macro;

/// A name, taken apart. Nothing is looked up in a schema yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Name<'t> {
    /// `true`, `false` or `null` in any case; a field of exactly that name comes before.
    Constant(&'t str, Constant),
    Macro(Macro),
    /// A path from the base collection.
    Path(Path<'t>),
    Context,
    Method,
    /// `@request.auth.…`, without the prefix; likewise the next three.
    Auth(Path<'t>),
    Body(Path<'t>),
    Query(Path<'t>),
    Header(Path<'t>),
    /// `@collection.NAME:alias.path`.
    Collection {
        name: &'t str,
        alias: &'t str,
        path: Path<'t>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Constant {
    True,
    False,
    Null,
}

/// Segments of a path, and the modifier of the last one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path<'t> {
    /// At least one. All but the last are words; the last may hold what [`Path::modifier`] repeats.
    pub segments: Vec<&'t str>,
    pub modifier: Option<Modifier>,
}

/// What stands behind a `:` (contract/04 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Modifier {
    Length,
    Each,
    Lower,
    IsSet,
    Changed,
}

impl Modifier {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "length" => Modifier::Length,
            "each" => Modifier::Each,
            "lower" => Modifier::Lower,
            "isset" => Modifier::IsSet,
            "changed" => Modifier::Changed,
            _ => return None,
        })
    }
}

impl<'t> Path<'t> {
    /// The segment at `index` without a modifier.
    pub fn word(&self, index: usize) -> &'t str {
        let segment = self.segments[index];
        segment.split(':').next().unwrap_or(segment)
    }

    pub fn last(&self) -> usize {
        self.segments.len() - 1
    }

    /// Segments joined by dots. A modifier isn't looked at before it is known that it isn't a part of a JSON key.
    fn parse(text: &'t str) -> Option<Self> {
        let segments: Vec<&str> = text.split('.').collect();
        let (last, middle) = segments.split_last()?;
        let last_parts = last.split(':');
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !middle.iter().all(|word| is_word(word)) || !last_parts.clone().all(is_word) {
            return None;
        }
        let modifier = last_parts.clone().nth(1).and_then(Modifier::parse);
        Some(Self { modifier: modifier.filter(|_| last_parts.count() == 2), segments })
    }

    /// The part behind the `:` when it is no known single modifier.
    pub fn unknown_modifier(&self) -> Option<&'t str> {
        let last = self.segments[self.last()];
        (last.contains(':') && self.modifier.is_none()).then_some(last)
    }
}

impl<'t> Name<'t> {
    /// The name's form, or why it is none.
    pub fn parse(text: &'t str) -> Result<Self, String> {
        let unknown = || format!("unknown field {text:?}");
        if let Some(rest) = text.strip_prefix("@request.") {
            return Self::parse_request(text, rest);
        }
        if let Some(rest) = text.strip_prefix("@collection.") {
            return Self::parse_collection(text, rest);
        }
        if text.starts_with('@') {
            return Macro::parse(text).map(Name::Macro).ok_or_else(unknown);
        }
        for (word, constant) in [("true", Constant::True), ("false", Constant::False), ("null", Constant::Null)] {
            if text.eq_ignore_ascii_case(word) {
                return Ok(Name::Constant(text, constant));
            }
        }
        Path::parse(text).map(Name::Path).ok_or_else(unknown)
    }

    fn parse_request(text: &str, rest: &'t str) -> Result<Self, String> {
        let invalid = || format!("failed to resolve field {text:?}");
        let (part, path) = match rest {
            "context" => return Ok(Name::Context),
            "method" => return Ok(Name::Method),
            _ => rest.split_once('.').ok_or_else(invalid)?,
        };
        let path = Path::parse(path).ok_or_else(invalid)?;
        match part {
            "auth" => Ok(Name::Auth(path)),
            "body" => Ok(Name::Body(path)),
            "query" => Ok(Name::Query(path)),
            "headers" => Ok(Name::Header(path)),
            _ => Err(invalid()),
        }
    }

    fn parse_collection(text: &str, rest: &'t str) -> Result<Self, String> {
        let invalid = || format!("failed to resolve field {text:?}");
        let (head, path) = rest.split_once('.').ok_or_else(invalid)?;
        let path = Path::parse(path).ok_or_else(invalid)?;
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let (name, alias) = match head.split_once(':') {
            Some((_, alias)) if !is_word(alias) => return Err(invalid()),
            Some((name, alias)) => (name, alias),
            None => (head, ""),
        };
        if !is_word(name) {
            return Err(invalid());
        }
        Ok(Name::Collection { name, alias, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_by_their_form() {
        let path = |segments: &[&'static str], modifier| Path { segments: segments.to_vec(), modifier };
        for (text, name) in [
            ("title", Name::Path(path(&["title"], None))),
            ("a.b:lower", Name::Path(path(&["a", "b:lower"], Some(Modifier::Lower)))),
            ("a:lower:lower", Name::Path(path(&["a:lower:lower"], None))),
            ("NULL", Name::Constant("NULL", Constant::Null)),
            ("@now", Name::Macro(Macro::Now)),
            ("@request.auth.id", Name::Auth(path(&["id"], None))),
            ("@request.method", Name::Method),
            ("@collection.c:x.a", Name::Collection { name: "c", alias: "x", path: path(&["a"], None) }),
        ] {
            assert_eq!(Name::parse(text), Ok(name), "{text}");
        }
        for text in [
            "a..b",
            "#a",
            "@a",
            "@now.x",
            "a:b.c",
            "@request",
            "@request.auth",
            "@request.zzz.a",
            "@collection.c",
            "@collection.c:.a",
            "@collection.c:a:b.d",
        ] {
            assert!(Name::parse(text).is_err(), "{text}");
        }
    }
}
