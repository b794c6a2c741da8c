//! Uploads on their way into a record: named, written, and taken back if the record isn't written.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;

use super::Storage;
use super::attributes::Attributes;
use super::error::StorageError;
use super::file_store::Content;
use super::key::FileKey;
use super::removal::Abandoned;
use crate::input::{RecordBody, Upload};
use crate::mime;
use crate::schema::fields::NewFile;
use crate::schema::{Collection, Field, Modifier, file_name};

/// An upload that has the name it will be stored under.
#[derive(Debug)]
pub struct NamedUpload {
    /// The position of its field.
    pub field: usize,
    pub file: NewFile,
    upload: Upload,
}

/// Takes the uploads of a body that are meant for file fields, names them, and puts their names into the body's values
/// under the same keys, behind names that were sent there as text (contract/05 §5). Other uploads, and those for fields
/// that `may_set` doesn't let through, are dropped.
pub fn take_uploads(
    collection: &Collection,
    body: &mut RecordBody,
    may_set: impl Fn(&Field) -> bool,
) -> Vec<NamedUpload> {
    let mut taken = Vec::new();
    for upload in std::mem::take(&mut body.uploads) {
        let Some((field, modifier)) = collection.body_key(&upload.key) else { continue };
        let can_add = matches!(modifier, None | Some(Modifier::Append | Modifier::Prepend));
        let options = &collection.fields[field];
        if !options.is_file() || !can_add || !may_set(options) {
            continue;
        }
        let sniffed = mime::sniff(&upload.head);
        let file = NewFile {
            name: file_name::stored_name(&upload.file_name, sniffed.extension),
            original_name: upload.file_name.clone(),
            size_bytes: upload.size_bytes,
            mime_type: sniffed.name.into_owned(),
        };
        let value = body.values.entry(upload.key.clone()).or_insert(Json::Null);
        let mut names = crate::schema::to_list(value);
        names.push(file.name.clone());
        *value = names.into();
        taken.push(NamedUpload { field, file, upload });
    }
    taken
}

/// Files that are on their way into a row: no removal touches them.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight(Arc<Mutex<HashSet<FileKey>>>);

impl InFlight {
    pub fn contains(&self, key: &FileKey) -> bool {
        self.keys().contains(key)
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, HashSet<FileKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner) // a set of keys can't be half changed
    }
}

/// Files that lie in the storage while the transaction that is to name them runs.
///
/// A clone of its `Arc` goes into the write job. Whoever drops the last one knows that the job has ended; unless
/// [`StagedFiles::committed`] was said, the files are then removed if no row names them. So a client that goes away
/// while its record is being written loses nothing, and a refused record leaves nothing.
#[derive(Debug)]
pub struct StagedFiles {
    keys: Vec<FileKey>,
    in_flight: InFlight,
    abandoned: Abandoned,
    is_committed: AtomicBool,
}

impl StagedFiles {
    /// The record that names the files is committed.
    pub fn committed(&self) {
        self.is_committed.store(true, Ordering::Release);
    }
}

impl Drop for StagedFiles {
    fn drop(&mut self) {
        let mut in_flight = self.in_flight.keys();
        for key in &self.keys {
            in_flight.remove(key);
        }
        drop(in_flight);
        if !self.is_committed.load(Ordering::Acquire) {
            self.abandoned.add(self.keys.drain(..));
        }
    }
}

impl Storage {
    /// Writes uploads under their names, before the transaction that makes a row of them. On return they are durable.
    ///
    /// # Errors
    /// `BadRequest` when the record's id can't stand in a path; `Busy` when the disk is full or the store doesn't
    /// answer. What was written of the others is removed.
    pub async fn stage(
        &self,
        collection_id: &str,
        record_id: &str,
        uploads: Vec<NamedUpload>,
    ) -> Result<Arc<StagedFiles>, StorageError> {
        let store = self.current();
        let mut staged = StagedFiles {
            keys: Vec::with_capacity(uploads.len()),
            in_flight: self.in_flight.clone(),
            abandoned: self.abandoned.clone(),
            is_committed: AtomicBool::new(false),
        };
        for NamedUpload { file, upload, .. } in uploads {
            let key = FileKey::new(collection_id, record_id, &file.name).ok_or(StorageError::BadKey)?;
            self.in_flight.keys().insert(key.clone());
            staged.keys.push(key.clone());
            let attributes =
                Attributes { content_type: file.mime_type, original_name: Some(file.original_name), md5: upload.md5 };
            store.put(&key, Content::File(upload.file), &attributes).await?;
        }
        Ok(Arc::new(staged))
    }
}
