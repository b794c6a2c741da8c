//! Signals between processes on one directory (contract/01 §1): after a change of settings or collections a process
//! makes and at once removes an empty file in `.notify`; who watches the folder looks then what changed. Other writes
//! are noticed by looking at the database, at the latest after a second.

use std::fs;
use std::path::{Path, PathBuf};

use crate::ids;
use crate::store::{Conn, Event, Subscriber};

pub use watch::Watch;

/// Characters of the suffix that tells one process's signals from another's.
const SUFFIX_LENGTH: usize = 10;

/// Tells other processes.
pub struct Signals {
    settings: PathBuf,
    collections: PathBuf,
}

impl Signals {
    pub fn new(dir: &Path) -> Self {
        let suffix = ids::secret(SUFFIX_LENGTH);
        Self {
            settings: dir.join(format!("settings@{suffix}")),
            collections: dir.join(format!("collections@{suffix}")),
        }
    }
}

impl Subscriber for Signals {
    fn on_commit(&self, _: &dyn Conn, events: &[Event]) {
        if events.iter().any(|event| matches!(event, Event::SettingsChanged)) {
            touch(&self.settings);
        }
        if events.iter().any(|event| matches!(event, Event::SchemaChanged)) {
            touch(&self.collections);
        }
    }
}

fn touch(path: &Path) {
    let touched = fs::File::create(path).and_then(|_| fs::remove_file(path));
    if let Err(error) = touched {
        tracing::warn!(file = %path.display(), %error, "other processes aren't told of a change");
    }
}

#[cfg(target_os = "linux")]
mod watch {
    //! Waits for files that appear in the folder.

    use std::ffi::CString;
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::{AsRawFd, FromRawFd};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex, PoisonError};
    use std::thread::JoinHandle;

    use crate::store::Store;

    /// Room for some events with their names; only that there are any matters.
    const BUFFER_BYTES: usize = 4096;

    /// A thread that makes the store look for foreign writes at each signal.
    pub struct Watch {
        events: Arc<File>,
        folder: i32,
        is_stopping: Arc<AtomicBool>,
        thread: Mutex<Option<JoinHandle<()>>>,
    }

    impl Watch {
        /// `None`, with a warning, when the system has no watch left: the store looks every second anyway.
        pub fn start(dir: &Path, store: Store) -> Option<Self> {
            let started = Self::try_start(dir, store);
            if let Err(error) = &started {
                tracing::warn!(folder = %dir.display(), %error, "signals of other processes aren't watched");
            }
            started.ok()
        }

        fn try_start(dir: &Path, store: Store) -> std::io::Result<Self> {
            let name = CString::new(dir.as_os_str().as_bytes())?;
            // SAFETY: takes no pointer; gives a new descriptor or -1.
            let descriptor = unsafe { libc::inotify_init1(libc::IN_CLOEXEC) };
            if descriptor < 0 {
                return Err(std::io::Error::last_os_error());
            }
            // SAFETY: the descriptor is new and nobody else's.
            let events = Arc::new(unsafe { File::from_raw_fd(descriptor) });
            // SAFETY: a live descriptor and a NUL-terminated path.
            let folder = unsafe { libc::inotify_add_watch(descriptor, name.as_ptr(), libc::IN_CREATE) };
            if folder < 0 {
                return Err(std::io::Error::last_os_error());
            }
            let is_stopping = Arc::new(AtomicBool::new(false));
            let thread = std::thread::Builder::new().name("store-signals".into()).spawn({
                let (events, is_stopping) = (events.clone(), is_stopping.clone());
                move || {
                    let mut buffer = [0; BUFFER_BYTES];
                    while matches!((&*events).read(&mut buffer), Ok(1..)) && !is_stopping.load(Ordering::Acquire) {
                        store.check_foreign_writes();
                    }
                }
            })?;
            Ok(Self { events, folder, is_stopping, thread: Mutex::new(Some(thread)) })
        }

        /// Ends the thread.
        pub fn stop(&self) {
            self.is_stopping.store(true, Ordering::Release);
            // SAFETY: a live descriptor and the number of its watch. Removing it is an event, which wakes the thread.
            unsafe { libc::inotify_rm_watch(self.events.as_raw_fd(), self.folder) };
            let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            if thread.is_some_and(|thread| thread.join().is_err()) {
                tracing::error!("the thread that watches signals panicked");
            }
        }
    }

    impl Drop for Watch {
        fn drop(&mut self) {
            self.stop();
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod watch {
    //! Elsewhere the store's look at each second does it.

    use std::path::Path;

    use crate::store::Store;

    /// Nothing.
    pub struct Watch;

    impl Watch {
        pub fn start(_: &Path, _: Store) -> Option<Self> {
            None
        }

        pub fn stop(&self) {}
    }
}
