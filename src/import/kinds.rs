//! What a column holds, told from all its cells. Conservative: a kind is taken only if every cell is the same afterwards.

use crate::formats::{UrlScheme, is_email, is_url};
use crate::schema::dates::stored_date;
use crate::schema::json::is_json;

use super::read::Cell;

/// What a column can be taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    Text,
    Number,
    Bool,
    Date,
    Email,
    Url,
    Json,
    /// Ids of records as this server makes them.
    Id,
}

impl ColumnKind {
    /// The name of the field's kind.
    pub fn name(self) -> &'static str {
        match self {
            ColumnKind::Text | ColumnKind::Id => "text",
            ColumnKind::Number => "number",
            ColumnKind::Bool => "bool",
            ColumnKind::Date => "date",
            ColumnKind::Email => "email",
            ColumnKind::Url => "url",
            ColumnKind::Json => "json",
        }
    }

    /// The kind of this name, for what a person tells.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Text, Self::Number, Self::Bool, Self::Date, Self::Email, Self::Url, Self::Json]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// The kinds that are tried, the first that fits wins; text always does.
const TRIED: [ColumnKind; 6] =
    [ColumnKind::Bool, ColumnKind::Number, ColumnKind::Date, ColumnKind::Email, ColumnKind::Url, ColumnKind::Json];

/// Longer texts are no number, address or date.
const SHORT_BYTES_MAX: usize = 2000;
const ID_CHARS: usize = 15;
/// Whole numbers up to here are the same as doubles.
const WHOLE_NUMBER_MAX: u64 = 1 << 53;
/// Every decimal number of so many digits survives as a double.
const DIGITS_MAX: usize = 15;

/// Whether the values of a file have types of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    /// Everything is text (CSV).
    Untyped,
    /// A text is a text (JSON lines).
    Typed,
}

/// What a column's cells were so far.
#[derive(Clone, Debug)]
pub struct Evidence {
    typing: Typing,
    fits: [Fit; TRIED.len()],
    is_id: bool,
    has_json: bool,
}

/// How far a kind came.
#[derive(Clone, Debug, Default)]
struct Fit {
    cells: u64,
    /// The first cell that isn't of the kind.
    misfit: Option<Misfit>,
}

#[derive(Clone, Debug)]
struct Misfit {
    line: u64,
    shown: String,
    why: &'static str,
}

impl Evidence {
    pub fn new(typing: Typing) -> Self {
        Self { typing, fits: Default::default(), is_id: true, has_json: false }
    }

    /// Takes a cell that isn't empty.
    pub fn add(&mut self, line: u64, cell: &Cell) {
        self.is_id = self.is_id && matches!(cell, Cell::Text(text) if is_id(text));
        self.has_json = self.has_json || matches!(cell, Cell::Json(_));
        for (kind, fit) in TRIED.iter().zip(&mut self.fits) {
            if fit.misfit.is_some() {
                continue;
            }
            match check(*kind, cell, self.typing) {
                Ok(()) => fit.cells += 1,
                Err(why) => fit.misfit = Some(Misfit { line, shown: shortened(cell.as_text()), why }),
            }
        }
    }

    pub fn is_id(&self) -> bool {
        self.is_id
    }

    /// The kind, and why it isn't a narrower one if it nearly was.
    pub fn verdict(&self) -> (ColumnKind, Option<String>) {
        if self.has_json {
            return (ColumnKind::Json, None);
        }
        let fitting = TRIED.iter().zip(&self.fits).find(|(_, fit)| fit.misfit.is_none() && fit.cells > 0);
        if let Some((kind, _)) = fitting {
            return (*kind, None);
        }
        let nearest = TRIED.iter().zip(&self.fits).max_by_key(|(_, fit)| fit.cells).filter(|(_, fit)| fit.cells > 0);
        let why = nearest.and_then(|(kind, fit)| fit.misfit.as_ref().map(|misfit| misfit.told(*kind)));
        let why = why.or_else(|| self.number_misfit());
        (ColumnKind::Text, why)
    }

    /// Why what looks like numbers is none.
    fn number_misfit(&self) -> Option<String> {
        let (kind, fit) = TRIED.iter().zip(&self.fits).find(|(kind, _)| **kind == ColumnKind::Number)?;
        fit.misfit.as_ref().filter(|misfit| misfit.why != NO_NUMBER).map(|misfit| misfit.told(*kind))
    }
}

impl Misfit {
    fn told(&self, kind: ColumnKind) -> String {
        format!("no {}: {:?} in line {} {}", kind.name(), self.shown, self.line, self.why)
    }
}

const IS_NONE: &str = "is none";
const NO_NUMBER: &str = IS_NONE;

fn check(kind: ColumnKind, cell: &Cell, typing: Typing) -> Result<(), &'static str> {
    let plain = |fits: bool| if fits { Ok(()) } else { Err(IS_NONE) };
    let text = match cell {
        Cell::Empty => return Ok(()),
        Cell::Json(_) => return plain(kind == ColumnKind::Json),
        Cell::Bool(_) => return plain(kind == ColumnKind::Bool),
        Cell::Number(text) => return if kind == ColumnKind::Number { check_number(text) } else { Err(IS_NONE) },
        Cell::Text(text) => text.as_str(),
    };
    if text.len() > SHORT_BYTES_MAX && kind != ColumnKind::Json {
        return Err("is long");
    }
    match kind {
        ColumnKind::Bool | ColumnKind::Number if typing == Typing::Typed => Err("is a text"),
        ColumnKind::Bool => plain(matches!(text, "true" | "TRUE" | "True" | "false" | "FALSE" | "False")),
        ColumnKind::Number => check_number(text),
        ColumnKind::Date => plain(is_date(text)),
        ColumnKind::Email => plain(is_email(text)),
        ColumnKind::Url => plain(text.starts_with("http") && is_url(text, UrlScheme::Required)),
        ColumnKind::Json => plain(typing == Typing::Untyped && text.starts_with(['{', '[']) && is_json(text)),
        ColumnKind::Text | ColumnKind::Id => Ok(()),
    }
}

/// Whether a text is a number that is the same after it was stored as a double.
fn check_number(text: &str) -> Result<(), &'static str> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_digits = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    if !is_digits(whole) || !fraction.is_none_or(is_digits) || !exponent_digits.is_none_or(is_digits) {
        return Err(NO_NUMBER);
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Err("has a leading zero");
    }
    if exponent.is_some() && fraction.is_none() {
        return Err("may be a code"); // 12e5, as of parts and hashes
    }
    if text == "-0" {
        return Err("has a sign that would be lost");
    }
    if !text.parse::<f64>().is_ok_and(f64::is_finite) {
        return Err("is too big");
    }
    if fraction.is_none() {
        let is_same = whole.parse::<u64>().is_ok_and(|number| number <= WHOLE_NUMBER_MAX);
        return if is_same { Ok(()) } else { Err("is beyond 2^53") };
    }
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    if digits <= DIGITS_MAX || survives(text, exponent.is_some()) { Ok(()) } else { Err("has too many digits") }
}

/// Whether a decimal number is the shortest text of its double, as programs print them.
fn survives(text: &str, has_exponent: bool) -> bool {
    !has_exponent && text.parse::<f64>().is_ok_and(|number| number.to_string() == text)
}

/// Dates begin with their year: others may be read in two ways.
fn is_date(text: &str) -> bool {
    let head = text.as_bytes();
    let has_form = head.len() >= 10
        && head.iter().zip(b"dddd-dd-dd").all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            _ => byte == form,
        });
    has_form && !stored_date(text).is_empty()
}

/// The form of ids that every collection takes (contract/01 §6).
fn is_id(text: &str) -> bool {
    text.len() == ID_CHARS && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// A value as messages show it.
pub fn shortened(text: &str) -> String {
    const SHOWN_CHARS: usize = 40;
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(typing: Typing, cells: &[Cell]) -> (ColumnKind, Option<String>) {
        let mut evidence = Evidence::new(typing);
        for (line, cell) in (1..).zip(cells) {
            evidence.add(line, cell);
        }
        evidence.verdict()
    }

    fn of_texts(texts: &[&str]) -> (ColumnKind, Option<String>) {
        verdict(Typing::Untyped, &texts.iter().map(|text| Cell::Text((*text).into())).collect::<Vec<_>>())
    }

    #[test]
    fn a_kind_needs_every_cell() {
        for (texts, kind) in [
            (&["1", "-2", "0", "9007199254740992", "0.5", "12.10", "1.5e-7"][..], ColumnKind::Number),
            (&["0.1234567890123456"], ColumnKind::Number),
            (&["true", "False", "TRUE"], ColumnKind::Bool),
            (&["2024-01-02", "2024-01-02T03:04:05Z", "2024-01-02 03:04:05.123+02:00"], ColumnKind::Date),
            (&["a@example.com", "b@example.org"], ColumnKind::Email),
            (&["https://example.com/a", "http://example.com"], ColumnKind::Url),
            (&["{\"a\":1}", "[]"], ColumnKind::Json),
            (&["a", "b"], ColumnKind::Text),
            (&["yes", "no"], ColumnKind::Text),
            (&["01/02/2024"], ColumnKind::Text),
            (&["2024-13-02"], ColumnKind::Text),
            (&["tRUE"], ColumnKind::Text),
            (&["+1"], ColumnKind::Text),
            (&[], ColumnKind::Text),
        ] {
            assert_eq!(of_texts(texts), (kind, None), "{texts:?}");
        }
    }

    #[test]
    fn what_would_change_stays_text_and_says_why() {
        for (texts, why) in [
            (&["1", "007"][..], "no number: \"007\" in line 2 has a leading zero"),
            (&["9007199254740993"], "no number: \"9007199254740993\" in line 1 is beyond 2^53"),
            (&["12e5"], "no number: \"12e5\" in line 1 may be a code"),
            (&["0.12345678901234567890"], "no number: \"0.12345678901234567890\" in line 1 has too many digits"),
            (&["1", "2", "n/a"], "no number: \"n/a\" in line 3 is none"),
            (&["2024-01-02", "soon"], "no date: \"soon\" in line 2 is none"),
        ] {
            assert_eq!(of_texts(texts), (ColumnKind::Text, Some(why.to_owned())), "{texts:?}");
        }
    }

    #[test]
    fn types_of_a_file_that_has_them_are_kept() {
        let (text, number) = (|text: &str| Cell::Text(text.into()), |text: &str| Cell::Number(text.into()));
        for (cells, kind) in [
            (vec![number("1"), number("2.5")], ColumnKind::Number),
            (vec![text("1")], ColumnKind::Text),
            (vec![text("true")], ColumnKind::Text),
            (vec![Cell::Bool(true)], ColumnKind::Bool),
            (vec![number("1"), text("a")], ColumnKind::Text),
            (vec![number("12345678901234567890")], ColumnKind::Text),
            (vec![text("a"), Cell::Json("[]".into())], ColumnKind::Json),
            (vec![text("[1]")], ColumnKind::Text),
            (vec![text("2024-01-02")], ColumnKind::Date),
        ] {
            assert_eq!(verdict(Typing::Typed, &cells).0, kind, "{cells:?}");
        }
    }
}
