//! Databases for unit tests.

use std::ops::Deref;

use super::{Store, StoreOptions};

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
