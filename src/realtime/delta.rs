//! Delta sync: what changed since a cursor, for clients that work offline. A client takes a cursor, reads the lists, and
//! from then on asks for what changed.

use std::collections::HashSet;
use std::sync::Arc;

use crate::access::{Action, Gate, Subject, check_action};
use crate::error::{Error, Result};
use crate::query::Request;
use crate::rows;
use crate::schema::{Collection, Schema};
use crate::store::{ChangeKind, Conn, Position, changes};

use super::coalesce::{Gap, LogEntry, coalesce};
use super::cursor::{Cursor, LogId};
use super::judge::Judge;
use super::log;
use super::message::action;

/// Records of a page when the client names no number, and at most.
const PER_PAGE: usize = 100;
const PER_PAGE_MAX: usize = 1000;
/// Log entries that one page reads at most: other collections may fill the log.
const ENTRIES_MAX: usize = 20_000;
/// Entries that are read at once.
const PIECE: usize = 1000;

/// A page of changes.
#[derive(Debug)]
pub struct Delta {
    pub items: Vec<Item>,
    /// Where the next page begins.
    pub cursor: Cursor,
    pub has_more: bool,
    /// The log doesn't reach back to the cursor: the client reads its lists again and goes on with the new one.
    pub must_reset: bool,
}

/// One changed record as the caller is to have it.
#[derive(Debug)]
pub struct Item {
    pub action: &'static str,
    /// JSON of the record; of one that is gone, or out of the caller's sight, its id and collection alone.
    pub record: Vec<u8>,
}

/// What a page is asked with. Of the request's query `since` (a cursor; without one there are no changes, but the cursor
/// to begin with), `filter`, `expand` and `fields` count.
pub struct DeltaQuestion {
    pub collection: Arc<Collection>,
    pub request: Request,
    pub per_page: Option<usize>,
}

/// How a page is made.
struct Reader<'a> {
    conn: &'a dyn Conn,
    gate: Gate<'a>,
    judge: &'a Judge,
    collection: &'a Arc<Collection>,
    filter: &'a str,
}

/// The changes of a collection that the request's caller may know of.
///
/// # Errors
/// `Forbidden` for a locked list rule; `BadRequest` for a view, a text that is no cursor, or a fault in the filter.
pub fn list_changes(conn: &dyn Conn, schema: &Arc<Schema>, judge: &Judge, question: &DeltaQuestion) -> Result<Delta> {
    let DeltaQuestion { collection, request, per_page } = question;
    let gate = judge.gate(conn, schema, request);
    let filter = request.query_value("filter").unwrap_or_default();
    check_action(&request.caller, collection, Action::List)?;
    if collection.is_view() {
        return Err(Error::bad_request_with("Unsupported collection type."));
    }
    gate.reach_list(collection, filter, "")?; // a fault in the filter is one before anything is read
    let log_id = LogId::of(&changes::log_id(conn)?);
    let extent = log::extent(conn)?;
    let at = |position: Position| Cursor::at(log_id, position);
    let Some(since) = request.query_value("since").filter(|since| !since.is_empty()) else {
        return Ok(Delta { items: Vec::new(), cursor: at(extent.last), has_more: false, must_reset: false });
    };
    let since = Cursor::parse(since).ok_or_else(Error::bad_request)?;
    let after = since.place.after;
    if since.log != log_id || after + 1 < extent.first || after > extent.last {
        return Ok(Delta { items: Vec::new(), cursor: at(extent.last), has_more: false, must_reset: true });
    }
    let per_page = per_page.filter(|number| *number > 0).unwrap_or(PER_PAGE).min(PER_PAGE_MAX);
    let (entries, upto) = read_page(conn, collection, after, extent.last, per_page)?;
    let reader = Reader { conn, gate, judge, collection, filter };
    let mut items = Vec::new();
    for gap in coalesce(&entries) {
        items.extend(reader.item(&gap)?);
    }
    Ok(Delta { items, cursor: at(upto), has_more: upto < extent.last, must_reset: false })
}

/// The collection's entries after `after` until `per_page` records are among them, and the position they reach.
fn read_page(
    conn: &dyn Conn,
    collection: &Collection,
    after: Position,
    last: Position,
    per_page: usize,
) -> Result<(Vec<LogEntry>, Position)> {
    let (mut entries, mut records, mut upto, mut read) = (Vec::new(), HashSet::new(), after, 0);
    while read < ENTRIES_MAX {
        let piece = log::list(conn, upto, last, PIECE)?;
        read += piece.entries.len();
        for entry in piece.entries {
            let is_ours = *entry.collection_id == *collection.id;
            if is_ours && !records.contains(&entry.record_id) && records.len() == per_page {
                return Ok((entries, upto));
            }
            upto = entry.position;
            if is_ours {
                records.insert(entry.record_id.clone());
                entries.push(entry);
            }
        }
        if piece.is_last {
            return Ok((entries, last));
        }
    }
    Ok((entries, upto))
}

impl Reader<'_> {
    /// What a gap of a record is to the caller: by what it could see before and can see now.
    fn item(&self, gap: &Gap) -> Result<Option<Item>> {
        let Self { conn, gate, collection, .. } = self;
        let before = gap.before.as_deref().and_then(|old| rows::record_from_old(collection, &gap.record_id, old));
        let was_shown = match &before {
            Some(record) => self.shows(Subject::Former(record))?,
            None => false,
        };
        let now = rows::find_record(*conn, collection, &gap.record_id)?;
        let now = match &now {
            Some(record) if self.shows(Subject::Stored(record))? => Some(record),
            Some(_) | None => None,
        };
        Ok(match (was_shown, now) {
            (was_shown, Some(record)) => {
                let kind = if was_shown { ChangeKind::Update } else { ChangeKind::Create };
                let record = self.judge.views.render(*conn, gate.schema, gate.request, record)?;
                Some(Item { action: action(kind), record })
            }
            (true, None) => Some(Item { action: action(ChangeKind::Delete), record: tombstone(collection, gap) }),
            (false, None) => None,
        })
    }

    fn shows(&self, subject: Subject<'_>) -> Result<bool> {
        self.gate.shows(self.conn, Action::List, self.filter, subject)
    }
}

/// What is told of a record that is gone, or out of sight.
fn tombstone(collection: &Collection, gap: &Gap) -> Vec<u8> {
    let record = serde_json::json!({
        "collectionId": &*collection.id, "collectionName": &*collection.name, "id": &*gap.record_id,
    });
    record.to_string().into_bytes()
}

impl Delta {
    /// The answer: `{"items":[{"action","record"}],"cursor","hasMore"}`, and `"reset":true` when it must be.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.items.iter().map(|item| item.record.len() + 40).sum::<usize>());
        out.extend_from_slice(b"{\"items\":[");
        for (index, item) in self.items.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            out.extend_from_slice(format!("{comma}{{\"action\":\"{}\",\"record\":", item.action).as_bytes());
            out.extend_from_slice(&item.record);
            out.push(b'}');
        }
        let reset = if self.must_reset { ",\"reset\":true" } else { "" };
        let tail = format!("],\"cursor\":\"{}\",\"hasMore\":{}{reset}}}", self.cursor.to_text(), self.has_more);
        out.extend_from_slice(tail.as_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_valid_json_with_its_items_in_order() {
        let item = |action, id: &str| Item { action, record: format!(r#"{{"id":"{id}"}}"#).into_bytes() };
        let cursor = Cursor::at(LogId(1), 2);
        let items = vec![item("create", "a"), item("delete", "b")];
        let delta = Delta { items, cursor: cursor.clone(), has_more: true, must_reset: true };
        let json: serde_json::Value = serde_json::from_slice(&delta.to_json()).expect("JSON");
        let expected = serde_json::json!({
            "items": [{ "action": "create", "record": { "id": "a" } }, { "action": "delete", "record": { "id": "b" } }],
            "cursor": cursor.to_text(), "hasMore": true, "reset": true,
        });
        assert_eq!(json, expected);
    }
}
