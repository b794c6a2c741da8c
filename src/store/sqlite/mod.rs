//! SQLite as the engine: WAL, one writer thread that commits in groups, a pool of readers and a connection per thread
//! that reads for itself.
//!
//! Start at [`SqliteEngine`]. `open` makes connections, `conn` and `tx` are what jobs get, `writer` commits, `readers`
//! read, `checkpoint` keeps the WAL short, `functions` adds what rules need to SQL, `dialect` spells.
//!
//! Invariant: one connection of the process writes, and only on the writer's thread.
//! Invariant: after a failed sync nothing is written any more; reads go on.
//! Invariant: the WAL file is kept and overwritten (PERFORMANCE, Spikes, Writer); it is cut off only at a clean close.
//!
//! Implements contract/01 §2. Figures behind the choices: `bench/README.md`.

mod checkpoint;
mod conn;
mod deadline;
mod dialect;
mod epochs;
mod errors;
#[cfg(feature = "faults")]
mod faults;
mod filter_dialect;
mod functions;
mod group;
pub mod inspect;
mod open;
mod outline;
mod readers;
mod schema_dialect;
#[cfg(test)]
mod tests;
mod tx;
mod writer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

pub use dialect::SqliteDialect;

use self::checkpoint::Checkpointer;
use self::epochs::Epochs;
use self::readers::Readers;
use self::writer::Message;
use super::dialect::Dialect;
use super::engine::{Engine, Extent, Grouping, Health, ReadJob, WriteJob};
use super::error::StoreError;
use super::events::Subscriber;
use super::queue::Queue;
use super::{Conn, StoreOptions};

/// How many writes may wait: at 25 µs each a tenth of a second of work; beyond it the answer is 503.
const WRITE_QUEUE_JOBS_MAX: usize = 4096;

/// What the threads of one engine share.
struct Shared {
    options: StoreOptions,
    epochs: Epochs,
    subscribers: Mutex<Vec<Arc<dyn Subscriber>>>,
    writes: Queue<Message>,
    /// A sync failed: the writer has stopped for good.
    stopped: AtomicBool,
    closed: AtomicBool,
}

impl Shared {
    fn health(&self) -> Health {
        if self.closed.load(Ordering::Acquire) {
            Health::Closed
        } else if self.stopped.load(Ordering::Acquire) {
            Health::Stopped
        } else {
            Health::Good
        }
    }

    /// After a failed sync nobody knows what the disk holds; a second try would only seem to succeed, because the
    /// kernel drops the pages it couldn't write (PostgreSQL's "fsyncgate").
    fn stop_writing(&self, cause: &StoreError) {
        if !self.stopped.swap(true, Ordering::AcqRel) {
            tracing::error!(database = %self.options.path.display(), %cause, "a sync failed: writes stop until a restart");
        }
    }

    fn subscribers(&self) -> Vec<Arc<dyn Subscriber>> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One SQLite database file.
pub struct SqliteEngine {
    shared: Arc<Shared>,
    readers: Readers,
    checkpointer: Checkpointer,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteEngine {
    /// Opens the file, making it if it is missing, and starts the threads.
    ///
    /// # Errors
    /// `Io` or `Corrupt` with the reason, `Locked` when another process doesn't let go of it.
    pub fn open(options: StoreOptions) -> Result<Self, StoreError> {
        open::check_library()?;
        #[cfg(feature = "faults")]
        faults::install();
        let shared = Arc::new(Shared {
            epochs: Epochs::default(),
            subscribers: Mutex::default(),
            writes: Queue::new(WRITE_QUEUE_JOBS_MAX),
            stopped: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            options,
        });
        let db = open::open_writer(&shared.options)?;
        let readers = Readers::start(&shared.options)?;
        let checkpointer = Checkpointer::start(shared.clone())?;
        let writer = writer::start(shared.clone(), db, checkpointer.watch())?;
        Ok(Self { shared, readers, checkpointer, writer: Mutex::new(Some(writer)) })
    }
}

impl Engine for SqliteEngine {
    fn dialect(&self) -> &'static dyn Dialect {
        &SqliteDialect
    }

    fn read_here(&self, extent: Extent, job: &mut dyn FnMut(&dyn Conn)) -> Result<(), StoreError> {
        self.readers.read_here(extent, job)
    }

    fn queue_read(&self, job: ReadJob, time_limit: Duration) -> Result<(), StoreError> {
        self.readers.queue(job, time_limit)
    }

    fn queue_write(&self, job: Box<dyn WriteJob>, grouping: Grouping) -> Result<(), StoreError> {
        match self.shared.health() {
            Health::Good => self.shared.writes.push(Message::Job(job, grouping)),
            Health::Stopped => Err(StoreError::Stopped),
            Health::Closed => Err(StoreError::Closed),
        }
    }

    fn subscribe(&self, subscriber: Arc<dyn Subscriber>) {
        self.shared.subscribers.lock().unwrap_or_else(PoisonError::into_inner).push(subscriber);
    }

    fn epoch(&self, collection_id: &str) -> u64 {
        self.shared.epochs.get(collection_id)
    }

    fn health(&self) -> Health {
        self.shared.health()
    }

    fn optimize(&self) -> Result<(), StoreError> {
        let (done, answer) = std::sync::mpsc::sync_channel(1);
        self.shared.writes.push(Message::Optimize(done))?;
        answer.recv().unwrap_or(Err(StoreError::Closed))
    }

    fn check_foreign_writes(&self) {
        // A full queue means a group within moments, and each group looks.
        let _ = self.shared.writes.push(Message::Look);
    }

    fn close(&self) {
        if self.shared.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.readers.close();
        self.checkpointer.stop();
        self.shared.writes.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.thread().id() != std::thread::current().id()
            && writer.join().is_err()
        {
            tracing::error!(database = %self.shared.options.path.display(), "the writer's thread panicked");
        }
        self.shared.subscribers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for SqliteEngine {
    fn drop(&mut self) {
        self.close();
    }
}
