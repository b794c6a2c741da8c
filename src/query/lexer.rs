//! Text → tokens (contract/04 §1). Asked token by token by the parser, within a region of the text (a group's inside).

use std::collections::HashMap;

use super::error::{QueryError, Span};

/// One token; texts are unescaped, names and numbers are slices of the input.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'t> {
    Name(&'t str),
    /// A name directly followed by `(`; the lexer stands behind the bracket.
    FunctionStart(&'t str),
    Number(f64),
    Text(Box<str>),
    /// A run of `= ? ! > < ~`.
    Sign(&'t str),
    /// A run of `&` and `|`.
    Join(&'t str),
    /// `(`; the lexer stands on it, since the parser decides how far the group goes.
    GroupStart,
    /// `)`, only of interest inside a function.
    Close,
    /// `,`, only of interest inside a function.
    Comma,
}

/// A position in a text and the end of the region that is read.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    pub position: usize,
    pub end: usize,
}

impl<'t> Lexer<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, position: 0, end: text.len() }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes()[..self.end].get(self.position).copied()
    }

    fn peek_second(&self) -> Option<u8> {
        self.text.as_bytes()[..self.end].get(self.position + 1).copied()
    }

    /// Passes over blanks and comments.
    fn skip_space(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n') => self.position += 1,
                Some(b'/') if self.peek_second() == Some(b'/') => self.take_while(|byte| byte != b'\n'),
                _ => return,
            }
        }
    }

    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&belongs) {
            self.position += 1;
        }
    }

    /// The run of bytes from here on that belong together.
    fn run(&mut self, belongs: impl Fn(u8) -> bool) -> &'t str {
        let start = self.position;
        self.take_while(belongs);
        &self.text[start..self.position]
    }

    /// The next token and its place; `None` at the end of the region.
    pub fn next(&mut self) -> Result<Option<(Token<'t>, Span)>, QueryError> {
        self.skip_space();
        let start = self.position;
        let Some(first) = self.peek() else { return Ok(None) };
        let token = match first {
            b'(' => Token::GroupStart,
            b')' => self.single(Token::Close),
            b',' => self.single(Token::Comma),
            b'\'' | b'"' => self.text_literal()?,
            b'-' | b'0'..=b'9' => self.number()?,
            b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'@' | b'#' => self.name()?,
            b'=' | b'?' | b'!' | b'>' | b'<' | b'~' => Token::Sign(self.run(is_sign)),
            b'&' | b'|' => Token::Join(self.run(|byte| matches!(byte, b'&' | b'|'))),
            _ => return Err(self.unexpected_character()),
        };
        Ok(Some((token, Span { start, end: self.position })))
    }

    fn single(&mut self, token: Token<'t>) -> Token<'t> {
        self.position += 1;
        token
    }

    fn unexpected_character(&self) -> QueryError {
        let c = self.text[self.position..].chars().next().unwrap_or_default();
        QueryError::at(
            Span { start: self.position, end: self.position + c.len_utf8() },
            format!("unexpected character {c:?}"),
        )
    }

    fn name(&mut self) -> Result<Token<'t>, QueryError> {
        let start = self.position;
        self.position += 1;
        self.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':'));
        let name = &self.text[start..self.position];
        let is_bare = name.bytes().all(|byte| matches!(byte, b'@' | b'_' | b'#'));
        if is_bare || name.ends_with(['.', ':']) {
            return Err(QueryError::at(Span { start, end: self.position }, format!("invalid identifier {name:?}")));
        }
        if self.peek() == Some(b'(') {
            self.position += 1;
            return Ok(Token::FunctionStart(name));
        }
        Ok(Token::Name(name))
    }

    fn number(&mut self) -> Result<Token<'t>, QueryError> {
        let start = self.position;
        let text = self.run(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
        let digits = text.strip_prefix('-').unwrap_or(text);
        let mut parts = digits.split('.');
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = parts.by_ref().take(2).all(is_digits) && parts.next().is_none();
        match text.parse::<f64>() {
            Ok(number) if is_number && number.is_finite() => Ok(Token::Number(number)),
            _ => Err(QueryError::at(Span { start, end: self.position }, format!("invalid number {text:?}"))),
        }
    }

    /// A quoted text from its opening quote on, unescaped.
    fn text_literal(&mut self) -> Result<Token<'t>, QueryError> {
        let start = self.position;
        let Some(end) = quoted_end(self.text, start, self.end) else {
            let span = Span { start, end: self.end };
            return Err(QueryError::at(span, "invalid quoted text: the closing quote is missing"));
        };
        self.position = end;
        Ok(Token::Text(unescape(&self.text[start + 1..end - 1])))
    }
}

fn is_sign(byte: u8) -> bool {
    matches!(byte, b'=' | b'?' | b'!' | b'>' | b'<' | b'~')
}

/// The position behind the quoted text that opens at `open`; `None` if it isn't closed before `end`.
fn quoted_end(text: &str, open: usize, end: usize) -> Option<usize> {
    let bytes = &text.as_bytes()[..end];
    let quote = bytes[open];
    let mut at = open + 1;
    while at < end {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// `\n \t \r \\ \' \"` are one character; any other escape keeps its backslash.
fn unescape(raw: &str) -> Box<str> {
    if !raw.contains('\\') {
        return raw.into();
    }
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some(c @ ('\\' | '\'' | '"')) => text.push(c),
            Some(c) => text.extend(['\\', c]),
            None => text.push('\\'),
        }
    }
    text.into()
}

/// The brackets of a text, matched as a group's inside is scanned: quoted texts are skipped as units, comments aren't
/// known (contract/04 §1).
///
/// A scan from one bracket matches all brackets it passes, so nested groups are looked up. Only a bracket that an
/// earlier scan took for part of a quoted text (there is a comment with a quote in it) needs a scan of its own.
#[derive(Debug, Default)]
pub(super) struct Brackets {
    /// Closing position by opening position.
    closing: HashMap<usize, usize>,
    inner_scans: usize,
}

/// More scans inside of groups than this are refused: they only come from comments made to confuse, and each may be as
/// long as the text.
const INNER_SCANS_MAX: usize = 64;

impl Brackets {
    /// The position of the bracket that closes the one at `open`, before `end`; `is_inner` if that one is in a group.
    pub fn closing(&mut self, text: &str, open: usize, end: usize, is_inner: bool) -> Result<usize, QueryError> {
        if let Some(&close) = self.closing.get(&open) {
            return if close < end { Ok(close) } else { Err(unclosed(open, end, 1)) };
        }
        if is_inner {
            self.inner_scans += 1;
            if self.inner_scans > INNER_SCANS_MAX {
                return Err(unclosed(open, end, 1));
            }
        }
        self.scan(text, open, end)
    }

    fn scan(&mut self, text: &str, open: usize, end: usize) -> Result<usize, QueryError> {
        let bytes = &text.as_bytes()[..end];
        let mut opened = Vec::new();
        let mut at = open;
        while at < end {
            match bytes[at] {
                b'(' => opened.push(at),
                b')' => {
                    let opening = opened.pop().expect("the scan ends when its first bracket is closed");
                    self.closing.insert(opening, at);
                    if opening == open {
                        return Ok(at);
                    }
                }
                b'\'' | b'"' => match quoted_end(text, at, end) {
                    Some(behind) => {
                        at = behind;
                        continue;
                    }
                    None => break,
                },
                _ => {}
            }
            at += 1;
        }
        Err(unclosed(open, end, opened.len()))
    }
}

fn unclosed(open: usize, end: usize, missing: usize) -> QueryError {
    let cause = format!("invalid formatted group - missing {missing} closing bracket(s)");
    QueryError::at(Span { start: open, end }, cause)
}
