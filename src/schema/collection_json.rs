//! A collection between its three forms: the stored row (contract/01 §5), the value, and the object of the API
//! (contract/02 §2).

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use super::auth_options::AuthOptions;
use super::collection::{Collection, CollectionKind, Rules};
use super::field::Field;
use super::fields::OptionsError;

/// The row of a collection as it lies in its table; `fields`, `indexes` and `options` are JSON text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredCollection {
    pub id: String,
    pub system: bool,
    pub type_name: String,
    pub name: String,
    pub fields: String,
    pub indexes: String,
    pub rules: Rules,
    pub options: String,
    pub created: String,
    pub updated: String,
}

/// A stored row that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableCollection {
    #[error("collection {name:?} has the unknown type {type_name:?}")]
    Type { name: String, type_name: String },
    #[error("the {part} of collection {name:?} can't be read: {source}")]
    Json { name: String, part: &'static str, source: serde_json::Error },
    #[error("a field of collection {name:?} can't be read: {source}")]
    Field { name: String, source: OptionsError },
}

/// Fields by their stored text. Those of the same name and kind have the same id, so that most collections share some to
/// the letter (`id`, `created`, `updated`): each is parsed once, which is most of what a start with many collections
/// costs.
#[derive(Debug, Default)]
pub struct KnownFields(HashMap<Box<str>, Field>);

impl KnownFields {
    fn read(&mut self, text: &str, name: &str) -> Result<Field, UnreadableCollection> {
        if let Some(field) = self.0.get(text) {
            return Ok(field.clone());
        }
        let object: Map<String, Json> = serde_json::from_str(text).map_err(|source| UnreadableCollection::Json {
            name: name.to_owned(),
            part: "field list",
            source,
        })?;
        let field = Field::from_json(&object)
            .map_err(|source| UnreadableCollection::Field { name: name.to_owned(), source })?;
        self.0.insert(text.into(), field.clone());
        Ok(field)
    }
}

impl Collection {
    /// Reads a stored row.
    pub fn from_stored(row: &StoredCollection) -> Result<Self, UnreadableCollection> {
        Self::from_stored_among(row, &mut KnownFields::default())
    }

    /// Reads one of many stored rows; `known` is for all of them.
    pub fn from_stored_among(row: &StoredCollection, known: &mut KnownFields) -> Result<Self, UnreadableCollection> {
        let unreadable = |part| move |source| UnreadableCollection::Json { name: row.name.clone(), part, source };
        let objects: Option<Vec<&RawValue>> = serde_json::from_str(&row.fields).map_err(unreadable("field list"))?;
        let objects = objects.unwrap_or_default();
        let fields = objects.iter().map(|object| known.read(object.get(), &row.name)).collect::<Result<_, _>>()?;
        let indexes: Option<Vec<String>> = serde_json::from_str(&row.indexes).map_err(unreadable("index list"))?;
        let (kind, unknown_options) = read_options(row)?;
        Ok(Self {
            id: row.id.as_str().into(),
            name: row.name.as_str().into(),
            kind,
            system: row.system,
            fields,
            indexes: indexes.unwrap_or_default(),
            rules: row.rules.clone(),
            created: row.created.clone(),
            updated: row.updated.clone(),
            unknown_options,
        })
    }

    /// The row to store.
    pub fn to_stored(&self) -> StoredCollection {
        let fields: Vec<Json> = self.fields.iter().map(|field| Json::Object(field.to_json())).collect();
        StoredCollection {
            id: self.id.to_string(),
            system: self.system,
            type_name: self.type_name().to_owned(),
            name: self.name.to_string(),
            fields: stored_json(&fields),
            indexes: stored_json(&self.indexes),
            rules: self.rules.clone(),
            options: stored_json(&self.options_json()),
            created: self.created.clone(),
            updated: self.updated.clone(),
        }
    }

    /// The object of the API: keys in the contract's order, no secrets.
    pub fn to_json(&self) -> Map<String, Json> {
        let fields = self.fields.iter().map(|field| Json::Object(field.to_json())).collect();
        let mut object = Map::new();
        let mut put = |key: &str, value: Json| object.insert(key.to_owned(), value);
        put("id", self.id.as_ref().into());
        put("listRule", self.rules.list.as_deref().into());
        put("viewRule", self.rules.view.as_deref().into());
        put("createRule", self.rules.create.as_deref().into());
        put("updateRule", self.rules.update.as_deref().into());
        put("deleteRule", self.rules.delete.as_deref().into());
        put("name", self.name.as_ref().into());
        put("type", self.type_name().into());
        put("fields", Json::Array(fields));
        put("indexes", self.indexes.as_slice().into());
        put("created", self.created.as_str().into());
        put("updated", self.updated.as_str().into());
        put("system", self.system.into());
        let mut options = self.options_json();
        redact(&mut options);
        object.append(&mut options);
        object
    }

    /// The options of the collection's type as stored, secrets in clear, unknown keys at the end.
    pub fn options_json(&self) -> Map<String, Json> {
        let mut options = match &self.kind {
            CollectionKind::Base => Map::new(),
            CollectionKind::View { query } => Map::from_iter([("viewQuery".to_owned(), Json::String(query.clone()))]),
            CollectionKind::Auth(options) => auth_json(options),
        };
        for (key, value) in &self.unknown_options {
            options.entry(key.clone()).or_insert_with(|| value.clone());
        }
        options
    }
}

/// Auth options as an object in their stored order, secrets in clear.
pub fn auth_json(options: &AuthOptions) -> Map<String, Json> {
    match serde_json::to_value(options) {
        Ok(Json::Object(object)) => object,
        _ => unreachable!("options are structs of plain values"),
    }
}

/// The kind of a stored row, and the option keys that this version doesn't know.
fn read_options(row: &StoredCollection) -> Result<(CollectionKind, Map<String, Json>), UnreadableCollection> {
    let unreadable = |source| UnreadableCollection::Json { name: row.name.clone(), part: "options", source };
    let given: Option<Map<String, Json>> = serde_json::from_str(&row.options).map_err(unreadable)?;
    let mut given = given.unwrap_or_default();
    let kind = match row.type_name.as_str() {
        "base" => CollectionKind::Base,
        "view" => {
            let query = given.shift_remove("viewQuery");
            CollectionKind::View { query: query.and_then(|query| Some(query.as_str()?.to_owned())).unwrap_or_default() }
        }
        "auth" => {
            let options: AuthOptions = serde_json::from_value(Json::Object(given.clone())).map_err(unreadable)?;
            let known = auth_json(&options);
            given.retain(|key, _| !known.contains_key(key.as_str()));
            CollectionKind::Auth(Box::new(options))
        }
        unknown => {
            return Err(UnreadableCollection::Type { name: row.name.clone(), type_name: unknown.to_owned() });
        }
    };
    Ok((kind, given))
}

/// Takes out what no answer may show: the signing secrets and the providers' client secrets.
fn redact(options: &mut Map<String, Json>) {
    for (key, option) in options.iter_mut() {
        let Some(object) = option.as_object_mut() else { continue };
        object.shift_remove("secret");
        if key == "oauth2"
            && let Some(providers) = object.get_mut("providers").and_then(Json::as_array_mut)
        {
            for provider in providers.iter_mut().filter_map(Json::as_object_mut) {
                provider.shift_remove("clientSecret");
            }
        }
    }
}

/// JSON text as it is stored: compact, with `<`, `>` and `&` escaped (contract/01 §5).
fn stored_json<T: Serialize + ?Sized>(value: &T) -> String {
    let text = serde_json::to_string(value).expect("plain data with text keys");
    if !text.contains(['<', '>', '&']) {
        return text;
    }
    // These characters stand only inside JSON strings, where the escape means the same.
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored_auth() -> StoredCollection {
        let mut options = auth_json(&AuthOptions::new());
        options.insert("later".to_owned(), json!({"secret": "new kind"}));
        StoredCollection {
            id: "pbc_1".to_owned(),
            type_name: "auth".to_owned(),
            name: "members".to_owned(),
            fields: r#"[{"type":"text","name":"id","id":"text1","primaryKey":true,"help":"a \u003c b","later":7}]"#
                .to_owned(),
            indexes: "null".to_owned(),
            options: stored_json(&options),
            ..StoredCollection::default()
        }
    }

    #[test]
    fn a_row_is_written_as_it_was_read_with_the_keys_of_newer_versions() {
        let collection = Collection::from_stored(&stored_auth()).expect("readable");
        let again = Collection::from_stored(&collection.to_stored()).expect("readable");
        assert_eq!(again.to_stored(), collection.to_stored());
        assert_eq!(collection.to_stored().indexes, "[]");
        assert!(collection.to_stored().fields.contains(r#""help":"a \u003c b""#));
        assert!(collection.to_stored().fields.contains(r#""later":7"#));
        assert!(collection.to_stored().options.ends_with(r#""later":{"secret":"new kind"}}"#));
    }

    #[test]
    fn the_api_object_has_no_secret_and_the_keys_of_the_contract_in_their_order() {
        let mut row = stored_auth();
        row.options = row
            .options
            .replace(r#""providers":[]"#, r#""providers":[{"name":"google","clientId":"a","clientSecret":"hush"}]"#);
        let object = Collection::from_stored(&row).expect("readable").to_json();
        let text = serde_json::to_string(&object).expect("plain data");
        assert!(text.contains(r#""clientId":"a""#));
        assert!(!text.contains("ecret"), "{text}");
        let keys: Vec<&str> = object.keys().map(String::as_str).collect();
        let base = ["id", "listRule", "viewRule", "createRule", "updateRule", "deleteRule", "name", "type", "fields"];
        assert_eq!(keys[..9], base);
        assert_eq!(keys[9..14], ["indexes", "created", "updated", "system", "authRule"]);
    }

    #[test]
    fn an_unknown_type_is_named() {
        let row =
            StoredCollection { type_name: "graph".to_owned(), name: "g".to_owned(), ..StoredCollection::default() };
        let row =
            StoredCollection { fields: "[]".to_owned(), indexes: "[]".to_owned(), options: "{}".to_owned(), ..row };
        let error = Collection::from_stored(&row).expect_err("unreadable");
        assert_eq!(error.to_string(), r#"collection "g" has the unknown type "graph""#);
    }
}
