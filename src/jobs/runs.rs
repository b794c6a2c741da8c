//! Runs of jobs: each on a thread of its own, a panic caught, all joined at the end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::{StopSign, Work};
use crate::error::{Error, Result};

/// How many jobs may run at a time: there are a dozen, and a run may overlap the one before.
const RUNS_MAX: usize = 32;
const RETRY_AFTER_SECONDS: u64 = 5;

/// The runs that haven't ended.
pub struct Runs {
    threads: Mutex<Vec<JoinHandle<()>>>,
    stop: StopSign,
}

impl Runs {
    pub fn new(stop: StopSign) -> Self {
        Self { threads: Mutex::default(), stop }
    }

    /// Starts a run.
    pub fn start(self: &Arc<Self>, id: &str, work: Work) -> Result<()> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        if self.stop.is_raised() || threads.len() >= RUNS_MAX {
            let message = "Too many jobs are running, please try again.".into();
            return Err(Error::Busy { message, retry_after_seconds: RETRY_AFTER_SECONDS });
        }
        let (name, stop) = (id.to_owned(), self.stop.clone());
        let thread = std::thread::Builder::new()
            .name(format!("job-{id}"))
            .spawn(move || run(&name, &|| work(&stop)))
            .map_err(Error::internal)?;
        threads.push(thread);
        Ok(())
    }

    /// Waits until every run has ended.
    pub fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // A run doesn't unwind: `run` has caught what its job threw.
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }
}

/// Does one piece of work; a failure or a panic is logged and goes no further.
pub fn run(name: &str, work: &dyn Fn() -> Result<()>) {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(job = name, %error, "a job failed"),
        Err(_) => tracing::error!(job = name, "a job panicked"),
    }
}
