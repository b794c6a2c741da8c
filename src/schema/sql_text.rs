//! Just enough SQL lexing to cut a text at the right places: quotes, brackets and comments are units.

use std::ops::Range;

/// What a stretch of SQL text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// Letters, digits, `_`, `$` and anything beyond ASCII.
    Word,
    /// `'…'`, `"…"`, `` `…` `` or `[…]`, its quotes included; an unclosed one runs to the end.
    Quoted,
    /// White space and comments.
    Space,
    /// Any other single character.
    Sign(u8),
}

/// The tokens of `text` in order, without gaps.
pub fn tokens(text: &str) -> impl Iterator<Item = (Token, Range<usize>)> + '_ {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let (token, length) = next_token(bytes.get(at..)?)?;
        at += length;
        Some((token, at - length..at))
    })
}

/// Kind and length of the token at the beginning of `bytes`; `None` at the end.
fn next_token(bytes: &[u8]) -> Option<(Token, usize)> {
    let first = *bytes.first()?;
    let run = |test: fn(u8) -> bool| bytes.iter().position(|&b| !test(b)).unwrap_or(bytes.len());
    Some(match first {
        b'\'' | b'"' | b'`' => (Token::Quoted, quoted_length(bytes, first)),
        b'[' => (Token::Quoted, end_of(bytes, b"]", 1)),
        b'-' if bytes.get(1) == Some(&b'-') => (Token::Space, end_of(bytes, b"\n", 2)),
        b'/' if bytes.get(1) == Some(&b'*') => (Token::Space, end_of(bytes, b"*/", 2)),
        _ if is_space(first) => (Token::Space, run(is_space)),
        _ if is_word(first) => (Token::Word, run(is_word)),
        _ => (Token::Sign(first), 1),
    })
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || !byte.is_ascii()
}

/// Length up to and with `end`, looked for from `from`; to the end of the text if it doesn't occur.
fn end_of(bytes: &[u8], end: &[u8], from: usize) -> usize {
    let found = bytes.get(from..).and_then(|rest| rest.windows(end.len()).position(|window| window == end));
    found.map_or(bytes.len(), |position| from + position + end.len())
}

/// Length of a quoted stretch; a doubled quote stands for itself.
fn quoted_length(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        if bytes[at] != quote {
            at += 1;
        } else if bytes.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return at + 1;
        }
    }
    bytes.len()
}

/// Takes white space and `;` off both ends: the form in which a statement is embedded in another.
pub fn trim_statement(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == ';')
}

/// Whether a `;` stands between other text, outside quotes and comments.
pub fn has_several_statements(text: &str) -> bool {
    tokens(trim_statement(text)).any(|(token, _)| token == Token::Sign(b';'))
}

/// A quoted stretch without its quotes (doubled ones stay: names don't hold them).
pub fn unquote(text: &str) -> &str {
    let inner = |open: char, close: char| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    inner('`', '`')
        .or_else(|| inner('"', '"'))
        .or_else(|| inner('\'', '\''))
        .or_else(|| inner('[', ']'))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn semicolons_count_only_between_statements() {
        let cases = [
            ("select 1", false),
            (" select 1 ; ", false),
            ("select ';' as a", false),
            ("select 1 /* ; */ as a", false),
            ("select 1 -- ;\n as a", false),
            ("select 1; select 2", true),
            ("select 1 /* ' */; drop table t /* ' */", true),
            ("select \"a;b\", `;`, [;]", false),
        ];
        for (text, several) in cases {
            assert_eq!(has_several_statements(text), several, "{text}");
        }
    }

    proptest! {
        #[test]
        fn tokens_cover_the_text_without_gaps(text in "\\PC*") {
            let mut at = 0;
            for (_, range) in tokens(&text) {
                prop_assert_eq!(range.start, at);
                prop_assert!(text.get(range.clone()).is_some());
                at = range.end;
            }
            prop_assert_eq!(at, text.len());
        }
    }
}
