//! Databases for unit tests.

use std::ops::Deref;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::{Conn, Event, Store, StoreOptions, Subscriber};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A store over an empty database in a directory of its own; both go with it.
pub struct Scratch {
    store: Store,
    pub dir: tempfile::TempDir,
}

/// A new empty database. Every write job runs twice, as everywhere in tests.
pub fn scratch() -> Scratch {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let options = StoreOptions { retry_jobs: true, ..StoreOptions::at(dir.path().join("data.db")) };
    Scratch { store: Store::open(options).expect("an empty database opens"), dir }
}

impl Deref for Scratch {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.store.close();
    }
}

/// Keeps the events it hears.
#[derive(Default)]
pub struct Heard {
    events: Mutex<Vec<Event>>,
    more: Condvar,
}

impl Heard {
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().expect("no test panics here").clone()
    }

    /// Waits until what was heard is as wanted.
    pub fn wait_for(&self, is_wanted: impl Fn(&[Event]) -> bool) {
        let events = self.events.lock().expect("no test panics here");
        let waited = self.more.wait_timeout_while(events, PATIENCE, |events| !is_wanted(events));
        let (events, time) = waited.expect("no test panics here");
        assert!(!time.timed_out(), "heard only {events:?}");
    }
}

impl Subscriber for Heard {
    fn on_commit(&self, _: &dyn Conn, events: &[Event]) {
        self.events.lock().expect("no test panics here").extend_from_slice(events);
        self.more.notify_all();
    }
}
