//! Deleting a collection, and emptying one (contract/02 §10).

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::rows;
use crate::schema::{Collection, Schema};
use crate::store::{ConnExt, Event, Tx};

use super::catalog::Catalog;
use super::change::Collections;
use super::dependents::{self, Broken, list_dependents};
use super::save::{Fault, Saving};

const NOT_DELETED: &str = "Failed to delete collection.";
const VIEW_NOT_TRUNCATED: &str = "View collections cannot be truncated since they don't store their own records.";
const NOT_TRUNCATED: &str =
    "Failed to truncate collection (most likely due to required cascade delete record references).";
/// Records that are read at once while a collection is emptied.
const TRUNCATE_BATCH: usize = 500;

impl Collections {
    /// Drops a collection with its table or view and everything that belongs to its records.
    ///
    /// # Errors
    /// `NotFound`; `BadRequest` when it is a system one, is referred to, or a view reads it.
    pub fn delete(&self, tx: &dyn Tx, id_or_name: &str) -> Result<()> {
        let schema = self.schema.current();
        let collection = schema.find(id_or_name).ok_or_else(Error::not_found)?.clone();
        if collection.system {
            return Err(Error::bad_request_with(NOT_DELETED));
        }
        let referring = list_referring(&schema, &collection);
        if !referring.is_empty() {
            let names = referring.join(", ");
            return Err(Error::bad_request_with(format!(
                "Failed to delete collection probably due to existing reference in {names}."
            )));
        }
        let mut saving = Saving::new(tx, &self.clock, schema);
        delete_one(&mut saving, &collection).map_err(|fault| match fault {
            // Which view it is goes to the log: the contract's answer doesn't tell.
            Fault::Raw(text) => Error::bad_request_from(NOT_DELETED, text),
            fault => fault.titled(NOT_DELETED),
        })?;
        tx.after_commit(Event::SchemaChanged);
        Ok(())
    }

    /// Deletes every record of a collection, each with all that follows from it.
    ///
    /// # Errors
    /// `NotFound`; `BadRequest` for a view, and when one of the records can't go: then none does.
    pub fn truncate(&self, tx: &dyn Tx, id_or_name: &str) -> Result<()> {
        let schema = self.schema.current();
        let collection = schema.find(id_or_name).ok_or_else(Error::not_found)?;
        if collection.is_view() {
            return Err(Error::bad_request_with(VIEW_NOT_TRUNCATED));
        }
        self.delete_all(tx, &schema, collection).map_err(|error| match error {
            Error::BadRequest { .. } | Error::Invalid { .. } => Error::bad_request_from(NOT_TRUNCATED, error),
            other => other,
        })
    }

    fn delete_all(&self, tx: &dyn Tx, schema: &Schema, collection: &Arc<Collection>) -> Result<()> {
        let dialect = tx.dialect();
        let sql = format!(
            "SELECT {} FROM {} ORDER BY {} LIMIT {TRUNCATE_BATCH}",
            dialect.quote("id"),
            dialect.quote(&collection.name),
            dialect.insertion_order()
        );
        loop {
            let ids = tx.list_rows(&sql, &[], |row| row.cell(0).as_text().to_owned())?;
            if ids.is_empty() {
                return Ok(());
            }
            for id in ids {
                // An earlier one may have taken it along.
                if let Some(record) = rows::find_record(tx, collection, &id)? {
                    rows::delete_record(tx, schema, &self.clock, &record)?;
                }
            }
        }
    }
}

/// The names of other collections with a relation to this one.
fn list_referring<'s>(schema: &'s Schema, collection: &Collection) -> Vec<&'s str> {
    let refers = |other: &Collection| {
        other
            .fields
            .iter()
            .filter_map(|field| field.relation())
            .any(|relation| *relation.collection_id == *collection.id)
    };
    let others = schema.collections().iter().filter(|other| other.id != collection.id && refers(other));
    others.map(|other| &*other.name).collect()
}

/// Drops one collection; a view that this breaks refuses it, one that was broken before doesn't.
pub(super) fn delete_one(saving: &mut Saving<'_>, collection: &Collection) -> Result<(), Fault> {
    let catalog = Catalog::load(saving.tx).map_err(Fault::store)?;
    let mut readers = Vec::new();
    for view in list_dependents(&catalog.views, &[&collection.name]) {
        if dependents::is_whole(saving.tx, &view).map_err(Fault::store)? {
            readers.push(view);
        }
    }
    saving.drop(collection)?;
    saving.forget(std::slice::from_ref(&collection.id));
    dependents::refresh(saving.tx, saving.clock, saving.schema_mut(), &readers, Broken::Refuses)
}
