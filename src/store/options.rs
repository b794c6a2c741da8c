//! How a database is opened.

use std::path::PathBuf;
use std::time::Duration;

use crate::clock::Clock;

/// For all statements of a read together (contract/01 §2).
const QUERY_TIMEOUT: Duration = Duration::from_secs(30);
/// More readers than this only take turns.
const READERS_MAX: usize = 16;
/// As the reference has it (contract/01 §2).
const WRITER_CACHE_KIB: u32 = 32_000;
/// Switches the "retry" mode on in builds with the feature `faults`.
#[cfg(feature = "faults")]
const RETRY_VARIABLE: &str = "MONOBASE_FAULT_RETRY";

/// What an answered write has survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: each commit is synced.
    Full,
    /// A crash of the program. A power cut may take the last moments, never the file.
    Normal,
}

/// How a database is opened.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    pub path: PathBuf,
    pub durability: Durability,
    /// For all statements of a read together, and of a write job.
    pub query_timeout: Duration,
    /// Threads that read what may scan.
    pub readers: usize,
    /// Most pages that the writer keeps in memory, KiB.
    pub writer_cache_kib: u32,
    /// What the time of a change in the log is read from.
    pub clock: Clock,
    /// Every first run of a write job is undone and the job run again, as an engine does that answers "retry".
    pub retry_jobs: bool,
}

impl StoreOptions {
    /// The usual: full durability, 30 s, a reader per core (2 to 16).
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            path: path.into(),
            durability: Durability::Full,
            query_timeout: QUERY_TIMEOUT,
            readers: cores.clamp(2, READERS_MAX),
            writer_cache_kib: WRITER_CACHE_KIB,
            clock: Clock::of_process(),
            retry_jobs: is_retry_asked(),
        }
    }
}

#[cfg(feature = "faults")]
fn is_retry_asked() -> bool {
    std::env::var_os(RETRY_VARIABLE).is_some_and(|value| value == "1")
}

#[cfg(not(feature = "faults"))]
fn is_retry_asked() -> bool {
    false
}
