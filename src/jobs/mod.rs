//! Work in the background: named jobs that run by a cron expression or by request, and workers that a commit wakes;
//! among them the senders of the outbox.
//!
//! Start at [`Jobs`]: `add_cron`, `run`, `add_sender`. `app` starts it in a serving process, registers what there is to
//! do and stops it; the cron routes list and run.
//!
//! Invariant: a panic in a job is caught and logged, and takes nothing else with it.
//! Invariant: every thread is joined by [`Jobs::stop`]; a job asks [`StopSign`] between its steps.
//! Never: which feature a job is of.
//!
//! Implements contract/21 §2 and ARCHITECTURE, seam 3. Tests: beside the code.

mod runs;
mod schedule;
mod sender;
mod stop_sign;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::{Arc, Mutex, PoisonError};

pub use self::sender::{SendFailure, Sender};
pub use self::stop_sign::StopSign;

use self::runs::Runs;
use self::schedule::{Schedule, Scheduler};
use self::worker::Worker;
use crate::clock::Clock;
use crate::cron::Cron;
use crate::error::{Error, Result};
use crate::store::{Conn, Event, Store, Subscriber};

/// What a job does. It runs on a thread of its own and may be called again while it runs.
pub type Work = Arc<dyn Fn(&StopSign) -> Result<()> + Send + Sync>;

/// Whether the cron routes show a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    Shown,
    /// A matter of our own that the contract's list doesn't have.
    Hidden,
}

/// A job as the cron routes show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownJob {
    pub id: String,
    pub expression: String,
}

/// All background work of a serving process.
pub struct Jobs {
    clock: Clock,
    schedule: Arc<Schedule>,
    runs: Arc<Runs>,
    scheduler: Mutex<Option<Scheduler>>,
    /// With the kind of outbox rows that each sends.
    workers: Mutex<Vec<(&'static str, Worker)>>,
    stop: StopSign,
}

impl Jobs {
    /// Starts the clockwork; jobs are added later.
    ///
    /// # Errors
    /// `Internal` when the system gives no thread.
    pub fn start(clock: Clock) -> Result<Self> {
        let stop = StopSign::default();
        let schedule = Arc::new(Schedule::default());
        let runs = Arc::new(Runs::new(stop.clone()));
        let scheduler = Scheduler::start(clock.clone(), schedule.clone(), runs.clone(), stop.clone())?;
        let scheduler = Mutex::new(Some(scheduler));
        Ok(Self { clock, schedule, runs, scheduler, workers: Mutex::default(), stop })
    }

    /// Adds a job that runs at the minutes of `cron`, in the place of one of the same id.
    pub fn add_cron(&self, id: &str, cron: Cron, listing: Listing, work: Work) {
        self.schedule.add(id, cron, listing, work);
    }

    /// Forgets a job; a run that has begun goes on.
    pub fn remove_cron(&self, id: &str) {
        self.schedule.remove(id);
    }

    /// The jobs that are shown: others' by id, then those of the reference, whose ids begin with `__pb`.
    pub fn list(&self) -> Vec<ShownJob> {
        self.schedule.list()
    }

    /// Starts a run now, whether or not one is under way, and doesn't wait for it.
    ///
    /// # Errors
    /// `NotFound` for an unknown id; `Busy` when too many jobs run.
    pub fn run(&self, id: &str) -> Result<()> {
        let work = self.schedule.find(id).ok_or_else(|| Error::NotFound("Missing or invalid cron job.".into()))?;
        self.runs.start(id, work)
    }

    /// Adds the sender of a kind of outbox rows. It runs on a thread of its own, so that a slow receiver of one kind
    /// doesn't hold up the others.
    pub fn add_sender(&self, store: &Store, kind: &'static str, send: Arc<dyn Sender>) -> Result<()> {
        let worker = sender::start(store.clone(), self.clock.clone(), kind, send, self.stop.clone())?;
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).push((kind, worker));
        Ok(())
    }

    /// Ends everything: running jobs are asked to stop, and waited for.
    pub fn stop(&self) {
        self.stop.raise();
        let scheduler = self.scheduler.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(scheduler) = scheduler {
            scheduler.join();
        }
        let workers = std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        workers.into_iter().for_each(|(_, worker)| worker.join());
        self.runs.join();
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A commit that fills the outbox wakes the senders.
impl Subscriber for Jobs {
    fn on_commit(&self, _: &dyn Conn, events: &[Event]) {
        let wakes = |event: &Event, woken: &str| match event {
            Event::OutboxFilled { kind, .. } => **kind == *woken,
            Event::ForeignWrite => true,
            Event::Change(_) | Event::SchemaChanged | Event::SettingsChanged => false,
        };
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, worker) in workers.iter() {
            if events.iter().any(|event| wakes(event, kind)) {
                worker.wake();
            }
        }
    }
}
