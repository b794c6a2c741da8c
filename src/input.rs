//! What a request brought for a record (contract/05 §5): values, and uploads that already lie in temporary files.
//! Filled by `http`, read by `records`, `files` and the file fields; a leaf, so that none of them knows the other.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use serde_json::{Map, Value as Json};

/// The data of a create or update.
#[derive(Debug, Default)]
pub struct RecordBody {
    /// Keys as sent, modifiers included; of a form, the values are inferred and `@jsonPayload` is merged in.
    pub values: Map<String, Json>,
    /// In the order sent; several may have one key.
    pub uploads: Vec<Upload>,
}

/// One uploaded file.
#[derive(Debug)]
pub struct Upload {
    /// The part's name: `docs`, `docs+`, `+docs`, or `requests.0.docs` in a batch.
    pub key: String,
    /// As the client named it, without any path; may be empty.
    pub file_name: String,
    pub size_bytes: u64,
    /// The first bytes (at most [`Upload::HEAD_BYTES_MAX`]), to tell the type by.
    pub head: Vec<u8>,
    /// MD5 of the content.
    pub md5: [u8; 16],
    pub file: TempFile,
}

impl Upload {
    /// How much of the content [`Upload::head`] holds: enough for every signature that type detection knows.
    pub const HEAD_BYTES_MAX: usize = 4096;
}

/// What an [`Upload`] says about its bytes, gathered as they come.
#[derive(Default)]
pub struct ContentFacts {
    size_bytes: u64,
    head: Vec<u8>,
    md5: Md5,
}

impl ContentFacts {
    /// Takes the next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.size_bytes += bytes.len() as u64;
        let missing = Upload::HEAD_BYTES_MAX.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..missing]);
        self.md5.update(bytes);
    }

    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The upload whose bytes these were; they lie in `file`.
    pub fn into_upload(self, key: String, file_name: String, file: TempFile) -> Upload {
        let Self { size_bytes, head, md5 } = self;
        Upload { key, file_name, size_bytes, head, md5: md5.finalize().into(), file }
    }
}

/// A temporary file in the data directory (so that renaming it into the storage is one step), removed when dropped:
/// whoever takes the content moves the file away before.
#[derive(Debug)]
pub struct TempFile {
    path: PathBuf,
}

impl TempFile {
    /// Takes over the file at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "temporary upload not removed; the next start does it");
        }
    }
}
