//! `:excerpt(max[,withEllipsis])`: the beginning of a text, HTML taken off.

use std::convert::Infallible;

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};

/// Elements dropped with all they contain (contract/00 §2).
const DROPPED: [&str; 18] = [
    "head", "style", "script", "iframe", "embed", "applet", "object", "svg", "img", "picture", "dialog", "template",
    "button", "form", "textarea", "input", "select", "option",
];
/// Of those, the ones that never contain anything.
const VOID: [&str; 3] = ["embed", "img", "input"];
/// Elements that stand inside a line; any other separates words.
const INLINE: [&str; 31] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins",
    "kbd", "label", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "u", "var",
];

/// How a text is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// In characters.
    max: usize,
    with_ellipsis: bool,
}

impl Excerpt {
    /// The modifier after the colon.
    pub(super) fn parse(modifier: &str) -> Option<Self> {
        let arguments = modifier.trim().strip_prefix("excerpt(")?.strip_suffix(')')?;
        let mut arguments = arguments.split(',').map(str::trim);
        let max: usize = arguments.next()?.parse().ok().filter(|max| *max > 0)?;
        let with_ellipsis = matches!(arguments.next(), Some("1" | "t" | "T" | "true" | "TRUE" | "True"));
        arguments.next().is_none().then_some(Self { max, with_ellipsis })
    }

    /// The excerpt of an HTML or plain text. Reads no further than it needs.
    pub fn of(&self, html: &str) -> String {
        let mut text = Collapsed { text: String::new(), length: 0, space_waits: false };
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        let mut dropped: Option<(String, usize)> = None;
        for token in Tokenizer::new_with_emitter(html, emitter) {
            let token: Token = match token {
                Ok(token) => token,
                Err(never) => match never as Infallible {},
            };
            match token {
                Token::StartTag(tag) => {
                    let name = String::from_utf8_lossy(&tag.name).into_owned();
                    match &mut dropped {
                        Some((open, depth)) => *depth += usize::from(*open == name && !tag.self_closing),
                        None if DROPPED.contains(&name.as_str()) => {
                            if !VOID.contains(&name.as_str()) && !tag.self_closing {
                                dropped = Some((name, 1));
                            }
                        }
                        None => text.element(&name),
                    }
                }
                Token::EndTag(tag) => {
                    let name = String::from_utf8_lossy(&tag.name).into_owned();
                    match &mut dropped {
                        Some((open, depth)) if *open == name => {
                            *depth -= 1;
                            if *depth == 0 {
                                dropped = None;
                            }
                        }
                        Some(_) => {}
                        None => text.element(&name),
                    }
                }
                Token::String(string) if dropped.is_none() => text.add(&String::from_utf8_lossy(&string)),
                Token::String(_) | Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
            }
            if text.length > self.max {
                break;
            }
        }
        self.cut(text)
    }

    fn cut(&self, collapsed: Collapsed) -> String {
        let Collapsed { mut text, length, .. } = collapsed;
        if length <= self.max {
            return text;
        }
        let end = text.char_indices().nth(self.max).map_or(text.len(), |(at, _)| at);
        text.truncate(end);
        text.truncate(text.trim_end().len());
        if self.with_ellipsis {
            text.push_str("...");
        }
        text
    }
}

/// Text with runs of white space as one space, none at either end.
struct Collapsed {
    text: String,
    /// In characters.
    length: usize,
    space_waits: bool,
}

impl Collapsed {
    fn add(&mut self, text: &str) {
        for character in text.chars() {
            if character.is_whitespace() {
                self.space_waits = true;
                continue;
            }
            if std::mem::take(&mut self.space_waits) && !self.text.is_empty() {
                self.text.push(' ');
                self.length += 1;
            }
            self.text.push(character);
            self.length += 1;
        }
    }

    /// A tag: all but those inside a line separate words.
    fn element(&mut self, name: &str) {
        if !INLINE.contains(&name) {
            self.space_waits = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_its_beginning_as_plain_text() {
        for (html, max, ellipsis, expected) in [
            ("plain", 10, true, "plain"),
            ("plain", 3, true, "pla..."),
            ("plain", 3, false, "pla"),
            ("  a \n\t b  ", 10, false, "a b"),
            ("<p>Hello</p><p>world</p>", 20, false, "Hello world"),
            ("<b>Hel</b><i>lo</i>", 20, false, "Hello"),
            ("a &amp; b &lt;c&gt;", 20, false, "a & b <c>"),
            ("<script>var a = '<p>x</p>'</script>a<style>b</style>", 20, false, "a"),
            ("<svg><path/></svg>a<form><input><button>b</button></form>c<img src=x>d", 20, false, "acd"),
            ("<template><template>x</template>y</template>z", 20, false, "z"),
            ("äöü€", 2, true, "äö..."),
            ("ab cd", 3, true, "ab..."),
            ("a<!-- b --><!doctype html>c", 9, false, "ac"),
            ("a < b", 9, false, "a < b"),
            ("", 9, true, ""),
        ] {
            assert_eq!(Excerpt { max, with_ellipsis: ellipsis }.of(html), expected, "{html}");
        }
    }
}
