//! Records at hand: whether a caller may see one that was just changed, or is gone already.

use crate::error::Result;
use crate::query::{Answer, Base, MemoryScene, NoRows, Part, Purpose, Row, evaluate_parts};
use crate::schema::{FieldValue, Record};
use crate::store::Conn;

use super::action::{Action, check_action};
use super::gate::{Gate, has_match, has_one, rule_of};
use super::reach::Reach;
use super::select::Select;

/// A record whose change is told.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// As it stands in the database.
    Stored(&'a Record),
    /// As it was; it stands there no more, or otherwise.
    Former(&'a Record),
}

impl<'a> Subject<'a> {
    pub fn record(self) -> &'a Record {
        match self {
            Subject::Stored(record) | Subject::Former(record) => record,
        }
    }
}

impl Gate<'_> {
    /// Whether the rule of a reading action and the client's filter show a record that is at hand. Most rules are
    /// decided in memory; the others by one statement.
    ///
    /// # Errors
    /// `BadRequest` for a fault in rule or filter: nothing may be shown then.
    pub fn shows(&self, conn: &dyn Conn, action: Action, filter: &str, subject: Subject<'_>) -> Result<bool> {
        let record = subject.record();
        let collection = record.collection();
        let Ok(permit) = check_action(&self.request.caller, collection, action) else { return Ok(false) };
        let rule = rule_of(permit);
        if rule.is_empty() && filter.is_empty() {
            return Ok(true);
        }
        let parts = [Part::Rule(rule), Part::Filter(filter)];
        let scene = MemoryScene { schema: self.schema, request: self.request, now: self.now, rows: &NoRows };
        let row: Row = record.values().iter().map(FieldValue::to_stored).collect();
        match evaluate_parts(&parts, collection, &row, &scene)? {
            Answer::Yes => return Ok(true),
            Answer::No => return Ok(false),
            Answer::NeedsRows => {}
        }
        match subject {
            Subject::Stored(record) => {
                let compiled = self.compile(collection, Base::Table, &parts, "", Purpose::One)?;
                has_one(conn, Reach::of(compiled, self.dialect), record.id())
            }
            Subject::Former(record) => {
                let compiled = self.compile(collection, Base::Record(record), &parts, "", Purpose::One)?;
                has_match(conn, Select::of(compiled, self.dialect))
            }
        }
    }
}
