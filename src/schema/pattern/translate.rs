//! From RE2's syntax to that of the `regex` crate, which differs in a few places: its `\d`, `\w`, `\s`, `\b` are those
//! of Unicode, classes nest and have set operators, `{` must be escaped where it counts nothing, and `\Q…\E` and
//! octal escapes are missing. What is broken stays broken: the parser tells it.

use std::iter::Peekable;
use std::str::Chars;

/// What `.` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schema) enum Dot {
    AnyCharacter,
    /// `[A-Za-z0-9]`: what generated texts draw from (contract/03 §5).
    AsciiAlphanumeric,
}

/// The expression in the syntax of the `regex` crate.
pub(in crate::schema) fn translate(pattern: &str, dot: Dot) -> String {
    let mut translation =
        Translation { rest: pattern.chars().peekable(), out: String::with_capacity(pattern.len() + 16) };
    while let Some(c) = translation.rest.next() {
        match c {
            '\\' => translation.escape(Place::Outside),
            '[' => translation.class(),
            '{' => translation.brace(),
            '.' if dot == Dot::AsciiAlphanumeric => translation.out.push_str("[A-Za-z0-9]"),
            _ => translation.out.push(c),
        }
    }
    translation.out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    InClass,
}

struct Translation<'p> {
    rest: Peekable<Chars<'p>>,
    out: String,
}

impl Translation<'_> {
    /// What follows a backslash.
    fn escape(&mut self, place: Place) {
        let Some(c) = self.rest.next() else {
            self.out.push('\\');
            return;
        };
        match (c, place) {
            ('d', Place::Outside) => self.out.push_str("[0-9]"),
            ('d', Place::InClass) => self.out.push_str("0-9"),
            ('D', _) => self.out.push_str("[^0-9]"),
            ('w', Place::Outside) => self.out.push_str("[0-9A-Za-z_]"),
            ('w', Place::InClass) => self.out.push_str("0-9A-Za-z_"),
            ('W', _) => self.out.push_str("[^0-9A-Za-z_]"),
            ('s', Place::Outside) => self.out.push_str(r"[\t\n\f\r ]"),
            ('s', Place::InClass) => self.out.push_str(r"\t\n\f\r "),
            ('S', _) => self.out.push_str(r"[^\t\n\f\r ]"),
            ('b', Place::Outside) => self.out.push_str(r"(?-u:\b)"),
            ('Q', Place::Outside) => self.quotation(),
            ('0'..='7', _) => self.octal(c),
            ('p' | 'P' | 'x', _) => {
                self.out.extend(['\\', c]);
                self.braced_name();
            }
            ('a' | 'f' | 't' | 'n' | 'r' | 'v', _) | ('A' | 'z' | 'B', Place::Outside) => self.out.extend(['\\', c]),
            _ if c.is_ascii_punctuation() => self.literal(c),
            // Not known to RE2; a letter that the crate doesn't know either makes it say so.
            _ => self.out.push_str(r"\y"),
        }
    }

    /// `\Q…\E`: everything between is meant literally; without an end, all that follows.
    fn quotation(&mut self) {
        while let Some(c) = self.rest.next() {
            if c == '\\' && self.rest.peek() == Some(&'E') {
                self.rest.next();
                return;
            }
            self.literal(c);
        }
    }

    /// `\123`, `\0`: one to three octal digits; a single digit other than 0 would be a back reference, which there is
    /// none of.
    fn octal(&mut self, first: char) {
        let mut digits = String::from(first);
        while digits.len() < 3
            && let Some(digit) = self.rest.next_if(|c| matches!(c, '0'..='7'))
        {
            digits.push(digit);
        }
        match u32::from_str_radix(&digits, 8).ok().and_then(char::from_u32) {
            Some(c) if first == '0' || digits.len() > 1 => self.out.push_str(&format!("\\x{{{:x}}}", c as u32)),
            _ => self.out.push_str(r"\y"),
        }
    }

    /// `[…]`, its opening bracket read.
    fn class(&mut self) {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut is_first = true;
        while let Some(c) = self.rest.next() {
            match c {
                ']' if !is_first => {
                    self.out.push(']');
                    return;
                }
                '\\' => self.escape(Place::InClass),
                '[' if self.rest.peek() == Some(&':') => self.named_class(),
                '[' | ']' | '&' | '~' => self.literal(c),
                '-' if self.out.ends_with('-') => self.literal(c), // `--` would subtract
                _ => self.out.push(c),
            }
            is_first = false;
        }
    }

    /// `[:alpha:]` inside a class; anything else that begins like it is a bracket and a colon.
    fn named_class(&mut self) {
        let name: String = self.rest.clone().skip(1).take_while(|c| c.is_ascii_alphabetic() || *c == '^').collect();
        let end: String = self.rest.clone().skip(1 + name.len()).take(2).collect();
        if end != ":]" {
            self.literal('[');
            return;
        }
        self.out.push_str(&format!("[:{name}:]"));
        self.rest.nth(name.len() + 2);
    }

    /// `{`: a count when `{n}`, `{n,}` or `{n,m}` follows, else itself.
    fn brace(&mut self) {
        let inside: String = self.rest.clone().take_while(|c| c.is_ascii_digit() || *c == ',').collect();
        let is_closed = self.rest.clone().nth(inside.len()) == Some('}');
        let is_count = inside.starts_with(|c: char| c.is_ascii_digit()) && inside.matches(',').count() <= 1;
        if is_closed && is_count { self.out.push('{') } else { self.literal('{') }
    }

    /// `{Greek}`, `{10FFFF}` after `\p`, `\x`, if there is one.
    fn braced_name(&mut self) {
        if self.rest.next_if_eq(&'{').is_none() {
            return;
        }
        self.out.push('{');
        for c in self.rest.by_ref() {
            self.out.push(c);
            if c == '}' {
                return;
            }
        }
    }

    /// One character that stands for itself.
    fn literal(&mut self, c: char) {
        if regex_syntax::is_meta_character(c) {
            self.out.push('\\');
        }
        self.out.push(c);
    }
}
