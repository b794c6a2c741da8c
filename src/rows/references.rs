//! Which fields of which collections refer to the records of a collection.

use std::sync::Arc;

use crate::schema::{Collection, Schema};

/// A relation field that points at a collection.
#[derive(Clone, Debug)]
pub struct Reference {
    pub collection: Arc<Collection>,
    /// Its position among the collection's fields.
    pub field: usize,
}

/// The relation fields that point at the records of `target`, by collection name, then in field order (the order of
/// contract/05 §7). Views hold no relation of their own.
pub fn list_references(schema: &Schema, target: &Collection) -> Vec<Reference> {
    let mut collections: Vec<_> = schema.collections().iter().filter(|collection| !collection.is_view()).collect();
    collections.sort_by(|a, b| a.name.cmp(&b.name));
    let points_at_target =
        |field: &crate::schema::Field| field.relation().is_some_and(|relation| *relation.collection_id == *target.id);
    let references_of = |collection: &Arc<Collection>| -> Vec<Reference> {
        let fields = collection.fields.iter().enumerate().filter(|(_, field)| points_at_target(field));
        fields.map(|(field, _)| Reference { collection: collection.clone(), field }).collect()
    };
    collections.into_iter().flat_map(references_of).collect()
}
