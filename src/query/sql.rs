//! Folded formula → SQL. The strategy is PERFORMANCE's, Spikes, "Rules and filters over relations":
//!
//! A record matches if *there is* a combination of joined rows that makes the formula true. That is pushed inwards: over
//! `||` it distributes; of an `&&`, parts that share a joined row go into one `EXISTS`, every other part stands alone.
//! No outer join and no DISTINCT is left around the base table, so counting is plain. Where a list of records is asked
//! for, an `EXISTS` that hangs on one column of the outer row becomes `column IN (SELECT …)`, which runs once.
//!
//! Invariant: the text of a condition decides only by being true; NULL and false are the same to whoever asks.

mod compare;
mod emit;
mod frame;
mod join;
mod order;
mod term;

use std::sync::Arc;

use crate::schema::Collection;
use crate::store::{ColumnType, Dialect};

use super::compile::{OrderTerm, Outcome, Purpose};
use super::facts::Fact;
use super::folded::Folded;
use super::resolved::Resolved;
use super::shape::Shape;
use super::sort::Sort;

pub(super) use frame::Param;
use frame::{Emitter, Frame};

/// A plan's text and what must be bound to it.
#[derive(Debug)]
pub(super) struct Sql {
    pub outcome: Outcome,
    pub from_sql: String,
    pub where_sql: String,
    pub order: Vec<OrderTerm>,
    pub params: Vec<Param>,
    pub reads: Vec<Arc<str>>,
    pub is_bounded: bool,
}

/// What a plan is made of.
pub(super) struct Plan<'a> {
    pub resolved: &'a Resolved,
    pub shape: &'a Shape,
    /// By list of the constants: whether the request's is empty.
    pub empty_lists: &'a [bool],
    pub facts: &'a [Fact],
    pub sort: &'a [Sort],
    pub purpose: Purpose,
    /// Whether the base is a row that isn't stored.
    pub is_virtual: bool,
    pub dialect: &'static dyn Dialect,
}

impl Plan<'_> {
    /// Writes the plan as SQL.
    pub fn to_sql(&self) -> Sql {
        let folded = Folded::new(self.resolved, self.shape);
        let mut emitter = Emitter::new(self.dialect, self.purpose, self.empty_lists);
        let collection = &self.resolved.collection;
        emitter.reads(collection);
        let table = self.dialect.quote(&collection.name);
        let from_sql = if self.is_virtual { emitter.virtual_row(collection, &table) } else { table.clone() };
        let base = emitter.row(table, collection.is_view());
        let frame = Frame::new(self.resolved, self.shape, base, self.facts);
        let (outcome, where_sql) = match &folded {
            Folded::True => (Outcome::Always, String::new()),
            Folded::False => (Outcome::Never, String::new()),
            other => (Outcome::Depends, emitter.condition(&frame, other)),
        };
        let is_bounded = emitter.is_bounded;
        let order = self.sort.iter().map(|sort| emitter.order_term(&frame, sort)).collect();
        Sql { outcome, from_sql, where_sql, order, params: emitter.params, reads: emitter.reads, is_bounded }
    }
}

impl Emitter<'_> {
    /// A row that isn't stored as a one-row table, with the types of the real one.
    fn virtual_row(&mut self, collection: &Collection, table: &str) -> String {
        let columns: Vec<String> = collection
            .fields
            .iter()
            .enumerate()
            .map(|(index, field)| {
                let cell = self.param(Param::Cell(index));
                let typed = match field.column_type() {
                    ColumnType::Text | ColumnType::PrimaryKey => self.dialect.typed_as_text(&cell),
                    ColumnType::Number | ColumnType::Bool => self.dialect.typed_as_number(&cell),
                    ColumnType::Json | ColumnType::JsonList | ColumnType::Point => cell,
                };
                format!("{typed} AS {}", self.dialect.quote(&field.name))
            })
            .collect();
        format!("(SELECT {}) AS {table}", columns.join(", "))
    }
}
