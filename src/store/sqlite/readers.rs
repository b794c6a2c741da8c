//! Reading: a few threads with a connection each for what may scan, and a connection of the calling thread for what is
//! bounded.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use super::conn::{Snapshot, SqliteConn};
use super::deadline::Deadline;
use super::open;
use crate::store::queue::Queue;
use crate::store::{Conn, Extent, ReadJob, StoreError, StoreOptions};

/// How many reads may wait for a reader; beyond it the answer is 503.
const READ_QUEUE_JOBS_MAX: usize = 4096;

/// A job and its time limit.
type Queued = (ReadJob, Duration);

/// The connection of one thread. The lock is contended only by `close`.
type Slot = Arc<Mutex<Option<SqliteConn>>>;

thread_local! {
    /// The calling thread's connections, by the number of their engine.
    static HERE: RefCell<Vec<(u64, Slot)>> = const { RefCell::new(Vec::new()) };
}

/// All that reads one database.
pub struct Readers {
    number: u64,
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Of threads that read for themselves. They own them: a thread that ends closes its connection.
    slots: Mutex<Vec<Weak<Mutex<Option<SqliteConn>>>>>,
}

struct Shared {
    options: StoreOptions,
    queue: Queue<Queued>,
    /// Of all open connections.
    deadlines: Mutex<Vec<Deadline>>,
    closed: AtomicBool,
}

impl Readers {
    /// Starts the threads; connections are opened when first used.
    pub fn start(options: &StoreOptions) -> Result<Self, StoreError> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let shared = Arc::new(Shared {
            options: options.clone(),
            queue: Queue::new(READ_QUEUE_JOBS_MAX),
            deadlines: Mutex::default(),
            closed: AtomicBool::new(false),
        });
        let threads = (0..options.readers.max(1))
            .map(|index| {
                let shared = shared.clone();
                std::thread::Builder::new()
                    .name(format!("store-reader-{index}"))
                    .spawn(move || serve(&shared))
                    .map_err(|error| StoreError::Io(format!("no thread for a reader: {error}")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        Ok(Self { number, shared, threads: Mutex::new(threads), slots: Mutex::default() })
    }

    pub fn queue(&self, job: ReadJob, time_limit: Duration) -> Result<(), StoreError> {
        self.shared.queue.push((job, time_limit))
    }

    /// Runs `job` on the calling thread's connection; inside another such job on a connection of its own.
    pub fn read_here(&self, extent: Extent, job: &mut dyn FnMut(&dyn Conn)) -> Result<(), StoreError> {
        let slot = self.slot_of_this_thread();
        let time_limit = self.shared.options.query_timeout;
        match slot.try_lock() {
            Ok(mut place) => self.shared.read(&mut place, time_limit, extent, job),
            // A job panicked on it: its statements and its transaction ended while it unwound.
            Err(TryLockError::Poisoned(poisoned)) => {
                self.shared.read(&mut poisoned.into_inner(), time_limit, extent, job)
            }
            Err(TryLockError::WouldBlock) => self.shared.read(&mut None, time_limit, extent, job),
        }
    }

    /// Ends what runs and closes every connection.
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.queue.close();
        for deadline in lock(&self.shared.deadlines).iter() {
            deadline.end_now();
        }
        for thread in lock(&self.threads).drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader's thread panicked");
            }
        }
        for slot in lock(&self.slots).drain(..).filter_map(|slot| slot.upgrade()) {
            drop(lock(&slot).take());
        }
    }

    fn slot_of_this_thread(&self) -> Slot {
        HERE.with_borrow_mut(|here| {
            if let Some((_, slot)) = here.iter().find(|(number, _)| *number == self.number) {
                return slot.clone();
            }
            // A closed engine's slot is empty: forget it.
            here.retain(|(_, slot)| slot.try_lock().map_or(true, |place| place.is_some()));
            let slot = Slot::default();
            here.push((self.number, slot.clone()));
            let mut slots = lock(&self.slots);
            slots.retain(|slot| slot.strong_count() > 0);
            slots.push(Arc::downgrade(&slot));
            slot
        })
    }
}

impl Shared {
    /// Runs `job` on the connection in `place`, which is opened if there is none.
    fn read(
        &self,
        place: &mut Option<SqliteConn>,
        time_limit: Duration,
        extent: Extent,
        job: &mut dyn FnMut(&dyn Conn),
    ) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        let conn = match place {
            Some(conn) => conn,
            None => place.insert(self.open()?),
        };
        conn.deadline.set(time_limit);
        // Looked at again: `close` may have ended deadlines before this one was set.
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        job(&Snapshot::new(conn, extent));
        Ok(())
    }

    fn open(&self) -> Result<SqliteConn, StoreError> {
        let conn = open::open_reader(&self.options)?;
        let mut deadlines = lock(&self.deadlines);
        deadlines.retain(Deadline::is_watched);
        deadlines.push(conn.deadline.clone());
        Ok(conn)
    }
}

/// A reader's thread, until the queue is closed.
fn serve(shared: &Shared) {
    let mut place = None;
    while let Some((job, time_limit)) = shared.queue.pop() {
        let mut job = Some(job);
        let read = shared.read(&mut place, time_limit, Extent::Snapshot, &mut |conn| {
            if let Some(job) = job.take() {
                job(Ok(conn));
            }
        });
        if let (Err(error), Some(job)) = (read, job) {
            job(Err(error));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
