//! The memory evaluator (ARCHITECTURE, seam 5): an expression against rows at hand. It walks the tree and tries
//! combinations of joined rows as contract/04 §7 words it, without the planner, so that the two can't share a fault.

mod names;
mod search;
mod value;

use std::sync::Arc;

use jiff::Timestamp;

use crate::schema::{Collection, Schema};
use crate::store::Value;

use super::ast::Expr;
use super::compile::Part;
use super::error::QueryError;
use super::parser::parse;
use super::prepare::client_rights;
use super::request::Request;
use super::resolve::Rights;
use search::Search;

/// A stored row: one cell per field of its collection, in field order, as its columns hold it.
pub type Row = Arc<[Value]>;

/// Where the evaluator finds rows other than the one it is asked about.
pub trait Rows {
    /// The row of `collection` with this id; `Err(NotAtHand)` if this source can't tell.
    fn find(&self, collection: &Collection, id: &str) -> Result<Option<Row>, NotAtHand>;

    /// All rows of `collection`.
    fn list(&self, collection: &Collection) -> Result<Vec<Row>, NotAtHand>;
}

/// The source doesn't hold that row: the expression must be asked by SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAtHand;

/// A source without any row: what realtime asks with before it goes to SQL.
#[derive(Clone, Copy, Debug)]
pub struct NoRows;

impl Rows for NoRows {
    fn find(&self, _collection: &Collection, _id: &str) -> Result<Option<Row>, NotAtHand> {
        Err(NotAtHand)
    }

    fn list(&self, _collection: &Collection) -> Result<Vec<Row>, NotAtHand> {
        Err(NotAtHand)
    }
}

/// What the evaluator found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// Rows that the source doesn't hold decide, or too many of them: ask by SQL.
    NeedsRows,
}

/// What an expression is evaluated with.
#[derive(Clone, Copy)]
pub struct MemoryScene<'a> {
    pub schema: &'a Arc<Schema>,
    pub request: &'a Request,
    pub now: Timestamp,
    pub rows: &'a dyn Rows,
}

/// Whether `row` of `collection` matches `rule` (`""` matches all). An expression that can't be resolved is an error:
/// treat it as "no".
pub fn evaluate(
    rule: &str,
    collection: &Arc<Collection>,
    row: &Row,
    scene: &MemoryScene<'_>,
) -> Result<Answer, QueryError> {
    evaluate_parts(&[Part::Rule(rule)], collection, row, scene)
}

/// The same of a rule that was parsed before.
pub fn evaluate_expr(
    rule: &Expr,
    collection: &Arc<Collection>,
    row: &Row,
    scene: &MemoryScene<'_>,
) -> Result<Answer, QueryError> {
    let mut search = Search::new(*scene, collection, row);
    search.add(rule, Rights::All)?;
    search.answer()
}

/// Whether `row` matches all `parts`, which share joined rows, with the rights that each has.
pub fn evaluate_parts(
    parts: &[Part<'_>],
    collection: &Arc<Collection>,
    row: &Row,
    scene: &MemoryScene<'_>,
) -> Result<Answer, QueryError> {
    let mut search = Search::new(*scene, collection, row);
    for part in parts {
        let (text, rights) = match *part {
            Part::Rule(text) => (text, Rights::All),
            Part::Filter(text) => (text, client_rights(scene.request)),
        };
        if !text.is_empty() {
            search.add(&parse(text)?, rights)?;
        }
    }
    search.answer()
}
