//! Replays: what a connection is told of a gap, judged by its rights now, coalesced to the newest state, in the order of
//! the last changes (contract/12 §9, Replay).

use std::sync::Arc;

use bytes::Bytes;

use crate::access::Subject;
use crate::error::Result;
use crate::query::Caller;
use crate::rows;
use crate::schema::{Collection, Record, Schema};
use crate::store::{ChangeKind, Conn, Position};

use super::audience::Owed;
use super::coalesce::{Gap, LogEntry, Net, coalesce};
use super::cursor::Cursor;
use super::judge::Judge;
use super::log;
use super::message;
use super::outlet::Encoding;
use super::switchboard::Setup;
use super::topic::{Target, Topic};

/// Most messages of one replay; with more, a list is the shorter way.
const MESSAGES_MAX: usize = 10_000;
/// Most log entries that one replay reads: bounds its time and memory when little of a busy log concerns it.
const ENTRIES_MAX: usize = 200_000;
/// Entries that are read at once.
const PIECE: usize = 2_000;

/// What is to be made up for.
pub(super) struct Question {
    pub owed: Vec<Owed>,
    /// Everything after this comes live.
    pub upto: Position,
    pub caller: Caller,
    pub encoding: Encoding,
}

/// The frames that make up for a gap.
pub(super) struct Replay {
    pub frames: Vec<Bytes>,
}

/// What a replay works with.
struct Reader<'a> {
    conn: &'a dyn Conn,
    setup: &'a Setup,
    schema: Arc<Schema>,
    question: &'a Question,
}

/// Reads what is owed out of the log.
///
/// # Errors
/// A failing database; what isn't there any more is no error but a `PB_RESET` message.
pub(super) fn run(conn: &dyn Conn, setup: &Setup, question: &Question) -> Result<Replay> {
    let reader = Reader { conn, setup, schema: setup.schema.current(), question };
    let mut frames: Vec<(Position, Bytes)> = Vec::new();
    for owed in &question.owed {
        match reader.read(owed)? {
            Some(found) if frames.len() + found.len() <= MESSAGES_MAX => frames.extend(found),
            Some(_) | None => frames.extend(reader.reset(owed)),
        }
    }
    frames.sort_by_key(|(position, _)| *position); // stable: topics of one change stay in their order
    Ok(Replay { frames: frames.into_iter().map(|(_, frame)| frame).collect() })
}

impl Reader<'_> {
    /// The frames of one gap; `None` if it can't be made up for.
    fn read(&self, owed: &Owed) -> Result<Option<Vec<(Position, Bytes)>>> {
        let Some(entries) = self.entries(owed)? else { return Ok(None) };
        let mut frames = Vec::new();
        for gap in coalesce(entries) {
            let Some(collection) = self.schema.find_by_id(&gap.collection_id) else { continue };
            let Some((record, kind)) = self.newest(collection, &gap)? else { continue };
            for topic in owed.topics.iter().filter(|topic| concerns(topic, collection, &gap.record_id)) {
                if let Some(frame) = self.frame(topic, &record, kind, gap.position)? {
                    frames.push((gap.position, frame));
                }
                if frames.len() > MESSAGES_MAX {
                    return Ok(None);
                }
            }
        }
        Ok(Some(frames))
    }

    /// The wanted entries of a gap; `None` if the log doesn't reach back to it or it is too large.
    fn entries(&self, owed: &Owed) -> Result<Option<Vec<LogEntry>>> {
        if owed.after + 1 < log::extent(self.conn)?.first {
            return Ok(None);
        }
        let is_wanted = |entry: &LogEntry| {
            let collection = self.schema.find_by_id(&entry.collection_id);
            collection.is_some_and(|it| owed.topics.iter().any(|topic| concerns(topic, it, &entry.record_id)))
        };
        let (mut entries, mut after, mut read) = (Vec::new(), owed.after, 0);
        loop {
            let piece = log::list(self.conn, after, self.question.upto, PIECE)?;
            let Some(last) = piece.last() else { return Ok(Some(entries)) };
            after = last.position;
            read += piece.len();
            entries.extend(piece.into_iter().filter(is_wanted));
            if read > ENTRIES_MAX {
                return Ok(None);
            }
        }
    }

    /// The record as it is to be told, and as what; `None` if a later entry tells of it.
    fn newest(&self, collection: &Arc<Collection>, gap: &Gap) -> Result<Option<(Record, ChangeKind)>> {
        let stored = || rows::find_record(self.conn, collection, &gap.record_id);
        Ok(match gap.net {
            Net::Created => stored()?.map(|record| (record, ChangeKind::Create)),
            Net::Updated => stored()?.map(|record| (record, ChangeKind::Update)),
            Net::Deleted => {
                let last = gap.last.as_deref();
                let record = last.and_then(|old| rows::record_from_old(collection, &gap.record_id, old));
                record.map(|record| (record, ChangeKind::Delete))
            }
        })
    }

    fn frame(&self, topic: &Topic, record: &Record, kind: ChangeKind, position: Position) -> Result<Option<Bytes>> {
        let request = Judge::request(topic, &self.question.caller);
        let subject = if kind == ChangeKind::Delete { Subject::Former(record) } else { Subject::Stored(record) };
        if !self.setup.judge.shows(self.conn, &self.schema, topic, &request, subject) {
            return Ok(None);
        }
        let json = self.setup.judge.views.render(self.conn, &self.schema, &request, record)?;
        let cursor = Cursor { log: self.setup.log, position };
        Ok(Some(message::change_frame(self.question.encoding, &topic.text, &json, kind, cursor)))
    }

    /// Tells those who asked for it that their topics must be read anew.
    fn reset(&self, owed: &Owed) -> Vec<(Position, Bytes)> {
        let topics: Vec<&str> = owed
            .topics
            .iter()
            .filter(|topic| matches!(topic.target, Target::Collection(_) | Target::Record { .. }))
            .map(|topic| &*topic.text)
            .collect();
        let upto = self.question.upto;
        let cursor = Cursor { log: self.setup.log, position: upto };
        let listens = self.question.owed.iter().flat_map(|owed| &owed.topics).find(|t| t.target == Target::Reset);
        let frame = |topic: &Arc<Topic>| message::reset_frame(self.question.encoding, &topic.text, &topics, cursor);
        listens.map(|topic| (upto, frame(topic))).into_iter().collect()
    }
}

/// Whether a change of this record is what the topic is about.
fn concerns(topic: &Topic, collection: &Collection, record_id: &str) -> bool {
    let is_named = |name: &str| name == &*collection.id || name == &*collection.name;
    match &topic.target {
        Target::Collection(name) => is_named(name),
        Target::Record { collection, record_id: wanted } => is_named(collection) && &**wanted == record_id,
        Target::OAuth2 | Target::Reset | Target::Nothing => false,
    }
}
