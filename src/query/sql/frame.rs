//! What the emitter keeps: parameters, aliases, and which row stands for which node.

use std::sync::Arc;

use crate::query::compile::Purpose;
use crate::query::facts::Fact;
use crate::query::folded::Folded;
use crate::query::resolved::{NodeSet, Resolved, Source};
use crate::query::shape::{LeafShape, Shape};
use crate::schema::Collection;
use crate::store::Dialect;

/// What is bound to a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::query) enum Param {
    /// A constant.
    Fact(usize),
    /// A constant as a LIKE pattern.
    Pattern(usize),
    /// A list of the request, as JSON.
    List(usize),
    /// The first value of a list, NULL if there is none.
    First(usize),
    /// A cell of a base row that isn't stored, by field.
    Cell(usize),
}

/// A row in reach: the base's, or one that was joined.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Quoted.
    pub alias: String,
    /// Whether its columns may be NULL though their definition says otherwise: outer joins and views.
    pub is_nullable: bool,
    /// Grows with each row that is made.
    pub id: usize,
}

/// Which row stands for which node of one expression.
#[derive(Clone)]
pub(super) struct Frame<'a> {
    pub resolved: &'a Resolved,
    pub shape: &'a Shape,
    pub base: Row,
    rows: Vec<Option<Row>>,
    bound: NodeSet,
    facts: &'a [Fact],
}

impl<'a> Frame<'a> {
    pub fn new(resolved: &'a Resolved, shape: &'a Shape, base: Row, facts: &'a [Fact]) -> Self {
        let rows = resolved.nodes.iter().map(|_| None).collect();
        Self { resolved, shape, base, rows, bound: NodeSet::default(), facts }
    }

    /// The constants of the query.
    pub fn facts(&self) -> &'a [Fact] {
        self.facts
    }

    /// The frame of the same expression before anything was joined.
    pub fn afresh(&self) -> Self {
        Self::new(self.resolved, self.shape, self.base.clone(), self.facts)
    }

    pub fn bind(&mut self, node: usize, row: Row) {
        self.rows[node] = Some(row);
        self.bound = self.bound.with(NodeSet::one(node));
    }

    /// The row of a source, if it was joined.
    pub fn row(&self, source: Source) -> Option<&Row> {
        match source {
            Source::Base => Some(&self.base),
            Source::Node(node) => self.rows[node].as_ref(),
        }
    }

    /// The nodes of a set that weren't joined yet.
    pub fn unbound(&self, nodes: NodeSet) -> NodeSet {
        nodes.without(self.bound)
    }

    pub fn leaf_shape(&self, leaf: usize) -> LeafShape {
        self.shape.leaves[leaf]
    }

    /// The nodes, not joined yet, whose choice of row a part of the formula depends on.
    pub fn dependencies(&self, part: &Folded) -> NodeSet {
        let nodes = match part {
            Folded::True | Folded::False | Folded::NeverFalse(_) => NodeSet::default(),
            Folded::And(items) | Folded::Or(items) => {
                return items.iter().fold(NodeSet::default(), |set, item| set.with(self.dependencies(item)));
            }
            Folded::Holds(leaf) => {
                let leaf = &self.resolved.leaves[*leaf];
                self.resolved.chains(&leaf.left).with(self.resolved.chains(&leaf.right))
            }
            Folded::Passes { restriction, .. } => {
                self.resolved.nodes[self.resolved.restrictions[*restriction].node].chain
            }
        };
        self.resolved.many(self.unbound(nodes))
    }
}

/// Writes one plan.
pub(super) struct Emitter<'a> {
    pub dialect: &'static dyn Dialect,
    pub purpose: Purpose,
    pub empty_lists: &'a [bool],
    pub params: Vec<Param>,
    pub reads: Vec<Arc<str>>,
    /// Whether one row is decided by key and index look-ups alone.
    pub is_bounded: bool,
    rows: usize,
    /// Ids of the rows that were read since somebody last looked.
    pub used: Vec<usize>,
}

impl<'a> Emitter<'a> {
    pub fn new(dialect: &'static dyn Dialect, purpose: Purpose, empty_lists: &'a [bool]) -> Self {
        Self {
            dialect,
            purpose,
            empty_lists,
            params: Vec::new(),
            reads: Vec::new(),
            is_bounded: true,
            rows: 0,
            used: Vec::new(),
        }
    }

    /// The placeholder of a parameter; what is bound twice is one parameter.
    pub fn param(&mut self, param: Param) -> String {
        let known = self.params.iter().position(|other| *other == param);
        let index = known.unwrap_or_else(|| {
            self.params.push(param);
            self.params.len() - 1
        });
        self.dialect.parameter(index + 1)
    }

    /// Notes that the plan reads a collection.
    pub fn reads(&mut self, collection: &Collection) {
        if !self.reads.contains(&collection.id) {
            self.reads.push(collection.id.clone());
        }
    }

    /// A row under an alias of its own or, for the base, the table's name.
    pub fn row(&mut self, alias: String, is_nullable: bool) -> Row {
        self.rows += 1;
        Row { alias, is_nullable, id: self.rows }
    }

    /// An alias that no table has: a digit begins no name.
    pub fn alias(&mut self) -> String {
        self.rows += 1;
        self.dialect.quote(&self.rows.to_string())
    }

    /// The id that the next row will exceed: tells inner rows from outer ones.
    pub fn mark(&self) -> usize {
        self.rows
    }

    /// Runs `write` and tells whether it read rows that stood before.
    pub fn watching<T>(&mut self, mark: usize, write: impl FnOnce(&mut Self) -> T) -> (T, bool) {
        let before = std::mem::take(&mut self.used);
        let written = write(self);
        let reads_outer = self.used.iter().any(|&row| row <= mark);
        self.used.extend(before);
        (written, reads_outer)
    }

    /// A column of a row.
    pub fn cell(&mut self, row: &Row, name: &str) -> String {
        self.used.push(row.id);
        format!("{}.{}", row.alias, self.dialect.quote(name))
    }
}
