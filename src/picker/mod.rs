//! The `fields` parameter (contract/00 §2, contract/05 §3): which keys of an answer are sent. A leaf: it knows JSON alone.
//!
//! Start at [`Picker::parse`], before anything is done; then [`Picker::top`] tells key by key what to write (records
//! write their JSON straight from cells), or [`Picker::pick`] cuts a whole document.
//!
//! Invariant: what is picked has sorted keys at every level.
//! Invariant: paths are bounded in depth, so no input makes a walk recurse further than JSON nests.

mod excerpt;

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::error::{Error, Result};

pub use excerpt::Excerpt;

/// Levels of a path; deeper ones can't name anything, since bodies nest less (128).
const DEPTH_MAX: usize = 128;

/// The picked paths.
#[derive(Clone, Debug)]
pub struct Picker {
    root: Node,
}

/// What to do with one key.
#[derive(Clone, Copy, Debug)]
pub enum Pick<'p> {
    /// Leave it out.
    Drop,
    /// Send it as it is (with sorted keys inside).
    Whole,
    /// Send what this leaves of it.
    Cut(&'p Node),
}

/// The paths below one key.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// The value itself was asked for, so all below it counts.
    whole: bool,
    excerpt: Option<Excerpt>,
    /// `*`: the keys not named in `children`, as this node says.
    rest: Option<Box<Node>>,
    children: BTreeMap<String, Node>,
}

impl Picker {
    /// The value of `?fields=`; `None` when there is nothing to pick. A broken modifier is a 400 with the default text.
    pub fn parse(text: &str) -> Result<Option<Self>> {
        if text.is_empty() {
            return Ok(None);
        }
        let mut root = Node::default();
        let mut paths = split_paths(text).peekable();
        if paths.peek().is_none() {
            return Ok(None);
        }
        for path in paths {
            root.add(path)?;
        }
        Ok(Some(Self { root }))
    }

    /// What to do with a key of the document, or of each item of a list.
    pub fn top(&self, key: &str) -> Pick<'_> {
        self.root.child(key)
    }

    /// The picked part of one document, or of each element of an array.
    pub fn pick(&self, value: Json) -> Json {
        self.root.apply(value)
    }

    /// The picked part of an answer: of a page, its items are picked and the envelope stays (keys in its own order).
    pub fn pick_answer(&self, value: Json) -> Json {
        match value {
            Json::Object(mut page) if is_page(&page) => {
                if let Some(items) = page.get_mut("items") {
                    *items = self.pick(items.take());
                }
                Json::Object(page)
            }
            other => self.pick(other),
        }
    }
}

impl Node {
    /// What this leaves of `value`: of an object the picked keys, of a list that of each element, a scalar as it is.
    pub fn apply(&self, value: Json) -> Json {
        match value {
            Json::Object(object) if !self.whole => self.pick_keys(object),
            Json::Array(items) => Json::Array(items.into_iter().map(|item| self.apply(item)).collect()),
            Json::String(text) => match &self.excerpt {
                Some(excerpt) => Json::String(excerpt.of(&text)),
                None => Json::String(text),
            },
            other => sorted(other),
        }
    }

    fn pick_keys(&self, object: Map<String, Json>) -> Json {
        let mut entries: Vec<_> = object.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        let picked = entries.into_iter().filter_map(|(key, value)| match self.child(&key) {
            Pick::Drop => None,
            Pick::Whole => Some((key, sorted(value))),
            Pick::Cut(node) => Some((key, node.apply(value))),
        });
        Json::Object(picked.collect())
    }

    fn child(&self, key: &str) -> Pick<'_> {
        match self.children.get(key).or(self.rest.as_deref()) {
            None => Pick::Drop,
            Some(node) if node.whole && node.excerpt.is_none() => Pick::Whole,
            Some(node) => Pick::Cut(node),
        }
    }

    /// Adds a path with its modifier.
    fn add(&mut self, path: &str) -> Result<()> {
        let (keys, modifier) = match path.split_once(':') {
            Some((keys, modifier)) => (keys, Some(Excerpt::parse(modifier).ok_or_else(Error::bad_request)?)),
            None => (path, None),
        };
        let keys: Vec<&str> = keys.split('.').collect();
        if keys.len() > DEPTH_MAX {
            return Ok(());
        }
        let mut node = self;
        for (at, key) in keys.iter().enumerate() {
            let is_last = at + 1 == keys.len();
            node = if *key == "*" && is_last {
                node.rest.get_or_insert_default()
            } else {
                node.children.entry((*key).to_owned()).or_default()
            };
        }
        node.whole = true;
        node.excerpt = modifier; // of a path given twice the last counts
        Ok(())
    }
}

/// The envelope of contract/00 §2, Lists.
fn is_page(object: &Map<String, Json>) -> bool {
    const KEYS: [&str; 5] = ["items", "page", "perPage", "totalItems", "totalPages"];
    // A page by cursor has one key more.
    let count = KEYS.len() + usize::from(object.contains_key("nextCursor"));
    object.len() == count && KEYS.iter().all(|key| object.contains_key(*key)) && object["items"].is_array()
}

/// The same value with sorted keys at every level.
fn sorted(value: Json) -> Json {
    match value {
        Json::Object(object) => {
            let mut entries: Vec<_> = object.into_iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Json::Object(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        scalar => scalar,
    }
}

/// The comma separated paths, trimmed, without empty ones; commas inside parentheses belong to a modifier.
fn split_paths(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.split(move |character| {
        match character {
            '(' => inside = true,
            ')' => inside = false,
            _ => {}
        }
        character == ',' && !inside
    })
    .map(str::trim)
    .filter(|path| !path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pick(fields: &str, value: Json) -> String {
        Picker::parse(fields).unwrap().unwrap().pick_answer(value).to_string()
    }

    #[test]
    fn paths_pick_keys_at_every_level() {
        let value = json!({
            "title": "a", "id": "1", "tags": ["x", "y"], "meta": {"k": 1, "j": {"b": 1, "a": 2}},
            "expand": {"author": {"name": "n", "id": "2"}, "editors": [{"name": "p", "id": "3"}, {"id": "4"}]},
        });
        for (fields, expected) in [
            ("title, id", json!({"id": "1", "title": "a"})),
            ("tags.0", json!({"tags": ["x", "y"]})),
            ("title.x", json!({"title": "a"})),
            ("expand.editors.name", json!({"expand": {"editors": [{"name": "p"}, {}]}})),
            ("expand.author.*", json!({"expand": {"author": {"id": "2", "name": "n"}}})),
            ("expand.*.name", json!({"expand": {}})),
            ("meta,meta.k", json!({"meta": {"j": {"a": 2, "b": 1}, "k": 1}})),
            ("meta.k,meta", json!({"meta": {"j": {"a": 2, "b": 1}, "k": 1}})),
            ("nope", json!({})),
            (" , ,nope.x,", json!({})),
            (
                "*,expand.author.name",
                json!({"expand": {"author": {"name": "n"}}, "id": "1", "meta": {"j": {"a": 2, "b": 1}, "k": 1},
                    "tags": ["x", "y"], "title": "a"}),
            ),
            ("*,meta.j.*", {
                let mut all = value.clone();
                all["meta"] = json!({"j": {"a": 2, "b": 1}});
                sorted(all)
            }),
        ] {
            assert_eq!(pick(fields, value.clone()), expected.to_string(), "{fields}");
        }
    }

    #[test]
    fn of_a_page_the_items_are_picked_and_of_an_array_the_elements() {
        let page = json!({"items": [{"b": 1, "a": 2}], "page": 1, "perPage": 30, "totalItems": 1, "totalPages": 1});
        assert_eq!(pick("page", page.clone()), r#"{"items":[{}],"page":1,"perPage":30,"totalItems":1,"totalPages":1}"#);
        let by_cursor =
            json!({"items": [{"b": 1}], "nextCursor": "x", "page": 1, "perPage": 30, "totalItems": 1, "totalPages": 1});
        assert_eq!(pick("b", by_cursor.clone()), by_cursor.to_string());
        assert_eq!(pick("a,items", page), r#"{"items":[{"a":2}],"page":1,"perPage":30,"totalItems":1,"totalPages":1}"#);
        assert_eq!(pick("status", json!([{"status": 200, "body": {}}])), r#"[{"status":200}]"#);
    }

    #[test]
    fn an_excerpt_applies_to_texts_alone() {
        let value = json!({"a": "<p>Hello</p><p>world</p>", "n": 12345, "m": {"t": "long text"}});
        assert_eq!(pick("a:excerpt(7,true),n:excerpt(2)", value.clone()), r#"{"a":"Hello w...","n":12345}"#);
        assert_eq!(pick("m.t:excerpt( 4 )", value.clone()), r#"{"m":{"t":"long"}}"#);
        assert_eq!(pick("a,a:excerpt (2)", value.clone()), r#"{"a":"He"}"#);
        assert_eq!(pick("a:excerpt(2),a", json!({"a": "abc"})), r#"{"a":"abc"}"#);
        assert_eq!(pick("*:excerpt(3)", value), r#"{"a":"Hel","m":{"t":"long text"},"n":12345}"#);
    }

    #[test]
    fn broken_modifiers_are_refused() {
        for fields in [
            "a:foo()",
            "a:excerpt",
            "a:excerpt()",
            "a:excerpt(0)",
            "a:excerpt(-1)",
            "a:excerpt(x)",
            "a:excerpt(1,true,2)",
            "a:excerpt(1",
            "a:excerpt(3):excerpt(2)",
            "a:",
        ] {
            assert!(Picker::parse(fields).is_err(), "{fields}");
        }
    }

    #[test]
    fn without_a_path_nothing_is_picked() {
        for fields in ["", ",", " , "] {
            assert!(Picker::parse(fields).unwrap().is_none(), "{fields:?}");
        }
    }

    #[test]
    fn deep_paths_are_bounded() {
        let deep = vec!["a"; 100_000].join(".");
        assert_eq!(pick(&deep, json!({"a": 1})), "{}");
    }
}
