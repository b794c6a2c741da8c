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
/// Elements that don't separate words; any other counts as a space (as the reference has it, `u` and `mark` included).
const INLINE: [&str; 23] = [
    "a", "abbr", "acronym", "b", "bdo", "big", "br", "button", "cite", "code", "em", "i", "img", "input", "label", "q",
    "small", "span", "strong", "strike", "sub", "sup", "time",
];
/// Elements that leave a document's head open: a title behind them, before any text, is not part of the text.
const IN_HEAD: [&str; 8] = ["html", "head", "base", "link", "meta", "script", "style", "title"];

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
        let arguments = modifier.trim().strip_prefix("excerpt")?.trim_start().strip_prefix('(')?.strip_suffix(')')?;
        let mut arguments = arguments.split(',').map(str::trim);
        let max: usize = arguments.next()?.parse().ok().filter(|max| *max > 0)?;
        let with_ellipsis = matches!(arguments.next(), Some("1" | "t" | "T" | "true" | "TRUE" | "True"));
        arguments.next().is_none().then_some(Self { max, with_ellipsis })
    }

    /// The excerpt of an HTML or plain text. Reads no further than it needs.
    pub fn of(&self, html: &str) -> String {
        let mut text = Collapsed::default();
        let mut in_head = true;
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
                    in_head = in_head && text.is_empty() && IN_HEAD.contains(&name.as_str());
                    match &mut dropped {
                        Some((open, depth)) => *depth += usize::from(*open == name && !tag.self_closing),
                        None if DROPPED.contains(&name.as_str()) || (in_head && name == "title") => {
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

/// Text with runs of ASCII white space as one space, and no white space at either end.
#[derive(Default)]
struct Collapsed {
    text: String,
    /// In characters.
    length: usize,
    /// White space that counts if more text comes.
    waiting: String,
}

impl Collapsed {
    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn add(&mut self, text: &str) {
        for character in text.chars() {
            if character.is_ascii_whitespace() {
                self.separate();
            } else if character.is_whitespace() {
                self.waiting.push(character);
            } else {
                if !self.text.is_empty() {
                    self.text.push_str(&self.waiting);
                    self.length += self.waiting.chars().count();
                }
                self.waiting.clear();
                self.text.push(character);
                self.length += 1;
            }
        }
    }

    fn separate(&mut self) {
        if !self.waiting.ends_with(' ') {
            self.waiting.push(' ');
        }
    }

    /// A tag: all but those inside a line separate words.
    fn element(&mut self, name: &str) {
        if !INLINE.contains(&name) {
            self.separate();
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
            ("<b>Hel</b><i>lo</i><br>!", 20, false, "Hello!"),
            ("a<u>b</u>c<del>d</del>e<wbr>f<custom-x>g", 20, false, "a b c d e f g"),
            ("a &amp; b &lt;c&gt;", 20, false, "a & b <c>"),
            ("<script>var a = '<p>x</p>'</script>a<style>b</style>", 20, false, "a"),
            ("x<svg><path/></svg>a<form><input><button>b</button></form>c<img src=x>d", 20, false, "xacd"),
            ("<template><template>x</template>y</template>z", 20, false, "z"),
            ("<option>a<option>b", 20, false, ""),
            ("<head><title>t</title></head>x", 20, false, "x"),
            ("<meta name=n><title>t</title>x", 20, false, "x"),
            ("x<title>t</title>y", 20, false, "x t y"),
            ("a&nbsp;b&#160; c\u{a0}", 20, false, "a\u{a0}b\u{a0} c"),
            ("äöü€", 2, true, "äö..."),
            ("ab cd ef", 3, true, "ab..."),
            ("ab cd ef", 7, true, "ab cd e..."),
            ("ab cd ef", 8, true, "ab cd ef"),
            ("a<!-- b --><!doctype html>c", 9, false, "ac"),
            ("a < b", 9, false, "a < b"),
            ("", 9, true, ""),
        ] {
            assert_eq!(Excerpt { max, with_ellipsis: ellipsis }.of(html), expected, "{html}");
        }
    }
}
