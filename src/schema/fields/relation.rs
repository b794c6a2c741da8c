//! The kind `relation`: ids of records of another collection (contract/03 §2). Whether those records exist is checked
//! in `rows`.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::error::{FieldError, FieldErrors};
use crate::schema::{Field, FieldValue, Shape};

use super::checks::check_required;
use super::select::check_count;
use super::{FieldKind, Kind, OptionsContext};

/// Options of a relation field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RelationOptions {
    /// The id of the target collection.
    pub collection_id: String,
    /// Delete the record when its target goes (contract/05 §7).
    pub cascade_delete: bool,
    pub min_select: i64,
    /// 0 is 1; several from 2 on.
    pub max_select: i64,
}

impl RelationOptions {
    fn check_target(&self, context: &OptionsContext<'_>) -> Result<(), FieldError> {
        if self.collection_id.is_empty() {
            return Err(FieldError::required());
        }
        if let Some(Kind::Relation(stored)) = context.stored.map(|stored| &stored.kind)
            && stored.collection_id != self.collection_id
        {
            let text = "The relation collection cannot be changed.";
            return Err(FieldError::code("validation_field_relation_change", text));
        }
        let Some(target) = context.schema.find_by_id(&self.collection_id) else {
            let text = "The relation collection doesn't exist.";
            return Err(FieldError::code("validation_field_relation_missing_collection", text));
        };
        if target.is_view() && !context.collection.is_view() {
            let text = "Only view collections are allowed to have relations to other views.";
            return Err(FieldError::code("validation_relation_field_non_view_base_collection", text));
        }
        Ok(())
    }
}

impl FieldKind for RelationOptions {
    fn shape(&self) -> Shape {
        if self.max_select >= 2 { Shape::Multiple } else { Shape::Single }
    }

    fn check_options(&self, _field: &Field, context: &OptionsContext<'_>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        if let Err(error) = self.check_target(context) {
            errors.add("collectionId", error);
        }
        if self.min_select < 0 {
            errors.add("minSelect", FieldError::below(0));
        }
        match self.max_select {
            0 if self.min_select > 0 => errors.add("maxSelect", FieldError::required()),
            0 => {}
            max if max < self.min_select.max(0) => errors.add("maxSelect", FieldError::below(self.min_select.max(0))),
            _ => {}
        }
        errors
    }

    fn validate(&self, field: &Field, value: &FieldValue) -> Result<(), FieldError> {
        check_required(field, value)?;
        let count = value.items().len();
        if count > 0 && (count as i64) < self.min_select {
            return Err(FieldError::with_params(
                "validation_not_enough_values",
                format!("Select at least {}.", self.min_select),
                json!({ "minSelect": self.min_select }),
            ));
        }
        check_count(count, self.max_select)
    }

    fn openapi(&self) -> Json {
        let id = json!({ "type": "string" });
        match self.shape() {
            Shape::Multiple => json!({ "type": "array", "items": id, "maxItems": self.max_select }),
            _ => id,
        }
    }

    #[cfg(test)]
    fn valid_inputs(&self) -> proptest::strategy::BoxedStrategy<Json> {
        use proptest::prelude::*;
        let most = self.max_select.max(1) as usize;
        proptest::collection::vec("[a-z0-9]{15}", self.min_select.max(0) as usize..=most).prop_map(Json::from).boxed()
    }
}
