//! How an expression reads a cell: as it is, into its JSON, its number of values, in lower case.

use crate::schema::Shape;
use crate::store::{JsonStep, Value};

use super::affinity::{Affinity, Typed, text_of};
use super::json;
use super::truth::Class;

/// What is taken from a cell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reading {
    /// The cell itself.
    Plain,
    /// A value inside a json or geoPoint field; an empty path is the whole of a json field.
    Json(Box<[JsonStep]>),
    /// `:length` of a field with at most one value: 1 or 0.
    Presence,
    /// `:length` of a field with several values.
    Length,
}

/// A way to read the cells of one field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Access {
    pub shape: FieldShape,
    pub reading: Reading,
    /// `:lower`.
    pub is_lower: bool,
}

/// What the field's column does to a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum FieldShape {
    Text,
    Number,
    /// JSON text in a column with the conversions of a number's.
    Json,
}

impl From<Shape> for FieldShape {
    fn from(shape: Shape) -> Self {
        match shape {
            Shape::Text | Shape::Date | Shape::Single => Self::Text,
            Shape::Number | Shape::Bool => Self::Number,
            Shape::Json | Shape::Point | Shape::Multiple => Self::Json,
        }
    }
}

impl Access {
    pub fn plain(shape: Shape) -> Self {
        let reading = if shape == Shape::Json { Reading::Json([].into()) } else { Reading::Plain };
        Self { shape: shape.into(), reading, is_lower: false }
    }

    pub fn new(shape: Shape, reading: Reading) -> Self {
        Self { shape: shape.into(), reading, is_lower: false }
    }

    pub fn lower(self) -> Self {
        Self { is_lower: true, ..self }
    }

    /// Whether the cell itself is read, without any computation.
    pub fn is_plain(&self) -> bool {
        self.reading == Reading::Plain && !self.is_lower
    }

    pub fn class(&self) -> Class {
        match self.reading {
            Reading::Json(_) => Class::Strict,
            Reading::Plain | Reading::Presence | Reading::Length => Class::Nullable,
        }
    }

    pub fn affinity(&self) -> Affinity {
        match self.shape {
            _ if !self.is_plain() => Affinity::None,
            FieldShape::Text => Affinity::Text,
            FieldShape::Number | FieldShape::Json => Affinity::Number,
        }
    }

    /// Whether the result is never NULL, whatever the cell is.
    pub fn is_never_null(&self) -> bool {
        matches!(self.reading, Reading::Presence | Reading::Length)
    }

    /// What reading `cell` gives.
    pub fn value(&self, cell: &Value) -> Typed {
        let value = match &self.reading {
            Reading::Plain => cell.clone(),
            Reading::Json(path) => json::extract(cell, path),
            Reading::Presence => Value::Int((!is_empty(cell)).into()),
            Reading::Length => Value::Int(json::list_length(cell)),
        };
        let value = if self.is_lower { lower(&value) } else { value };
        Typed::new(value, self.affinity())
    }
}

fn is_empty(cell: &Value) -> bool {
    match cell {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::Int(_) | Value::Real(_) | Value::Blob(_) => false,
    }
}

/// The value as text with ASCII letters in lower case; NULL stays.
pub(super) fn lower(value: &Value) -> Value {
    text_of(value).map_or(Value::Null, |text| Value::from(text.to_ascii_lowercase()))
}
