//! Records and what they expand to, from the database to JSON.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::access::{Action, Gate, Select};
use crate::error::{Error, Result};
use crate::records::Records;
use crate::records::shape::{Managed, Shape, StoredRow};
use crate::schema::json::write_string;
use crate::schema::{Collection, FieldValue, Shape as FieldShape};
use crate::store::{Conn, StoreError};

use super::{Branch, Expansion, Step};

/// Records that a back relation gives for one record (contract/05 §4).
const BACK_RECORDS_MAX: usize = 1000;
/// Records that one answer expands to, all levels together: a page of a thousand records that each have a thousand
/// would else fill the memory. Over it: 400.
const RECORDS_MAX: usize = 100_000;

/// Writes the records of one answer.
pub struct Writer<'a> {
    pub records: &'a Records,
    pub conn: &'a dyn Conn,
    /// Asks with the context `expand`.
    pub gate: Gate<'a>,
    /// Expanded records that may still come.
    pub budget: usize,
}

/// The JSON of an expanded record, shared by all records that refer to it.
type Json = Arc<[u8]>;

impl<'a> Writer<'a> {
    pub fn new(records: &'a Records, conn: &'a dyn Conn, gate: Gate<'a>) -> Self {
        Self { records, conn, gate, budget: RECORDS_MAX }
    }

    /// The JSON of each row, expanded.
    pub fn write_rows(
        &mut self,
        shape: &Shape,
        rows: &[StoredRow],
        expansion: Option<&Expansion>,
    ) -> Result<Vec<Vec<u8>>> {
        let expands = match expansion {
            Some(expansion) => Some(self.expand(&shape.collection, rows, &expansion.branches)?),
            None => None,
        };
        self.write(shape, rows, expands)
    }

    /// `expands`: the value of the key `expand` for each row.
    fn write(&self, shape: &Shape, rows: &[StoredRow], expands: Option<Vec<Vec<u8>>>) -> Result<Vec<Vec<u8>>> {
        let caller = &self.gate.request.caller;
        let private = shape.private_ids(rows, caller);
        let managed = match private.is_empty() {
            true => Managed::new(),
            false => self.gate.list_managed(self.conn, &shape.collection, &private)?,
        };
        let write_row = |(at, row): (usize, &StoredRow)| {
            let mut out = Vec::with_capacity(256);
            let expand = expands.as_ref().map(|expands| expands[at].as_slice());
            shape.write(|index| row[index].as_cell(), caller, &managed, expand, &mut out);
            out
        };
        Ok(rows.iter().enumerate().map(write_row).collect())
    }

    /// `{"segment":…,…}` for each row.
    fn expand(&mut self, collection: &Collection, rows: &[StoredRow], branches: &[Branch]) -> Result<Vec<Vec<u8>>> {
        let mut objects: Vec<Vec<u8>> = vec![vec![b'{']; rows.len()];
        let mut sorted: Vec<&Branch> = branches.iter().collect();
        sorted.sort_unstable_by(|a, b| a.segment.cmp(&b.segment));
        for branch in sorted {
            let related = match &branch.step {
                Step::Forward { field, target } => self.load_forward(collection, rows, *field, target, branch)?,
                Step::Back { source, field, .. } => self.load_back(collection, rows, source, *field, branch)?,
            };
            let is_single = match &branch.step {
                Step::Forward { field, .. } => collection.fields[*field].shape() == FieldShape::Single,
                Step::Back { is_single, .. } => *is_single,
            };
            for (object, records) in objects.iter_mut().zip(related) {
                put_related(object, &branch.segment, is_single, &records);
            }
        }
        objects.iter_mut().for_each(|object| object.push(b'}'));
        Ok(objects)
    }

    /// For each row the related records, in the order of the ids in its field.
    fn load_forward(
        &mut self,
        collection: &Collection,
        rows: &[StoredRow],
        field: usize,
        target: &Arc<Collection>,
        branch: &Branch,
    ) -> Result<Vec<Vec<Json>>> {
        let shape = collection.fields[field].shape();
        let held: Vec<FieldValue> = rows.iter().map(|row| FieldValue::from_cell(shape, row[field].as_cell())).collect();
        let mut ids: Vec<String> = held.iter().flat_map(|value| value.items().iter().cloned()).collect();
        ids.sort_unstable();
        ids.dedup();
        let Some(mut select) = self.select(target, ids.is_empty()) else { return Ok(vec![Vec::new(); rows.len()]) };
        select.and_id_in(&ids);
        let found = self.read(target, &select, "", |_| true)?;
        let by_id = self.write_by_id(target, found, branch)?;
        let of_row = |value: &FieldValue| value.items().iter().filter_map(|id| by_id.get(id).cloned()).collect();
        Ok(held.iter().map(of_row).collect())
    }

    /// For each row the records of `source` that refer to it.
    fn load_back(
        &mut self,
        collection: &Collection,
        rows: &[StoredRow],
        source: &Arc<Collection>,
        field: usize,
        branch: &Branch,
    ) -> Result<Vec<Vec<Json>>> {
        let none = || vec![Vec::new(); rows.len()];
        let Some(id_field) = collection.field_index("id") else { return Ok(none()) };
        let ids: Vec<String> = rows.iter().map(|row| row[id_field].as_cell().as_text().to_owned()).collect();
        let Some(mut select) = self.select(source, ids.is_empty()) else { return Ok(none()) };
        let dialect = self.gate.dialect;
        let column = dialect.quote(&source.fields[field].name);
        let shape = source.fields[field].shape();
        match shape {
            FieldShape::Multiple => select.and_list_has_any_of(&column, &ids),
            _ => select.and_text_in(&column, &ids),
        }
        let order = match source.is_view() {
            true => String::new(),
            false => format!(" ORDER BY {}", dialect.insertion_order()),
        };
        let mut counts: HashMap<&str, usize> = ids.iter().map(|id| (id.as_str(), 0)).collect();
        // The ids that each found record counts for; a record that counts for none is over their bound.
        let mut parents: Vec<Vec<String>> = Vec::new();
        let found = self.read(source, &select, &order, |row| {
            let mut counted = Vec::new();
            for id in FieldValue::from_cell(shape, row[field].as_cell()).items() {
                if let Some(count) = counts.get_mut(id.as_str()).filter(|count| **count < BACK_RECORDS_MAX) {
                    *count += 1;
                    counted.push(id.clone());
                }
            }
            let is_kept = !counted.is_empty();
            if is_kept {
                parents.push(counted);
            }
            is_kept
        })?;
        let written = self.write_nested(source, &found, branch)?;
        let mut by_parent: HashMap<String, Vec<Json>> = HashMap::new();
        for (json, parents) in written.into_iter().zip(parents) {
            for id in parents {
                by_parent.entry(id).or_default().push(json.clone());
            }
        }
        Ok(ids.iter().map(|id| by_parent.get(id).cloned().unwrap_or_default()).collect())
    }

    /// The rows that the caller may view; `None` when there can be none.
    fn select(&self, target: &Arc<Collection>, is_empty: bool) -> Option<Select> {
        if is_empty {
            return None;
        }
        self.gate.reach_many(target, Action::View)?.select
    }

    fn read(
        &mut self,
        collection: &Arc<Collection>,
        select: &Select,
        tail: &str,
        mut keep: impl FnMut(&StoredRow) -> bool,
    ) -> Result<Vec<StoredRow>> {
        let shape = self.shape(collection);
        let budget = self.budget;
        let mut rows = Vec::new();
        let mut is_over = false;
        let read = self.conn.each_row(&select.sql(&shape.columns, tail), select.params(), &mut |row| {
            let row = shape.copy_row(row);
            if keep(&row) {
                is_over = rows.len() >= budget;
                if is_over {
                    return Ok(ControlFlow::Break(()));
                }
                rows.push(row);
            }
            Ok(ControlFlow::Continue(()))
        });
        read.map_err(StoreError::into_refusal)?;
        if is_over {
            return Err(Error::bad_request_from("", format!("an answer expands to over {RECORDS_MAX} records")));
        }
        self.budget -= rows.len();
        Ok(rows)
    }

    fn write_by_id(
        &mut self,
        collection: &Arc<Collection>,
        rows: Vec<StoredRow>,
        branch: &Branch,
    ) -> Result<HashMap<String, Json>> {
        let Some(id_field) = collection.field_index("id") else { return Ok(HashMap::new()) };
        let written = self.write_nested(collection, &rows, branch)?;
        let ids = rows.iter().map(|row| row[id_field].as_cell().as_text().to_owned());
        Ok(ids.zip(written).collect())
    }

    /// The JSON of related records, with what the branch goes on to.
    fn write_nested(&mut self, collection: &Arc<Collection>, rows: &[StoredRow], branch: &Branch) -> Result<Vec<Json>> {
        let shape = self.shape(collection);
        let expands = match branch.branches.is_empty() {
            true => None,
            false => Some(self.expand(collection, rows, &branch.branches)?),
        };
        Ok(self.write(&shape, rows, expands)?.into_iter().map(Json::from).collect())
    }

    fn shape(&self, collection: &Arc<Collection>) -> Arc<Shape> {
        self.records.shapes.get(collection, &self.gate.request.caller, self.gate.dialect)
    }
}

/// Adds a key of `expand`, unless there is nothing to add.
fn put_related(object: &mut Vec<u8>, segment: &str, is_single: bool, records: &[Json]) {
    let Some(first) = records.first() else { return };
    if object.len() > 1 {
        object.push(b',');
    }
    write_string(segment, object);
    object.push(b':');
    if is_single {
        object.extend_from_slice(first);
        return;
    }
    for (at, json) in records.iter().enumerate() {
        object.push(if at == 0 { b'[' } else { b',' });
        object.extend_from_slice(json);
    }
    object.push(b']');
}
