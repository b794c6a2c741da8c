//! The value of a field in the domain; its shape decides the variant.

use super::field::Shape;

/// A normalised value (contract/03 §3).
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// Shapes Text, Date and Single.
    Text(String),
    Number(f64),
    Bool(bool),
    /// Shape Multiple: unique texts in order.
    List(Vec<String>),
    /// Compact JSON text with sorted keys; `None` is null.
    Json(Option<Box<str>>),
    Point {
        lon: f64,
        lat: f64,
    },
}

impl FieldValue {
    /// The empty value of a shape: what a record holds that was given none.
    pub fn zero(shape: Shape) -> Self {
        match shape {
            Shape::Text | Shape::Date | Shape::Single => Self::Text(String::new()),
            Shape::Number => Self::Number(0.0),
            Shape::Bool => Self::Bool(false),
            Shape::Multiple => Self::List(Vec::new()),
            Shape::Json => Self::Json(None),
            Shape::Point => Self::Point { lon: 0.0, lat: 0.0 },
        }
    }
}
