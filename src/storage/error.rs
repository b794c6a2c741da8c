//! What a file store can fail with.

use std::io;

use crate::error::Error;

/// How long a client should wait after "busy", seconds.
const RETRY_AFTER_SECONDS: u64 = 5;

#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The disk is full: nothing was stored.
    #[error("the disk is full")]
    DiskFull,
    /// Reading or writing a file failed.
    #[error("file storage: {0}")]
    Io(#[source] io::Error),
    /// The store can't be reached, doesn't answer in time, or answers that it is ill; a later try may do.
    #[error("the file storage doesn't answer: {0}")]
    Unreachable(String),
    /// The store answered, but refuses: wrong keys, no such bucket.
    #[error("the file storage refuses: {0}")]
    Refused(String),
    /// A part of the key can't stand in a path.
    #[error("no file can have this name")]
    BadKey,
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // Too large: for the file system or the process' own limit, so that no more fits here either.
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::DiskFull,
            _ => Self::Io(error),
        }
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        let busy =
            |message: &'static str| Error::Busy { message: message.into(), retry_after_seconds: RETRY_AFTER_SECONDS };
        match error {
            StorageError::DiskFull => busy("The disk is full, nothing was saved."),
            StorageError::Unreachable(reason) => {
                tracing::warn!(reason, "the file storage doesn't answer");
                busy("The file storage doesn't answer, please try again.")
            }
            StorageError::BadKey => Error::bad_request(),
            StorageError::Refused(reason) => {
                tracing::error!(reason, "the file storage refuses; look at its settings");
                busy("The file storage refused the request.")
            }
            StorageError::Io(_) => Error::internal(error),
        }
    }
}
