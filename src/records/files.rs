//! Uploads of a create or update: they lie in the storage before the write job begins (contract/13 §4).

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::body::sent_text;
use crate::access::may_set;
use crate::error::Result;
use crate::input::RecordBody;
use crate::query::Caller;
use crate::rows::{Draft, generated};
use crate::schema::fields::NewFile;
use crate::schema::{Collection, Field, FieldValue};
use crate::storage::{Claimed, FileKey, StagedFiles, Storage, Uploads, brings_tokens, take_uploads};
use crate::store::Tx;

/// The uploads of one record, named and stored.
#[derive(Debug, Default)]
pub struct Files {
    new: Vec<NewFile>,
    /// The id of a new record, fixed before the job: the files lie in its place.
    new_id: Option<String>,
    /// Uploads of former requests among them.
    claimed: Option<Claimed>,
    /// Held until the job has ended, see there.
    staged: Option<Arc<StagedFiles>>,
}

impl Files {
    pub fn committed(&self) {
        if let Some(claimed) = &self.claimed {
            claimed.forget();
        }
        if let Some(staged) = &self.staged {
            staged.committed();
        }
    }

    /// Uses up the tokens that the body brought, in the transaction that writes the record.
    pub fn consume(&self, tx: &dyn Tx) -> Result<()> {
        self.claimed.as_ref().map_or(Ok(()), |claimed| claimed.consume(tx))
    }

    /// Tells a draft about the uploads, and shows them to rules as objects in place of their names (contract/04 §9.2).
    pub fn lay(&self, draft: &mut Draft, body: &mut Map<String, Json>) {
        if self.new.is_empty() {
            return;
        }
        draft.set_new_files(self.new.clone());
        if let Some(id) = &self.new_id {
            draft.set("id", FieldValue::Text(id.clone()));
        }
        let collection = draft.collection().clone();
        for field in collection.fields.iter().filter(|field| field.is_file()) {
            match body.get_mut(&field.name) {
                Some(Json::Array(items)) => items.iter_mut().for_each(|item| self.show(item)),
                Some(item) => self.show(item),
                None => {}
            }
        }
    }

    fn show(&self, item: &mut Json) {
        if let Some(file) = self.new.iter().find(|file| item.as_str() == Some(&file.name)) {
            *item = json!({ "name": file.name, "originalName": file.original_name, "size": file.size_bytes });
        }
    }
}

/// Names the uploads that the caller may set, puts their names into the body, and stores them under the record `id`,
/// or under the id that a new record will have.
pub async fn stage_files(
    (storage, uploads): (&Storage, &Uploads),
    caller: &Caller,
    collection: &Collection,
    id: Option<&str>,
    body: &mut RecordBody,
) -> Result<Files> {
    let is_superuser = caller.is_superuser();
    let may_set = |field: &Field| may_set(is_superuser, collection, field, None);
    let claimed = match caller.auth() {
        Some(auth) if brings_tokens(&body.values) => Some(uploads.claim(collection, &auth.key(), body, may_set).await?),
        _ => None, // uploads are begun by auth records only
    };
    if body.uploads.is_empty() {
        return Ok(Files::default());
    }
    let named = take_uploads(collection, body, may_set);
    let new: Vec<NewFile> = named.iter().map(|upload| upload.file.clone()).collect();
    let new_id = if id.is_none() { Some(id_to_be(collection, &body.values)) } else { None };
    let place = id.or(new_id.as_deref()).unwrap_or_default();
    // An id that can't be a place is refused by the check of the field; the uploads go with the request.
    let is_place = new.first().is_some_and(|file| FileKey::new(&collection.id, place, &file.name).is_some());
    let staged = if is_place { Some(storage.stage(&collection.id, place, named).await?) } else { None };
    Ok(Files { new, new_id, claimed, staged })
}

/// The id that a new record will have: the one sent, or a generated one.
fn id_to_be(collection: &Collection, values: &Map<String, Json>) -> String {
    let Some(field) = collection.field("id") else { return String::new() };
    let generated = || generated(field);
    if values.contains_key("id:autogenerate") {
        return sent_text(values, "id:autogenerate") + &generated();
    }
    match sent_text(values, "id") {
        sent if sent.is_empty() => generated(),
        sent => sent,
    }
}
