//! Templates: plain substitution of placeholders (contract/11 §14), and the layout around every body.

use std::borrow::Cow;

/// A subject and an HTML body with placeholders.
#[derive(Clone, Copy, Debug)]
pub struct Template<'a> {
    pub subject: &'a str,
    pub body: &'a str,
}

/// The value of a placeholder, such as `APP_NAME` or `RECORD:name`; `None` leaves it as it stands.
pub trait Placeholders {
    fn value(&self, name: &str) -> Option<Value<'_>>;
}

/// What stands for a placeholder.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// A text from outside: escaped in HTML.
    Text(Cow<'a, str>),
    /// What can't hold HTML: numbers, dates, tokens, and texts that the operator set.
    Plain(Cow<'a, str>),
}

/// Longest name of a placeholder; whatever is longer between two braces isn't one.
const NAME_BYTES_MAX: usize = 128;

impl Template<'_> {
    /// The subject, in which nothing is escaped since it is no HTML, and the document with the body in it. What a value
    /// holds isn't looked at again: a record can't bring placeholders in.
    pub fn fill(&self, placeholders: &dyn Placeholders) -> (String, String) {
        let subject = substitute(self.subject, |name| match placeholders.value(name)? {
            Value::Text(text) | Value::Plain(text) => Some(text),
        });
        let body = substitute(self.body, |name| match placeholders.value(name)? {
            Value::Text(text) => Some(Cow::Owned(escape_html(&text))),
            Value::Plain(text) => Some(text),
        });
        (subject, layout(&body))
    }
}

fn substitute<'v>(template: &str, value: impl Fn(&str) -> Option<Cow<'v, str>>) -> String {
    let mut filled = String::with_capacity(template.len() + 256);
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        let inner = &rest[open + 1..];
        let end = inner.bytes().take(NAME_BYTES_MAX + 1).position(|byte| matches!(byte, b'}' | b'{'));
        let name = end.filter(|end| inner.as_bytes()[*end] == b'}').map(|end| &inner[..end]);
        match name.and_then(|name| Some((name, value(name)?))) {
            Some((name, value)) => {
                filled.push_str(&value);
                rest = &inner[name.len() + 1..];
            }
            None => {
                filled.push('{');
                rest = inner;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// The text with what HTML would read as markup written out.
pub fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn layout(body: &str) -> String {
    format!("{HEAD}{body}{FOOT}")
}

const HEAD: &str = r##"<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { margin: 0; padding: 24px 12px; background: #f4f5f7; color: #1f2430; font: 15px/1.5 sans-serif; }
.card { max-width: 520px; margin: 0 auto; padding: 24px; background: #ffffff; border-radius: 8px; }
a { color: #1055c9; }
.btn { display: inline-block; padding: 10px 22px; border-radius: 6px; background: #1f2430; color: #ffffff !important;
  text-decoration: none; font-weight: bold; }
</style>
</head>
<body>
<div class="card">
"##;

const FOOT: &str = "\n</div>\n</body>\n</html>\n";

#[cfg(test)]
mod tests {
    use super::*;

    struct Values;

    impl Placeholders for Values {
        fn value(&self, name: &str) -> Option<Value<'_>> {
            match name {
                "APP_NAME" => Some(Value::Plain("Shop".into())),
                "RECORD:name" => Some(Value::Text("<b>{APP_NAME}</b> & \"Co\"".into())),
                _ => None,
            }
        }
    }

    fn fill(text: &str) -> (String, String) {
        let (subject, html) = Template { subject: text, body: text }.fill(&Values);
        let body = html.strip_prefix(HEAD).and_then(|html| html.strip_suffix(FOOT)).expect("the layout").to_owned();
        (subject, body)
    }

    #[test]
    fn values_are_escaped_in_the_body_alone_and_not_looked_at_again() {
        let (subject, body) = fill("{APP_NAME}: {RECORD:name}");
        assert_eq!(subject, "Shop: <b>{APP_NAME}</b> & \"Co\"");
        assert_eq!(body, "Shop: &lt;b&gt;{APP_NAME}&lt;/b&gt; &amp; &#34;Co&#34;");
    }

    #[test]
    fn what_is_no_placeholder_stays() {
        for text in ["{NOPE}", "{RECORD:missing}", "{", "}", "{}", "{{", "a {APP_NAME", "{ APP_NAME }"] {
            assert_eq!(fill(text).0, text);
        }
        assert_eq!(fill("{{APP_NAME}}").0, "{Shop}");
        let long = format!("{{{}}}", "é".repeat(500));
        assert_eq!(fill(&long).0, long);
    }
}
