//! A field: what all kinds have in common, and the options of its kind (contract/03 §1).

use crate::store::ColumnType;

use super::fields::{Kind, RelationOptions};

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
#[derive(Clone, Debug)]
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
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

impl Field {
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
