//! Closures of the domain as queued jobs: what they give or fail with travels back through a channel, a panic in one is
//! caught and answered.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use super::conn::{Conn, Tx};
use super::engine::{JobEnd, Outcome, ReadJob, WriteJob};
use crate::error::{Error, Result};

/// Where the caller waits.
pub type Answer<T> = oneshot::Receiver<Result<T>>;

/// A queued read and where its answer comes. It isn't run if nobody waits for it any more.
pub fn read<T, J>(job: J) -> (ReadJob, Answer<T>)
where
    T: Send + 'static,
    J: FnOnce(&dyn Conn) -> Result<T> + Send + 'static,
{
    let (sender, answer) = oneshot::channel();
    let queued: ReadJob = Box::new(move |conn| {
        if sender.is_closed() {
            return;
        }
        let result = match conn {
            Ok(conn) => catch_unwind(AssertUnwindSafe(|| job(conn))).unwrap_or_else(|panic| Err(panicked(&*panic))),
            Err(error) => Err(error.into()),
        };
        // The caller may have gone meanwhile; a read has no effect to undo.
        let _ = sender.send(result);
    });
    (queued, answer)
}

/// A queued write and where its answer comes. It runs whether or not the caller still waits: it was accepted.
pub fn write<T, J>(job: J) -> (Box<dyn WriteJob>, Answer<T>)
where
    T: Send + 'static,
    J: FnMut(&dyn Tx) -> Result<T> + Send + 'static,
{
    let (sender, answer) = oneshot::channel();
    (Box::new(Queued { job, result: None, sender }), answer)
}

struct Queued<T, J> {
    job: J,
    /// Of the last run.
    result: Option<Result<T>>,
    sender: oneshot::Sender<Result<T>>,
}

impl<T, J> WriteJob for Queued<T, J>
where
    T: Send,
    J: FnMut(&dyn Tx) -> Result<T> + Send,
{
    fn run(&mut self, tx: &dyn Tx) -> JobEnd {
        let result = catch_unwind(AssertUnwindSafe(|| (self.job)(tx))).unwrap_or_else(|panic| Err(panicked(&*panic)));
        let end = if result.is_ok() { JobEnd::Done } else { JobEnd::Failed };
        self.result = Some(result);
        end
    }

    fn answer(self: Box<Self>, outcome: Outcome) {
        let result = match (outcome, self.result) {
            (Outcome::Settled, Some(result)) => result,
            (Outcome::Settled, None) => Err(Error::internal("a write job was settled without a run")),
            (Outcome::Refused(error), _) => Err(error.into()),
        };
        // The caller may have gone meanwhile; what it asked for is done all the same.
        let _ = self.sender.send(result);
    }
}

/// The panic was printed by the panic hook, with its place; the caller gets a bare "internal".
fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::internal(format!("a database job panicked: {}", text.unwrap_or("(no text)")))
}
