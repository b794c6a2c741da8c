//! A record about to be written.

use std::sync::Arc;

use crate::schema::fields::NewFile;
use crate::schema::{Collection, FieldValue, Record};

use super::NewPassword;

/// The values a record is to get, beside those it has. Fields of kind password hold the hash; the plain text of a new
/// one stays beside it until it was checked.
#[derive(Debug)]
pub struct Draft {
    stored: Option<Record>,
    record: Record,
    passwords: Vec<(usize, NewPassword)>,
    /// Uploads of this request, which lie in the storage already.
    new_files: Vec<NewFile>,
}

impl Draft {
    /// A draft of a new record: every value is the empty one of its field.
    pub fn new(collection: Arc<Collection>) -> Self {
        let values = collection.fields.iter().map(|field| FieldValue::zero(field.shape())).collect();
        Self { stored: None, record: Record::new(collection, values), passwords: Vec::new(), new_files: Vec::new() }
    }

    /// A draft of a change of `stored`, which the transaction has just read; begins with its values.
    pub fn of(stored: Record) -> Self {
        Self { record: stored.clone(), stored: Some(stored), passwords: Vec::new(), new_files: Vec::new() }
    }

    pub fn collection(&self) -> &Arc<Collection> {
        self.record.collection()
    }

    /// The record as it would be.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The record as it is; `None` for a new one.
    pub fn stored(&self) -> Option<&Record> {
        self.stored.as_ref()
    }

    /// Sets the value of a field; does nothing if there is no such field.
    pub fn set(&mut self, name: &str, value: FieldValue) {
        self.record.set(name, value);
    }

    /// Sets the value at a field's position.
    pub fn set_at(&mut self, index: usize, value: FieldValue) {
        self.record.set_at(index, value);
    }

    /// Tells which names in file fields are new; others must be names that the stored record holds.
    pub fn set_new_files(&mut self, files: Vec<NewFile>) {
        self.new_files = files;
    }

    pub(super) fn new_files(&self) -> &[NewFile] {
        &self.new_files
    }

    /// Sets a field of kind password; does nothing if there is no such field.
    pub fn set_password(&mut self, name: &str, password: NewPassword) {
        if let Some(index) = self.collection().field_index(name) {
            self.record.set_at(index, FieldValue::Text(password.hash().to_owned()));
            self.passwords.retain(|(other, _)| *other != index);
            self.passwords.push((index, password));
        }
    }

    /// The new password of the field at this position, if it gets one.
    pub(super) fn new_password(&self, index: usize) -> Option<&NewPassword> {
        self.passwords.iter().find(|(other, _)| *other == index).map(|(_, password)| password)
    }

    /// Whether a new password is set for the field of this name.
    pub(super) fn has_new_password(&self, name: &str) -> bool {
        self.collection().field_index(name).is_some_and(|index| self.new_password(index).is_some())
    }

    /// Whether a password that nobody typed is set for the field of this name.
    pub fn has_random_password(&self, name: &str) -> bool {
        let index = self.collection().field_index(name);
        index.and_then(|index| self.new_password(index)).is_some_and(NewPassword::is_random)
    }

    /// Whether the field of this name gets another value than it has; that of a new record does.
    pub(super) fn changes(&self, name: &str) -> bool {
        self.stored.as_ref().is_none_or(|stored| stored.get(name) != self.record.get(name))
    }

    pub(super) fn into_parts(self) -> (Option<Record>, Record) {
        (self.stored, self.record)
    }
}
