//! The background work of the file storage: removals that follow commits, uploads that became no record, the sweeps.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use super::background::every;
use crate::error::{Error, Result};
use crate::jobs::{Jobs, Listing, SendFailure, StopSign};
use crate::storage::{OUTBOX_KIND, Remover, Uploads};
use crate::store::Store;

/// Looks after uploads whose record wasn't written, until it is stopped.
pub struct FileWork {
    stop: Arc<Notify>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl FileWork {
    /// Starts the thread, and registers the sender and the sweep.
    pub fn start(jobs: &Jobs, store: &Store, remover: Remover, uploads: Uploads) -> Result<Self> {
        let sender = (remover.clone(), Mutex::new(runtime()?));
        let send = move |id: &str, payload: &str| {
            let (remover, runtime) = &sender;
            let runtime = runtime.lock().unwrap_or_else(PoisonError::into_inner);
            runtime.block_on(remover.carry_out(id, payload)).map_err(|error| SendFailure::Again(error.to_string()))
        };
        jobs.add_sender(store, OUTBOX_KIND, Arc::new(send))?;

        let sweeper = remover.clone();
        let sweep = move |_: &StopSign| {
            let removed = runtime()?.block_on(sweeper.sweep())?;
            if removed > 0 {
                tracing::info!(removed, "files removed that no record names");
            }
            Ok(())
        };
        jobs.add_cron("__mbFilesSweep__", every("40 3 * * *"), Listing::Hidden, Arc::new(sweep));

        let give_up = move |_: &StopSign| {
            let removed = uploads.sweep()?;
            if removed > 0 {
                tracing::info!(removed, "unfinished uploads given up");
            }
            Ok(())
        };
        jobs.add_cron("__mbUploadsSweep__", every("25 * * * *"), Listing::Hidden, Arc::new(give_up));

        let stop = Arc::new(Notify::new());
        let (runtime, stopped) = (runtime()?, stop.clone());
        let work = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = remover.clear_abandoned() => {}
                    () = stopped.notified() => {}
                }
            });
        };
        let thread = thread::Builder::new().name("abandoned-files".to_owned()).spawn(work).map_err(Error::internal)?;
        Ok(Self { stop, thread: Mutex::new(Some(thread)) })
    }

    /// Ends the thread and waits for it; what it hadn't come to is left to the sweep.
    pub fn stop(&self) {
        self.stop.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join(); // a panic was logged by the hook
        }
    }
}

/// A runtime for a thread that waits for the storage.
fn runtime() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().map_err(Error::internal)
}
