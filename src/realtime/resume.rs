//! How far each topic of an application that resumes by a key of its own was sent (contract/12 §9 D): nothing missed
//! with an unchanged SDK, some things twice, since nobody acknowledges what was written.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::error::Result;
use crate::query::Caller;
use crate::store::{Conn, ConnExt, Position, StoreError, Tx, Value};

use super::log;
use super::topic::Topic;

/// Most keys that are kept; the one written to longest ago goes first.
const POINTS_MAX: usize = 100_000;
/// A peer that acknowledges nothing for so long is gone: its transport sees to it. Until then writes seem to succeed.
/// Short, since what it may have lost is told again; long enough for a change of networks.
pub const UNREAD_MAX: Duration = Duration::from_secs(60);
/// A stream that broke off may have lost what was written so long before: [`UNREAD_MAX`], and some seconds until the
/// kernel and the hub look.
const UNACKNOWLEDGED_MS: i64 = 65_000;
/// How far back in the log such a beginning is looked for.
const REACH: i64 = 100_000;

/// Whose messages of which topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ResumeKey {
    key: Box<str>,
    topic: Box<str>,
    /// `collection/record`, empty for guests.
    caller: Box<str>,
}

impl ResumeKey {
    /// The key of a topic that names one.
    pub fn of(topic: &Topic, caller: &Caller) -> Option<Self> {
        let key = topic.resume_key()?;
        let caller = match caller.auth() {
            Some(auth) => format!("{}/{}", auth.collection().id, auth.id()),
            None => String::new(),
        };
        Some(Self { key: key.into(), topic: topic.text.clone(), caller: caller.into() })
    }
}

/// How far a topic was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub sent: Position,
    /// Unix milliseconds.
    pub wrote_at_ms: i64,
    /// The server ended the stream itself, after everything was written.
    pub is_orderly: bool,
}

/// All points, in memory; written to the database every few seconds, since being late only enlarges the overlap.
#[derive(Debug, Default)]
pub(super) struct ResumePoints {
    points: HashMap<ResumeKey, Point>,
    unsaved: HashSet<ResumeKey>,
}

impl ResumePoints {
    pub fn load(conn: &dyn Conn) -> Result<Self, StoreError> {
        let sql = "SELECT key, topic, caller, position, at, orderly FROM _mb_resume ORDER BY at DESC LIMIT ?1";
        let rows = conn.list_rows(sql, &[(POINTS_MAX as i64).into()], |row| {
            let text = |column| Box::from(row.cell(column).as_text());
            let number = |column| row.cell(column).as_int().unwrap_or_default();
            let key = ResumeKey { key: text(0), topic: text(1), caller: text(2) };
            (key, Point { sent: number(3), wrote_at_ms: number(4), is_orderly: number(5) != 0 })
        })?;
        Ok(Self { points: rows.into_iter().collect(), unsaved: HashSet::new() })
    }

    pub fn note(&mut self, key: ResumeKey, point: Point) {
        if self.points.get(&key) == Some(&point) {
            return;
        }
        if self.points.len() >= POINTS_MAX && !self.points.contains_key(&key) {
            self.forget_oldest();
        }
        self.unsaved.insert(key.clone());
        self.points.insert(key, point);
    }

    /// Notes a point for a key that has none.
    pub fn note_first(&mut self, key: ResumeKey, point: Point) {
        if !self.points.contains_key(&key) {
            self.note(key, point);
        }
    }

    /// Where a topic goes on: where it was, or some time before if its stream broke off.
    pub fn starts_after(&self, conn: &dyn Conn, key: &ResumeKey) -> Result<Option<Position>, StoreError> {
        let Some(point) = self.points.get(key) else { return Ok(None) };
        if point.is_orderly {
            return Ok(Some(point.sent));
        }
        let before = log::position_before(conn, point.wrote_at_ms - UNACKNOWLEDGED_MS, REACH)?;
        Ok(Some(point.sent.min(before)))
    }

    /// What was noted since the last call, for [`save`].
    pub fn take_unsaved(&mut self) -> Vec<(ResumeKey, Point)> {
        let keys = std::mem::take(&mut self.unsaved);
        keys.into_iter().filter_map(|key| self.points.get(&key).map(|point| (key, *point))).collect()
    }

    /// A tenth goes at once, so that a full house doesn't search for its oldest with every note.
    fn forget_oldest(&mut self) {
        let mut times: Vec<i64> = self.points.values().map(|point| point.wrote_at_ms).collect();
        let (_, limit, _) = times.select_nth_unstable(POINTS_MAX / 10);
        let limit = *limit;
        self.points.retain(|_, point| point.wrote_at_ms > limit);
    }
}

/// Writes points, and drops rows that the log no longer reaches back to.
pub(super) fn save(tx: &dyn Tx, points: &[(ResumeKey, Point)]) -> Result<(), StoreError> {
    for (key, point) in points {
        let params: [Value; 6] = [
            (*key.key).into(),
            (*key.topic).into(),
            (*key.caller).into(),
            point.sent.into(),
            point.wrote_at_ms.into(),
            point.is_orderly.into(),
        ];
        tx.execute(
            "INSERT INTO _mb_resume (key, topic, caller, position, at, orderly) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT (key, topic, caller) DO UPDATE SET position = excluded.position, at = excluded.at, \
             orderly = excluded.orderly",
            &params,
        )?;
    }
    let first = log::extent(tx)?.first;
    tx.execute("DELETE FROM _mb_resume WHERE position < ?1", &[(first - 1).into()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> ResumeKey {
        ResumeKey { key: number.to_string().into(), topic: "posts/*".into(), caller: "".into() }
    }

    #[test]
    fn a_full_house_forgets_those_written_to_longest_ago() {
        let mut points = ResumePoints::default();
        for number in 0..=POINTS_MAX {
            points.note(key(number), Point { sent: 1, wrote_at_ms: number as i64, is_orderly: false });
        }
        assert!(points.points.len() <= POINTS_MAX);
        assert!(!points.points.contains_key(&key(0)));
        assert!(points.points.contains_key(&key(POINTS_MAX)));
    }

    #[test]
    fn only_what_is_new_is_saved() {
        let mut points = ResumePoints::default();
        let point = Point { sent: 1, wrote_at_ms: 5, is_orderly: false };
        points.note(key(1), point);
        assert_eq!(points.take_unsaved(), [(key(1), point)]);
        points.note(key(1), point);
        assert!(points.take_unsaved().is_empty());
    }
}
