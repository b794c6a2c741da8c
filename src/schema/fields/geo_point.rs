//! The kind `geoPoint`: longitude and latitude in degrees (contract/03 §2).

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue, Shape};

use super::checks::check_required;
use super::{FieldKind, OptionsContext};

/// Options of a geoPoint field: none of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GeoPointOptions {}

impl FieldKind for GeoPointOptions {
    fn shape(&self) -> Shape {
        Shape::Point
    }

    fn check_options(&self, _field: &Field, _context: &OptionsContext<'_>) -> FieldErrors {
        FieldErrors::new()
    }

    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError> {
        check_required(field, value)?;
        let FieldValue::Point { lon, lat } = value else { return Ok(()) };
        if !(-90.0..=90.0).contains(lat) {
            let text = "Latitude must be between -90 and 90 degrees.";
            return Err(FieldError::code("validation_invalid_latitude", text));
        }
        if !(-180.0..=180.0).contains(lon) {
            let text = "Longitude must be between -180 and 180 degrees.";
            return Err(FieldError::code("validation_invalid_longitude", text));
        }
        Ok(())
    }

    fn openapi(&self) -> Json {
        json!({
            "type": "object",
            "properties": { "lon": { "type": "number" }, "lat": { "type": "number" } },
            "required": ["lon", "lat"],
        })
    }

    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json> {
        use proptest::prelude::*;
        (-180.0..=180.0_f64, -90.0..=90.0_f64).prop_map(|(lon, lat)| json!({ "lon": lon, "lat": lat })).boxed()
    }
}
