//! An expression whose names were looked up: which rows it joins, which cells it reads. Doesn't depend on a request,
//! but for the collection of its caller.

use std::sync::Arc;

use crate::schema::{Collection, Field};

use super::access::Access;
use super::ast::Op;
use super::facts::{Fact, ListFact};
use super::functions::Function;
use super::truth::{Class, Pattern};

/// Joined tables in one query (contract/04 §12); also what fits the bits of a [`NodeSet`].
pub(super) const JOINS_MAX: usize = 63;

/// An expression over the rows of one collection, and the tree of rows it joins to each of them.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub collection: Arc<Collection>,
    /// Parents before children. Two uses of one path prefix are one node (contract/04 §7, "Joins are shared").
    pub nodes: Vec<Node>,
    pub leaves: Vec<Leaf>,
    pub formula: Formula,
    /// Nodes whose rows count only if they pass their collection's list rule (contract/04 §11).
    pub restrictions: Vec<Restriction>,
}

/// A joined row source.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub step: Step,
    /// `None` for the values of a list.
    pub collection: Option<Arc<Collection>>,
    /// Whether there may be several rows for one parent row.
    pub is_many: bool,
    /// Whether the plain operators demand that all rows match (contract/04 §7, "match-all").
    pub matches_all: bool,
    /// Itself and all nodes above it.
    pub chain: NodeSet,
}

/// How a node's rows are found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// The rows that the parent's relation field names; the field is the parent's.
    Relation { from: Source, field: usize },
    /// The rows whose relation field names the parent; the field is the node's.
    Back { from: Source, field: usize },
    /// The values of the parent's list field.
    Each { from: Source, field: usize },
    /// All rows: `@collection`, by alias.
    All { alias: Box<str> },
    /// The rows with the ids of a request's list.
    Ids { list: usize },
    /// The rows whose relation field names the one id of a request's list.
    BackOfIds { list: usize, field: usize },
    /// The values of a request's list.
    EachOf { list: usize },
}

/// A row that cells are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Base,
    Node(usize),
}

/// A set of nodes of one [`Resolved`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NodeSet(u64);

#[derive(Clone, Debug)]
pub(super) enum Formula {
    And(Vec<Formula>),
    Or(Vec<Formula>),
    Leaf(usize),
}

/// A comparison.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub left: Term,
    pub op: Op,
    pub right: Term,
    /// Whether all values must match (contract/04 §7), not just one.
    pub matches_all: bool,
}

/// One side of a comparison, or an argument.
#[derive(Clone, Debug)]
pub(super) enum Term {
    /// An index into [`Constants::facts`].
    Constant(usize),
    Column(Column),
    /// The value of a node without collection.
    Item(usize),
    /// `:changed`: the fact is set and differs from the column.
    Changed {
        is_set: usize,
        submitted: usize,
        column: Column,
    },
    Call {
        function: Function,
        arguments: Vec<Term>,
    },
}

/// A cell of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub source: Source,
    /// The position of the field in its collection.
    pub field: usize,
    pub access: Access,
    /// The position of the flag that must be true for the comparison to hold: e-mails are private (contract/04 §11).
    pub guard: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Restriction {
    pub node: usize,
    pub rule: Resolved,
}

/// All constants of a query, whichever part they stand in.
#[derive(Clone, Debug, Default)]
pub(super) struct Constants {
    pub facts: Vec<Fact>,
    pub lists: Vec<ListFact>,
}

impl NodeSet {
    pub fn one(node: usize) -> Self {
        Self(1 << node)
    }

    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn contains(self, node: usize) -> bool {
        self.0 >> node & 1 == 1
    }

    /// The nodes in order: parents before children.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..JOINS_MAX).filter(move |&node| self.contains(node))
    }
}

impl Resolved {
    pub fn new(collection: &Arc<Collection>) -> Self {
        Self {
            collection: collection.clone(),
            nodes: Vec::new(),
            leaves: Vec::new(),
            formula: Formula::And(Vec::new()),
            restrictions: Vec::new(),
        }
    }

    /// The collection that a source's rows are of.
    pub fn collection_of(&self, source: Source) -> &Arc<Collection> {
        match source {
            Source::Base => &self.collection,
            Source::Node(node) => {
                self.nodes[node].collection.as_ref().expect("cells are only read from nodes that have a collection")
            }
        }
    }

    pub fn field(&self, column: &Column) -> &Field {
        &self.collection_of(column.source).fields[column.field]
    }

    /// The nodes that lead to a source, itself included.
    pub fn chain(&self, source: Source) -> NodeSet {
        match source {
            Source::Base => NodeSet::default(),
            Source::Node(node) => self.nodes[node].chain,
        }
    }

    /// The nodes that a term reads through.
    pub fn chains(&self, term: &Term) -> NodeSet {
        match term {
            Term::Constant(_) => NodeSet::default(),
            Term::Column(column) | Term::Changed { column, .. } => self.chain(column.source),
            Term::Item(node) => self.nodes[*node].chain,
            Term::Call { arguments, .. } => {
                arguments.iter().fold(NodeSet::default(), |nodes, argument| nodes.with(self.chains(argument)))
            }
        }
    }

    /// Those nodes of a set that may have several rows.
    pub fn many(&self, nodes: NodeSet) -> NodeSet {
        let many = nodes.iter().filter(|&node| self.nodes[node].is_many);
        many.fold(NodeSet::default(), |set, node| set.with(NodeSet::one(node)))
    }

    /// Whether a term has several values that all must match for a plain operator.
    pub fn matches_all(&self, term: &Term) -> bool {
        self.chains(term).iter().any(|node| self.nodes[node].matches_all)
    }
}

impl Step {
    /// The row that the step goes from; `None` for steps from a constant.
    pub fn parent(&self) -> Option<Source> {
        match self {
            Step::Relation { from, .. } | Step::Back { from, .. } | Step::Each { from, .. } => Some(*from),
            Step::All { .. } | Step::Ids { .. } | Step::BackOfIds { .. } | Step::EachOf { .. } => None,
        }
    }
}

impl Term {
    /// What equality depends on, for what isn't a constant.
    pub fn class(&self) -> Class {
        match self {
            Term::Constant(_) | Term::Item(_) => Class::Nullable,
            Term::Column(column) => column.access.class(),
            Term::Changed { .. } => Class::Strict,
            Term::Call { function, .. } if function.is_strict() => Class::Strict,
            Term::Call { .. } => Class::Nullable,
        }
    }

    /// What it becomes on the right of `~`.
    pub fn pattern(&self) -> Pattern {
        match self {
            Term::Constant(_) => Pattern::Constant,
            Term::Column(_) | Term::Item(_) | Term::Changed { .. } => Pattern::Column,
            Term::Call { .. } => Pattern::Raw,
        }
    }

    /// Calls `visit` for each cell that the term reads.
    pub fn each_column<'t>(&'t self, visit: &mut dyn FnMut(&'t Column)) {
        match self {
            Term::Constant(_) | Term::Item(_) => {}
            Term::Column(column) | Term::Changed { column, .. } => visit(column),
            Term::Call { arguments, .. } => arguments.iter().for_each(|argument| argument.each_column(visit)),
        }
    }

    /// Whether any cell that it reads is guarded.
    pub fn is_guarded(&self) -> bool {
        let mut is_guarded = false;
        self.each_column(&mut |column| is_guarded |= column.guard.is_some());
        is_guarded
    }
}

impl Constants {
    /// The position of a fact; equal facts share one.
    pub fn fact(&mut self, fact: Fact) -> usize {
        position(&mut self.facts, fact)
    }

    /// The position of a list; equal lists share one.
    pub fn list(&mut self, list: ListFact) -> usize {
        position(&mut self.lists, list)
    }
}

fn position<T: PartialEq>(items: &mut Vec<T>, item: T) -> usize {
    items.iter().position(|known| *known == item).unwrap_or_else(|| {
        items.push(item);
        items.len() - 1
    })
}
