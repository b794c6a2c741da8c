//! What a new collection begins with: ids made from names, the fields that a type needs, its default indexes, and the
//! empty collections that the dashboard starts from (contract/01 §6, contract/02 §4, §12).

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::ids;
use crate::schema::fields::{BoolOptions, EmailOptions, Kind, PasswordOptions, TextOptions};
use crate::schema::{AuthOptions, Collection, CollectionKind, Field, Rules};

/// How often a taken id is numbered anew.
const NUMBERED_IDS_MAX: usize = 999;
/// Names of default indexes are cut to this many bytes.
const INDEX_NAME_BYTES_MAX: usize = 64;
const RECORD_ID_LENGTH: i64 = 15;

/// The id that a collection of this type and name gets, numbered if it is taken.
pub(super) fn collection_id(type_name: &str, name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let id = format!("pbc_{}", crc32fast::hash(format!("{type_name}{name}").as_bytes()));
    numbered(&id, is_taken)
}

/// The id of a field that came without one, numbered if one of `fields` has it.
pub(super) fn field_id(field: &Field, fields: &[Arc<Field>]) -> String {
    let id = format!("{}{}", field.kind.name(), crc32fast::hash(field.name.as_bytes()));
    numbered(&id, |id| fields.iter().any(|other| other.id == id))
}

/// `id`, or else the first of `id2`, `id3`, … that isn't taken.
fn numbered(id: &str, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(id) {
        return id.to_owned();
    }
    let numbered = (2..=NUMBERED_IDS_MAX).map(|number| format!("{id}{number}")).find(|id| !is_taken(id));
    numbered.unwrap_or_else(|| id.to_owned()) // refused by validation
}

/// The `id` field of a collection that brings none.
pub(super) fn id_field() -> Field {
    let options = TextOptions {
        min: RECORD_ID_LENGTH,
        max: RECORD_ID_LENGTH,
        pattern: ID_PATTERN.into(),
        autogenerate_pattern: "[a-z0-9]{15}".into(),
        primary_key: true,
    };
    Field { required: true, ..system_field("id", Kind::Text(options)) }
}

/// The pattern of an `id` field that has none of its own.
pub(super) const ID_PATTERN: &str = "^[a-z0-9]+$";

/// What the fields of an auth collection are called, in their order.
pub(super) const AUTH_FIELDS: [&str; 5] = ["password", "tokenKey", "email", "emailVisibility", "verified"];

/// Those of them whose values must be unique.
pub(super) const UNIQUE_AUTH_FIELDS: [&str; 2] = ["tokenKey", "email"];

/// A system field of an auth collection with its default options.
pub(super) fn auth_field(name: &str) -> Field {
    let field = |kind| system_field(name, kind);
    match name {
        "password" => {
            let options = PasswordOptions { min: 8, ..PasswordOptions::default() };
            Field { required: true, hidden: true, ..field(Kind::Password(options)) }
        }
        "tokenKey" => {
            let options = TextOptions {
                min: 30,
                max: 60,
                autogenerate_pattern: "[a-zA-Z0-9]{50}".into(),
                ..TextOptions::default()
            };
            Field { required: true, hidden: true, ..field(Kind::Text(options)) }
        }
        "email" => Field { required: true, ..field(Kind::Email(EmailOptions::default())) },
        _ => field(Kind::Bool(BoolOptions::default())),
    }
}

fn system_field(name: &str, kind: Kind) -> Field {
    let mut field = Field {
        id: String::new(),
        name: name.to_owned(),
        system: true,
        hidden: false,
        presentable: false,
        required: false,
        help: String::new(),
        kind,
        unknown: Map::new(),
    };
    field.id = field_id(&field, &[]);
    field
}

/// The fields whose values must be unique in an auth collection, with the statement that makes them so. `tag` ends the
/// index names: the collection's id as a rule.
pub(super) fn auth_indexes(tag: &str, table: &str) -> [(&'static str, String); 2] {
    let name = |field: &str| {
        let name = format!("idx_{field}_{tag}");
        name[..name.floor_char_boundary(INDEX_NAME_BYTES_MAX)].to_owned()
    };
    let token_key = format!("CREATE UNIQUE INDEX `{}` ON `{table}` (`tokenKey`)", name("tokenKey"));
    let email = format!("CREATE UNIQUE INDEX `{}` ON `{table}` (`email`) WHERE `email` != ''", name("email"));
    [("tokenKey", token_key), ("email", email)]
}

/// The empty collection of each type, as the dashboard starts from; posting one back with a name works.
pub fn scaffolds() -> Json {
    let scaffold = |kind: CollectionKind| {
        let mut fields = Vec::new();
        let mut indexes = Vec::new();
        match &kind {
            CollectionKind::Base => fields.push(Arc::new(id_field())),
            CollectionKind::Auth(_) => {
                fields.push(Arc::new(id_field()));
                fields.extend(AUTH_FIELDS.map(|name| Arc::new(auth_field(name))));
                // A random part, since the name and so the id isn't known yet.
                indexes.extend(auth_indexes(&ids::lower(10), "").map(|(_, statement)| statement));
            }
            CollectionKind::View { .. } => {}
        }
        let collection = Collection {
            id: Arc::from(""),
            name: Arc::from(""),
            kind,
            system: false,
            fields,
            indexes,
            rules: Rules::default(),
            created: String::new(),
            updated: String::new(),
            unknown_options: Map::new(),
        };
        Json::Object(collection.to_json())
    };
    let mut all = Map::new();
    all.insert("auth".to_owned(), scaffold(CollectionKind::Auth(Box::new(AuthOptions::scaffold()))));
    all.insert("base".to_owned(), scaffold(CollectionKind::Base));
    all.insert("view".to_owned(), scaffold(CollectionKind::View { query: String::new() }));
    Json::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_of_type_and_name_and_numbered_when_taken() {
        assert_eq!(collection_id("base", "c1", |_| false), "pbc_2016702440");
        assert_eq!(collection_id("base", "c1", |id| id == "pbc_2016702440"), "pbc_20167024402");
        let title = Field { name: "title".to_owned(), ..auth_field("tokenKey") };
        assert_eq!(field_id(&title, &[]), "text724990059");
        let taken = |id: &str| Arc::new(Field { id: id.to_owned(), ..title.clone() });
        assert_eq!(field_id(&title, &[taken("text724990059"), taken("text7249900592")]), "text7249900593");
    }

    #[test]
    fn system_fields_have_the_ids_and_options_of_the_contract() {
        let shown = |field: Field| Json::Object(field.to_json()).to_string();
        assert_eq!(
            shown(id_field()),
            r#"{"autogeneratePattern":"[a-z0-9]{15}","help":"","hidden":false,"id":"text3208210256","max":15,"min":15,"name":"id","pattern":"^[a-z0-9]+$","presentable":false,"primaryKey":true,"required":true,"system":true,"type":"text"}"#
        );
        let ids: Vec<String> = AUTH_FIELDS.iter().map(|name| auth_field(name).id).collect();
        assert_eq!(ids, ["password901924565", "text2504183744", "email3885137012", "bool1547992806", "bool256245529"]);
        assert_eq!(
            shown(auth_field("password")),
            r#"{"cost":0,"help":"","hidden":true,"id":"password901924565","max":0,"min":8,"name":"password","pattern":"","presentable":false,"required":true,"system":true,"type":"password"}"#
        );
    }

    #[test]
    fn scaffolds_show_every_option_but_no_secret() {
        let all = scaffolds();
        let keys: Vec<&str> = all.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["auth", "base", "view"]);
        assert_eq!(all["auth"]["authToken"], serde_json::json!({"duration": 432_000}));
        assert_eq!(all["auth"]["fields"].as_array().map(Vec::len), Some(6));
        assert_eq!(all["base"]["fields"].as_array().map(Vec::len), Some(1));
        assert_eq!(all["view"]["fields"], serde_json::json!([]));
        assert_eq!(all["view"]["viewQuery"], "");
        let index = all["auth"]["indexes"][0].as_str().expect("a text");
        assert!(index.starts_with("CREATE UNIQUE INDEX `idx_tokenKey_") && index.ends_with("` ON `` (`tokenKey`)"));
    }
}
