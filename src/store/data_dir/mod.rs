//! A whole data directory: both databases, the lock of the one server, signals between processes, what a new directory
//! holds and what an old one must have (contract/01 §1–5).
//!
//! Start at [`DataDir::open`]; called by `app`.
//!
//! Invariant: a directory that is refused is left as it was, but for what opening a database reads.
//! Invariant: nothing that PocketBase reads is renamed, retyped or dropped; Monobase's own tables begin with `_mb_`.
//! Never: a setting's meaning; that room reads and makes its row.
//!
//! Tests: beside the code.

mod adopt;
mod fresh;
mod lock;
mod rights;
mod signals;
#[cfg(test)]
mod tests;
mod versions;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use fresh::FreshAuthOptions;

use self::lock::Lock;
use self::signals::{Signals, Watch};
use super::sqlite::inspect::{self, Found};
use super::{Durability, Store, StoreError, StoreOptions};
use crate::clock::Clock;
use crate::error::Error;

const DATA_FILE: &str = "data.db";
const AUXILIARY_FILE: &str = "auxiliary.db";
/// Logs are written at the ends of their indexes, and seldom read.
const AUXILIARY_CACHE_KIB: u32 = 2_000;
const SIGNALS_DIR: &str = ".notify";
/// Scratch space of backups and uploads, emptied at each start of a server (contract/01 §1).
const SCRATCH_DIR: &str = ".pb_temp_to_delete";

/// What the directory is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be the one server: takes the lock and listens to other processes.
    Serve,
    /// For a short command, which may run beside a server.
    Command,
}

/// How a data directory is opened.
#[derive(Clone, Debug)]
pub struct DataDirOptions {
    pub path: PathBuf,
    pub purpose: Purpose,
    pub durability: Durability,
    pub query_timeout: Duration,
    pub clock: Clock,
    /// For a new directory; made by the caller, because this room doesn't know what they mean.
    pub fresh: FreshAuthOptions,
}

/// Why a directory isn't opened; each says what is wrong and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is no directory: name another one with --dir", path.display())]
    NotADirectory { path: PathBuf },
    #[error("{} can't be written ({cause}): give this user write permission, or name another directory with --dir", path.display())]
    NotWritable { path: PathBuf, cause: io::Error },
    #[error(
        "{} is served by another process already{}: stop it first, or name another directory with --dir",
        path.display(), pid.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Served { path: PathBuf, pid: Option<String> },
    #[error("{} is damaged ({cause}): put a backup in its place", path.display())]
    DamagedData { path: PathBuf, cause: StoreError },
    #[error("{} is damaged ({cause}): it holds only logs; move it away and start again", path.display())]
    DamagedLogs { path: PathBuf, cause: StoreError },
    #[error(
        "{} was made by a newer Monobase (schema {found}; this binary knows up to {known}): upgrade monobase first",
        path.display()
    )]
    Newer { path: PathBuf, found: String, known: u32 },
    #[error(
        "{} is of PocketBase before v0.23: start it once with PocketBase 0.23 or newer, which converts it, then with \
         Monobase",
        path.display()
    )]
    TooOld { path: PathBuf },
    #[error("{} is a database, but not one of PocketBase or Monobase: name another directory with --dir", path.display())]
    Unknown { path: PathBuf },
    #[error("{} can't be opened: {cause}", path.display())]
    Failed { path: PathBuf, cause: Error },
}

/// An open data directory.
pub struct DataDir {
    pub path: PathBuf,
    /// Everything but logs.
    pub data: Store,
    /// Request and application logs. A power cut may take the last of them.
    pub auxiliary: Store,
    watch: Option<Watch>,
    lock: Mutex<Option<Lock>>,
}

/// A directory of which `data.db` is open: what needs nothing else can begin before [`Opening::finish`] opens the rest.
pub struct Opening<'a> {
    options: &'a DataDirOptions,
    /// Everything but logs.
    pub data: Store,
    lock: Option<Lock>,
}

impl DataDir {
    /// Begins to open the directory, making it and its `data.db` if they are missing.
    pub fn open(options: &DataDirOptions) -> Result<Opening<'_>, OpenError> {
        let path = &options.path;
        let found = look_before_touching(path)?;
        fs::create_dir_all(path).map_err(|cause| OpenError::NotWritable { path: path.clone(), cause })?;
        rights::check(path)?;
        let lock = match options.purpose {
            Purpose::Serve => Some(Lock::take(path)?),
            Purpose::Command => None,
        };
        Ok(Opening { options, data: open_data(options, found)?, lock })
    }

    /// Finishes what is queued, closes both databases and gives the directory free. Blocks.
    pub fn close(&self) {
        if let Some(watch) = &self.watch {
            watch.stop();
        }
        self.data.close();
        self.auxiliary.close();
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Opening<'_> {
    /// Opens the rest, making what the directory lacks.
    pub fn finish(self) -> Result<DataDir, OpenError> {
        let Self { options, data, lock } = self;
        let path = options.path.clone();
        let auxiliary = open_auxiliary(options)?;
        if options.purpose == Purpose::Serve {
            // What can't be removed now is removed by a later start; nothing reads it.
            let _ = fs::remove_dir_all(path.join(SCRATCH_DIR));
        }
        let signals_dir = path.join(SIGNALS_DIR);
        fs::create_dir_all(&signals_dir)
            .map_err(|cause| OpenError::NotWritable { path: signals_dir.clone(), cause })?;
        data.subscribe(Arc::new(Signals::new(&signals_dir)));
        let watch = match options.purpose {
            Purpose::Serve => Watch::start(&signals_dir, data.clone()),
            Purpose::Command => None,
        };
        Ok(DataDir { path, data, auxiliary, watch, lock: Mutex::new(lock) })
    }
}

/// Refuses what can't be opened before anything is changed.
fn look_before_touching(path: &Path) -> Result<Found, OpenError> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => return Err(OpenError::NotADirectory { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(OpenError::NotADirectory { path: path.to_owned() });
        }
        Ok(_) | Err(_) => {}
    }
    let data = path.join(DATA_FILE);
    let found = inspect::inspect(&data, Some(versions::STAMP)).map_err(|cause| damaged(&data, cause))?;
    let auxiliary = path.join(AUXILIARY_FILE);
    inspect::inspect(&auxiliary, None).map_err(|cause| match cause {
        StoreError::Corrupt(_) => OpenError::DamagedLogs { path: auxiliary.clone(), cause },
        cause => OpenError::Failed { path: auxiliary.clone(), cause: cause.into() },
    })?;
    versions::check(&data, &found)?;
    Ok(found)
}

fn open_data(options: &DataDirOptions, found: Found) -> Result<Store, OpenError> {
    let path = options.path.join(DATA_FILE);
    let data =
        Store::open(store_options(options, DATA_FILE, options.durability)).map_err(|cause| damaged(&path, cause))?;
    versions::bring_up(&data, found, &options.fresh, &options.clock)
        .map_err(|cause| OpenError::Failed { path, cause })?;
    Ok(data)
}

fn open_auxiliary(options: &DataDirOptions) -> Result<Store, OpenError> {
    let path = options.path.join(AUXILIARY_FILE);
    let auxiliary = Store::open(StoreOptions {
        writer_cache_kib: AUXILIARY_CACHE_KIB,
        ..store_options(options, AUXILIARY_FILE, Durability::Normal)
    })
    .map_err(|cause| OpenError::Failed { path: path.clone(), cause: cause.into() })?;
    versions::bring_up_auxiliary(&auxiliary).map_err(|cause| OpenError::Failed { path, cause })?;
    Ok(auxiliary)
}

fn store_options(options: &DataDirOptions, file: &str, durability: Durability) -> StoreOptions {
    StoreOptions {
        durability,
        query_timeout: options.query_timeout,
        clock: options.clock.clone(),
        ..StoreOptions::at(options.path.join(file))
    }
}

fn damaged(path: &Path, cause: StoreError) -> OpenError {
    match cause {
        StoreError::Corrupt(_) => OpenError::DamagedData { path: path.to_owned(), cause },
        cause => OpenError::Failed { path: path.to_owned(), cause: cause.into() },
    }
}
