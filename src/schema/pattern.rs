//! Regular expressions as the contract writes them: RE2 syntax (contract/03 §2, text), compiled once per field.

mod translate;

use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) use translate::{Dot, translate};

/// Bytes that one compiled expression may take. `x{1000}{1000}` goes over it and is refused.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// What the id of a record matches by default; told apart because nearly every create asks it.
const RECORD_ID: &str = "^[a-z0-9]+$";

/// The text of a regular expression, and what it was compiled to on first use. Empty is none.
#[derive(Clone, Default)]
pub struct Pattern {
    text: String,
    compiled: OnceLock<Arc<Result<Regex, String>>>,
}

impl Pattern {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Why the expression can't be used; `None` when it can.
    pub fn error(&self) -> Option<&str> {
        (**self.compiled()).as_ref().err().map(String::as_str)
    }

    /// Whether the expression is found somewhere in `text`; always, when there is none. A broken one, which no checked
    /// field has, finds nothing.
    pub fn is_found_in(&self, text: &str) -> bool {
        match self.text.as_str() {
            "" => true,
            RECORD_ID => !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
            _ => self.compiled().as_ref().as_ref().is_ok_and(|regex| regex.is_match(text)),
        }
    }

    fn compiled(&self) -> &Arc<Result<Regex, String>> {
        self.compiled.get_or_init(|| Arc::new(compile(&self.text)))
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = translate(pattern, Dot::AnyCharacter);
    RegexBuilder::new(&translated).size_limit(COMPILED_BYTES_MAX).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "expression too large".to_owned(),
        regex::Error::Syntax(text) => syntax_reason(&text),
        other => other.to_string(),
    })
}

/// The reason in the parser's many-line message: its last line, without the label.
pub(super) fn syntax_reason(message: &str) -> String {
    let last = message.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), compiled: OnceLock::new() }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self { text, compiled: OnceLock::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_searched_not_anchored() {
        let pattern = Pattern::from("b+");
        assert!(pattern.is_found_in("abbc"));
        assert!(!pattern.is_found_in("ac"));
        assert!(Pattern::default().is_found_in("anything"));
    }

    #[test]
    fn the_default_of_ids_means_what_its_expression_says() {
        let fast = Pattern::from(RECORD_ID);
        let slow = Pattern::from("^(?:[a-z0-9]+)$");
        for text in ["", "a", "0z", "A", "a b", "a\n", "é", "abc123"] {
            assert_eq!(fast.is_found_in(text), slow.is_found_in(text), "{text:?}");
        }
    }

    #[test]
    fn classes_are_ascii_as_in_re2() {
        for (pattern, text, found) in [
            (r"^\d+$", "123", true),
            (r"^\d+$", "١٢٣", false),
            (r"^\w+$", "aZ_9", true),
            (r"^\w+$", "é", false),
            (r"^\W$", "é", true),
            (r"^\s$", " ", true),
            (r"^\s$", "\u{a0}", false),
            (r"^[\w-]+$", "a-b", true),
            (r"^[\w-]+$", "é", false),
            (r"^[^\d]$", "é", true),
            (r"^[^\d]$", "5", false),
            (r"^[\D]$", "5", false),
            (r"^\bx\b$", "x", true),
            (r"^\pL$", "é", true),
            (r"^\p{Greek}$", "β", true),
            (r"^.$", "名", true),
            (r"^[[:alpha:]]$", "é", false),
        ] {
            assert_eq!(Pattern::from(pattern).is_found_in(text), found, "{pattern} in {text:?}");
        }
    }

    #[test]
    fn what_only_one_of_the_two_syntaxes_knows_means_what_re2_says() {
        for (pattern, text, found) in [
            (r"^\Qa.b\E$", "a.b", true),
            (r"^\Qa.b\E$", "axb", false),
            (r"^\Qa.b", "a.b", true),
            (r"^a{,3}$", "a{,3}", true),
            (r"^{$", "{", true),
            (r"^a{2}$", "aa", true),
            (r"^[a&&b]+$", "a&b", true),
            (r"^[a--b]+$", "-", false), // a range from a to -, which is broken
            (r"^[+--]+$", "+,-", true),
            (r"^[[]$", "[", true),
            (r"^[a[b]$", "[", true),
            (r"^[]a]$", "]", true),
            (r"^\<$", "<", true),
            (r"^\-\@\/$", "-@/", true),
            (r"^[\-\]]+$", "-]", true),
            (r"^\x41\x{42}$", "AB", true),
            (r"^\101$", "A", true),
            (r"^(?P<n>a)(?i:B)$", "ab", true),
            (r"^a~~b$", "a~~b", true),
        ] {
            assert_eq!(Pattern::from(pattern).is_found_in(text), found, "{pattern} in {text:?}");
        }
    }

    #[test]
    fn a_broken_expression_says_why() {
        for pattern in ["(", "[a", r"\1", "(?<=a)b", "a{1001}{1001}", "[z-a]", r"\8", "*", r"\"] {
            let pattern = Pattern::from(pattern);
            assert!(pattern.error().is_some_and(|reason| !reason.is_empty()), "{pattern:?}");
            assert!(!pattern.is_found_in("a"));
        }
        assert_eq!(Pattern::from("^a$").error(), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_translation(pattern in "\\PC{0,40}", text in "\\PC{0,40}") {
            Pattern::from(pattern.as_str()).is_found_in(&text);
        }

        #[test]
        fn an_escaped_text_finds_itself(text in "[ -~]{0,30}") {
            let escaped: String = text.chars().map(|c| if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() }).collect();
            let pattern = Pattern::from(format!("^{escaped}$").as_str());
            proptest::prop_assert!(pattern.is_found_in(&text), "{:?}: {:?}", pattern, pattern.error());
        }
    }
}
