//! Keys of a request body: a field's name, alone or with a modifier (contract/03 §7).

use serde_json::Value as Json;

use super::casts;
use super::collection::Collection;
use super::field::{Field, Shape};
use super::fields::Kind;
use super::value::FieldValue;

/// What a key of a body does to a field beside setting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modifier {
    /// `f+` of a number.
    Add,
    /// `f-` of a number.
    Subtract,
    /// `f+` of a select, relation or file.
    Append,
    /// `+f` of these.
    Prepend,
    /// `f-` of these.
    Remove,
    /// `f:autogenerate` of a text.
    Autogenerate,
}

impl Collection {
    /// The position of the field that a key of a body means, and how. `None` for a key that means none: it is ignored.
    pub fn body_key(&self, key: &str) -> Option<(usize, Option<Modifier>)> {
        if let Some(index) = self.field_index(key) {
            return Some((index, None));
        }
        let (name, sign) = split_modifier(key)?;
        let index = self.field_index(name)?;
        let modifier = self.fields[index].modifier(sign)?;
        Some((index, Some(modifier)))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    PlusBehind,
    PlusBefore,
    MinusBehind,
    Autogenerate,
}

fn split_modifier(key: &str) -> Option<(&str, Sign)> {
    let behind = key.strip_suffix('+').map(|name| (name, Sign::PlusBehind));
    let before = key.strip_prefix('+').map(|name| (name, Sign::PlusBefore));
    let minus = key.strip_suffix('-').map(|name| (name, Sign::MinusBehind));
    let generate = key.strip_suffix(":autogenerate").map(|name| (name, Sign::Autogenerate));
    behind.or(before).or(minus).or(generate)
}

impl Field {
    fn modifier(&self, sign: Sign) -> Option<Modifier> {
        match (&self.kind, sign) {
            (Kind::Number(_), Sign::PlusBehind) => Some(Modifier::Add),
            (Kind::Number(_), Sign::MinusBehind) => Some(Modifier::Subtract),
            (Kind::Select(_) | Kind::Relation(_) | Kind::File(_), Sign::PlusBehind) => Some(Modifier::Append),
            (Kind::Select(_) | Kind::Relation(_) | Kind::File(_), Sign::PlusBefore) => Some(Modifier::Prepend),
            (Kind::Select(_) | Kind::Relation(_) | Kind::File(_), Sign::MinusBehind) => Some(Modifier::Remove),
            (Kind::Text(_), Sign::Autogenerate) => Some(Modifier::Autogenerate),
            _ => None,
        }
    }

    /// The value that a modifier makes of `current`. Of a file field, `input` names uploads by their new names.
    pub fn modified(&self, current: &FieldValue, modifier: Modifier, input: &Json) -> FieldValue {
        match modifier {
            Modifier::Add => FieldValue::Number(number_of(current) + casts::to_number(input)),
            Modifier::Subtract => FieldValue::Number(number_of(current) - casts::to_number(input)),
            Modifier::Append => self.joined(current.items().iter().cloned().chain(casts::to_list(input))),
            Modifier::Prepend => self.joined(casts::to_list(input).into_iter().chain(current.items().iter().cloned())),
            Modifier::Remove => {
                let removed = casts::to_list(input);
                self.joined(current.items().iter().filter(|item| !removed.contains(item)).cloned())
            }
            Modifier::Autogenerate => FieldValue::Text(casts::to_text(input) + &self.generated()),
        }
    }

    /// A text after the field's expression; `""` if it has none (contract/03 §5).
    pub fn generated(&self) -> String {
        match &self.kind {
            Kind::Text(options) => options.autogenerate_pattern.generate(),
            _ => String::new(),
        }
    }

    /// Items as the field holds them: unique, and of a single-valued field the last.
    fn joined(&self, items: impl Iterator<Item = String>) -> FieldValue {
        let mut items = casts::unique(items);
        match self.shape() {
            Shape::Multiple => FieldValue::List(items),
            _ => FieldValue::Text(items.pop().unwrap_or_default()),
        }
    }
}

fn number_of(value: &FieldValue) -> f64 {
    match value {
        FieldValue::Number(number) => *number,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn collection() -> Collection {
        let fields = json!([
            {"type": "text", "name": "id"}, {"type": "number", "name": "n"}, {"type": "date", "name": "d"},
            {"type": "select", "name": "one", "values": ["a", "b", "c"]},
            {"type": "select", "name": "many", "values": ["a", "b", "c"], "maxSelect": 3},
            {"type": "text", "name": "slug", "autogeneratePattern": "[x]{3}"}, {"type": "text", "name": "plain"},
            {"type": "file", "name": "docs", "maxSelect": 5},
        ]);
        Collection::of_fields("things", &fields)
    }

    #[test]
    fn keys_that_mean_a_field() {
        let collection = collection();
        let meaning = |key: &str| {
            let (index, modifier) = collection.body_key(key)?;
            Some((collection.fields[index].name.as_str().to_owned(), modifier))
        };
        for (key, name, modifier) in [
            ("n", "n", None),
            ("n+", "n", Some(Modifier::Add)),
            ("n-", "n", Some(Modifier::Subtract)),
            ("many+", "many", Some(Modifier::Append)),
            ("+many", "many", Some(Modifier::Prepend)),
            ("many-", "many", Some(Modifier::Remove)),
            ("docs+", "docs", Some(Modifier::Append)),
            ("slug:autogenerate", "slug", Some(Modifier::Autogenerate)),
        ] {
            assert_eq!(meaning(key), Some((name.to_owned(), modifier)), "{key}");
        }
        for key in
            ["+n", "d+", "d-", "plain+", "many:autogenerate", "n:autogenerate", "nope", "nope+", "+", "", "+many+", "N"]
        {
            assert_eq!(meaning(key), None, "{key}");
        }
    }

    #[test]
    fn what_modifiers_do() {
        let collection = collection();
        let number = |n: f64| FieldValue::Number(n);
        let text = |t: &str| FieldValue::Text(t.to_owned());
        let list = |items: &[&str]| FieldValue::List(items.iter().map(|i| (*i).to_owned()).collect());
        for (key, current, input, result) in [
            ("n+", number(5.0), json!(2), number(7.0)),
            ("n+", number(5.0), json!("1.5"), number(6.5)),
            ("n+", number(5.0), json!("abc"), number(5.0)),
            ("n-", number(5.0), json!(2), number(3.0)),
            ("many+", list(&["a"]), json!(["b", "a"]), list(&["a", "b"])),
            ("many+", list(&["a"]), json!("c"), list(&["a", "c"])),
            ("+many", list(&["a", "b"]), json!(["c", "b"]), list(&["c", "b", "a"])),
            ("many-", list(&["a", "b", "c"]), json!(["b", "zzz"]), list(&["a", "c"])),
            ("many-", list(&["a"]), json!("a"), list(&[])),
            ("one+", text("a"), json!("b"), text("b")),
            ("one+", text("a"), json!([]), text("a")),
            ("+one", text("a"), json!("b"), text("a")),
            ("+one", text(""), json!(["b", "c"]), text("c")),
            ("one-", text("a"), json!("a"), text("")),
            ("one-", text("a"), json!("b"), text("a")),
            ("slug:autogenerate", text("old"), json!("p_"), text("p_xxx")),
            ("slug:autogenerate", text("old"), json!(""), text("xxx")),
            ("plain:autogenerate", text("old"), json!("p_"), text("p_")),
            ("docs-", list(&["x.txt", "y.txt"]), json!(["x.txt"]), list(&["y.txt"])),
        ] {
            let (index, modifier) = collection.body_key(key).unwrap();
            assert_eq!(collection.fields[index].modified(&current, modifier.unwrap(), &input), result, "{key} {input}");
        }
    }
}
