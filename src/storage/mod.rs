//! Where the content of file fields lies: a directory or an S3 bucket behind one trait, uploads on their way into it,
//! and the removal of what no record names any more (contract/13 §4–6, contract/01 §8).
//!
//! Start at [`Storage`] (the store of the moment, and what is on its way into it), [`FileStore`] (what a store must
//! offer), [`take_uploads`] and [`Storage::stage`] (what `records` does with the uploads of a body), and
//! [`Uploads`] (uploads in several requests), [`queue_removal`] (what `rows` and `collections` call in their transactions).
//! Called by `records`, `rows`, `collections`, `files`, and by a job that `app` registers.
//!
//! Invariant: a file is written, whole and synced, before the transaction that names it begins; a row never names a
//! file that isn't there.
//! Invariant: an answer that made files unneeded comes when a local store has removed them ([`QueuedRemovals`]).
//! Invariant: nothing is removed that a committed row names, or that is on its way into one.
//! Never: who may see a file (that is `access`), HTTP answers.
//!
//! Tests: beside the code, and `tests/api/files.rs` against both stores.

mod attributes;
mod error;
mod file_store;
mod key;
mod local;
mod removal;
mod s3;
mod settling;
mod staging;
mod uploads;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;

pub use attributes::Attributes;
pub use error::StorageError;
pub use file_store::{Content, FileReader, FileStore, Listed, StoredFile};
pub use key::FileKey;
pub use local::{LocalStore, file_reader};
pub use removal::{OUTBOX_KIND, Remover, Scope, queue_removal};
pub use s3::{ProbeError, S3Config, S3Store};
pub use settling::QueuedRemovals;
pub use staging::{NamedUpload, StagedFiles, take_uploads};
pub use uploads::{
    ALGORITHMS as CHECKSUM_ALGORITHMS, AppendError, BodyFault, Checksum, Claimed, PartialUpload, Uploads, brings_tokens,
};

use removal::Abandoned;
use settling::Settled;
use staging::InFlight;

/// The file store of the moment; the settings may change it while the program runs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Storage {
    current: Arc<ArcSwap<StoreHandle>>,
    in_flight: InFlight,
    abandoned: Abandoned,
    settled: Settled,
}

/// A sized box, as the swap needs one.
#[derive(Debug)]
struct StoreHandle(Arc<dyn FileStore>);

impl Storage {
    /// A storage that begins with the directory `dir` (made when the first file comes).
    pub fn local(dir: PathBuf) -> Self {
        Self::over(Arc::new(LocalStore::new(dir)))
    }

    pub fn over(store: Arc<dyn FileStore>) -> Self {
        Self {
            current: Arc::new(ArcSwap::from_pointee(StoreHandle(store))),
            in_flight: InFlight::default(),
            abandoned: Abandoned::default(),
            settled: Settled::default(),
        }
    }

    /// The store that is asked now.
    pub fn current(&self) -> Arc<dyn FileStore> {
        self.current.load().0.clone()
    }

    /// Makes `store` the one that is asked from now on; nothing is moved (contract/13 §5).
    pub fn replace(&self, store: Arc<dyn FileStore>) {
        self.current.store(Arc::new(StoreHandle(store)));
    }
}
