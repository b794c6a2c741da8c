//! What a record's create or update does with tokens: the uploads become files of its body.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

use super::{PartialUpload, TOKEN_PREFIX, UPLOADS_PER_OWNER_MAX, Uploads, consume};
use crate::error::{Error, Result};
use crate::ids;
use crate::input::{ContentFacts, RecordBody, TempFile, Upload};
use crate::schema::{Collection, Field, Modifier};
use crate::storage::StorageError;
use crate::store::Tx;

/// Bytes read at once for the digest.
const READ_BYTES: usize = 256 * 1024;

/// The uploads that a write is about to use.
#[derive(Debug)]
pub struct Claimed {
    uploads: Uploads,
    owner: String,
    ids: Vec<String>,
}

impl Claimed {
    /// Takes the uploads away, in the transaction that writes the record.
    ///
    /// # Errors
    /// `BadRequest` when another write was faster.
    pub fn consume(&self, tx: &dyn Tx) -> Result<()> {
        for id in &self.ids {
            if !consume(tx, &self.owner, id)? {
                return Err(Error::bad_request_with("An upload was used or given up meanwhile."));
            }
        }
        Ok(())
    }

    /// The record is committed: the bytes are its file's alone.
    pub fn forget(&self) {
        self.ids.iter().for_each(|id| self.uploads.remove_file(id));
    }
}

/// Whether a body has something that could be a token: a look that spares the rest nearly always.
pub fn brings_tokens(values: &Map<String, Json>) -> bool {
    let is_token = |value: &Json| value.as_str().is_some_and(|text| text.starts_with(TOKEN_PREFIX));
    values.values().any(|value| is_token(value) || value.as_array().is_some_and(|items| items.iter().any(is_token)))
}

impl Uploads {
    /// Turns the tokens in a body's file fields into uploads of the body. A token that isn't `owner`'s, isn't complete
    /// or was used stays where it is, and is refused like any name that the record doesn't hold.
    ///
    /// The bytes are linked, not moved: a write that is refused may be sent again with the same token.
    /// Fields that `may_set` doesn't let through use no upload up.
    pub async fn claim(
        &self,
        collection: &Collection,
        owner: &str,
        body: &mut RecordBody,
        may_set: impl Fn(&Field) -> bool,
    ) -> Result<Claimed> {
        let mut claimed = Claimed { uploads: self.clone(), owner: owner.to_owned(), ids: Vec::new() };
        for (key, id) in list_tokens(collection, &body.values, may_set) {
            if claimed.ids.contains(&id) || claimed.ids.len() as u64 >= UPLOADS_PER_OWNER_MAX {
                continue;
            }
            let upload = match self.find(owner, &id) {
                Ok(upload) if upload.is_complete() => upload,
                Ok(_) | Err(Error::NotFound(_)) => continue,
                Err(error) => return Err(error),
            };
            take_out(&mut body.values, &key, &upload.token());
            let (uploads, of_job) = (self.clone(), upload);
            let linked = tokio::task::spawn_blocking(move || uploads.link(key, &of_job)).await;
            let linked = linked.map_err(Error::internal)?.map_err(StorageError::from)?;
            body.uploads.push(linked);
            claimed.ids.push(id);
        }
        Ok(claimed)
    }

    /// The upload as one of a body, its bytes under a second name.
    fn link(&self, key: String, upload: &PartialUpload) -> io::Result<Upload> {
        let from = self.path(&upload.id);
        if upload.size_bytes == 0 {
            fs::create_dir_all(&self.dir)?;
            File::options().create(true).append(true).open(&from)?; // nothing was ever appended
        }
        let second: PathBuf = self.dir.join(format!("{}.{}", upload.id, ids::lower(10)));
        let file = TempFile::new(second.clone());
        if fs::hard_link(&from, &second).is_err() {
            fs::copy(&from, &second)?; // a file system without links
        }
        Ok(read_through(&second)?.into_upload(key, upload.name.clone(), file))
    }
}

/// What is to be known of a file's bytes.
fn read_through(path: &Path) -> io::Result<ContentFacts> {
    let mut facts = ContentFacts::default();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(facts);
        }
        facts.add(&buffer[..count]);
    }
}

/// The ids in tokens of file fields, with the body's key of each.
fn list_tokens(
    collection: &Collection,
    values: &Map<String, Json>,
    may_set: impl Fn(&Field) -> bool,
) -> Vec<(String, String)> {
    let mut tokens = Vec::new();
    for (key, value) in values {
        let takes_files = collection.body_key(key).is_some_and(|(field, modifier)| {
            let field = &collection.fields[field];
            let can_add = matches!(modifier, None | Some(Modifier::Append | Modifier::Prepend));
            field.is_file() && can_add && may_set(field)
        });
        if !takes_files {
            continue;
        }
        let texts: Vec<&str> = match value {
            Json::String(text) => vec![text],
            Json::Array(items) => items.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        };
        let ids = texts.into_iter().filter_map(|text| text.strip_prefix(TOKEN_PREFIX));
        tokens.extend(ids.map(|id| (key.clone(), id.to_owned())));
    }
    tokens
}

/// Removes a token from the value of a key.
fn take_out(values: &mut Map<String, Json>, key: &str, token: &str) {
    match values.get_mut(key) {
        Some(Json::Array(items)) => items.retain(|item| item.as_str() != Some(token)),
        _ => drop(values.remove(key)),
    }
}
