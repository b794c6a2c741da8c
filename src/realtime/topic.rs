//! Topics: the strings a client subscribes to (contract/12 §2).

use std::sync::Arc;

use serde_json::Value as Json;

/// One subscription of a connection.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Topic {
    /// The whole string as submitted: it is the event name of every message, byte for byte.
    pub text: Box<str>,
    pub target: Target,
    pub options: Options,
}

/// What a topic is about. Collections are named as submitted, by exact name or id.
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// `COLL/*` or `COLL`: every record; the list rule decides.
    Collection(Box<str>),
    /// `COLL/ID`: that record; the view rule decides.
    Record { collection: Box<str>, record_id: Box<str> },
    /// `@oauth2`: the answer of a sign-in in a pop-up.
    OAuth2,
    /// `PB_RESET`: told when a replay isn't possible (contract/12 §9).
    Reset,
    /// Anything else: kept, never matched.
    Nothing,
}

/// What the client claims beside a topic; rules see it as `@request.query.*` and `@request.headers.*`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    pub query: Vec<(String, String)>,
    /// Names normalised as those of requests: lower case, `_` for `-`.
    pub headers: Vec<(String, String)>,
}

impl Options {
    /// The first value of a query option, if it isn't empty.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.query.iter().find(|(key, _)| key == name)?;
        (!value.is_empty()).then_some(value)
    }
}

impl Topic {
    /// Reads a topic; never fails: what isn't understood matches nothing.
    pub fn parse(text: &str) -> Arc<Self> {
        let (path, options) = match text.split_once('?') {
            Some((path, query)) => (path, parse_options(query)),
            None => (text, Options::default()),
        };
        // A line break would end the `event:` line and let a client forge frames on its own stream.
        let target = if text.chars().any(char::is_control) { Target::Nothing } else { parse_target(path) };
        Arc::new(Self { text: text.into(), target, options })
    }

    /// The key under which the application wants to resume (contract/12 §9 D): 16 to 64 of `[A-Za-z0-9_-]`.
    pub fn resume_key(&self) -> Option<&str> {
        let key = self.options.query_value("resume")?;
        let is_sound = (16..=64).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        is_sound.then_some(key)
    }
}

fn parse_target(path: &str) -> Target {
    match path {
        "" => Target::Nothing,
        "@oauth2" => Target::OAuth2,
        "PB_RESET" => Target::Reset,
        _ => match path.split_once('/') {
            None => Target::Collection(path.into()),
            Some(("", _) | (_, "")) => Target::Nothing,
            Some((collection, "*")) => Target::Collection(collection.into()),
            Some((collection, record_id)) => {
                Target::Record { collection: collection.into(), record_id: record_id.into() }
            }
        },
    }
}

/// Reads `options=URLENCODED_JSON`; anything else is no options (the subscription still works).
fn parse_options(query: &str) -> Options {
    let query = query.split('#').next().unwrap_or_default(); // a fragment, once read as a URL
    let Some((_, text)) = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "options") else {
        return Options::default();
    };
    let Ok(Json::Object(mut options)) = serde_json::from_str::<Json>(&text) else { return Options::default() };
    let mut pairs = |key: &str| match options.remove(key) {
        Some(Json::Object(map)) => map.into_iter().map(|(name, value)| (name, text_of(&value))).collect(),
        _ => Vec::new(),
    };
    let query = pairs("query");
    let headers = pairs("headers");
    let headers = headers.into_iter().map(|(name, value)| (name.to_lowercase().replace('-', "_"), value)).collect();
    Options { query, headers }
}

/// Numbers and flags become text, nested values the empty text.
fn text_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        Json::Bool(flag) => flag.to_string(),
        Json::Null | Json::Array(_) | Json::Object(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        let topic = Topic::parse(text);
        Arc::into_inner(topic).expect("one owner").target
    }

    #[test]
    fn topics_name_a_collection_a_record_or_nothing() {
        let record =
            |collection: &str, id: &str| Target::Record { collection: collection.into(), record_id: id.into() };
        let cases = [
            ("posts/*", Target::Collection("posts".into())),
            ("posts", Target::Collection("posts".into())),
            ("posts/abc", record("posts", "abc")),
            ("posts/*?options=junk", Target::Collection("posts".into())),
            ("posts/*?x=1", Target::Collection("posts".into())),
            ("posts/*#x", record("posts", "*#x")),
            ("@oauth2", Target::OAuth2),
            ("PB_RESET", Target::Reset),
            ("", Target::Nothing),
            ("/*", Target::Nothing),
            ("posts/", Target::Nothing),
            ("posts/*\nevent:forged", Target::Nothing),
        ];
        for (text, expected) in cases {
            assert_eq!(target(text), expected, "{text:?}");
        }
    }

    #[test]
    fn options_are_texts_and_header_names_are_those_of_rules() {
        let json = r#"{"query":{"filter":"a = 1","n":5,"b":true,"deep":{"x":1}},"headers":{"X-Token":"t"}}"#;
        let encoded: String = url::form_urlencoded::byte_serialize(json.as_bytes()).collect();
        let topic = Topic::parse(&format!("posts/*?options={encoded}"));
        let query: Vec<(&str, &str)> = topic.options.query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(query, [("filter", "a = 1"), ("n", "5"), ("b", "true"), ("deep", "")]);
        assert_eq!(topic.options.headers, [("x_token".to_owned(), "t".to_owned())]);
    }

    #[test]
    fn a_resume_key_has_16_to_64_safe_characters() {
        let key = |key: &str| {
            let json = format!(r#"{{"query":{{"resume":"{key}"}}}}"#);
            let encoded: String = url::form_urlencoded::byte_serialize(json.as_bytes()).collect();
            Topic::parse(&format!("posts/*?options={encoded}")).resume_key().map(str::to_owned)
        };
        assert_eq!(key("0123456789abcdef").as_deref(), Some("0123456789abcdef"));
        assert_eq!(key("short"), None);
        assert_eq!(key("0123456789 abcdef"), None);
        assert_eq!(key(&"x".repeat(65)), None);
    }
}
