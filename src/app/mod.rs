//! The composition root: opens what lies below, wires it, stops it in order. Knows no HTTP.
//!
//! Start at [`App`]: what a request or a command works with. Called by `cli` (opens and closes) and `http` (uses).
//!
//! Invariant: everything that runs in the background is joined by [`App::close`], in the reverse order of its start.
//! Never: a rule of the game; a feature's inside.

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::error::Result;
use crate::schema::{Schema, SharedSchema};

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
}

impl App {
    /// Opens the data directory and starts what runs in the background.
    pub fn open(options: AppOptions) -> Result<Arc<Self>> {
        let clock = options.clock.clone();
        Ok(Arc::new(Self { options, clock, schema: Arc::new(SharedSchema::new(Schema::default())) }))
    }

    /// Stops what runs in the background and closes the databases. Requests must have ended.
    pub fn close(&self) {}
}
