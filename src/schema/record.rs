//! A record: the values of one row, in the order of its collection's fields.

use std::sync::Arc;

use super::collection::Collection;
use super::value::FieldValue;

/// A record and the collection it belongs to.
///
/// Invariant: one value per field of `collection`, in its order, of its shape.
#[derive(Clone, Debug)]
pub struct Record {
    collection: Arc<Collection>,
    values: Vec<FieldValue>,
}

impl Record {
    /// A record of `values` in field order. Panics if their number isn't that of the fields (a fault of the caller).
    pub fn new(collection: Arc<Collection>, values: Vec<FieldValue>) -> Self {
        assert_eq!(collection.fields.len(), values.len(), "one value per field");
        Self { collection, values }
    }

    pub fn collection(&self) -> &Arc<Collection> {
        &self.collection
    }

    pub fn values(&self) -> &[FieldValue] {
        &self.values
    }

    /// The record's id; `""` before one was given.
    pub fn id(&self) -> &str {
        self.text("id")
    }

    pub fn get(&self, name: &str) -> Option<&FieldValue> {
        self.collection.field_index(name).map(|index| &self.values[index])
    }

    /// The text of a text-like field, `""` if there is no such field.
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(FieldValue::Text(text)) => text,
            _ => "",
        }
    }

    /// The flag of a bool field, `false` if there is no such field.
    pub fn is_true(&self, name: &str) -> bool {
        matches!(self.get(name), Some(FieldValue::Bool(true)))
    }

    /// Sets the value of a field; does nothing if there is no such field.
    pub fn set(&mut self, name: &str, value: FieldValue) {
        if let Some(index) = self.collection.field_index(name) {
            self.values[index] = value;
        }
    }

    /// The value at a field's position.
    pub fn value_at(&self, index: usize) -> &FieldValue {
        &self.values[index]
    }

    /// Sets the value at a field's position.
    pub fn set_at(&mut self, index: usize, value: FieldValue) {
        self.values[index] = value;
    }
}
