//! How a change meets the document (contract/20 §2): absent keys keep their value at any depth, unknown keys are
//! ignored, `null` empties a list and changes nothing else, lists are replaced whole. Types are strict.

use serde_json::{Map, Value as Json};

use super::Settings;
use crate::formats::parse_flag;

/// A value of the change has another JSON type than its key takes.
#[derive(Debug, thiserror::Error)]
#[error("the settings can't take this document: {0}")]
pub struct WrongType(String);

impl Settings {
    /// The document after a client's change.
    pub fn merged(&self, change: Json) -> Result<Self, WrongType> {
        let known = Settings::default().with_secrets();
        merged(self.with_secrets(), change, Some(&known))
    }

    /// The document of a stored row: what it lacks has its default.
    pub fn from_stored(row: Json) -> Result<Self, WrongType> {
        merged(Settings::default().with_secrets(), row, None)
    }

    /// What a client sent as a change: JSON values, and form fields with dotted names whose values have the type that
    /// their key takes (contract/20 §2). A JSON value goes before a field of the same name; a field that can't be read as
    /// its type stays text, which the merge then refuses; names that the document doesn't have are ignored.
    pub fn change_of(json: Map<String, Json>, fields: &[(String, Vec<String>)]) -> Json {
        let mut change = Json::Object(json);
        if fields.is_empty() {
            return change;
        }
        let document = Settings::default().with_secrets();
        for (name, values) in fields {
            let pointer = format!("/{}", name.replace('.', "/"));
            if let Some(current) = document.pointer(&pointer)
                && change.pointer(&pointer).is_none()
            {
                put_at(&mut change, name, form_value(current, values));
            }
        }
        change
    }
}

/// Merges `change` into `document`. Keys that `known` lacks are ignored; without `known` every key is taken, as a newer
/// version's row needs it.
fn merged(mut document: Json, change: Json, known: Option<&Json>) -> Result<Settings, WrongType> {
    merge(&mut document, change, known, "")?;
    serde_json::from_value(document).map_err(|error| WrongType(error.to_string()))
}

fn merge(current: &mut Json, change: Json, known: Option<&Json>, key: &str) -> Result<(), WrongType> {
    match (current, change) {
        (Json::Array(list), Json::Null) => list.clear(),
        (_, Json::Null) => {}
        (Json::Object(document), Json::Object(change)) => {
            for (key, value) in change {
                let known_value = known.and_then(|known| known.get(&key));
                if known.is_some() && known_value.is_none() {
                    continue;
                }
                match document.get_mut(&key) {
                    Some(current) => merge(current, value, known_value, &key)?,
                    None => drop(document.insert(key, value)),
                }
            }
        }
        (Json::Array(list), Json::Array(items)) => {
            // The one list of objects is that of the rate limits; a null item is an empty one.
            let empty = if key == "rules" { Json::Object(Map::new()) } else { Json::String(String::new()) };
            *list = items.into_iter().map(|item| if item.is_null() { empty.clone() } else { item }).collect();
            if known.is_some() {
                list.iter_mut().for_each(keep_rule_keys);
            }
        }
        (Json::Object(_) | Json::Array(_), _) => return Err(WrongType(format!("{key}: not its type"))),
        (current, value) => *current = value,
    }
    Ok(())
}

/// Drops the keys that a rate limit rule doesn't have.
fn keep_rule_keys(item: &mut Json) {
    if let Json::Object(rule) = item {
        rule.retain(|key, _| ["label", "audience", "duration", "maxRequests"].contains(&key.as_str()));
        // `null` changes nothing, and a new item starts from zero values.
        rule.retain(|_, value| !value.is_null());
    }
}

fn form_value(current: &Json, values: &[String]) -> Json {
    let first = values.first().map_or("", String::as_str);
    let text = || Json::String(first.to_owned());
    match current {
        Json::Bool(_) if first.is_empty() => false.into(),
        Json::Bool(_) => parse_flag(first).map_or_else(text, Json::from),
        Json::Number(_) if first.is_empty() => 0.into(),
        Json::Number(_) => first.parse::<i64>().map_or_else(|_| text(), Json::from),
        Json::Array(_) => values.iter().cloned().map(Json::String).collect(),
        Json::Null | Json::String(_) | Json::Object(_) => text(),
    }
}

/// Sets the value at a dotted name, making the objects on the way.
fn put_at(document: &mut Json, name: &str, value: Json) {
    let mut place = document;
    for key in name.split('.') {
        place = match place {
            Json::Object(map) => map.entry(key).or_insert_with(|| Json::Object(Map::new())),
            // A longer name after its own beginning, such as `smtp=1&smtp.port=2`: the first stands.
            _ => return,
        };
    }
    *place = value;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_null_and_unknown_keys_change_nothing() {
        let before = Settings::default();
        let change = json!({"smtp": {"port": null, "nope": 1}, "nope": {"a": 1}, "meta": null, "batch": {}});
        let after = before.merged(change).unwrap();
        assert_eq!(after.to_stored(), before.to_stored());
    }

    #[test]
    fn null_empties_a_list() {
        let after = Settings::default().merged(json!({"rateLimits": {"rules": null}})).unwrap();
        assert!(after.rate_limits.rules.is_empty());
    }

    #[test]
    fn list_items_start_from_zero_values() {
        let change = json!({"rateLimits": {"rules": [{"label": "/api", "x": 1, "duration": null}, null]}});
        let after = Settings::default().merged(change).unwrap();
        let rules = json!([{"label": "/api", "audience": "", "duration": 0, "maxRequests": 0},
            {"label": "", "audience": "", "duration": 0, "maxRequests": 0}]);
        assert_eq!(after.to_public()["rateLimits"]["rules"], rules);
    }

    #[test]
    fn types_are_strict() {
        let wrong = [
            json!({"smtp": {"port": "25"}}),
            json!({"smtp": {"port": 25.5}}),
            json!({"smtp": {"port": 1e30}}),
            json!({"smtp": {"enabled": 1}}),
            json!({"smtp": {"host": 1}}),
            json!({"smtp": []}),
            json!({"smtp": "x"}),
            json!({"superuserIPs": "127.0.0.1"}),
            json!({"superuserIPs": [1]}),
            json!({"superuserIPs": {}}),
            json!({"rateLimits": {"rules": [["a", "", 1, 1]]}}),
            json!({"rateLimits": {"rules": ["a"]}}),
            json!({"meta": {"appName": ["a"]}}),
            json!([]),
            json!("x"),
            json!(1),
        ];
        for change in wrong {
            assert!(Settings::default().merged(change.clone()).is_err(), "{change}");
        }
    }

    #[test]
    fn secrets_are_kept_set_and_cleared() {
        let set = Settings::default().merged(json!({"smtp": {"password": "p"}, "s3": {"secret": "s"}})).unwrap();
        let kept = set.merged(set.to_public()).unwrap();
        assert_eq!(kept.smtp.password.expose(), "p");
        assert_eq!(kept.s3.secret.expose(), "s");
        let cleared = kept.merged(json!({"smtp": {"password": ""}, "s3": {"secret": ""}})).unwrap();
        assert!(cleared.smtp.password.is_empty() && cleared.s3.secret.is_empty());
    }

    #[test]
    fn a_row_of_another_version_keeps_its_keys_and_gets_missing_ones() {
        let row = json!({"future": [1], "smtp": {"host": "h", "later": {"a": null}}, "rateLimits": {"rules":
            [{"label": "a", "duration": 1, "maxRequests": 1, "burst": 2}], "excludedIPs": null}});
        let settings = Settings::from_stored(row).unwrap();
        assert_eq!(settings.smtp.port, 587);
        let stored = settings.merged(json!({"future": 5, "smtp": {"port": 25, "later": 1}})).unwrap().to_stored();
        assert_eq!(stored["smtp"]["port"], 25);
        assert_eq!((&stored["future"], &stored["smtp"]["later"]), (&json!([1]), &json!({"a": null})));
        assert_eq!(stored["rateLimits"]["rules"][0]["burst"], 2);
    }

    #[test]
    fn forms_are_read_by_the_type_of_their_key() {
        let text = |text: &str| vec![text.to_owned()];
        let fields = [
            ("logs.maxDays", text("7")),
            ("smtp.enabled", text("true")),
            ("meta.appName", text("5")),
            ("superuserIPs", vec!["1.1.1.1".to_owned(), "2.2.2.2".to_owned()]),
            ("nope.x", text("1")),
        ];
        let fields: Vec<_> = fields.into_iter().map(|(name, values)| (name.to_owned(), values)).collect();
        let payload = json!({"logs": {"maxDays": 9, "minLevel": 4}}).as_object().unwrap().clone();
        assert_eq!(
            Settings::change_of(Map::new(), &fields),
            json!({"logs": {"maxDays": 7}, "smtp": {"enabled": true}, "meta": {"appName": "5"},
                "superuserIPs": ["1.1.1.1", "2.2.2.2"]})
        );
        assert_eq!(Settings::change_of(payload, &fields)["logs"], json!({"maxDays": 9, "minLevel": 4}));
        let change = Settings::change_of(Map::new(), &[("logs.maxDays".to_owned(), text("x"))]);
        assert!(Settings::default().merged(change).is_err());
    }
}
