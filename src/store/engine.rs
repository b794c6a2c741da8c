//! What a database engine must offer. No engine's type shows here: SQLite stands behind it today, an engine that speaks
//! the PostgreSQL protocol may stand beside it.

use std::sync::Arc;
use std::time::Duration;

use super::conn::{Conn, Tx};
use super::dialect::Dialect;
use super::error::StoreError;
use super::events::Subscriber;

/// A read that waits in the queue: called once, with a connection, or with the reason why there is none.
pub type ReadJob = Box<dyn FnOnce(Result<&dyn Conn, StoreError>) + Send>;

/// How a job's own work ended; what it gives or fails with stays inside the job until [`WriteJob::answer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// Its writes shall be committed.
    Done,
    /// Its writes must be undone.
    Failed,
}

/// What became of a job.
#[derive(Debug)]
pub enum Outcome {
    /// The result of the job's last run stands: committed if it was [`JobEnd::Done`], undone if it was `Failed`.
    Settled,
    /// Nothing of it was written, for this reason.
    Refused(StoreError),
}

/// A write that waits in the queue.
pub trait WriteJob: Send {
    /// Does the work. May be called more than once; each run starts from scratch. Doesn't unwind.
    fn run(&mut self, tx: &dyn Tx) -> JobEnd;

    /// Tells the caller. Called once, after the commit was synced and its events were heard.
    fn answer(self: Box<Self>, outcome: Outcome);
}

/// With whom a job shares its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// With whatever else is queued.
    Shared,
    /// With nobody, and without the time limit of short jobs: for long ones (schema change, import, truncate).
    Alone,
}

/// What a read takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// One statement; a second one fails.
    Statement,
    /// Any number of statements that see the same state.
    Snapshot,
}

/// Whether the database takes writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Good,
    /// A sync failed: reads go on, nothing is written until a restart.
    Stopped,
    /// [`Engine::close`] was called.
    Closed,
}

/// A database. Jobs come in through queues that are bounded: a full one refuses with `QueueFull`.
///
/// Invariant: write jobs are committed and their events heard in the order in which they were queued.
/// Invariant: an answered write is as durable as the engine was opened to be, and visible to every later read.
pub trait Engine: Send + Sync {
    fn dialect(&self) -> &'static dyn Dialect;

    /// Runs `job` on a connection of the calling thread. It is called once unless the connection can't be had.
    fn read_here(&self, extent: Extent, job: &mut dyn FnMut(&dyn Conn)) -> Result<(), StoreError>;

    /// Queues a read; `time_limit` is for all its statements together.
    fn queue_read(&self, job: ReadJob, time_limit: Duration) -> Result<(), StoreError>;

    fn queue_write(&self, job: Box<dyn WriteJob>, grouping: Grouping) -> Result<(), StoreError>;

    /// Adds a subscriber; subscribers hear events in the order in which they were added.
    fn subscribe(&self, subscriber: Arc<dyn Subscriber>);

    /// A number that moves with each commit that changed rows of the collection, before the commit is answered.
    fn epoch(&self, collection_id: &str) -> u64;

    fn health(&self) -> Health;

    /// Makes the planner's statistics and the files tidy; meant for quiet hours. Blocks the calling thread.
    fn optimize(&self) -> Result<(), StoreError>;

    /// Looks now whether another process wrote, instead of at the next group or tick.
    fn check_foreign_writes(&self);

    /// Finishes what is queued, then ends: later calls are refused with `Closed`. Blocks until the files are closed.
    fn close(&self);
}
