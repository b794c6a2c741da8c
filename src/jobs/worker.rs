//! A thread that works whenever it is woken, or when it said that it would.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::StopSign;
use super::runs;
use crate::clock::Clock;
use crate::error::{Error, Result};

/// The clock is looked at this often while something is due later: it may be turned. The sign to stop is too.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// When a worker wants to work again if nobody wakes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    WhenWoken,
    /// Unix milliseconds.
    At(i64),
}

/// One such thread.
pub struct Worker {
    bell: Arc<Bell>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Worker {
    /// Starts it with a first piece of work. `work` doesn't fail but tells when to go on; a panic in it counts as "in a
    /// moment".
    pub fn start(
        name: &str,
        clock: Clock,
        stop: StopSign,
        work: impl Fn(&StopSign) -> Next + Send + 'static,
    ) -> Result<Self> {
        let bell = Arc::new(Bell::default());
        let (heard, job) = (bell.clone(), name.to_owned());
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                while !stop.is_raised() {
                    let next = Mutex::new(None);
                    runs::run(&job, &|| {
                        *next.lock().unwrap_or_else(PoisonError::into_inner) = Some(work(&stop));
                        Ok(())
                    });
                    let next = next.into_inner().unwrap_or_else(PoisonError::into_inner);
                    let moment = || Next::At(clock.now().as_millisecond() + 1000);
                    heard.wait(&clock, &stop, next.unwrap_or_else(moment));
                }
            })
            .map_err(Error::internal)?;
        Ok(Self { bell, thread })
    }

    pub fn wake(&self) {
        *self.bell.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.changed.notify_one();
    }

    /// Waits for its end, once the stop sign is raised.
    pub fn join(self) {
        self.wake();
        // It doesn't unwind: `runs::run` catches.
        drop(self.thread.join());
    }
}

impl Bell {
    fn wait(&self, clock: &Clock, stop: &StopSign, next: Next) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        while !*rung && !stop.is_raised() {
            rung = match next {
                Next::WhenWoken => self.changed.wait(rung).unwrap_or_else(PoisonError::into_inner),
                Next::At(at_ms) => {
                    let left = u64::try_from(at_ms - clock.now().as_millisecond()).unwrap_or(0);
                    if left == 0 {
                        break;
                    }
                    let limit = Duration::from_millis(left).min(LOOK_EVERY);
                    self.changed.wait_timeout(rung, limit).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        *rung = false;
    }
}
