//! A collection between its three forms: the stored row (contract/01 §5), the value, and the object of the API
//! (contract/02 §2).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use super::auth_options::AuthOptions;
use super::collection::{Collection, CollectionKind, Rules};
use super::field::Field;
use super::fields::OptionsError;

/// How many fields a list is given room for at first.
const FIELDS_EXPECTED: usize = 8;

/// The row of a collection as it lies in its table; `fields`, `indexes` and `options` are JSON text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredCollection<'a> {
    pub id: Cow<'a, str>,
    pub system: bool,
    pub type_name: Cow<'a, str>,
    pub name: Cow<'a, str>,
    pub fields: Cow<'a, str>,
    pub indexes: Cow<'a, str>,
    pub rules: Rules,
    pub options: Cow<'a, str>,
    pub created: Cow<'a, str>,
    pub updated: Cow<'a, str>,
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
/// the letter (`id`, `created`, `updated`): each is parsed and kept once, which is most of what a start with many
/// collections costs.
#[derive(Debug, Default)]
pub struct KnownFields(HashMap<Box<str>, Arc<Field>, RandomState>);

impl KnownFields {
    /// Reads a stored list of fields.
    fn read_list(&mut self, text: &str, name: &str) -> Result<Vec<Arc<Field>>, UnreadableCollection> {
        if let Some(fields) = self.read_compact_list(text) {
            return Ok(fields);
        }
        let objects: Option<Vec<&RawValue>> =
            serde_json::from_str(text).map_err(|source| unreadable_list(name, source))?;
        objects.unwrap_or_default().into_iter().map(|object| self.read(object.get(), name)).collect()
    }

    /// Reads a list without spaces, as Monobase and PocketBase write it; `None` for any other and for one that can't be
    /// read. A known text isn't read again, only found: it ends where an object ends, because no JSON object is the
    /// beginning of another.
    fn read_compact_list(&mut self, text: &str) -> Option<Vec<Arc<Field>>> {
        let mut rest = text.strip_prefix('[')?;
        let mut fields = Vec::with_capacity(FIELDS_EXPECTED);
        while rest != "]" {
            let end = rest.find("},{").map_or(rest.len().checked_sub(1)?, |end| end + 1);
            let (field, end) = match self.0.get(rest.get(..end)?) {
                Some(field) => (field.clone(), end),
                None => {
                    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
                    let object = values.next()?.ok()?;
                    (self.read(object.get(), "").ok()?, values.byte_offset())
                }
            };
            fields.push(field);
            rest = &rest[end..];
            rest = match rest.strip_prefix(',') {
                Some(next) if next.starts_with('{') => next,
                _ => (rest == "]").then_some(rest)?,
            };
        }
        Some(fields)
    }

    fn read(&mut self, text: &str, name: &str) -> Result<Arc<Field>, UnreadableCollection> {
        if let Some(field) = self.0.get(text) {
            return Ok(field.clone());
        }
        let object: Map<String, Json> = serde_json::from_str(text).map_err(|source| unreadable_list(name, source))?;
        let field = Field::from_json(&object)
            .map_err(|source| UnreadableCollection::Field { name: name.to_owned(), source })?;
        let field = Arc::new(field);
        self.0.insert(text.into(), field.clone());
        Ok(field)
    }
}

fn unreadable_list(name: &str, source: serde_json::Error) -> UnreadableCollection {
    UnreadableCollection::Json { name: name.to_owned(), part: "field list", source }
}

impl Collection {
    /// Reads a stored row; `known` is for all rows that are read together.
    pub fn from_stored(row: StoredCollection<'_>, known: &mut KnownFields) -> Result<Self, UnreadableCollection> {
        let name = &*row.name;
        let unreadable = |part| move |source| UnreadableCollection::Json { name: name.to_owned(), part, source };
        let fields = known.read_list(&row.fields, name)?;
        let indexes: Option<Vec<String>> = serde_json::from_str(&row.indexes).map_err(unreadable("index list"))?;
        let (kind, unknown_options) = read_options(&row)?;
        Ok(Self {
            id: row.id.into(),
            name: row.name.into(),
            kind,
            system: row.system,
            fields,
            indexes: indexes.unwrap_or_default(),
            rules: row.rules,
            created: row.created.into_owned(),
            updated: row.updated.into_owned(),
            unknown_options,
        })
    }

    /// The row to store.
    pub fn to_stored(&self) -> StoredCollection<'_> {
        let fields: Vec<Json> = self.fields.iter().map(|field| Json::Object(field.to_json())).collect();
        StoredCollection {
            id: Cow::Borrowed(&self.id),
            system: self.system,
            type_name: Cow::Borrowed(self.type_name()),
            name: Cow::Borrowed(&self.name),
            fields: stored_json(&fields).into(),
            indexes: stored_json(&self.indexes).into(),
            rules: self.rules.clone(),
            options: stored_json(&self.options_json()).into(),
            created: Cow::Borrowed(&self.created),
            updated: Cow::Borrowed(&self.updated),
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
fn read_options(row: &StoredCollection<'_>) -> Result<(CollectionKind, Map<String, Json>), UnreadableCollection> {
    let unreadable = |source| UnreadableCollection::Json { name: row.name.to_string(), part: "options", source };
    let given: Option<Map<String, Json>> = serde_json::from_str(&row.options).map_err(unreadable)?;
    let mut given = given.unwrap_or_default();
    let kind = match &*row.type_name {
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
            return Err(UnreadableCollection::Type { name: row.name.to_string(), type_name: unknown.to_owned() });
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

    fn read(row: StoredCollection<'_>) -> Result<Collection, UnreadableCollection> {
        Collection::from_stored(row, &mut KnownFields::default())
    }

    fn stored_auth() -> StoredCollection<'static> {
        let mut options = auth_json(&AuthOptions::new());
        options.insert("later".to_owned(), json!({"secret": "new kind"}));
        StoredCollection {
            id: "pbc_1".into(),
            type_name: "auth".into(),
            name: "members".into(),
            fields: r#"[{"type":"text","name":"id","id":"text1","primaryKey":true,"help":"a \u003c b","later":7}]"#
                .into(),
            indexes: "null".into(),
            options: stored_json(&options).into(),
            ..StoredCollection::default()
        }
    }

    #[test]
    fn a_row_is_written_as_it_was_read_with_the_keys_of_newer_versions() {
        let collection = read(stored_auth()).expect("readable");
        let again = read(collection.to_stored()).expect("readable");
        assert_eq!(again.to_stored(), collection.to_stored());
        assert_eq!(collection.to_stored().indexes, "[]");
        assert!(collection.to_stored().fields.contains(r#""help":"a \u003c b""#));
        assert!(collection.to_stored().fields.contains(r#""later":7"#));
        assert!(collection.to_stored().options.ends_with(r#""later":{"secret":"new kind"}}"#));
    }

    #[test]
    fn the_api_object_has_no_secret_and_the_keys_of_the_contract_in_their_order() {
        let mut row = stored_auth();
        let provider = r#""providers":[{"name":"google","clientId":"a","clientSecret":"hush"}]"#;
        row.options = row.options.replace(r#""providers":[]"#, provider).into();
        let object = read(row).expect("readable").to_json();
        let text = serde_json::to_string(&object).expect("plain data");
        assert!(text.contains(r#""clientId":"a""#));
        assert!(!text.contains("ecret"), "{text}");
        let keys: Vec<&str> = object.keys().map(String::as_str).collect();
        let base = ["id", "listRule", "viewRule", "createRule", "updateRule", "deleteRule", "name", "type", "fields"];
        assert_eq!(keys[..9], base);
        assert_eq!(keys[9..14], ["indexes", "created", "updated", "system", "authRule"]);
    }

    #[test]
    fn a_list_is_read_the_same_with_and_without_known_fields() {
        let field =
            |name: &str, help: &str| json!({"name": name, "type": "text", "id": name, "help": help}).to_string();
        // A text that looks like the border of two fields, and one field that is the beginning of nothing else.
        let (plain, tricky) = (field("a", ""), field("b", r#"},{"name":"c"}]"#));
        let number = json!({"name": "n", "type": "number", "id": "n"}).to_string();
        let mut known = KnownFields::default();
        let lists = [
            "[]".to_owned(),
            format!("[{plain}]"),
            format!("[{plain},{tricky},{number}]"),
            format!("[{tricky},{plain}]"),
            format!(" [ {tricky} , {plain} ] "),
            "null".to_owned(),
        ];
        for list in lists.iter().chain(&lists) {
            let expected: Option<Vec<Map<String, Json>>> = serde_json::from_str(list).expect("JSON");
            let expected = expected.unwrap_or_default();
            let expected: Vec<Field> = expected.iter().map(|field| Field::from_json(field).expect("a field")).collect();
            let fields = known.read_list(list, "c").expect("readable");
            assert!(fields.iter().map(|field| &**field).eq(&expected), "{list}");
        }
        let broken = ["", "[", "[,]", "{}", "[{}", "[{}]", "7"].map(str::to_owned);
        let cut = [format!("[{plain}"), format!("[{plain},]"), format!("[{plain}{tricky}]"), format!("[{plain}]]")];
        for list in broken.iter().chain(&cut) {
            assert!(known.read_list(list, "c").is_err(), "{list}");
        }
    }

    #[test]
    fn an_unknown_type_is_named() {
        let row = StoredCollection { type_name: "graph".into(), name: "g".into(), ..StoredCollection::default() };
        let row = StoredCollection { fields: "[]".into(), indexes: "[]".into(), options: "{}".into(), ..row };
        let error = read(row).expect_err("unreadable");
        assert_eq!(error.to_string(), r#"collection "g" has the unknown type "graph""#);
    }
}
