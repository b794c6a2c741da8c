//! Options between their structs and JSON objects.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use serde_json::{Map, Value as Json};

/// A field object can't be read.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// There is no such kind of field; the whole request is refused (contract/02 §1).
    #[error("unknown field type {0:?}")]
    UnknownType(String),
    /// A key holds another JSON type than its option takes; the whole request is refused.
    #[error("wrong type of a field option: {0}")]
    WrongType(#[from] serde_json::Error),
}

/// Reads options out of a field object: an absent key or null is the default, other keys are ignored.
pub(in crate::schema) fn read<T: DeserializeOwned>(object: &Map<String, Json>) -> Result<T, OptionsError> {
    // Read in place: every field of every collection comes this way when the server starts.
    let given = object.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.as_str(), value));
    Ok(T::deserialize(MapDeserializer::new(given))?)
}

/// The options as an object.
pub(super) fn write<T: Serialize>(options: &T) -> Map<String, Json> {
    match serde_json::to_value(options) {
        Ok(Json::Object(object)) => object,
        _ => unreachable!("options are structs of plain values"),
    }
}

/// A bound of a number field as JSON shows it: whole numbers without a fraction.
pub(super) fn write_bound<S: serde::Serializer>(bound: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match bound {
        None => serializer.serialize_none(),
        Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => serializer.serialize_i64(*number as i64),
        Some(number) => serializer.serialize_f64(*number),
    }
}
