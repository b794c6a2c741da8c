//! The plain-text part of a mail, made of its HTML: one pass of a tokenizer, whatever the template data holds.

use std::convert::Infallible;

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};

/// Elements whose contents no reader sees.
const UNSEEN: [&str; 4] = ["head", "style", "script", "title"];
/// Elements that end a line.
const BREAKS: [&str; 8] = ["p", "div", "br", "tr", "li", "h1", "h2", "h3"];
/// Longest text that is made of a mail, bytes: mails are short, and what data a template takes in is not ours to trust.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// The text of an HTML document: lines where blocks end, the address behind each link.
pub fn plain_text(html: &str) -> String {
    let mut text = Text::default();
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let token: Token = match token {
            Ok(token) => token,
            Err(never) => match never as Infallible {},
        };
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                let href =
                    tag.attributes.get(b"href".as_slice()).map(|href| String::from_utf8_lossy(href).into_owned());
                text.open(&name, href);
            }
            Token::EndTag(tag) => text.close(&String::from_utf8_lossy(&tag.name)),
            Token::String(words) => text.words(&String::from_utf8_lossy(&words)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
        if text.out.len() > TEXT_BYTES_MAX {
            break;
        }
    }
    text.out.trim().to_owned()
}

#[derive(Default)]
struct Text {
    out: String,
    unseen: Option<String>,
    link: Option<String>,
    space_waits: bool,
}

impl Text {
    fn open(&mut self, name: &str, href: Option<String>) {
        if self.unseen.is_some() {
            return;
        }
        if UNSEEN.contains(&name) {
            self.unseen = Some(name.to_owned());
        } else if name == "a" {
            self.link = href;
        } else if BREAKS.contains(&name) {
            self.line();
        }
    }

    fn close(&mut self, name: &str) {
        match &self.unseen {
            Some(unseen) if unseen == name => self.unseen = None,
            Some(_) => {}
            None if name == "a" => self.end_link(),
            None if BREAKS.contains(&name) => self.line(),
            None => {}
        }
    }

    /// The address follows the link's words, unless they are the address.
    fn end_link(&mut self) {
        if let Some(href) = self.link.take()
            && !self.out.ends_with(href.as_str())
            && href.starts_with("http")
        {
            self.out.push_str(&format!(" ({href})"));
        }
    }

    fn words(&mut self, words: &str) {
        if self.unseen.is_some() {
            return;
        }
        for c in words.chars() {
            if c.is_whitespace() {
                self.space_waits = true;
                continue;
            }
            if self.space_waits && !self.out.is_empty() && !self.out.ends_with('\n') {
                self.out.push(' ');
            }
            self.space_waits = false;
            self.out.push(c);
        }
    }

    fn line(&mut self) {
        self.space_waits = false;
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_links_and_entities_survive() {
        let html = "<html><head><title>x</title><style>p { }</style></head><body><p>Hello &amp; <b>you</b>,</p>\n\
            <p>Click\n  <a class=\"btn\" href=\"https://a.de/x?y=1\">here</a></p><br>Bye</body></html>";
        assert_eq!(plain_text(html), "Hello & you,\n\nClick here (https://a.de/x?y=1)\n\nBye");
    }

    #[test]
    fn hostile_data_takes_no_longer_than_its_length() {
        for piece in ["<a href=http://x>", "<div><", "&lt;", "<script>", "</a", "<!--", "<p"] {
            let text = plain_text(&piece.repeat(200_000));
            assert!(text.len() <= TEXT_BYTES_MAX + 64, "{piece}");
        }
    }
}
