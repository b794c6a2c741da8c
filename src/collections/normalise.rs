//! What is repaired before validation: ids that were left out, the fields and indexes that a type needs, names of
//! tables in index statements (contract/02 §4.2).

use std::sync::Arc;

use crate::schema::fields::Kind;
use crate::schema::index::Index;
use crate::schema::{Collection, CollectionKind, Field};

use super::draft::Draft;
use super::scaffold;

/// Gives ids and index names, fields and indexes that are missing. `is_taken`: whether a collection has this id. A view's
/// fields are inferred elsewhere.
pub(super) fn normalise(draft: &mut Draft, is_taken: impl Fn(&str) -> bool) {
    let collection = &mut draft.collection;
    let default_id = || scaffold::collection_id(&draft.type_name, &collection.name, &is_taken);
    if !draft.has_own_indexes && collection.is_auth() {
        let indexes = scaffold::auth_indexes(&default_id(), &collection.name);
        collection.indexes.extend(indexes.map(|(_, statement)| statement));
    }
    if collection.id.is_empty() {
        collection.id = default_id().into();
    }
    let is_known_type = draft.type_name == collection.type_name();
    if collection.is_view() || !is_known_type {
        return;
    }
    give_field_ids(&mut collection.fields);
    ensure_id_field(&mut collection.fields);
    if collection.is_auth() {
        ensure_auth_fields(&mut collection.fields);
        ensure_auth_indexes(collection);
        clear_unknown_mappings(collection);
    }
    point_indexes_at_table(collection);
}

/// Fields without an id get the one made of their type and name.
fn give_field_ids(fields: &mut [Arc<Field>]) {
    for index in 0..fields.len() {
        if fields[index].id.is_empty() {
            let id = scaffold::field_id(&fields[index], fields);
            Arc::make_mut(&mut fields[index]).id = id;
        }
    }
}

/// Puts a default `id` field in front if there is no text field of that name, else sets what every `id` field has.
fn ensure_id_field(fields: &mut Vec<Arc<Field>>) {
    for field in fields.iter_mut().filter(|field| field.name == "id") {
        let field = Arc::make_mut(field);
        if let Kind::Text(text) = &mut field.kind {
            field.system = true;
            field.required = true;
            field.hidden = false;
            text.primary_key = true;
            if text.pattern.is_empty() {
                text.pattern = scaffold::ID_PATTERN.into();
            }
            return;
        }
    }
    fields.insert(0, Arc::new(scaffold::id_field()));
}

/// Appends the system fields of auth collections that are missing and replaces those of a wrong type; others keep their
/// place and options but for the flags that must be as they are.
fn ensure_auth_fields(fields: &mut Vec<Arc<Field>>) {
    for name in scaffold::AUTH_FIELDS {
        let default = scaffold::auth_field(name);
        let Some(field) = fields.iter_mut().find(|field| field.name == name) else {
            fields.push(Arc::new(default));
            continue;
        };
        let field = Arc::make_mut(field);
        if field.kind.name() != default.kind.name() {
            *field = Field { id: std::mem::take(&mut field.id), ..default };
            continue;
        }
        field.system = true;
        match name {
            "password" | "tokenKey" => {
                field.hidden = true;
                field.required = true;
            }
            "email" => field.hidden = false,
            _ => {}
        }
    }
}

/// Appends the index of each field that must be unique unless there is one already.
fn ensure_auth_indexes(collection: &mut Collection) {
    for (field, statement) in scaffold::auth_indexes(&collection.id, &collection.name) {
        if !collection.read_indexes().any(|index| index.is_unique_on(field)) {
            collection.indexes.push(statement);
        }
    }
}

/// A mapping to a field that isn't there maps to nothing.
fn clear_unknown_mappings(collection: &mut Collection) {
    let CollectionKind::Auth(options) = &mut collection.kind else { return };
    let mapped = &mut options.oauth2.mapped_fields;
    for target in [&mut mapped.id, &mut mapped.name, &mut mapped.username, &mut mapped.avatar_url] {
        if !collection.fields.iter().any(|field| field.name == *target) {
            target.clear();
        }
    }
}

/// Rewrites the statements that name another table; those that don't stay as they were typed.
fn point_indexes_at_table(collection: &mut Collection) {
    for statement in &mut collection.indexes {
        let Some(mut index) = Index::parse(statement) else { continue }; // refused by validation
        if index.table != *collection.name {
            index.table = collection.name.to_string();
            *statement = index.build();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::collections::body::{CollectionBody, Source};

    fn draft(body: Json) -> Draft {
        let Json::Object(object) = body else { unreachable!("tests give objects") };
        let body = CollectionBody::read(object, Source::Json).expect("well typed");
        let mut draft = Draft::new_collection(&body).expect("well typed");
        normalise(&mut draft, |_| false);
        draft
    }

    fn names(draft: &Draft) -> Vec<(&str, &str)> {
        draft.collection.fields.iter().map(|field| (field.name.as_str(), field.id.as_str())).collect()
    }

    #[test]
    fn a_base_collection_gets_its_id_and_the_id_field_in_front() {
        let draft = draft(json!({"name": "c1", "fields": [{"name": "title", "type": "text"}]}));
        assert_eq!(&*draft.collection.id, "pbc_2016702440");
        assert_eq!(names(&draft), [("id", "text3208210256"), ("title", "text724990059")]);
    }

    #[test]
    fn an_id_field_keeps_its_place_and_lengths_but_not_its_flags() {
        let id = json!({"name": "id", "type": "text", "id": "own", "hidden": true, "min": 3, "required": false});
        let draft = draft(json!({"name": "c", "fields": [{"name": "a", "type": "bool"}, id]}));
        assert_eq!(names(&draft)[1], ("id", "own"));
        let id = Json::Object(draft.collection.fields[1].to_json());
        assert_eq!(id["pattern"], "^[a-z0-9]+$");
        let flags = ["system", "required", "primaryKey", "hidden"].map(|key| id[key].as_bool().expect("a flag"));
        assert_eq!(flags, [true, true, true, false]);
        assert_eq!((&id["min"], &id["max"]), (&json!(3), &json!(0)));
    }

    #[test]
    fn an_auth_collection_gets_what_it_lacks() {
        let draft = draft(json!({"name": "aa1", "type": "auth", "id": "own", "fields": [
            {"name": "password", "type": "number", "id": "p"}, {"name": "email", "type": "email", "hidden": true}
        ], "oauth2": {"mappedFields": {"name": "nope", "id": "email"}}}));
        let expected = ["id", "password", "email", "tokenKey", "emailVisibility", "verified"];
        assert_eq!(names(&draft).iter().map(|(name, _)| *name).collect::<Vec<_>>(), expected);
        assert_eq!(names(&draft)[1], ("password", "p"));
        let email = draft.collection.field("email").expect("there");
        assert!(email.system && !email.hidden && !email.required);
        // The default indexes are made of the id that the collection would have got.
        assert_eq!(
            draft.collection.indexes[0],
            "CREATE UNIQUE INDEX `idx_tokenKey_pbc_2108647029` ON `aa1` (`tokenKey`)"
        );
        let mapped = &draft.collection.auth().expect("auth").oauth2.mapped_fields;
        assert_eq!((mapped.name.as_str(), mapped.id.as_str()), ("", "email"));
    }

    #[test]
    fn missing_unique_indexes_are_appended_and_tables_corrected() {
        let draft = draft(json!({"name": "aa1", "type": "auth", "id": "own", "indexes": [
            "create unique index e on anything (EMAIL collate nocase) where email != 'x'", "CREATE INDEX i on `aa1` (verified)"
        ]}));
        assert_eq!(
            draft.collection.indexes,
            [
                "CREATE UNIQUE INDEX `e` ON `aa1` (`EMAIL` COLLATE nocase) WHERE email != 'x'",
                "CREATE INDEX i on `aa1` (verified)",
                "CREATE UNIQUE INDEX `idx_tokenKey_own` ON `aa1` (`tokenKey`)"
            ]
        );
    }

    #[test]
    fn an_unknown_type_is_left_for_validation() {
        let draft = draft(json!({"name": "c", "type": "nope"}));
        assert_eq!(draft.type_name, "nope");
        assert!(draft.collection.fields.is_empty());
    }
}
