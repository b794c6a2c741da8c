//! What a place for files must offer (ARCHITECTURE, seam 7).

use std::fmt::Debug;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::attributes::Attributes;
use super::error::StorageError;
use super::key::FileKey;
use crate::input::TempFile;

/// What is put into a store.
#[derive(Debug)]
pub enum Content {
    /// A temporary file, on the storage's own disk; it is used up.
    File(TempFile),
    /// For what is small and was made in memory, such as thumbs.
    Bytes(Bytes),
}

/// A file that was found.
pub struct StoredFile {
    pub size_bytes: u64,
    pub modified: SystemTime,
    /// As it was sniffed when the file came, with parameters.
    pub content_type: String,
    /// Differs for different contents; without quotes.
    pub etag: String,
    pub reader: Box<dyn FileReader>,
}

/// Reads the content of a found file.
pub trait FileReader: Send + Sync {
    /// The bytes of a range inside the file, in pieces. An error ends the stream.
    fn read(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes, StorageError>>;

    /// The whole content, where the store had it at hand when it looked the file up.
    fn whole(&self) -> Option<Bytes> {
        None
    }
}

/// An object as a listing tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub path: String,
    pub size_bytes: u64,
    pub modified: SystemTime,
}

/// A place for files. Every operation is bounded in time.
pub trait FileStore: Debug + Send + Sync {
    /// Stores a file under its key, whole or not at all; on return it is as durable as the store can make it.
    fn put<'a>(
        &'a self,
        key: &'a FileKey,
        content: Content,
        attributes: &'a Attributes,
    ) -> BoxFuture<'a, Result<(), StorageError>>;

    /// Looks a file up. `read_ahead_bytes`: a file up to this size may be read at once, which spares a step.
    fn open<'a>(
        &'a self,
        key: &'a FileKey,
        read_ahead_bytes: u64,
    ) -> BoxFuture<'a, Result<Option<StoredFile>, StorageError>>;

    /// Removes a file with what is kept beside it, and directories that become empty. No such file is no error.
    fn remove<'a>(&'a self, key: &'a FileKey) -> BoxFuture<'a, Result<(), StorageError>>;

    /// The objects whose path begins with `prefix`, which is empty or ends in `/`; in pages of bounded size, in no
    /// order. Side files are left out.
    fn list(&self, prefix: String) -> BoxStream<'static, Result<Vec<Listed>, StorageError>>;

    /// How long an answer may wait for the removal of what it made unneeded; zero: not at all.
    fn removal_wait_max(&self) -> Duration;

    /// Removes what interrupted writes left longer than `age` ago.
    fn tidy(&self, age: Duration) -> BoxFuture<'_, Result<(), StorageError>>;
}
