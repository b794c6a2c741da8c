//! The search for joined rows with which an expression holds.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::query::access::Access;
use crate::query::affinity::text_of;
use crate::query::ast::{Compare, Expr, Op};
use crate::query::error::QueryError;
use crate::query::facts::ListFact;
use crate::query::functions::Function;
use crate::query::json;
use crate::query::parser::parse;
use crate::query::resolve::Rights;
use crate::query::truth::{Side, truth};
use crate::schema::{Collection, Shape};
use crate::store::Value;

use super::{Answer, MemoryScene, NotAtHand, Row};

/// Combinations of rows that are tried before SQL is asked instead.
const TRIES_MAX: usize = 20_000;

/// A step from a row to others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hop {
    /// The hop that leads to the row it starts from; `None`: the base row, or no row at all.
    pub parent: Option<usize>,
    pub via: Via,
    /// The collection that it leads to, by id; `None` for values.
    pub target: Option<Arc<str>>,
}

/// How rows are found from a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Via {
    /// Rows whose id the cell holds, or its list.
    Ids { cell: usize },
    /// Rows whose cell, or its list, holds the id.
    PointedBy { cell: usize, id: usize },
    /// Values of the cell's list.
    Values { cell: usize },
    /// All rows, by alias.
    All { alias: String },
    /// Rows with given ids.
    Given { of: ListFact, ids: Vec<Value> },
    /// Rows whose cell, or its list, holds a given id.
    PointedByGiven { cell: usize, given: Value },
    /// Given values.
    GivenValues { of: ListFact, values: Vec<Value> },
}

/// What a hop leads to in one combination.
#[derive(Clone, Debug)]
pub(super) enum Found {
    Row(Row),
    Value(Value),
    Missing,
}

/// An operand, its names looked up.
#[derive(Clone, Debug)]
pub(super) enum Read {
    Constant(Side),
    Cell { hop: Option<usize>, cell: usize, access: Access, visible: Option<usize> },
    Value { hop: usize },
    Changed { is_set: bool, submitted: Side, cell: usize, access: Access },
    Call { function: Function, arguments: Vec<Read> },
}

pub(super) struct Leaf {
    left: Read,
    op: Op,
    right: Read,
    all: bool,
    never_false: OnceCell<bool>,
}

enum Tree {
    And(Vec<Tree>),
    Or(Vec<Tree>),
    Leaf(Leaf),
}

/// One expression, or several that share rows, for one row.
pub(super) struct Search<'a> {
    pub scene: MemoryScene<'a>,
    pub collection: Arc<Collection>,
    pub base: Row,
    pub hops: Vec<Hop>,
    /// By hop: whether plain operators demand all its rows.
    pub all: Vec<bool>,
    /// By hop: whether its rows must pass their list rule.
    pub restricted: Vec<bool>,
    parts: Vec<Tree>,
}

/// Why a search stopped.
enum Stop {
    NotAtHand,
    TooMany,
    Invalid(QueryError),
}

impl From<NotAtHand> for Stop {
    fn from(_: NotAtHand) -> Self {
        Stop::NotAtHand
    }
}

impl From<QueryError> for Stop {
    fn from(error: QueryError) -> Self {
        Stop::Invalid(error)
    }
}

impl<'a> Search<'a> {
    pub fn new(scene: MemoryScene<'a>, collection: &Arc<Collection>, base: &Row) -> Self {
        Self {
            scene,
            collection: collection.clone(),
            base: base.clone(),
            hops: Vec::new(),
            all: Vec::new(),
            restricted: Vec::new(),
            parts: Vec::new(),
        }
    }

    pub fn add(&mut self, expr: &Expr, rights: Rights) -> Result<(), QueryError> {
        let tree = self.tree(expr, rights)?;
        self.parts.push(tree);
        Ok(())
    }

    fn tree(&mut self, expr: &Expr, rights: Rights) -> Result<Tree, QueryError> {
        Ok(match expr {
            Expr::And(items) => Tree::And(self.trees(items, rights)?),
            Expr::Or(items) => Tree::Or(self.trees(items, rights)?),
            Expr::Compare(compare) => Tree::Leaf(self.leaf(compare, rights)?),
        })
    }

    fn trees(&mut self, items: &[Expr], rights: Rights) -> Result<Vec<Tree>, QueryError> {
        items.iter().map(|item| self.tree(item, rights)).collect()
    }

    fn leaf(&mut self, compare: &Compare, rights: Rights) -> Result<Leaf, QueryError> {
        let left = self.operand(&compare.left, rights)?;
        let right = self.operand(&compare.right, rights)?;
        let is_any = |read: &Read| matches!(read, Read::Call { function, .. } if function.is_any());
        let demands_all = |read: &Read| self.hops_of(read).iter().any(|&hop| self.all[hop]);
        let all = !compare.any && !is_any(&left) && !is_any(&right) && (demands_all(&left) || demands_all(&right));
        Ok(Leaf { left, op: compare.op, right, all, never_false: OnceCell::new() })
    }

    /// The answer for the row.
    pub fn answer(&self) -> Result<Answer, QueryError> {
        // What the row alone decides needs no other rows.
        let alone: Option<bool> = all_of(&self.parts, &mut |tree| self.decide_alone(tree));
        match alone {
            Some(false) => return Ok(Answer::No),
            Some(true) if self.restricted.iter().all(|restricted| !restricted) => return Ok(Answer::Yes),
            Some(true) | None => {}
        }
        let mut found = vec![Found::Missing; self.hops.len()];
        let hops: Vec<usize> = (0..self.hops.len()).collect();
        let mut tries = 0;
        let result = self.search(&hops, &mut found, &mut tries, &mut |found| {
            let mut holds = true;
            for tree in &self.parts {
                holds = holds && self.holds(tree, found)?;
            }
            Ok(holds)
        });
        match result {
            Ok(true) => Ok(Answer::Yes),
            Ok(false) => Ok(Answer::No),
            Err(Stop::NotAtHand | Stop::TooMany) => Ok(Answer::NeedsRows),
            Err(Stop::Invalid(error)) => Err(error),
        }
    }

    /// The value of a tree as far as the base row tells it; `None` if other rows decide.
    fn decide_alone(&self, tree: &Tree) -> Option<bool> {
        match tree {
            Tree::And(items) => all_of(items, &mut |item| self.decide_alone(item)),
            Tree::Or(items) => {
                let values: Vec<Option<bool>> = items.iter().map(|item| self.decide_alone(item)).collect();
                if values.contains(&Some(true)) {
                    Some(true)
                } else if values.contains(&None) {
                    None
                } else {
                    Some(false)
                }
            }
            Tree::Leaf(leaf) if self.hops_of(&leaf.left).is_empty() && self.hops_of(&leaf.right).is_empty() => {
                Some(self.is_true(leaf, &[]))
            }
            Tree::Leaf(_) => None,
        }
    }

    /// Tries all rows of `hops` (parents before children) until `test` holds for what was found.
    fn search(
        &self,
        hops: &[usize],
        found: &mut Vec<Found>,
        tries: &mut usize,
        test: &mut dyn FnMut(&[Found]) -> Result<bool, Stop>,
    ) -> Result<bool, Stop> {
        let Some((&hop, rest)) = hops.split_first() else {
            *tries += 1;
            return if *tries > TRIES_MAX { Err(Stop::TooMany) } else { test(found) };
        };
        for one in self.lead(hop, found)? {
            if self.restricted[hop] && !self.is_listable(hop, &one)? {
                continue;
            }
            found[hop] = one;
            if self.search(rest, found, tries, test)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a hop leads to: at least one thing, be it that nothing is there.
    fn lead(&self, hop: usize, found: &[Found]) -> Result<Vec<Found>, Stop> {
        let Hop { parent, via, target } = &self.hops[hop];
        let row = match parent {
            None => Some(&self.base),
            Some(parent) => match &found[*parent] {
                Found::Row(row) => Some(row),
                Found::Value(_) | Found::Missing => None,
            },
        };
        let target = target.as_ref().and_then(|id| self.scene.schema.find_by_id(id));
        let cell = |cell: usize| row.map_or(Value::Null, |row| row[cell].clone());
        let results = match (via, target) {
            (Via::Ids { cell: index }, Some(target)) if row.is_some() => {
                // Each value of a list gives a row or a missing one.
                let single = !self.is_list(*parent, *index);
                let ids = if single { vec![cell(*index)] } else { json::list_items(&cell(*index)) };
                self.rows_with_ids(target, &ids)?
            }
            (Via::Given { ids, .. }, Some(target)) => self.rows_with_ids(target, ids)?,
            (Via::PointedBy { cell: index, id }, Some(target)) if row.is_some() => {
                self.pointing(target, *index, &cell(*id))?
            }
            (Via::PointedByGiven { cell: index, given }, Some(target)) => self.pointing(target, *index, given)?,
            (Via::All { .. }, Some(target)) => self.scene.rows.list(target)?.into_iter().map(Found::Row).collect(),
            (Via::Values { cell: index }, _) if row.is_some() => {
                json::list_items(&cell(*index)).into_iter().map(Found::Value).collect()
            }
            (Via::GivenValues { values, .. }, _) => values.iter().cloned().map(Found::Value).collect(),
            _ => Vec::new(),
        };
        Ok(if results.is_empty() { vec![Found::Missing] } else { results })
    }

    fn is_list(&self, parent: Option<usize>, cell: usize) -> bool {
        let collection = match parent {
            None => Some(&self.collection),
            Some(hop) => self.hops[hop].target.as_ref().and_then(|id| self.scene.schema.find_by_id(id)),
        };
        collection.is_some_and(|collection| collection.fields[cell].shape() == Shape::Multiple)
    }

    fn rows_with_ids(&self, target: &Collection, ids: &[Value]) -> Result<Vec<Found>, Stop> {
        let mut results = Vec::new();
        for id in ids {
            let row = match text_of(id) {
                Some(id) if !id.is_empty() => self.scene.rows.find(target, &id)?,
                _ => None,
            };
            results.push(row.map_or(Found::Missing, Found::Row));
        }
        Ok(results)
    }

    fn pointing(&self, target: &Collection, cell: usize, id: &Value) -> Result<Vec<Found>, Stop> {
        let Some(id) = text_of(id) else { return Ok(Vec::new()) };
        let is_list = target.fields[cell].shape() == Shape::Multiple;
        let holds = |row: &Row| match is_list {
            true => json::list_items(&row[cell]).iter().any(|item| text_of(item).as_ref() == Some(&id)),
            false => text_of(&row[cell]).as_ref() == Some(&id),
        };
        let rows = self.scene.rows.list(target)?;
        Ok(rows.into_iter().filter(holds).map(Found::Row).collect())
    }

    /// Whether a client may see a row that its path leads to.
    fn is_listable(&self, hop: usize, found: &Found) -> Result<bool, Stop> {
        let (Found::Row(row), Some(target)) = (found, &self.hops[hop].target) else { return Ok(true) };
        let Some(collection) = self.scene.schema.find_by_id(target) else { return Ok(true) };
        let rule = collection.rules.list.as_deref().unwrap_or_default();
        if rule.is_empty() {
            return Ok(true);
        }
        let mut inner = Search::new(self.scene, collection, row);
        inner.add(&parse(rule)?, Rights::All)?;
        match inner.answer()? {
            Answer::Yes => Ok(true),
            Answer::No => Ok(false),
            Answer::NeedsRows => Err(Stop::NotAtHand),
        }
    }

    fn holds(&self, tree: &Tree, found: &[Found]) -> Result<bool, Stop> {
        match tree {
            Tree::And(items) => {
                for item in items {
                    if !self.holds(item, found)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Tree::Or(items) => {
                for item in items {
                    if self.holds(item, found)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Tree::Leaf(leaf) => Ok(self.is_true(leaf, found) && (!leaf.all || self.is_never_false(leaf)?)),
        }
    }

    fn is_true(&self, leaf: &Leaf, found: &[Found]) -> bool {
        let is_visible = |read: &Read| self.is_visible(read, found);
        truth(&self.side(&leaf.left, found), leaf.op, &self.side(&leaf.right, found)) == Some(true)
            && is_visible(&leaf.left)
            && is_visible(&leaf.right)
    }

    /// Whether no pair of values of both sides makes the comparison false; each side is looked at by itself.
    fn is_never_false(&self, leaf: &Leaf) -> Result<bool, Stop> {
        if let Some(&known) = leaf.never_false.get() {
            return Ok(known);
        }
        let left = self.values(&leaf.left)?;
        let right = self.values(&leaf.right)?;
        let is_false = left.iter().any(|left| right.iter().any(|right| truth(left, leaf.op, right) == Some(false)));
        Ok(*leaf.never_false.get_or_init(|| !is_false))
    }

    /// All values that an operand takes, whatever restricts its rows elsewhere.
    fn values(&self, read: &Read) -> Result<Vec<Side>, Stop> {
        let free = Search {
            scene: self.scene,
            collection: self.collection.clone(),
            base: self.base.clone(),
            hops: self.hops.clone(),
            all: self.all.clone(),
            restricted: vec![false; self.hops.len()],
            parts: Vec::new(),
        };
        let mut values = Vec::new();
        let mut found = vec![Found::Missing; self.hops.len()];
        free.search(&self.hops_of(read), &mut found, &mut 0, &mut |found| {
            values.push(free.side(read, found));
            Ok(false)
        })?;
        Ok(values)
    }
}

/// "And" over what is true, false or not known yet.
fn all_of(items: &[Tree], decide: &mut dyn FnMut(&Tree) -> Option<bool>) -> Option<bool> {
    let mut known = Some(true);
    for item in items {
        match decide(item) {
            Some(false) => return Some(false),
            Some(true) => {}
            None => known = None,
        }
    }
    known
}
