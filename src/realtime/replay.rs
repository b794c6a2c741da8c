//! Replays: what a connection is told of a gap, judged by its rights now, coalesced to the newest state, in the order of
//! the last changes (contract/12 §9, Replay).

use std::collections::HashMap;
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
use super::cursor::{Cursor, PARTS_MAX, Place, ReplayPart};
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
    pub caller: Caller,
    pub encoding: Encoding,
}

/// The frames that make up for a gap.
pub(super) struct Replay {
    pub frames: Vec<Bytes>,
    /// Everything up to here is made up for: the end of the log in the snapshot that the records were read in, so that
    /// no change is told of a record that is in another state already.
    pub upto: Position,
}

/// What a replay works with.
struct Reader<'a> {
    conn: &'a dyn Conn,
    setup: &'a Setup,
    schema: Arc<Schema>,
    question: &'a Question,
    upto: Position,
}

/// One message of a replay, before it is framed.
struct Telling<'t> {
    topic: &'t Topic,
    json: Vec<u8>,
    kind: ChangeKind,
    /// That of the record's last change.
    position: Position,
}

/// Reads what is owed out of the log.
///
/// # Errors
/// A failing database; what isn't there any more is no error but a `PB_RESET` message.
pub(super) fn run(conn: &dyn Conn, setup: &Setup, question: &Question) -> Result<Replay> {
    let upto = log::extent(conn)?.last;
    let reader = Reader { conn, setup, schema: setup.schema.current(), question, upto };
    let mut frames: Vec<(Position, Bytes)> = Vec::new();
    for owed in &question.owed {
        match reader.read(owed)? {
            Some(found) if frames.len() + found.len() <= MESSAGES_MAX => frames.extend(found),
            Some(_) | None => frames.extend(reader.reset(owed)),
        }
    }
    frames.sort_by_key(|(position, _)| *position); // stable: topics of one change stay in their order
    Ok(Replay { frames: frames.into_iter().map(|(_, frame)| frame).collect(), upto })
}

impl Reader<'_> {
    /// The frames of one gap; `None` if it can't be made up for.
    fn read(&self, owed: &Owed) -> Result<Option<Vec<(Position, Bytes)>>> {
        let Some(entries) = self.entries(owed)? else { return Ok(None) };
        let mut tellings = Vec::new();
        for gap in coalesce(without_told(entries, &owed.place.parts)) {
            let Some(collection) = self.schema.find_by_id(&gap.collection_id) else { continue };
            let Some((record, kind)) = self.newest(collection, &gap)? else { continue };
            for topic in owed.topics.iter().filter(|topic| concerns(topic, collection, &gap.record_id)) {
                if let Some(json) = self.view(topic, &record, kind)? {
                    tellings.push(Telling { topic, json, kind, position: gap.position });
                }
                if tellings.len() > MESSAGES_MAX {
                    return Ok(None);
                }
            }
        }
        let last = tellings.len().saturating_sub(1);
        let frames = tellings.iter().enumerate().map(|(index, telling)| {
            // Whoever has the last one has it all; before that, what was told so far is noted beside the old place.
            let place =
                if index == last { Place::from(self.upto) } else { owed.place.with_part(self.upto, telling.position) };
            let cursor = Cursor::at(self.setup.log, place);
            let Telling { topic, json, kind, position } = telling;
            (*position, message::change_frame(self.question.encoding, &topic.text, json, *kind, &cursor))
        });
        Ok(Some(frames.collect()))
    }

    /// The wanted entries of a gap; `None` if the log doesn't reach back to it or it is too large.
    fn entries(&self, owed: &Owed) -> Result<Option<Vec<LogEntry>>> {
        if owed.place.after + 1 < log::extent(self.conn)?.first || owed.place.parts.len() >= PARTS_MAX {
            return Ok(None);
        }
        let is_wanted = |entry: &LogEntry| {
            let collection = self.schema.find_by_id(&entry.collection_id);
            collection.is_some_and(|it| owed.topics.iter().any(|topic| concerns(topic, it, &entry.record_id)))
        };
        let (mut entries, mut after, mut read) = (Vec::new(), owed.place.after, 0);
        loop {
            let piece = log::list(self.conn, after, self.upto, PIECE)?;
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

    /// The record's JSON as the caller may see it through the topic; `None` if it may not.
    fn view(&self, topic: &Topic, record: &Record, kind: ChangeKind) -> Result<Option<Vec<u8>>> {
        let request = Judge::request(topic, &self.question.caller);
        let subject = if kind == ChangeKind::Delete { Subject::Former(record) } else { Subject::Stored(record) };
        if !self.setup.judge.shows(self.conn, &self.schema, topic, &request, subject) {
            return Ok(None);
        }
        Ok(Some(self.setup.judge.views.render(self.conn, &self.schema, &request, record)?))
    }

    /// Tells those who asked for it that their topics must be read anew.
    fn reset(&self, owed: &Owed) -> Vec<(Position, Bytes)> {
        let topics: Vec<&str> = owed
            .topics
            .iter()
            .filter(|topic| matches!(topic.target, Target::Collection(_) | Target::Record { .. }))
            .map(|topic| &*topic.text)
            .collect();
        let upto = self.upto;
        let cursor = Cursor::at(self.setup.log, upto);
        let listens = self.question.owed.iter().flat_map(|owed| &owed.topics).find(|t| t.target == Target::Reset);
        let frame = |topic: &Arc<Topic>| message::reset_frame(self.question.encoding, &topic.text, &topics, &cursor);
        listens.map(|topic| (upto, frame(topic))).into_iter().collect()
    }
}

/// Leaves out what the client has of replays that were cut off: of each record, what the last replay that told of it
/// read. `entries` are in the order of their positions.
fn without_told(entries: Vec<LogEntry>, parts: &[ReplayPart]) -> Vec<LogEntry> {
    if parts.is_empty() {
        return entries;
    }
    let mut positions: HashMap<(&str, &str), Vec<Position>> = HashMap::new();
    for entry in &entries {
        positions.entry((&entry.collection_id, &entry.record_id)).or_default().push(entry.position);
    }
    let is_told = |positions: &[Position], part: &ReplayPart| {
        let read = positions.partition_point(|position| *position <= part.upto);
        read > 0 && positions[read - 1] <= part.told
    };
    let had_upto: HashMap<(Box<str>, Box<str>), Position> = positions
        .into_iter()
        .filter_map(|((collection_id, record_id), positions)| {
            let part = parts.iter().rev().find(|part| is_told(&positions, part))?;
            Some(((collection_id.into(), record_id.into()), part.upto))
        })
        .collect();
    let mut entries = entries;
    entries.retain(|entry| {
        let key = (entry.collection_id.clone(), entry.record_id.clone());
        had_upto.get(&key).is_none_or(|upto| entry.position > *upto)
    });
    entries
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
