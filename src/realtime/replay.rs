//! Replays: what a connection is told of a gap, judged by its rights now, coalesced to the newest state, in the order of
//! the last changes (contract/12 §9, Replay).

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::access::Subject;
use crate::error::Result;
use crate::query::{Caller, Request};
use crate::rows;
use crate::schema::{Collection, Record, Schema};
use crate::store::{ChangeKind, Conn, Position};

use super::audience::{ENTRIES_MAX, Owed};
use super::coalesce::{Gap, LogEntry, Net, coalesce};
use super::cursor::{Cursor, PARTS_MAX, Place, ReplayPart};
use super::judge::Judge;
use super::log;
use super::message;
use super::outlet::Encoding;
use super::switchboard::Setup;
use super::topic::{Target, Topic};

/// Most messages that are made up for; with more, a list is the shorter way.
const MESSAGES_MAX: usize = 10_000;
/// Most bytes of messages that are made at once; what is owed beyond them follows when they are written. A single change
/// may have more.
const BYTES_MAX: usize = 1024 * 1024;
/// Most bytes of log entries that one replay keeps, but for the last piece that it reads.
const ENTRY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How many times the entries of a replay that was full the next one reads.
const READ_AHEAD: usize = 4;
/// Entries that are read at once.
const PIECE: usize = 2_000;

/// What is to be made up for.
pub(super) struct Question {
    pub owed: Vec<Owed>,
    pub caller: Caller,
    pub encoding: Encoding,
}

/// The frames that make up for a gap, or for the first part of it.
pub(super) struct Replay {
    pub frames: Vec<Bytes>,
    /// Everything up to here is made up for. At most the end of the log in the snapshot that the records were read in, so
    /// that no change is told of a record that is in another state already; before it if that was too much at once, and
    /// then such a record is told of again, as it would be live.
    pub upto: Position,
    /// From where each topic goes on.
    pub owed: Vec<Owed>,
}

/// What a replay works with.
struct Reader<'a> {
    conn: &'a dyn Conn,
    setup: &'a Setup,
    schema: Arc<Schema>,
    question: &'a Question,
    /// Of the log, in the snapshot.
    end: Position,
}

/// One gap: the wanted entries, in the order of their positions; `None` if it can't be made up for.
struct Due<'a> {
    owed: &'a Owed,
    entries: Option<Vec<LogEntry>>,
    /// Up to here the log was read.
    read_upto: Position,
}

/// What is told of one gap.
enum Told {
    Frames(Vec<(Position, Bytes)>),
    /// More messages than anybody should get.
    TooMany,
    /// More bytes than fit; what came up to this position does.
    TooMuch(Position),
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
    let end = log::extent(conn)?.last;
    let reader = Reader { conn, setup, schema: setup.schema.current(), question, end };
    let mut dues: Vec<Due<'_>> = question.owed.iter().map(|owed| reader.due(owed)).collect::<Result<_>>()?;
    // Topics that are at different places come to the same one first, so that a cursor is true of all of them.
    let first = question.owed.iter().map(|owed| owed.place.after).min();
    let next = question.owed.iter().map(|owed| owed.place.after).filter(|after| Some(*after) > first).min();
    let read_upto = dues.iter().map(|due| due.read_upto).chain(next).min().unwrap_or(end).min(end);
    let mut upto = read_upto;
    let mut frames = loop {
        match reader.frames(&mut dues, upto)? {
            Ok(frames) => break frames,
            // What comes first of a busy gap may concern most of its records: half of it is less for sure.
            Err(fits_upto) if upto == read_upto => upto = fits_upto,
            Err(fits_upto) => upto = middle(&dues, upto).min(fits_upto),
        }
    };
    frames.sort_by_key(|(position, _)| *position); // stable: topics of one change stay in their order
    let owed = dues.iter().map(|due| Owed {
        place: due.place(upto, end),
        topics: due.owed.topics.clone(),
        entries_max: if upto < read_upto { due.reads_next(upto) } else { due.owed.entries_max },
    });
    let owed = owed.collect();
    Ok(Replay { frames: frames.into_iter().map(|(_, frame)| frame).collect(), upto, owed })
}

/// The position in the middle of what is due up to `upto`.
fn middle(dues: &[Due<'_>], upto: Position) -> Position {
    let entries = dues.iter().filter_map(|due| due.entries.as_ref()).flatten();
    let mut positions: Vec<Position> = entries.map(|entry| entry.position).filter(|it| *it <= upto).collect();
    positions.sort_unstable();
    positions.dedup();
    positions.get(positions.len().saturating_sub(1) / 2).copied().unwrap_or(upto)
}

impl Due<'_> {
    /// How many entries are worth reading next, when those up to `upto` were as many as fit.
    fn reads_next(&self, upto: Position) -> usize {
        let told = self.entries.iter().flatten().take_while(|entry| entry.position <= upto).count();
        (told * READ_AHEAD).max(PIECE)
    }

    /// Where its topics are once everything up to `upto` was told.
    fn place(&self, upto: Position, end: Position) -> Place {
        let place = &self.owed.place;
        if self.entries.is_none() {
            return Place::from(end); // whoever cares reads its lists
        }
        if place.after >= upto {
            return place.clone();
        }
        let parts = place.parts.iter().filter(|part| part.upto > upto).copied().collect();
        Place { after: upto, parts }
    }
}

impl Reader<'_> {
    /// The frames of all gaps up to a position; the error is an earlier one, up to which there is room for them.
    fn frames(&self, dues: &mut [Due<'_>], upto: Position) -> Result<Result<Vec<(Position, Bytes)>, Position>> {
        let (mut frames, mut room) = (Vec::new(), BYTES_MAX);
        for due in dues {
            match self.tell(due, upto, &mut room)? {
                Told::Frames(found) if frames.len() + found.len() <= MESSAGES_MAX => frames.extend(found),
                Told::TooMuch(fits_upto) => return Ok(Err(fits_upto)),
                Told::Frames(_) | Told::TooMany => {
                    due.entries = None;
                    frames.extend(self.reset(due.owed));
                }
            }
        }
        Ok(Ok(frames))
    }

    /// The frames of one gap up to a position. They use up `room`, in bytes; the first change is told whatever room there
    /// is.
    fn tell(&self, due: &Due<'_>, upto: Position, room: &mut usize) -> Result<Told> {
        let Due { owed, entries: Some(entries), .. } = due else { return Ok(Told::TooMany) };
        let gaps = coalesce(entries.iter().take_while(|entry| entry.position <= upto));
        let may_be_too_many = gaps.len() * owed.topics.len() > MESSAGES_MAX;
        let (mut tellings, mut count) = (Vec::new(), 0);
        // The last change that was told wholly, and that one once there was no room for another.
        let (mut told_upto, mut full_after) = (None, None);
        for gap in gaps {
            let Some(collection) = self.schema.find_by_id(&gap.collection_id) else { continue };
            let Some((record, kind)) = self.newest(collection, &gap)? else { continue };
            for topic in owed.topics.iter().filter(|topic| concerns(topic, collection, &gap.record_id)) {
                let Some(request) = self.shown_to(topic, &record, kind) else { continue };
                count += 1;
                if count > MESSAGES_MAX {
                    return Ok(Told::TooMany);
                }
                if full_after.is_some() {
                    continue; // only counted
                }
                let json = self.setup.judge.views.render(self.conn, &self.schema, &request, &record)?;
                if json.len() > *room {
                    full_after = told_upto;
                }
                *room = room.saturating_sub(json.len());
                tellings.push(Telling { topic, json, kind, position: gap.position });
            }
            if full_after.is_some() && !may_be_too_many {
                break;
            }
            told_upto = Some(gap.position);
        }
        Ok(match full_after {
            Some(fits_upto) => Told::TooMuch(fits_upto),
            None => Told::Frames(self.framed(&tellings, due, upto)),
        })
    }

    fn framed(&self, tellings: &[Telling<'_>], due: &Due<'_>, upto: Position) -> Vec<(Position, Bytes)> {
        let last = tellings.len().saturating_sub(1);
        let frames = tellings.iter().enumerate().map(|(index, telling)| {
            // Whoever has the last one has it all; before that, what was told so far is noted beside the old place.
            let place = if index == last {
                due.place(upto, self.end)
            } else {
                due.owed.place.with_part(upto, telling.position)
            };
            let cursor = Cursor::at(self.setup.log, place);
            let Telling { topic, json, kind, position } = telling;
            (*position, message::change_frame(self.question.encoding, &topic.text, json, *kind, &cursor))
        });
        frames.collect()
    }

    /// Reads the log for a gap. It can't be made up for if the log doesn't reach back to it, or if it is too large to tell
    /// what of it was told.
    fn due<'q>(&self, owed: &'q Owed) -> Result<Due<'q>> {
        let place = &owed.place;
        let lost = Due { owed, entries: None, read_upto: self.end };
        if place.after + 1 < log::extent(self.conn)?.first || place.parts.len() >= PARTS_MAX {
            return Ok(lost);
        }
        let is_wanted = |entry: &LogEntry| {
            let collection = self.schema.find_by_id(&entry.collection_id);
            collection.is_some_and(|it| owed.topics.iter().any(|topic| concerns(topic, it, &entry.record_id)))
        };
        // What a replay told that was cut off is known by the last changes it saw, so all of them are needed.
        let parts_upto = place.parts.iter().map(|part| part.upto).max().unwrap_or(place.after);
        let (mut entries, mut bytes, mut read_upto, mut read) = (Vec::new(), 0, place.after, 0);
        loop {
            let piece = log::list(self.conn, read_upto, self.end, PIECE)?;
            read += piece.entries.len();
            read_upto = match piece.entries.last() {
                Some(last) if !piece.is_last => last.position,
                Some(_) | None => self.end,
            };
            for entry in piece.entries.into_iter().filter(is_wanted) {
                // Of what was replaced only the last state of a deleted record is told.
                let old = entry.old.filter(|_| entry.kind == ChangeKind::Delete);
                bytes += size_of::<LogEntry>() + old.as_ref().map_or(0, |old| old.len());
                entries.push(LogEntry { old, ..entry });
            }
            let is_enough = read >= owed.entries_max || bytes >= ENTRY_BYTES_MAX;
            if read_upto == self.end || (is_enough && read_upto >= parts_upto) {
                return Ok(Due { owed, entries: Some(without_told(entries, &place.parts)), read_upto });
            }
            if read >= ENTRIES_MAX || bytes >= READ_AHEAD * ENTRY_BYTES_MAX {
                return Ok(lost);
            }
        }
    }

    /// The record as it is to be told, and as what; `None` if a later entry tells of it.
    fn newest(&self, collection: &Arc<Collection>, gap: &Gap) -> Result<Option<(Record, ChangeKind)>> {
        let stored = || log::find_told(self.conn, collection, gap.position, &gap.record_id);
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

    /// What views of the record are made for, if the caller may see it through the topic.
    fn shown_to(&self, topic: &Topic, record: &Record, kind: ChangeKind) -> Option<Request> {
        let request = Judge::request(topic, &self.question.caller);
        let subject = if kind == ChangeKind::Delete { Subject::Former(record) } else { Subject::Stored(record) };
        self.setup.judge.shows(self.conn, &self.schema, topic, &request, subject).then_some(request)
    }

    /// Tells those who asked for it that their topics must be read anew.
    fn reset(&self, owed: &Owed) -> Vec<(Position, Bytes)> {
        let topics: Vec<&str> = owed
            .topics
            .iter()
            .filter(|topic| matches!(topic.target, Target::Collection(_) | Target::Record { .. }))
            .map(|topic| &*topic.text)
            .collect();
        let upto = self.end;
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
            let had_upto = parts.iter().filter(|part| is_told(&positions, part)).map(|part| part.upto).max()?;
            Some(((collection_id.into(), record_id.into()), had_upto))
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
