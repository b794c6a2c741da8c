//! The value of a field in the domain; its shape decides the variant.

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
    Point { lon: f64, lat: f64 },
}
