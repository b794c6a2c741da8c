//! Noting how far resumable topics were sent, and saving it now and then.

use crate::query::Caller;
use crate::store::Position;

use super::audience::ConnectionId;
use super::resume::{self, Point, ResumeKey};
use super::switchboard::Switchboard;
use super::topic::Topic;

/// How often points are written to the database.
const SAVE_INTERVAL_MS: i64 = 5_000;

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It goes on.
    None,
    /// The server ends it after everything was written.
    Orderly,
    /// Its peer is gone, and nobody knows what arrived.
    BrokenOff,
}

impl Switchboard {
    /// Where a topic goes on that names a key of the application.
    pub(super) fn resumes_after(&self, topic: &Topic, caller: &Caller) -> Option<Position> {
        let key = ResumeKey::of(topic, caller)?;
        let found = self.setup.store.read_here(|conn| Ok(self.resume.starts_after(conn, &key)?));
        found.inspect_err(|error| tracing::error!(%error, "a resume point can't be read")).ok().flatten()
    }

    /// Notes where a resumable topic begins that was never seen before: if its stream breaks off before the next look,
    /// all of it is owed.
    pub(super) fn note_beginning(&mut self, topic: &Topic, caller: &Caller, begins_after: Position) {
        if let Some(key) = ResumeKey::of(topic, caller) {
            let wrote_at_ms = self.setup.clock.now().as_millisecond();
            self.resume.note_first(key, Point { sent: begins_after, wrote_at_ms, is_orderly: true });
        }
    }

    /// Notes how far a connection's resumable topics are. While frames wait, what was noted before holds.
    pub(super) fn note_progress(&mut self, id: ConnectionId, ending: Ending) {
        let Some(connection) = self.audience.get(id) else { return };
        let is_written = connection.backlog.is_empty() || ending == Ending::Orderly;
        if !is_written {
            return;
        }
        let sent = connection.pace.behind_at().unwrap_or(self.position);
        let wrote_at_ms = self.setup.clock.now().as_millisecond();
        let point = Point { sent, wrote_at_ms, is_orderly: ending == Ending::Orderly };
        let keys: Vec<ResumeKey> =
            connection.topics.iter().filter_map(|topic| ResumeKey::of(topic, &connection.caller)).collect();
        for key in keys {
            self.resume.note(key, point);
        }
    }

    /// Saves what was noted, if it is time, without waiting for it.
    pub(super) fn save_points(&mut self) {
        let now_ms = self.setup.clock.now().as_millisecond();
        if now_ms - self.saved_at_ms < SAVE_INTERVAL_MS {
            return;
        }
        self.saved_at_ms = now_ms;
        let points = self.resume.take_unsaved();
        if points.is_empty() {
            return;
        }
        let store = self.setup.store.clone();
        self.setup.runtime.spawn(async move {
            let saved = store.write(move |tx| Ok(resume::save(tx, &points)?)).await;
            if let Err(error) = saved {
                tracing::warn!(%error, "resume points not saved; clients may get more messages twice");
            }
        });
    }

    /// Saves what was noted and waits for it: at the stop.
    pub(super) fn save_points_now(&mut self) {
        let points = self.resume.take_unsaved();
        if points.is_empty() {
            return;
        }
        if let Err(error) = self.setup.store.write_blocking(move |tx| Ok(resume::save(tx, &points)?)) {
            tracing::warn!(%error, "resume points not saved; clients may get more messages twice");
        }
    }
}
