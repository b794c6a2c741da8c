//! A field: what all kinds have in common, and the options of its kind (contract/03 §1).

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::error::{FieldError, FieldErrors};
use crate::store::ColumnType;

use super::fields::{FieldKind, Kind, OptionsContext, OptionsError, RelationOptions, options};
use super::names::check_field_name;
use super::value::FieldValue;

const ID_BYTES_MAX: usize = 100;
const HELP_BYTES_MAX: usize = 300;

/// How the values of a field are held, stored, shown and compared. Most code cares for the shape, not for the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// text, editor, email, url, password
    Text,
    /// number
    Number,
    /// bool
    Bool,
    /// date, autodate: UTC text of 24 bytes, or `""`
    Date,
    /// json
    Json,
    /// geoPoint
    Point,
    /// select, relation or file with at most one value
    Single,
    /// select, relation or file with several values
    Multiple,
}

/// One field of a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub id: String,
    /// Also the name of its column.
    pub name: String,
    pub system: bool,
    pub hidden: bool,
    pub presentable: bool,
    /// A value must be given; autodate fields have no such option and are never required.
    pub required: bool,
    /// A hint for the dashboard; autodate fields have none.
    pub help: String,
    pub kind: Kind,
    /// Keys of the stored object that this version doesn't know, kept when it is written again (contract/01 §9).
    pub unknown: Map<String, Json>,
}

/// The keys that all kinds have; `help` and `required` are absent from autodate fields.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct CommonOptions {
    id: String,
    name: String,
    system: bool,
    hidden: bool,
    presentable: bool,
    required: bool,
    help: String,
}

/// The keys of a field object of the same kind, found out once per kind.
fn known_keys(field: &Field) -> Arc<[String]> {
    type KeysOfKind = (&'static str, Arc<[String]>);
    static KEYS: Mutex<Vec<KeysOfKind>> = Mutex::new(Vec::new());
    let name = field.kind.name();
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, known)) = keys.iter().find(|(kind, _)| *kind == name) {
        return known.clone();
    }
    let known: Arc<[String]> = field.to_json().keys().cloned().collect();
    keys.push((name, known.clone()));
    known
}

impl Field {
    /// Reads a field object, stored or sent; an absent key or null is the default. `id` and `name` may be empty.
    pub fn from_json(object: &Map<String, Json>) -> Result<Self, OptionsError> {
        let common: CommonOptions = options::read(object)?;
        let type_name = object.get("type").and_then(Json::as_str).unwrap_or_default();
        let kind = Kind::from_options(type_name, object)?;
        let mut field = Self {
            id: common.id,
            name: common.name,
            system: common.system,
            hidden: common.hidden,
            presentable: common.presentable,
            required: common.required && !matches!(kind, Kind::Autodate(_)),
            help: common.help,
            kind,
            unknown: Map::new(),
        };
        let known = known_keys(&field);
        let unknown = object.iter().filter(|(key, _)| !known.iter().any(|known| known == *key));
        field.unknown = unknown.map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(field)
    }

    /// The field object with sorted keys (contract/01 §5), the unknown ones among them.
    pub fn to_json(&self) -> Map<String, Json> {
        let mut object = self.kind.options();
        let mut put = |key: &str, value: Json| object.insert(key.to_owned(), value);
        put("id", self.id.as_str().into());
        put("name", self.name.as_str().into());
        put("system", self.system.into());
        put("hidden", self.hidden.into());
        put("presentable", self.presentable.into());
        put("type", self.kind.name().into());
        if !matches!(self.kind, Kind::Autodate(_)) {
            put("required", self.required.into());
            put("help", self.help.as_str().into());
        }
        for (key, value) in &self.unknown {
            object.entry(key.clone()).or_insert_with(|| value.clone());
        }
        object.sort_keys();
        object
    }

    /// Checks the common options and those of the kind (contract/03 §1–2): errors by option.
    pub fn check_options(&self, context: &OptionsContext<'_>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        if self.id.is_empty() {
            errors.add("id", FieldError::required());
        } else if self.id.len() > ID_BYTES_MAX {
            errors.add("id", FieldError::length_outside(1, ID_BYTES_MAX));
        }
        if let Err(error) = check_field_name(&self.name) {
            errors.add("name", error);
        }
        if self.help.len() > HELP_BYTES_MAX {
            errors.add("help", FieldError::length_outside(1, HELP_BYTES_MAX));
        }
        for (option, error) in self.kind.check_options(self, context) {
            errors.add(option, error);
        }
        errors
    }

    /// A value from JSON input; what can't be converted is the empty value (contract/03 §3).
    pub fn normalise(&self, input: &Json) -> FieldValue {
        self.kind.normalise(input)
    }

    /// Checks a value by itself (contract/03 §2). What needs other rows is checked in `rows`.
    pub fn validate(&self, value: &FieldValue) -> Result<(), FieldError> {
        self.kind.validate(self, value)
    }

    /// The value of a record that was given none.
    pub fn zero(&self) -> FieldValue {
        FieldValue::zero(self.shape())
    }

    pub fn shape(&self) -> Shape {
        self.kind.shape()
    }

    /// The column that holds the field's values.
    pub fn column_type(&self) -> ColumnType {
        if self.is_primary_key() {
            return ColumnType::PrimaryKey;
        }
        match self.shape() {
            Shape::Text | Shape::Date | Shape::Single => ColumnType::Text,
            Shape::Number => ColumnType::Number,
            Shape::Bool => ColumnType::Bool,
            Shape::Json => ColumnType::Json,
            Shape::Point => ColumnType::Point,
            Shape::Multiple => ColumnType::JsonList,
        }
    }

    /// Whether this is the `id` field.
    pub fn is_primary_key(&self) -> bool {
        matches!(&self.kind, Kind::Text(text) if text.primary_key)
    }

    /// The options of a relation field.
    pub fn relation(&self) -> Option<&RelationOptions> {
        match &self.kind {
            Kind::Relation(options) => Some(options),
            _ => None,
        }
    }

    /// Whether the field holds uploads.
    pub fn is_file(&self) -> bool {
        matches!(self.kind, Kind::File(_))
    }
}
