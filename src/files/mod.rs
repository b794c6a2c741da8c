//! Files of records as they are served: found behind their checks, with thumbs made on demand (contract/13 §1–3).
//!
//! Start at [`Files`]: [`Files::find`] (which file a path means, and whether the caller may have it), [`Files::open`]
//! (its content, or a thumb's), [`Files::issue_token`]. Called by `http`. The content lies in `storage`; who may see a
//! protected file is `access`'s.
//!
//! Invariant: only a name that the record's value holds now is found; its random part is what keeps public files.
//! Invariant: nothing is decoded beyond a budget of pixels, whatever a file says of itself.
//! Never: an HTTP header or status.
//!
//! Tests: beside the code, `tests/api/files.rs`.

mod find;
mod image;
mod thumbs;

use std::sync::Arc;

use crate::auth::{Issue, TokenKind, issue_token, verify_token};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::query::{AuthRecord, Caller, Planner};
use crate::schema::SharedSchema;
use crate::storage::{FileKey, Storage, StoredFile};
use crate::store::Store;

pub use find::{FileRequest, Found};
use thumbs::Thumbs;

/// A size that may be asked for though no field lists it: the dashboard's.
const COMMON_THUMB: &str = "100x100";

/// Serves files.
pub struct Files {
    store: Store,
    schema: Arc<SharedSchema>,
    planner: Arc<Planner>,
    storage: Storage,
    clock: Clock,
    thumbs: Thumbs,
}

/// The content that answers a request.
pub struct Opened {
    /// What the client is told as its name.
    pub served_name: String,
    pub file: StoredFile,
}

impl Files {
    pub fn new(store: Store, schema: Arc<SharedSchema>, planner: Arc<Planner>, storage: Storage, clock: Clock) -> Self {
        let thumbs = Thumbs::new(storage.clone());
        Self { store, schema, planner, storage, clock, thumbs }
    }

    /// A token for `?token=` of protected files, of the caller's record.
    pub fn issue_token(&self, auth: &AuthRecord) -> Result<String> {
        issue_token(&auth.record, Issue::File, &self.clock)
    }

    /// Who a file token stands for; anything else than a good one is a guest's (contract/13 §2).
    pub async fn caller_of(&self, token: &str) -> Result<Caller> {
        if token.is_empty() {
            return Ok(Caller::Guest);
        }
        let (schema, token, now) = (self.schema.current(), token.to_owned(), self.clock.now());
        let verified = self.store.read(move |conn| verify_token(conn, &schema, TokenKind::File, &token, now)).await?;
        let Some(verified) = verified else { return Ok(Caller::Guest) };
        let auth = AuthRecord { record: Arc::new(verified.record) };
        let is_superuser = &*auth.collection().name == crate::schema::SUPERUSERS;
        Ok(if is_superuser { Caller::Superuser(auth) } else { Caller::Record(auth) })
    }

    /// The content of a found file, or of its thumb in a size that the field allows; where no thumb can be made, of the
    /// file itself (contract/13 §3). `read_ahead_bytes` as of `FileStore::open`.
    ///
    /// # Errors
    /// `NotFound` when the storage doesn't have the file.
    pub async fn open(&self, found: &Found, thumb_size: &str, read_ahead_bytes: u64) -> Result<Opened> {
        if is_listed(found, thumb_size)
            && let Some(thumb) = self.thumbs.find_or_make(&found.key, thumb_size, read_ahead_bytes).await?
        {
            return Ok(Opened { served_name: found.key.thumb(thumb_size).served_name(), file: thumb });
        }
        let file = self.open_original(&found.key, read_ahead_bytes).await?;
        Ok(Opened { served_name: found.key.served_name(), file })
    }

    async fn open_original(&self, key: &FileKey, read_ahead_bytes: u64) -> Result<StoredFile> {
        self.storage.current().open(key, read_ahead_bytes).await?.ok_or_else(Error::not_found)
    }
}

fn is_listed(found: &Found, size: &str) -> bool {
    !size.is_empty() && (size == COMMON_THUMB || found.thumb_sizes.iter().any(|listed| listed == size))
}
