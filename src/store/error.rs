//! What a statement or a job can fail with, without any engine's types.

use crate::error::Error;

/// How long a client should wait after "busy", seconds.
const RETRY_AFTER_SECONDS: u64 = 1;

#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique index or primary key refuses the row. `columns` are those of the index; empty for an index over
    /// expressions, which `index` then names.
    #[error("unique constraint failed on {table} ({columns:?}, index {index:?})")]
    Unique { table: String, columns: Vec<String>, index: Option<String> },
    /// Another constraint (not null, check) refuses the row.
    #[error("constraint failed: {0}")]
    Constraint(String),
    /// The statement is wrong, or names what isn't there; the text is the engine's, as clients of superuser routes see it.
    #[error("{0}")]
    Sql(String),
    /// The time limit of the statement has passed.
    #[error("the query took longer than its time limit")]
    TimedOut,
    /// A queue is full.
    #[error("the database queue is full")]
    QueueFull,
    /// Another process holds the database longer than anybody should.
    #[error("the database is locked by another process")]
    Locked,
    /// The disk is full: the write didn't happen, a later one may.
    #[error("the disk is full")]
    DiskFull,
    /// A commit couldn't be synced: nothing is written any more until a restart.
    #[error("the writer has stopped after a failed sync; restart the server")]
    Stopped,
    /// Reading or writing the file failed.
    #[error("input/output error: {0}")]
    Io(String),
    /// The file is not a database, or a damaged one.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// The store is closing.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// The error of a statement that was made from a client's or a rule's expression: a fault in it is a bad request, not
    /// one of ours.
    pub fn into_refusal(self) -> Error {
        match self {
            StoreError::Sql(_) => Error::bad_request_from("", self),
            other => other.into(),
        }
    }
}

impl StoreError {
    /// The engine's own words for what a statement did wrong, as superusers are shown them; `None` if the fault isn't the
    /// statement's.
    pub fn statement_fault(&self) -> Option<String> {
        match self {
            StoreError::Sql(text) => Some(text.clone()),
            StoreError::Constraint(text) => Some(format!("constraint failed: {text}")),
            StoreError::Unique { index: Some(index), .. } => {
                Some(format!("constraint failed: UNIQUE constraint failed: index '{index}' (2067)"))
            }
            StoreError::Unique { table, columns, index: None } => {
                let columns: Vec<String> = columns.iter().map(|column| format!("{table}.{column}")).collect();
                Some(format!("constraint failed: UNIQUE constraint failed: {} (2067)", columns.join(", ")))
            }
            _ => None,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let busy = |message| Error::Busy { message, retry_after_seconds: RETRY_AFTER_SECONDS };
        match error {
            StoreError::QueueFull => busy("The server is busy, please try again.".into()),
            StoreError::Locked => busy("The database is locked, please try again.".into()),
            StoreError::DiskFull => busy("The disk is full, nothing was saved.".into()),
            StoreError::Stopped => busy("The database doesn't take writes until the server is restarted.".into()),
            StoreError::Closed => busy("The server is stopping.".into()),
            StoreError::TimedOut => Error::bad_request_from("", error),
            StoreError::Unique { .. }
            | StoreError::Constraint(_)
            | StoreError::Sql(_)
            | StoreError::Io(_)
            | StoreError::Corrupt(_) => Error::internal(error),
        }
    }
}
