//! What a server acknowledged, and the check that its database holds it: all of it, and each write whole.
//!
//! Notes have a version that starts at 1 and grows by one with each change, and the change log gets a row in the same
//! transaction: so a write that is half there shows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use support::{Answer, TestApp};

/// The collection of the scenarios.
pub const NOTES: &str = "notes";

/// Makes the collection.
pub fn create_notes(app: &TestApp) {
    app.create_open_collection(
        NOTES,
        json!([{"name": "title", "type": "text"}, {"name": "version", "type": "number"}]),
    );
}

/// Where the collection's records are.
pub fn notes_path() -> String {
    format!("/api/collections/{NOTES}/records")
}

/// What is known of one note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Its version was acknowledged.
    Is(i64),
    /// A change from this version on was sent and never answered.
    IsOrNext(i64),
    Gone,
    /// A delete was sent and never answered.
    IsOrGone(i64),
}

/// What one client was told.
#[derive(Debug, Default)]
pub struct Ledger {
    notes: BTreeMap<String, Known>,
    pub acknowledged: u64,
}

impl Ledger {
    /// Creates a note; gives its id, or the answer of a refusal, or the error of a server that died.
    pub fn create(&mut self, app: &TestApp, title: &str) -> std::io::Result<Result<String, Answer>> {
        let answer = app.post(&notes_path()).json(json!({"title": title, "version": 1})).try_send()?;
        if answer.status != 200 {
            return Ok(Err(answer));
        }
        let note = answer.ok();
        let id = note["id"].as_str().expect("a record has an id").to_owned();
        self.settle(&id, Known::Is(1));
        Ok(Ok(id))
    }

    /// Changes a note that was acknowledged.
    pub fn update(&mut self, app: &TestApp, id: &str) -> std::io::Result<Result<(), Answer>> {
        let version = self.version(id);
        self.notes.insert(id.to_owned(), Known::IsOrNext(version));
        let target = format!("{}/{id}", notes_path());
        let answer = app.patch(&target).json(json!({"version": version + 1})).try_send()?;
        Ok(self.answered(id, answer, 200, Known::Is(version + 1), version))
    }

    /// Deletes a note that was acknowledged.
    pub fn delete(&mut self, app: &TestApp, id: &str) -> std::io::Result<Result<(), Answer>> {
        let version = self.version(id);
        self.notes.insert(id.to_owned(), Known::IsOrGone(version));
        let answer = app.delete(&format!("{}/{id}", notes_path())).try_send()?;
        Ok(self.answered(id, answer, 204, Known::Gone, version))
    }

    fn version(&self, id: &str) -> i64 {
        match self.notes[id] {
            Known::Is(version) => version,
            other => panic!("{id} is {other:?}"),
        }
    }

    /// A refused write must have changed nothing, unless its sync failed: then it may be there or not.
    fn answered(&mut self, id: &str, answer: Answer, done: u16, after: Known, before: i64) -> Result<(), Answer> {
        if answer.status == done {
            self.settle(id, after);
            return Ok(());
        }
        if !answer.text().contains("restarted") {
            self.notes.insert(id.to_owned(), Known::Is(before));
        }
        Err(answer)
    }

    fn settle(&mut self, id: &str, known: Known) {
        self.acknowledged += 1;
        self.notes.insert(id.to_owned(), known);
    }

    /// Checks the database of `dir`, whether or not a server runs on it. `only_from` is the position of the change log
    /// from which on its rows are compared; gives that of the last.
    #[track_caller]
    pub fn check(&self, dir: &Path, only_from: i64) -> i64 {
        let db = open(dir);
        self.check_nothing_lost(&db);
        let last = check_nothing_half(&db, only_from);
        let integrity: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(integrity, "ok");
        last
    }

    #[track_caller]
    fn check_nothing_lost(&self, db: &Connection) {
        let mut find = db.prepare("SELECT version FROM notes WHERE id = ?1").unwrap();
        for (id, known) in &self.notes {
            let found: Option<i64> = find.query_map([id], |row| row.get(0)).unwrap().next().transpose().unwrap();
            let is_so = match *known {
                Known::Is(version) => found == Some(version),
                Known::IsOrNext(version) => found == Some(version) || found == Some(version + 1),
                Known::Gone => found.is_none(),
                Known::IsOrGone(version) => found.is_none() || found == Some(version),
            };
            assert!(is_so, "note {id} should be {known:?}, its row is {found:?}");
        }
    }
}

/// What two clients were told: each has notes of its own.
impl std::ops::AddAssign for Ledger {
    fn add_assign(&mut self, other: Self) {
        self.notes.extend(other.notes);
        self.acknowledged += other.acknowledged;
    }
}

fn open(dir: &Path) -> Connection {
    let db = Connection::open_with_flags(dir.join("data.db"), OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    db.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    db
}

/// Each note must have as many changes in the log as its version says, and each change its note.
#[track_caller]
fn check_nothing_half(db: &Connection, only_from: i64) -> i64 {
    let mut logged: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut last = only_from;
    let mut changes = db
        .prepare(
            "SELECT c.position, c.record, c.kind FROM _mb_changes c JOIN _collections k ON k.id = c.collection
             WHERE k.name = 'notes' AND c.position > ?1 ORDER BY c.position",
        )
        .unwrap();
    let rows = changes.query_map([only_from], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    for row in rows {
        let (position, record, kind): (i64, String, String) = row.unwrap();
        logged.entry(record).or_default().push(kind);
        last = position;
    }
    let mut versions = db.prepare("SELECT id, version FROM notes").unwrap();
    let stored: BTreeMap<String, Value> = versions
        .query_map([], |row| Ok((row.get(0)?, json!(row.get::<_, i64>(1)?))))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    if only_from == 0 {
        let unlogged: BTreeSet<_> = stored.keys().filter(|id| !logged.contains_key(*id)).collect();
        assert!(unlogged.is_empty(), "notes without a change in the log: {unlogged:?}");
    }
    for (id, kinds) in logged.iter().filter(|(_, kinds)| kinds[0] == "create") {
        let expected = match kinds.last().map(String::as_str) {
            Some("delete") => None,
            _ => Some(json!(kinds.len())),
        };
        assert_eq!(stored.get(id), expected.as_ref(), "note {id} has the changes {kinds:?}");
    }
    last
}
