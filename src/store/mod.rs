//! The engine seam: where the domain meets its database.
//!
//! Start at [`Store`]: `read`, `read_here`, `write`, `write_alone`. A job is a synchronous closure that gets a [`Conn`]
//! or a [`Tx`]; [`Dialect`] spells what differs between engines; [`Event`] is what follows a commit; [`Engine`] is what
//! an engine must offer. [`data_dir`] opens a whole data directory.
//! Called by every feature and by `app`, which opens it.
//!
//! Invariant: an answered write is on disk (`durability full`), and its events were heard before the answer.
//! Invariant: a job may run more than once, so it has no effect but through its `tx`.
//! Invariant: reads of one job see one snapshot.
//! Never: rusqlite or an SQLite spelling outside `store/sqlite` and `migrations/`.
//! Never: knowledge of collections, rules or HTTP.
//!
//! Implements contract/01 §2–4 and ARCHITECTURE, seams 1–3. Tests: beside the code, `tests/durability`.

pub mod changes;
mod conn;
pub mod data_dir;
pub mod dialect;
mod engine;
mod error;
mod events;
mod filter_dialect;
mod jobs;
mod options;
pub mod outbox;
mod outline;
mod queue;
mod schema_dialect;
mod sqlite;
#[cfg(test)]
pub mod testing;
mod value;

use std::sync::Arc;
use std::time::Duration;

pub use conn::{Conn, ConnExt, OnRow, ResultColumn, Row, StatementShape, Tx};
pub use dialect::{ColumnType, Dialect};
pub use engine::{Engine, Extent, Grouping, Health, JobEnd, Outcome, ReadJob, WriteJob};
pub use error::StoreError;
pub use events::{Change, ChangeKind, Event, Position, Subscriber};
pub use filter_dialect::{FilterDialect, JsonStep, Sense};
pub use options::{Durability, StoreOptions};
pub use outline::{ColumnOutline, QueryOutline, QuerySource};
pub use schema_dialect::SchemaDialect;
pub use value::{Cell, Value};

use crate::error::{Error, Result};

/// A database: cheap to clone, shared by every thread.
#[derive(Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
    query_timeout: Duration,
}

/// A job that has begun.
#[must_use]
pub struct Begun<T>(jobs::Answer<T>);

impl<T> Begun<T> {
    /// What it gives. Blocks: never on a thread of the async runtime.
    pub fn wait(self) -> Result<T> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }
}

impl Store {
    /// Opens a database file, making it if it is missing, with the engine that the options ask for: SQLite.
    ///
    /// # Errors
    /// `Io`, `Corrupt` or `Locked` with the reason.
    pub fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let query_timeout = options.query_timeout;
        Ok(Self::over(Arc::new(sqlite::SqliteEngine::open(options)?), query_timeout))
    }

    /// A store over an engine; reads are given `query_timeout` for all their statements together.
    pub fn over(engine: Arc<dyn Engine>, query_timeout: Duration) -> Self {
        Self { engine, query_timeout }
    }

    /// Reads on a reader thread: for anything that can scan.
    ///
    /// # Errors
    /// What the job fails with; `Busy` when the queue is full or the store is closed.
    pub async fn read<T, J>(&self, job: J) -> Result<T>
    where
        T: Send + 'static,
        J: FnOnce(&dyn Conn) -> Result<T> + Send + 'static,
    {
        self.read_within(self.query_timeout, job).await
    }

    /// As [`Store::read`], with a time limit of its own.
    pub async fn read_within<T, J>(&self, time_limit: Duration, job: J) -> Result<T>
    where
        T: Send + 'static,
        J: FnOnce(&dyn Conn) -> Result<T> + Send + 'static,
    {
        let (queued, answer) = jobs::read(job);
        self.engine.queue_read(queued, time_limit)?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Reads on the calling thread's own connection: for what is known to be bounded (a key look-up, a page in the
    /// order of an index), and for threads that may wait (jobs, commands).
    pub fn read_here<T>(&self, job: impl FnOnce(&dyn Conn) -> Result<T>) -> Result<T> {
        self.read_on_this_thread(Extent::Snapshot, job)
    }

    fn read_on_this_thread<T>(&self, extent: Extent, job: impl FnOnce(&dyn Conn) -> Result<T>) -> Result<T> {
        let mut job = Some(job);
        let mut result = None;
        self.engine.read_here(extent, &mut |conn| result = job.take().map(|job| job(conn)))?;
        result.unwrap_or_else(|| Err(StoreError::Closed.into()))
    }

    /// As [`Store::read_here`] for a job of one statement, which needs no transaction around it: `BEGIN` and `COMMIT`
    /// cost as much as the look-up of a row.
    ///
    /// # Errors
    /// `Internal` when the job runs a second statement: it could see another state than the first.
    pub fn read_once_here<T>(&self, job: impl FnOnce(&dyn Conn) -> Result<T>) -> Result<T> {
        self.read_on_this_thread(Extent::Statement, job)
    }

    /// Reads on the writer's connection, for threads that may wait and read seldom (at the start, once an hour): a
    /// connection of their own would parse the whole schema (12 ms with 1,000 collections) and keep it (5 MiB). Blocks;
    /// writes wait meanwhile.
    pub fn read_seldom<T, J>(&self, job: J) -> Result<T>
    where
        T: Send + 'static,
        J: FnMut(&dyn Conn) -> Result<T> + Send + 'static,
    {
        self.begin_read_seldom(job)?.wait()
    }

    /// As [`Store::read_seldom`] for a caller who has something else to do meanwhile.
    pub fn begin_read_seldom<T, J>(&self, mut job: J) -> Result<Begun<T>>
    where
        T: Send + 'static,
        J: FnMut(&dyn Conn) -> Result<T> + Send + 'static,
    {
        Ok(Begun(self.queue_write(move |tx| job(tx), Grouping::Shared)?))
    }

    /// Writes in a transaction that is shared with other jobs and committed before the answer. The job may run more
    /// than once. If it fails, nothing of it is written.
    ///
    /// # Errors
    /// What the job fails with; `Busy` when the queue is full, the disk is full, or the writer has stopped.
    pub async fn write<T, J>(&self, job: J) -> Result<T>
    where
        T: Send + 'static,
        J: FnMut(&dyn Tx) -> Result<T> + Send + 'static,
    {
        self.queue_write(job, Grouping::Shared)?.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// As [`Store::write`] in a transaction of its own and without the time limit of short jobs: for schema changes,
    /// imports, truncates.
    pub async fn write_alone<T, J>(&self, job: J) -> Result<T>
    where
        T: Send + 'static,
        J: FnMut(&dyn Tx) -> Result<T> + Send + 'static,
    {
        self.queue_write(job, Grouping::Alone)?.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// As [`Store::write`] for threads that may wait (jobs, commands): never on a thread of the async runtime.
    pub fn write_blocking<T, J>(&self, job: J) -> Result<T>
    where
        T: Send + 'static,
        J: FnMut(&dyn Tx) -> Result<T> + Send + 'static,
    {
        self.queue_write(job, Grouping::Shared)?.blocking_recv().unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// As [`Store::write_alone`] for threads that may wait.
    pub fn write_alone_blocking<T, J>(&self, job: J) -> Result<T>
    where
        T: Send + 'static,
        J: FnMut(&dyn Tx) -> Result<T> + Send + 'static,
    {
        self.queue_write(job, Grouping::Alone)?.blocking_recv().unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    fn queue_write<T, J>(&self, job: J, grouping: Grouping) -> Result<jobs::Answer<T>, Error>
    where
        T: Send + 'static,
        J: FnMut(&dyn Tx) -> Result<T> + Send + 'static,
    {
        let (queued, answer) = jobs::write(job);
        self.engine.queue_write(queued, grouping)?;
        Ok(answer)
    }

    /// Adds a subscriber to the events of commits; they are told in the order in which they were added.
    pub fn subscribe(&self, subscriber: Arc<dyn Subscriber>) {
        self.engine.subscribe(subscriber);
    }

    /// A number that moves with each commit that changed rows of the collection, before the commit is answered. To
    /// cache what was read: take the epochs first, then read.
    pub fn epoch(&self, collection_id: &str) -> u64 {
        self.engine.epoch(collection_id)
    }

    /// Whether writes are taken.
    pub fn health(&self) -> Health {
        self.engine.health()
    }

    pub fn dialect(&self) -> &'static dyn Dialect {
        self.engine.dialect()
    }

    /// Makes the planner's statistics and the files tidy; meant for quiet hours. Blocks the calling thread.
    pub fn optimize(&self) -> Result<()> {
        Ok(self.engine.optimize()?)
    }

    /// Looks now whether another process wrote (`Event::ForeignWrite`), instead of at the next commit or second.
    pub fn check_foreign_writes(&self) {
        self.engine.check_foreign_writes();
    }

    /// Finishes what is queued and closes the files; later calls are refused. Blocks.
    pub fn close(&self) {
        self.engine.close();
    }
}
