//! How fast a connection is told: at once, or from the log at its own pace once its queue was full (contract/12 §9 A).

use std::sync::Arc;
use std::sync::mpsc::TrySendError;
use std::time::Duration;

use bytes::Bytes;

use crate::error::Result;
use crate::store::Position;

use super::audience::{ConnectionId, Owed, Pace};
use super::cursor::Place;
use super::hub::Command;
use super::outlet::Parcel;
use super::replay::{self, Replay};
use super::switchboard::Switchboard;
use super::topic::Topic;

/// A gap of at most so many entries is replayed on the hub's thread itself; a longer one by a reader.
const INLINE_REPLAY_MAX: Position = 256;

/// What a reader found for a connection that is behind.
pub(super) struct CaughtUp {
    pub connection: ConnectionId,
    pub pace_number: u64,
    pub replay: Result<Replay>,
}

impl Switchboard {
    /// Gives a live connection a frame of the change at `position`, or lets it fall behind if its queue is full.
    pub(super) fn offer(&mut self, id: ConnectionId, frame: &Bytes, position: Position) {
        let Some(connection) = self.audience.get_mut(id) else { return };
        if matches!(connection.pace, Pace::Behind(_)) || position <= connection.told {
            return;
        }
        if connection.admitted == position {
            connection.backlog.admit_always(frame.len());
        } else if connection.backlog.admit(frame.len()) {
            connection.admitted = position;
        } else {
            let owed = Owed::new(Place::from(position - 1), connection.topics.clone());
            return self.set_pace(id, vec![owed]);
        }
        let outlet = connection.outlet;
        self.hand_over(outlet, id, frame);
    }

    /// Gives a connection a frame whatever waits already: for what is bounded elsewhere.
    pub(super) fn push(&mut self, id: ConnectionId, frame: Bytes) {
        if let Some(connection) = self.audience.get(id) {
            connection.backlog.admit_always(frame.len());
            self.hand_over(connection.outlet, id, &frame);
        }
    }

    /// Adds a receiver to the frame that was handed over last, if it is the same one.
    fn hand_over(&mut self, outlet: usize, id: ConnectionId, frame: &Bytes) {
        let parcels = &mut self.parcels[outlet];
        match parcels.last_mut() {
            Some(Parcel::Frame { frame: last, to }) if last.as_ptr() == frame.as_ptr() => to.push(id),
            Some(_) | None => parcels.push(Parcel::Frame { frame: frame.clone(), to: vec![id] }),
        }
    }

    /// What a connection will be owed with these topics: each from where it is to begin, or goes on, or else
    /// `begins_at`.
    pub(super) fn owed_after(
        &self,
        id: ConnectionId,
        topics: &[(Arc<Topic>, Option<Place>)],
        begins_at: &Place,
    ) -> Vec<Owed> {
        let known = self.audience.get(id).map(|connection| connection.pace.clone()).unwrap_or_default();
        self.owed_together(topics.iter().map(|(topic, since)| {
            let goes_on = match &known {
                Pace::Live => None,
                Pace::Behind(known) => {
                    known.iter().find(|known| known.topics.contains(topic)).map(|known| known.place.clone())
                }
            };
            let place = since.clone().or(goes_on).unwrap_or_else(|| begins_at.clone());
            Owed::new(place, vec![topic.clone()])
        }))
    }

    /// What all topics of a connection are owed: nothing if all are where the hub is. While a connection is behind it
    /// gets nothing live, so that all are owed something as soon as one is.
    fn owed_together(&self, of_topics: impl Iterator<Item = Owed>) -> Vec<Owed> {
        let mut owed: Vec<Owed> = Vec::new();
        for more in of_topics {
            match owed.iter_mut().find(|known| known.place == more.place) {
                Some(known) => {
                    known.topics.extend(more.topics);
                    known.entries_max = known.entries_max.min(more.entries_max);
                }
                None => owed.push(more),
            }
        }
        if owed.iter().all(|owed| owed.place.after >= self.position) {
            return Vec::new();
        }
        owed
    }

    /// Lets a connection go on live, or from the log if it is owed something: at once if it has written what it had,
    /// else when it has.
    pub(super) fn set_pace(&mut self, id: ConnectionId, owed: Vec<Owed>) {
        let Some(connection) = self.audience.get_mut(id) else { return };
        connection.pace_number += 1;
        connection.is_catching_up = false;
        if owed.is_empty() {
            connection.pace = Pace::Live;
            return;
        }
        connection.pace = Pace::Behind(owed);
        if !connection.backlog.await_empty() {
            self.catch_up(id);
        }
    }

    /// Reads the log for a connection that is behind and has written what it had.
    pub(super) fn catch_up(&mut self, id: ConnectionId) {
        let Some(connection) = self.audience.get_mut(id) else { return };
        let Pace::Behind(owed) = &connection.pace else { return };
        if std::mem::replace(&mut connection.is_catching_up, true) {
            return; // two replays at once would tell everything twice
        }
        let pace_number = connection.pace_number;
        let after = connection.pace.behind_at().unwrap_or(self.position);
        let question =
            replay::Question { owed: owed.clone(), caller: connection.caller.clone(), encoding: connection.encoding };
        let setup = self.setup.clone();
        if self.position - after <= INLINE_REPLAY_MAX {
            let replay = setup.store.read_here(|conn| replay::run(conn, &setup, &question));
            return self.caught_up(CaughtUp { connection: id, pace_number, replay });
        }
        let (commands, turn) = (self.commands.clone(), self.replay_turn.clone());
        let backlog = Arc::downgrade(&connection.backlog);
        let store = setup.store.clone();
        setup.runtime.clone().spawn(async move {
            // After a restart everybody comes back at once: lists must not wait until all have been told.
            let Ok(_turn) = turn.acquire().await else { return };
            if backlog.strong_count() == 0 {
                return; // it left while it waited
            }
            let replay = store.read(move |conn| replay::run(conn, &setup, &question)).await;
            let mut command = Command::CaughtUp(CaughtUp { connection: id, pace_number, replay });
            // The thread empties its queue all the time; a full one is a matter of milliseconds.
            while let Err(TrySendError::Full(refused)) = commands.try_send(command) {
                command = refused;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }

    pub(super) fn caught_up(&mut self, caught_up: CaughtUp) {
        let CaughtUp { connection: id, pace_number, replay } = caught_up;
        if self.audience.get(id).is_none_or(|connection| connection.pace_number != pace_number) {
            return;
        }
        let replay = match replay {
            Ok(replay) => replay,
            Err(error) => {
                tracing::error!(%error, "a replay failed; the stream ends, so that its client comes again");
                return self.end(id);
            }
        };
        for frame in replay.frames {
            self.push(id, frame);
        }
        let Some(connection) = self.audience.get_mut(id) else { return };
        connection.told = replay.upto;
        let owed = self.owed_together(replay.owed.into_iter());
        self.set_pace(id, owed);
    }
}
