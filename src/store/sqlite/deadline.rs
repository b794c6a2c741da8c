//! Until when the statements of a connection may run. The progress handler looks every few thousand steps of SQLite's
//! machine, so a short statement never pays for it.

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

/// Steps between two looks at the clock: some 50 µs of work against 25 ns for the look.
const STEPS_PER_LOOK: i32 = 2000;
const NEVER: u64 = u64::MAX;

/// The process's zero of time; deadlines are nanoseconds after it.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The time limit of one connection. Cloned into its progress handler.
#[derive(Clone, Debug)]
pub struct Deadline(Arc<AtomicU64>);

impl Deadline {
    /// Installs the limit on a connection.
    pub fn install(db: &mut Connection) -> rusqlite::Result<Self> {
        let deadline = Self(Arc::new(AtomicU64::new(NEVER)));
        let watched = deadline.clone();
        db.progress_handler(STEPS_PER_LOOK, Some(move || watched.has_passed()))?;
        Ok(deadline)
    }

    /// Statements from now on end with `TimedOut` once `limit` is over.
    pub fn set(&self, limit: Duration) {
        let at = START.elapsed().saturating_add(limit);
        self.0.store(u64::try_from(at.as_nanos()).unwrap_or(NEVER), Ordering::Relaxed);
    }

    /// No limit.
    pub fn clear(&self) {
        self.0.store(NEVER, Ordering::Relaxed);
    }

    /// Ends the running statement.
    pub fn end_now(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Whether its connection is still open.
    pub fn is_watched(&self) -> bool {
        // One besides us in the connection's handle, one in its progress handler.
        Arc::strong_count(&self.0) > 1
    }

    fn has_passed(&self) -> bool {
        let at = self.0.load(Ordering::Relaxed);
        at != NEVER && START.elapsed().as_nanos() > u128::from(at)
    }
}
