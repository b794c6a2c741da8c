//! Sending what stands in the outbox: at least once, with an id, again after a failure, later each time.

use std::sync::Arc;

use super::StopSign;
use super::worker::{Next, Worker};
use crate::clock::Clock;
use crate::error::Result;
use crate::store::{Store, outbox};

/// The first wait after a failure; it doubles with each.
const RETRY_FIRST_MS: i64 = 30_000;
/// No wait is longer.
const RETRY_MAX_MS: i64 = 12 * 3_600_000;
/// Then it is given up: after some two and a half days.
const TRIES_MAX: u32 = 15;
/// How long to wait when the database itself doesn't answer.
const STORE_RETRY_MS: i64 = 5_000;

/// Why something wasn't sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendFailure {
    /// It may go the next time.
    #[error("{0}")]
    Again(String),
    /// It will never go.
    #[error("{0}")]
    Never(String),
}

/// Sends one kind of thing. May block; is called again with the same id when a try failed, or was forgotten by a crash.
pub trait Sender: Send + Sync {
    fn send(&self, id: &str, payload: &str) -> Result<(), SendFailure>;
}

impl<F> Sender for F
where
    F: Fn(&str, &str) -> Result<(), SendFailure> + Send + Sync,
{
    fn send(&self, id: &str, payload: &str) -> Result<(), SendFailure> {
        self(id, payload)
    }
}

/// Starts the thread that sends one kind.
pub fn start(
    store: Store,
    clock: Clock,
    kind: &'static str,
    sender: Arc<dyn Sender>,
    stop: StopSign,
) -> Result<Worker> {
    let timed = clock.clone();
    Worker::start(&format!("outbox-{kind}"), clock, stop, move |stop| {
        send_due(&store, &timed, kind, &*sender, stop).unwrap_or_else(|error| {
            if !stop.is_raised() {
                tracing::error!(kind, %error, "the outbox can't be read or written");
            }
            Next::At(timed.now().as_millisecond() + STORE_RETRY_MS)
        })
    })
}

fn send_due(store: &Store, clock: &Clock, kind: &'static str, sender: &dyn Sender, stop: &StopSign) -> Result<Next> {
    loop {
        let now_ms = clock.now().as_millisecond();
        let due = store.read_seldom(move |conn| Ok(outbox::list_due(conn, kind, now_ms)?))?;
        if due.is_empty() {
            let next = store.read_seldom(move |conn| Ok(outbox::next_due(conn, kind)?))?;
            return Ok(next.map_or(Next::WhenWoken, Next::At));
        }
        for item in due {
            if stop.is_raised() {
                return Ok(Next::WhenWoken);
            }
            let sent = sender.send(&item.id, &item.payload);
            settle(store, clock, kind, item, sent)?;
        }
    }
}

/// Notes how a try ended.
fn settle(
    store: &Store,
    clock: &Clock,
    kind: &'static str,
    item: outbox::Item,
    sent: Result<(), SendFailure>,
) -> Result<()> {
    match sent {
        Ok(()) => {}
        Err(SendFailure::Again(cause)) if item.tries + 1 < TRIES_MAX => {
            tracing::warn!(kind, id = item.id, tries = item.tries + 1, cause, "not sent, tried again later");
            let due_ms = clock.now().as_millisecond() + wait_ms(item.tries);
            return store.write_blocking(move |tx| Ok(outbox::postpone(tx, &item.id, due_ms, &cause)?));
        }
        Err(failure) => tracing::error!(kind, id = item.id, cause = %failure, "not sent, given up"),
    }
    store.write_blocking(move |tx| Ok(outbox::remove(tx, &item.id)?))
}

fn wait_ms(tries: u32) -> i64 {
    RETRY_FIRST_MS.saturating_mul(1_i64.checked_shl(tries).unwrap_or(i64::MAX)).min(RETRY_MAX_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_day_and_last_some_days_in_all() {
        let waits: Vec<i64> = (0..TRIES_MAX - 1).map(wait_ms).collect();
        assert_eq!(waits[..3], [30_000, 60_000, 120_000]);
        assert_eq!(waits.last(), Some(&RETRY_MAX_MS));
        assert_eq!(waits.iter().sum::<i64>() / 3_600_000, 53);
        assert_eq!(wait_ms(u32::MAX), RETRY_MAX_MS);
    }
}
