//! Texts made after a regular expression (contract/03 §5). Random bytes come from the system's generator, every
//! character of a class is as likely as the others, and every count of a repetition is reached.

use std::sync::{Arc, OnceLock};

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::pattern::{Dot, syntax_reason, translate};
use crate::ids;

/// Where `*`, `+` and `{n,}` end, if not at their lower bound.
const OPEN_REPEATS_MAX: u32 = 6;
/// Steps of one text: `(x{1000}){1000}` ends here, too long for any field.
const STEPS_MAX: u32 = 50_000;

/// The expression after which a text field fills itself. Empty is none.
#[derive(Clone, Default)]
pub struct Generator {
    text: String,
    parsed: OnceLock<Arc<Result<Hir, GeneratorError>>>,
}

/// Why no text can be made after an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GeneratorError {
    Syntax(String),
    /// An operator that makes no text, by its number in the contract's message.
    Unsupported(u8),
}

impl Generator {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Why the expression can't be used; `None` when it can.
    pub fn error(&self) -> Option<&GeneratorError> {
        (**self.parsed()).as_ref().err()
    }

    /// A new text; `""` without an expression, or with a broken one, which no checked field has.
    pub fn generate(&self) -> String {
        let mut text = String::new();
        if let Ok(hir) = &**self.parsed() {
            let mut steps_left = STEPS_MAX;
            draw(hir, &mut steps_left, &mut text);
        }
        text
    }

    fn parsed(&self) -> &Arc<Result<Hir, GeneratorError>> {
        self.parsed.get_or_init(|| Arc::new(parse(&self.text)))
    }
}

fn parse(pattern: &str) -> Result<Hir, GeneratorError> {
    let translated = translate(pattern, Dot::AsciiAlphanumeric);
    let parsed = ParserBuilder::new().build().parse(&translated);
    let hir = parsed.map_err(|error| GeneratorError::Syntax(syntax_reason(&error.to_string())))?;
    match unsupported(&hir) {
        Some(operator) => Err(GeneratorError::Unsupported(operator)),
        None => Ok(hir),
    }
}

/// The number of the first operator that makes no text. The depth is bounded by the parser's nest limit.
fn unsupported(hir: &Hir) -> Option<u8> {
    match hir.kind() {
        HirKind::Empty | HirKind::Literal(_) => None,
        HirKind::Class(Class::Unicode(class)) => class.ranges().is_empty().then_some(1),
        HirKind::Class(Class::Bytes(class)) => class.ranges().is_empty().then_some(1),
        HirKind::Look(look) => Some(match look {
            Look::StartLF | Look::StartCRLF => 7,
            Look::EndLF | Look::EndCRLF => 8,
            Look::Start => 9,
            Look::End => 10,
            Look::WordAsciiNegate | Look::WordUnicodeNegate => 12,
            _ => 11, // word boundaries
        }),
        HirKind::Repetition(repetition) => unsupported(&repetition.sub),
        HirKind::Capture(capture) => unsupported(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().find_map(unsupported),
    }
}

fn draw(hir: &Hir, steps_left: &mut u32, out: &mut String) {
    *steps_left = steps_left.saturating_sub(1);
    if *steps_left == 0 {
        return;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => out.extend(draw_class(class)),
        HirKind::Repetition(repetition) => {
            for _ in 0..draw_count(repetition) {
                draw(&repetition.sub, steps_left, out);
                if *steps_left == 0 {
                    return;
                }
            }
        }
        HirKind::Capture(capture) => draw(&capture.sub, steps_left, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| draw(part, steps_left, out)),
        HirKind::Alternation(parts) => draw(&parts[ids::below(parts.len() as u32) as usize], steps_left, out),
    }
}

fn draw_count(repetition: &Repetition) -> u32 {
    let most = repetition.max.unwrap_or(OPEN_REPEATS_MAX.max(repetition.min));
    repetition.min + ids::below(most - repetition.min + 1)
}

fn draw_class(class: &Class) -> Option<char> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => class.ranges().iter().map(|r| (r.start() as u32, r.end() as u32)).collect(),
        Class::Bytes(class) => class.ranges().iter().map(|r| (r.start().into(), r.end().into())).collect(),
    };
    loop {
        let mut nth = ids::below(ranges.iter().map(|(start, end)| end - start + 1).sum());
        let found = ranges.iter().find_map(|(start, end)| {
            let length = end - start + 1;
            if nth < length {
                return Some(start + nth);
            }
            nth -= length;
            None
        });
        // A range across the surrogates holds numbers that are no characters: drawn anew.
        match found.map(char::from_u32) {
            Some(None) => continue,
            Some(found) => return found,
            None => return None,
        }
    }
}

impl From<&str> for Generator {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), parsed: OnceLock::new() }
    }
}

impl PartialEq for Generator {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl std::fmt::Debug for Generator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl Serialize for Generator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Generator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self { text, parsed: OnceLock::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Pattern;
    use std::collections::HashSet;

    fn samples(pattern: &str, count: usize) -> HashSet<String> {
        let generator = Generator::from(pattern);
        assert_eq!(generator.error(), None, "{pattern}");
        (0..count).map(|_| generator.generate()).collect()
    }

    #[test]
    fn what_is_generated_matches() {
        for pattern in [
            "[a-z0-9]{15}",
            "[a-zA-Z0-9]{50}",
            r"\d{3}-\w{2}",
            "a|bc|[x-z]{2}",
            "(ab)?c+d*e{2,5}",
            "[[:alpha:]]{4}",
            "[^a-z]",
            r"\pL{3}",
            "x{8,}",
            ".{4}",
            "(?i)abc",
            r"\Qa+b\E[0-9]",
            "é名{1,3}",
        ] {
            let whole = Pattern::from(format!("^(?:{pattern})$").as_str());
            assert_eq!(whole.error(), None);
            for text in samples(pattern, 200) {
                assert!(whole.is_found_in(&text), "{pattern} made {text:?}");
            }
        }
    }

    #[test]
    fn every_count_of_a_repetition_is_reached() {
        let lengths = |pattern| samples(pattern, 500).iter().map(String::len).collect::<HashSet<_>>();
        assert_eq!(lengths("a?"), HashSet::from([0, 1]));
        assert_eq!(lengths("a{2,5}"), HashSet::from([2, 3, 4, 5]));
        assert_eq!(lengths("x*"), (0..=6).collect());
        assert_eq!(lengths("x+"), (1..=6).collect());
        assert_eq!(lengths("x{8,}"), HashSet::from([8]));
        assert_eq!(lengths("x{3,}"), (3..=6).collect());
    }

    #[test]
    fn every_character_and_branch_is_drawn() {
        assert_eq!(samples("[a-c9]", 300), HashSet::from(["a", "b", "c", "9"].map(str::to_owned)));
        assert_eq!(samples("one|two|three", 300), HashSet::from(["one", "two", "three"].map(str::to_owned)));
        assert!(samples(".", 2000).iter().all(|c| c.chars().all(|c| c.is_ascii_alphanumeric())));
        assert_eq!(samples(".", 4000).len(), 62);
    }

    #[test]
    fn what_makes_no_text_is_refused() {
        for (pattern, operator) in [("^a", 9), ("a$", 10), (r"\ba", 11), (r"(x|\B)", 12), ("(?m)^a", 7)] {
            assert_eq!(Generator::from(pattern).error(), Some(&GeneratorError::Unsupported(operator)), "{pattern}");
        }
        for pattern in ["[a", "(", r"\1"] {
            assert!(matches!(Generator::from(pattern).error(), Some(GeneratorError::Syntax(_))), "{pattern}");
            assert_eq!(Generator::from(pattern).generate(), "");
        }
    }

    #[test]
    fn an_endless_expression_ends() {
        let text = Generator::from("((((x{100}){100}){100}){100})").generate();
        assert!(text.len() <= STEPS_MAX as usize);
    }
}
