//! What a client sent for a collection, read but not yet judged (contract/02 §1).

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::error::Error;
use crate::schema::Field;
use crate::schema::fields::OptionsError;

/// How the values of a body are typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// As they stand.
    Json,
    /// Of a form: a text may stand for a number or a flag.
    Form,
}

/// A collection as it was sent. `None`: the key is absent or null and changes nothing.
#[derive(Clone, Debug, Default)]
pub struct CollectionBody {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) type_name: Option<String>,
    pub(super) system: Option<bool>,
    /// In the order sent; null is the empty list.
    pub(super) fields: Option<Vec<Arc<Field>>>,
    pub(super) indexes: Option<Vec<String>>,
    pub(super) rules: SentRules,
    /// All other keys: the options of the type, and what is ignored.
    pub(super) options: Map<String, Json>,
    pub(super) source: Option<Source>,
}

/// The rules of a body: the outer `None` is an absent key, the inner one null.
#[derive(Clone, Debug, Default)]
pub(super) struct SentRules {
    pub list: Option<Option<String>>,
    pub view: Option<Option<String>>,
    pub create: Option<Option<String>>,
    pub update: Option<Option<String>>,
    pub delete: Option<Option<String>>,
}

/// A body with a value of the wrong JSON type: the whole request is refused without `data`.
#[derive(Debug, thiserror::Error)]
pub enum WrongBody {
    /// In what decides the type: the JSON itself, `name`, `type`.
    #[error("the body is no collection: {0}")]
    TypeData(String),
    /// Anywhere else.
    #[error("a value of the wrong type: {0}")]
    Data(String),
    /// A field object that is no field; the import shows the object.
    #[error("missing or unknown field type in {0}")]
    Field(String),
}

/// What a client reads when `name`, `type` or the JSON itself is bad on a create.
const BAD_TYPE_DATA: &str = "Failed to load the collection type data due to invalid formatting.";
const BAD_DATA: &str = "Failed to load the submitted data due to invalid formatting.";

impl WrongBody {
    /// The answer of the create route.
    pub fn on_create(self) -> Error {
        match self {
            WrongBody::TypeData(_) => Error::bad_request_from(BAD_TYPE_DATA, self),
            WrongBody::Data(_) | WrongBody::Field(_) => Error::bad_request_from(BAD_DATA, self),
        }
    }

    /// The answer of the update route.
    pub fn on_update(self) -> Error {
        Error::bad_request_from(BAD_DATA, self)
    }
}

impl CollectionBody {
    /// Reads a body; unknown keys are kept aside, `created` and `updated` ignored.
    pub fn read(object: Map<String, Json>, source: Source) -> Result<Self, WrongBody> {
        let mut body = Self { source: Some(source), ..Self::default() };
        for (key, value) in object {
            let text = read_text;
            let data = |cause| WrongBody::Data(format!("{key}: {cause}"));
            match key.as_str() {
                "id" => body.id = text(value).map_err(data)?,
                "name" => body.name = text(value).map_err(|cause| WrongBody::TypeData(format!("name: {cause}")))?,
                "type" => {
                    body.type_name = text(value).map_err(|cause| WrongBody::TypeData(format!("type: {cause}")))?
                }
                "system" => body.system = read_flag(value, source).map_err(data)?,
                "fields" => body.fields = Some(read_fields(value)?),
                "indexes" => body.indexes = Some(read_texts(value, source).map_err(data)?),
                "listRule" => body.rules.list = Some(text(value).map_err(data)?),
                "viewRule" => body.rules.view = Some(text(value).map_err(data)?),
                "createRule" => body.rules.create = Some(text(value).map_err(data)?),
                "updateRule" => body.rules.update = Some(text(value).map_err(data)?),
                "deleteRule" => body.rules.delete = Some(text(value).map_err(data)?),
                _ => {
                    body.options.insert(key, value);
                }
            }
        }
        Ok(body)
    }

    /// Reads a body that may be a form: `json` is its payload or the whole JSON body, `fields` the values of a form.
    pub fn read_document(json: Map<String, Json>, fields: Vec<(String, Vec<String>)>) -> Result<Self, WrongBody> {
        if fields.is_empty() {
            return Self::read(json, Source::Json);
        }
        let mut object = json;
        for (key, values) in fields {
            let mut values: Vec<Json> = values.into_iter().map(Json::String).collect();
            let value = if values.len() == 1 { values.remove(0) } else { Json::Array(values) };
            object.entry(key).or_insert(value);
        }
        Self::read(object, Source::Form)
    }

    /// Whether a view's query was sent.
    pub fn brings_query(&self) -> bool {
        self.options.get("viewQuery").is_some_and(Json::is_string)
    }

    /// The text of an option of the type.
    pub(super) fn option_text(&self, key: &str) -> Result<Option<String>, WrongBody> {
        let value = self.options.get(key).cloned().unwrap_or_default();
        read_text(value).map_err(|cause| WrongBody::Data(format!("{key}: {cause}")))
    }

    pub(super) fn source(&self) -> Source {
        self.source.unwrap_or(Source::Json)
    }
}

/// A text, or `None` for null.
pub(super) fn read_text(value: Json) -> Result<Option<String>, &'static str> {
    match value {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(text)),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => Err("not a text"),
    }
}

pub(super) fn read_flag(value: Json, source: Source) -> Result<Option<bool>, &'static str> {
    match value {
        Json::Null => Ok(None),
        Json::Bool(flag) => Ok(Some(flag)),
        Json::String(text) if source == Source::Form => text.parse().map(Some).map_err(|_| "not a bool"),
        Json::String(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => Err("not a bool"),
    }
}

/// A list of texts; null is the empty one, a single text of a form a list of one.
pub(super) fn read_texts(value: Json, source: Source) -> Result<Vec<String>, &'static str> {
    match value {
        Json::Null => Ok(Vec::new()),
        Json::Array(items) => items.into_iter().map(|item| Ok(read_text(item)?.unwrap_or_default())).collect(),
        Json::String(text) if source == Source::Form => Ok(vec![text]),
        Json::String(_) | Json::Bool(_) | Json::Number(_) | Json::Object(_) => Err("not a list of texts"),
    }
}

/// The fields of a body. Options that this version doesn't know are dropped (contract/03 §1).
fn read_fields(value: Json) -> Result<Vec<Arc<Field>>, WrongBody> {
    let Json::Array(items) = value else {
        return if value.is_null() { Ok(Vec::new()) } else { Err(WrongBody::Data("fields: not a list".to_owned())) };
    };
    let read = |item: Json| {
        let Json::Object(object) = &item else { return Err(WrongBody::Field(item.to_string())) };
        let mut field = Field::from_json(object).map_err(|error| match error {
            OptionsError::UnknownType(_) => WrongBody::Field(item.to_string()),
            OptionsError::WrongType(_) => WrongBody::Data(format!("fields: {error}")),
        })?;
        field.unknown.clear();
        Ok(Arc::new(field))
    };
    items.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Json, source: Source) -> Result<CollectionBody, WrongBody> {
        let Json::Object(object) = body else { unreachable!("tests give objects") };
        CollectionBody::read(object, source)
    }

    #[test]
    fn absent_and_null_are_told_apart_where_it_matters() {
        let body = json!({"listRule": null, "viewRule": "", "fields": null, "name": null, "otp": {}, "nope": 1});
        let body = read(body, Source::Json).expect("well typed");
        assert_eq!(body.rules.list, Some(None));
        assert_eq!(body.rules.view, Some(Some(String::new())));
        assert_eq!(body.rules.create, None);
        assert_eq!(body.fields.map(|fields| fields.len()), Some(0));
        assert_eq!((body.name, body.indexes), (None, None));
        assert_eq!(body.options.len(), 2);
    }

    #[test]
    fn wrong_types_are_refused_with_the_text_of_their_place() {
        let cases = [
            (json!({"name": ["x"]}), BAD_TYPE_DATA),
            (json!({"type": 1}), BAD_TYPE_DATA),
            (json!({"system": "yes"}), BAD_DATA),
            (json!({"listRule": 1}), BAD_DATA),
            (json!({"fields": {}}), BAD_DATA),
            (json!({"fields": [{"name": "a"}]}), BAD_DATA),
            (json!({"fields": [{"name": "a", "type": "nope"}]}), BAD_DATA),
            (json!({"fields": [{"name": "a", "type": "text", "min": "3"}]}), BAD_DATA),
            (json!({"fields": [null]}), BAD_DATA),
            (json!({"indexes": "a"}), BAD_DATA),
            (json!({"indexes": [1]}), BAD_DATA),
        ];
        for (body, text) in cases {
            let error = read(body.clone(), Source::Json).expect_err("wrongly typed").on_create();
            assert!(matches!(&error, Error::BadRequest { message, .. } if message == text), "{body}: {error:?}");
        }
    }

    #[test]
    fn a_form_value_that_looks_like_a_number_is_a_text_where_one_is_wanted() {
        let field = |key: &str, value: &str| (key.to_owned(), vec![value.to_owned()]);
        let fields = vec![field("name", "123"), field("indexes", "a"), field("system", "true"), field("listRule", "x")];
        let payload = json!({"listRule": null}).as_object().cloned().unwrap_or_default();
        let body = CollectionBody::read_document(payload, fields).expect("well typed");
        assert_eq!((body.name.as_deref(), body.system), (Some("123"), Some(true)));
        assert_eq!(body.indexes, Some(vec!["a".to_owned()]));
        assert_eq!((body.rules.list, body.rules.view), (Some(None), None));
    }
}
