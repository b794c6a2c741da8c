//! Files that a write takes out of a record: their removal follows the commit (contract/13 §6).

use std::collections::HashSet;

use crate::clock::Clock;
use crate::error::Result;
use crate::schema::Record;
use crate::storage::{Scope, queue_removal};
use crate::store::Tx;

/// Queues the removal of the files that `stored` names and `record` doesn't.
pub fn queue_dropped(tx: &dyn Tx, clock: &Clock, stored: &Record, record: &Record) -> Result<()> {
    let kept: HashSet<&str> = names(record).collect();
    let dropped: Vec<String> = names(stored).filter(|name| !kept.contains(name)).map(str::to_owned).collect();
    if dropped.is_empty() {
        return Ok(());
    }
    let scope = Scope::Names(record.id(), &dropped);
    Ok(queue_removal(tx, &record.collection().id, scope, clock.now().as_millisecond())?)
}

/// Queues the removal of everything that lies in a deleted record's place. A record without files has nothing there but
/// for what the sweep finds.
pub fn queue_all(tx: &dyn Tx, clock: &Clock, record: &Record) -> Result<()> {
    if names(record).next().is_none() {
        return Ok(());
    }
    let scope = Scope::Record(record.id());
    Ok(queue_removal(tx, &record.collection().id, scope, clock.now().as_millisecond())?)
}

/// The names in all file fields.
fn names(record: &Record) -> impl Iterator<Item = &str> {
    let fields = record.collection().fields.iter().zip(record.values());
    fields.filter(|(field, _)| field.is_file()).flat_map(|(_, value)| value.items()).map(String::as_str)
}
