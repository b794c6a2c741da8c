//! Which jobs there are, and the clockwork that starts them: a tick at each full minute of UTC. Missed ticks aren't made
//! up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use super::runs::{self, Runs};
use super::{Listing, ShownJob, StopSign, Work};
use crate::clock::Clock;
use crate::cron::Cron;
use crate::error::{Error, Result};

/// How the ids of the reference's own jobs begin; they are listed last.
const RESERVED_PREFIX: &str = "__pb";
/// The clock is looked at this often, at the full second: it may be turned.
const LOOK_EVERY_MS: i64 = 1000;
const MINUTE_SECONDS: i64 = 60;

/// The jobs by id.
#[derive(Default)]
pub struct Schedule(Mutex<BTreeMap<String, Entry>>);

struct Entry {
    cron: Cron,
    listing: Listing,
    work: Work,
}

impl Schedule {
    pub fn add(&self, id: &str, cron: Cron, listing: Listing, work: Work) {
        self.lock().insert(id.to_owned(), Entry { cron, listing, work });
    }

    pub fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    pub fn find(&self, id: &str) -> Option<Work> {
        self.lock().get(id).map(|entry| entry.work.clone())
    }

    pub fn list(&self) -> Vec<ShownJob> {
        let entries = self.lock();
        let shown = entries.iter().filter(|(_, entry)| entry.listing == Listing::Shown);
        let (reserved, others): (Vec<_>, Vec<_>) = shown
            .map(|(id, entry)| ShownJob { id: id.clone(), expression: entry.cron.expression().to_owned() })
            .partition(|job| job.id.starts_with(RESERVED_PREFIX));
        [others, reserved].concat()
    }

    fn due(&self, at: Timestamp) -> Vec<(String, Work)> {
        let entries = self.lock();
        let due = entries.iter().filter(|(_, entry)| entry.cron.is_due(at));
        due.map(|(id, entry)| (id.clone(), entry.work.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that ticks.
pub struct Scheduler(JoinHandle<()>);

impl Scheduler {
    pub fn start(clock: Clock, schedule: Arc<Schedule>, runs: Arc<Runs>, stop: StopSign) -> Result<Self> {
        let started = minute_of(clock.now());
        let tick = move || {
            let mut minute = started;
            loop {
                let rest = LOOK_EVERY_MS - clock.now().as_millisecond().rem_euclid(LOOK_EVERY_MS);
                if stop.wait(Duration::from_millis(rest.unsigned_abs())) {
                    return;
                }
                let now = clock.now();
                // A clock that is turned back begins anew, without a tick.
                let is_new = minute_of(now) > minute;
                minute = minute_of(now);
                if is_new {
                    start_due(&schedule, &runs, now);
                }
            }
        };
        let thread = std::thread::Builder::new().name("jobs".into()).spawn(move || {
            runs::run("jobs", &|| {
                tick();
                Ok(())
            });
        });
        thread.map(Self).map_err(Error::internal)
    }

    /// Waits for its end, once the stop sign is raised.
    pub fn join(self) {
        // It doesn't unwind: `runs::run` catches.
        drop(self.0.join());
    }
}

fn minute_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(MINUTE_SECONDS)
}

fn start_due(schedule: &Schedule, runs: &Arc<Runs>, now: Timestamp) {
    for (id, work) in schedule.due(now) {
        if let Err(error) = runs.start(&id, work) {
            tracing::error!(job = id, %error, "a job was not started");
        }
    }
}
