//! What a caller of the language asks for, and what it gets: a condition over a base table, as text and parameters.

use std::sync::Arc;

use jiff::Timestamp;

use crate::schema::{Collection, Record, Schema};
use crate::store::{Dialect, Value};

use super::request::Request;
use super::sql::Param;

/// One statement's rules, filter and sort. The parts are ANDed and share joined rows (contract/04 §7).
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    pub collection: &'a Arc<Collection>,
    pub base: Base<'a>,
    /// Empty texts are "everybody" or "no filter" and may be left out.
    pub parts: &'a [Part<'a>],
    /// The sort as the client sent it, always with a client's rights; `""` is none.
    pub sort: &'a str,
    pub purpose: Purpose,
}

/// The row source that plain field paths start from.
#[derive(Clone, Copy, Debug)]
pub enum Base<'a> {
    /// The collection's table or view.
    Table,
    /// One row that isn't stored: the record to be, for a create rule (contract/05 §1).
    Record(&'a Record),
}

/// One expression and with whose rights it may look around.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part<'a> {
    /// An API rule: may use everything.
    Rule(&'a str),
    /// A client's filter: restricted by the request's caller (contract/04 §11).
    Filter(&'a str),
}

/// How many rows the statement is about: the best SQL differs (PERFORMANCE, Spikes, Strategy 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The row is pinned by the caller (`id = ?`), as for view, update, delete and create.
    One,
    /// Many rows are looked through.
    List,
}

/// What an expression is looked at with.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub schema: &'a Arc<Schema>,
    pub request: &'a Request,
    pub now: Timestamp,
    pub dialect: &'static dyn Dialect,
}

/// What is known of a condition without asking the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// True for every row: no condition is needed, `where_sql` is empty.
    Always,
    /// True for no row: no statement is needed.
    Never,
    /// Depends on the row: `where_sql` decides.
    Depends,
}

/// One element of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderTerm {
    /// An expression over the base table, without parameters.
    pub sql: String,
    pub descending: bool,
    pub kind: OrderKind,
}

/// What a term orders by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// The base table's column of the field at this position; unique if it is the `id`.
    Field(usize),
    /// A value computed from a row; may be NULL.
    Computed,
    /// `@rowid`: unique, the order of insertion.
    Insertion,
    /// `@random`: not stable, so nothing can be continued after it.
    Random,
}

/// The compiled text, shared by every request of the same shape.
#[derive(Debug)]
pub struct Plan {
    pub(super) outcome: Outcome,
    pub(super) from_sql: String,
    pub(super) where_sql: String,
    pub(super) order: Vec<OrderTerm>,
    pub(super) slots: Vec<Param>,
    pub(super) reads: Vec<Arc<str>>,
    pub(super) is_bounded: bool,
    pub(super) is_order_indexed: bool,
}

/// A compiled query: a condition and an order over the base table.
///
/// Invariant: `params` are numbered from 1 as the dialect's `parameter` spells them; a statement around the condition
/// numbers its own from [`Compiled::next_parameter`].
#[derive(Debug)]
pub struct Compiled {
    pub(super) plan: Arc<Plan>,
    pub(super) params: Vec<Value>,
}

impl Compiled {
    pub fn outcome(&self) -> Outcome {
        self.plan.outcome
    }

    /// What stands after `FROM`: the quoted table, or the record to be as a one-row table of that name.
    pub fn from_sql(&self) -> &str {
        &self.plan.from_sql
    }

    /// The condition in brackets; empty unless the outcome is [`Outcome::Depends`].
    pub fn where_sql(&self) -> &str {
        &self.plan.where_sql
    }

    /// What `from_sql` and `where_sql` bind, in order.
    pub fn params(&self) -> &[Value] {
        &self.params
    }

    /// The same, to add one's own to.
    pub fn into_params(self) -> Vec<Value> {
        self.params
    }

    /// The number of the first parameter that is free for the statement around.
    pub fn next_parameter(&self) -> usize {
        self.params.len() + 1
    }

    /// The order asked for; empty if none.
    pub fn order(&self) -> &[OrderTerm] {
        &self.plan.order
    }

    /// Ids of the collections that the condition and the order read, the base collection first (for totals' epochs).
    pub fn reads(&self) -> &[Arc<str>] {
        &self.plan.reads
    }

    /// Whether deciding about one row takes a bounded number of key and index look-ups.
    pub fn is_bounded(&self) -> bool {
        self.plan.is_bounded
    }

    /// Whether the order is none, the key's, or that of an index of the base table: a page needs no sorting.
    pub fn is_order_indexed(&self) -> bool {
        self.plan.is_order_indexed
    }
}
