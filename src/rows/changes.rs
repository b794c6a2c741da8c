//! What the change log keeps of a row before it was changed (ARCHITECTURE, seam 3).

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::schema::fields::Kind;
use crate::schema::{Collection, Field, FieldValue, Record};

/// Of a larger row only the fields that rules mention are kept: the log exists to ask rules about what was there.
const OLD_BYTES_MAX: usize = 16 * 1024;

/// The stored row as JSON, without password hashes and token keys.
pub fn old_json(record: &Record) -> String {
    let all = render(record, |_| true);
    if all.len() <= OLD_BYTES_MAX {
        return all;
    }
    let collection = record.collection();
    let rules = &collection.rules;
    let manage = collection.auth().and_then(|options| options.manage_rule.as_ref());
    let rules: Vec<&str> = [&rules.list, &rules.view, &rules.create, &rules.update, &rules.delete]
        .into_iter()
        .filter_map(|rule| rule.as_deref())
        .chain(manage.map(String::as_str))
        .collect();
    render(record, |field| field.is_primary_key() || rules.iter().any(|rule| mentions(rule, &field.name)))
}

/// The record that [`old_json`] wrote; fields that it left out, or that came later, are empty. `None` for what isn't its
/// JSON.
pub fn record_from_old(collection: &Arc<Collection>, id: &str, old: &str) -> Option<Record> {
    let object: Map<String, Json> = serde_json::from_str(old).ok()?;
    let values = collection.fields.iter().map(|field| match object.get(&field.name) {
        Some(json) => field.value_of_json(json),
        None => field.zero(),
    });
    let mut record = Record::new(collection.clone(), values.collect());
    record.set("id", FieldValue::Text(id.to_owned()));
    Some(record)
}

fn render(record: &Record, keep: impl Fn(&Field) -> bool) -> String {
    let collection = record.collection();
    let is_secret =
        |field: &Field| matches!(field.kind, Kind::Password(_)) || (collection.is_auth() && field.name == "tokenKey");
    let kept = collection.fields.iter().zip(record.values()).filter(|(field, _)| !is_secret(field) && keep(field));
    let object: Map<String, Json> = kept.map(|(field, value)| (field.name.clone(), value.to_json())).collect();
    Json::Object(object).to_string()
}

/// Whether the field's name stands in the rule as a word; may be true for a word in a text, which only keeps more.
fn mentions(rule: &str, name: &str) -> bool {
    rule.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name)
}
