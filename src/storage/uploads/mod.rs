//! Uploads that may be resumed, until a record takes them by their token.
//!
//! Start at [`Uploads`]: [`Uploads::begin`], [`Uploads::append`], [`Uploads::find`], [`Uploads::remove`] are what the tus
//! routes need; [`Uploads::claim`] what a create or update of a record does with a token.
//!
//! The bytes lie in a file of the data directory, what is known of them in a row. The row's count of bytes moves only
//! after they are synced, so that a client may forget what it was told is there.
//!
//! Invariant: an upload belongs to the caller who began it; to everybody else it isn't there.
//! Invariant: a token is used once: the transaction that writes the record takes the upload's row away.

mod append;
mod checksum;
mod claim;
mod table;

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use super::error::StorageError;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::ids;
use crate::store::{Conn, Store, Tx};

pub use append::{AppendError, BodyFault};
pub use checksum::{ALGORITHMS, Checksum};
pub use claim::{Claimed, brings_tokens};
use table::consume;

/// In front of an upload's id where a file field takes a name; no name of a stored file has a colon.
const TOKEN_PREFIX: &str = "tus:";
/// An upload that gets no byte for so long is given up.
const LIFE: Duration = Duration::from_secs(24 * 3600);
/// Uploads of one caller that no record has taken yet.
const UPLOADS_PER_OWNER_MAX: u64 = 16;
/// 165 bits: who knows an id still needs to be its owner.
const ID_LENGTH: usize = 32;
/// Bytes that are kept of the client's name.
const NAME_BYTES_MAX: usize = 300;
/// A file without a row that is younger may be one of an upload that begins.
const ORPHAN_AGE_MIN: Duration = Duration::from_secs(3600);

/// The uploads on their way. Cheap to clone.
#[derive(Clone)]
pub struct Uploads {
    store: Store,
    clock: Clock,
    dir: Arc<Path>,
    busy: Busy,
}

impl fmt::Debug for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploads").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// What is known of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialUpload {
    pub id: String,
    /// As the client named it; may be empty.
    pub name: String,
    pub size_bytes: u64,
    /// Bytes that are stored for sure.
    pub received_bytes: u64,
    pub expires: Timestamp,
}

impl PartialUpload {
    pub fn is_complete(&self) -> bool {
        self.received_bytes == self.size_bytes
    }

    /// What a file field takes for the file, from the upload's owner, once.
    pub fn token(&self) -> String {
        format!("{TOKEN_PREFIX}{}", self.id)
    }
}

impl Uploads {
    /// The uploads whose bytes lie in `dir`, which is made when the first ones come.
    pub fn new(store: Store, clock: Clock, dir: PathBuf) -> Self {
        Self { store, clock, dir: dir.into(), busy: Busy::default() }
    }

    /// Begins an upload of `size_bytes` that `owner` (`collection/record`) calls `name`.
    ///
    /// # Errors
    /// `TooMany` when the owner has as many as one may have.
    pub async fn begin(&self, owner: &str, name: &str, size_bytes: u64) -> Result<PartialUpload> {
        let upload = PartialUpload {
            id: ids::lower(ID_LENGTH),
            name: name[..name.floor_char_boundary(NAME_BYTES_MAX)].to_owned(),
            size_bytes,
            received_bytes: 0,
            expires: self.expiry(),
        };
        let (owner, row, now_ms) = (owner.to_owned(), upload.clone(), self.now_ms());
        let job = move |tx: &dyn Tx| {
            if table::count(tx, &owner, now_ms)? >= UPLOADS_PER_OWNER_MAX {
                return Err(too_many());
            }
            Ok(table::insert(tx, &owner, &row)?)
        };
        self.store.write(job).await?;
        Ok(upload)
    }

    /// The upload as `owner` may know it.
    ///
    /// # Errors
    /// `NotFound` when there is none, it has expired, or it is another's.
    pub fn find(&self, owner: &str, id: &str) -> Result<PartialUpload> {
        self.store.read_here(|conn| self.get(conn, owner, id))
    }

    /// Gives an upload up.
    ///
    /// # Errors
    /// As of [`Uploads::find`].
    pub async fn remove(&self, owner: &str, id: &str) -> Result<()> {
        let (owner, of_job) = (owner.to_owned(), id.to_owned());
        let is_there = self.store.write(move |tx| Ok(consume(tx, &owner, &of_job)?)).await?;
        if !is_there {
            return Err(Error::not_found());
        }
        self.remove_file(id);
        Ok(())
    }

    /// Removes what has expired, and files that a crash left without a row. Gives how many files. Blocks.
    pub fn sweep(&self) -> Result<u64> {
        let now_ms = self.now_ms();
        let expired = self.store.write_blocking(move |tx| Ok(table::delete_expired(tx, now_ms)?))?;
        expired.iter().for_each(|id| self.remove_file(id));
        let mut removed = expired.len() as u64;
        for id in self.list_orphans().map_err(StorageError::from)? {
            if !self.store.read_here(|conn| Ok(table::has(conn, &id)?))? {
                self.remove_file(&id);
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The names of files that nobody touched for a while. Linking one touches it, so a file on its way into a record
    /// isn't among them.
    fn list_orphans(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut old = Vec::new();
        for entry in entries {
            let entry = entry?;
            let touched = u64::try_from(entry.metadata()?.ctime()).unwrap_or(0);
            if touched + ORPHAN_AGE_MIN.as_secs() <= now {
                old.extend(entry.file_name().into_string());
            }
        }
        Ok(old)
    }

    /// Removes the bytes of an upload whose row is gone.
    pub(super) fn remove_file(&self, id: &str) {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "the bytes of an upload that is over stay; the sweep removes them");
            }
            _ => {}
        }
    }

    fn get(&self, conn: &dyn Conn, owner: &str, id: &str) -> Result<PartialUpload> {
        table::find(conn, owner, id, self.now_ms())?.ok_or_else(Error::not_found)
    }

    /// The file of an upload's bytes. Only ids that a row has get here.
    fn path(&self, id: &str) -> PathBuf {
        self.dir.join(id)
    }

    fn expiry(&self) -> Timestamp {
        self.clock.now() + LIFE
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }
}

fn too_many() -> Error {
    Error::TooMany {
        message: "Too many unfinished uploads.".into(),
        retry_after_seconds: 60,
        cause: "uploads of one caller that no record has taken".into(),
    }
}

/// Uploads that a request writes to: one at a time, or their bytes would mix.
#[derive(Clone, Debug, Default)]
struct Busy(Arc<Mutex<HashSet<String>>>);

/// The right to write to one upload.
#[derive(Debug)]
struct Turn {
    busy: Busy,
    id: String,
}

impl Busy {
    fn take(&self, id: &str) -> Option<Turn> {
        let is_free = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
        is_free.then(|| Turn { busy: self.clone(), id: id.to_owned() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.busy.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}
