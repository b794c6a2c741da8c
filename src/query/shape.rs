//! What of a request's constants decides the SQL: everything else is bound (PERFORMANCE, "Rules are compiled"). Two
//! requests of the same shape share a plan.

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::store::Value;

use super::affinity::Typed;
use super::ast::Op;
use super::like;
use super::request::Request;
use super::resolved::{Constants, Leaf, Resolved, Term};
use super::truth::{Class, Equality, Pattern, Side, truth};

/// A query's constants, evaluated for one request.
pub(super) struct Evaluated {
    pub sides: Vec<Side>,
    pub lists: Vec<Vec<Json>>,
}

/// The shape of one [`Resolved`] for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub leaves: Vec<LeafShape>,
    /// Of the restrictions' rules.
    pub restrictions: Vec<Shape>,
}

/// What is known of one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum LeafShape {
    /// Holds for every row.
    True,
    /// Holds for no row.
    False,
    Open {
        left: SideShape,
        right: SideShape,
        on_null: OnNull,
    },
}

/// What is known of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum SideShape {
    /// Differs from row to row.
    Row,
    /// A constant NULL or `''`.
    Empty(Class),
    /// Any other constant. A word is made of letters, digits and `_ - .` only: it looks the same inside of JSON.
    Value { class: Class, is_word: bool },
}

/// What a comparison gives where a joined row is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum OnNull {
    True,
    False,
    Unknown,
    /// Depends on the other side's row.
    Depends,
}

impl OnNull {
    /// Whether a missing row makes the comparison hold never.
    pub fn is_rejected(self) -> bool {
        matches!(self, OnNull::False | OnNull::Unknown)
    }
}

impl Evaluated {
    pub fn new(constants: &Constants, request: &Request, now: Timestamp) -> Self {
        Self {
            sides: constants.facts.iter().map(|fact| fact.side(request, now)).collect(),
            lists: constants.lists.iter().map(|list| list.items(request)).collect(),
        }
    }

    /// A side that is the same for every row, evaluated.
    fn constant(&self, term: &Term) -> Option<Side> {
        match term {
            Term::Constant(fact) => Some(self.sides[*fact].clone()),
            Term::Changed { is_set, .. } if self.sides[*is_set].typed.value == Value::Int(0) => {
                Some(Side { typed: Typed::bare(Value::Int(0)), class: Class::Strict, pattern: Pattern::Column })
            }
            Term::Changed { .. } | Term::Column(_) | Term::Item(_) | Term::Call { .. } => None,
        }
    }

    /// The shape of an expression, and of the rules that restrict its rows.
    pub fn shape(&self, resolved: &Resolved) -> Shape {
        Shape {
            leaves: resolved.leaves.iter().map(|leaf| self.leaf(leaf)).collect(),
            restrictions: resolved.restrictions.iter().map(|restriction| self.shape(&restriction.rule)).collect(),
        }
    }

    fn leaf(&self, leaf: &Leaf) -> LeafShape {
        let (left, right) = (self.constant(&leaf.left), self.constant(&leaf.right));
        if let (Some(left), Some(right)) = (&left, &right) {
            let holds = truth(left, leaf.op, right) == Some(true);
            return if holds { LeafShape::True } else { LeafShape::False };
        }
        if is_never_known(left.as_ref(), leaf.op, right.as_ref()) {
            return LeafShape::False;
        }
        LeafShape::Open {
            left: side_shape(left.as_ref()),
            right: side_shape(right.as_ref()),
            on_null: on_null(leaf, left, right),
        }
    }
}

/// Whether a NULL constant, or a pattern over the limit, makes the comparison unknown whatever the other side is.
fn is_never_known(left: Option<&Side>, op: Op, right: Option<&Side>) -> bool {
    let is_null = |side: Option<&Side>| side.is_some_and(|side| side.typed.is_null());
    let is_no_pattern = |side: &Side| match side.pattern {
        Pattern::Constant => like::constant_pattern(&side.typed.value) == Value::Null,
        Pattern::Column | Pattern::Raw => like::column_pattern(&side.typed.value).is_none(),
    };
    match op {
        Op::Eq | Op::NotEq => false,
        Op::Greater | Op::GreaterEq | Op::Less | Op::LessEq => is_null(left) || is_null(right),
        Op::Like | Op::NotLike => is_null(left) || right.is_some_and(is_no_pattern),
    }
}

fn side_shape(side: Option<&Side>) -> SideShape {
    let Some(side) = side else { return SideShape::Row };
    match &side.typed.value {
        Value::Null => SideShape::Empty(side.class),
        Value::Text(text) if text.is_empty() => SideShape::Empty(side.class),
        Value::Text(text) => {
            let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
            SideShape::Value { class: side.class, is_word }
        }
        Value::Int(_) | Value::Real(_) | Value::Blob(_) => SideShape::Value { class: side.class, is_word: false },
    }
}

fn on_null(leaf: &Leaf, left: Option<Side>, right: Option<Side>) -> OnNull {
    let missing = |term: &Term| {
        let value = value_on_null(term)?;
        Some(Side { typed: Typed::bare(value), class: term.class(), pattern: term.pattern() })
    };
    let known = match (left, right) {
        (Some(left), _) => missing(&leaf.right).map(|right| truth(&left, leaf.op, &right)),
        (_, Some(right)) => missing(&leaf.left).map(|left| truth(&left, leaf.op, &right)),
        (None, None) if !matches!(leaf.op, Op::Eq | Op::NotEq) && is_null_on_null(leaf) => Some(None),
        (None, None) => None,
    };
    match known {
        Some(Some(true)) => OnNull::True,
        Some(Some(false)) => OnNull::False,
        Some(None) => OnNull::Unknown,
        None => OnNull::Depends,
    }
}

fn is_null_on_null(leaf: &Leaf) -> bool {
    [&leaf.left, &leaf.right].iter().all(|term| value_on_null(term) == Some(Value::Null))
}

/// What a side gives where a row that it reads is missing; `None` if that can't be told.
fn value_on_null(term: &Term) -> Option<Value> {
    match term {
        Term::Column(column) if column.access.is_never_null() => Some(Value::Int(0)),
        Term::Column(_) | Term::Item(_) => Some(Value::Null),
        Term::Call { .. } => {
            let mut reads_null = true;
            term.each_column(&mut |column| reads_null &= !column.access.is_never_null());
            reads_null.then_some(Value::Null)
        }
        Term::Constant(_) | Term::Changed { .. } => None,
    }
}

impl LeafShape {
    /// The classes of both sides, the terms' own where they differ from row to row.
    pub fn classes(left: SideShape, right: SideShape, leaf: &Leaf) -> (Class, Class) {
        let class = |side: SideShape, term: &Term| match side {
            SideShape::Row => term.class(),
            SideShape::Empty(class) | SideShape::Value { class, .. } => class,
        };
        (class(left, &leaf.left), class(right, &leaf.right))
    }
}

/// Whether the comparison is never unknown, so that "none is false" says that all hold.
pub(super) fn is_definite(leaf: &Leaf, left: SideShape, right: SideShape) -> bool {
    let (left_class, right_class) = LeafShape::classes(left, right, leaf);
    match leaf.op {
        Op::NotEq => true,
        Op::Eq if Equality::of(left_class, right_class) != Equality::Known => true,
        _ => {
            let is_never_null = |side: SideShape, term: &Term| match (side, term) {
                (SideShape::Value { .. }, _) => true,
                (SideShape::Row, Term::Column(column)) => column.access.is_never_null(),
                _ => false,
            };
            is_never_null(left, &leaf.left) && is_never_null(right, &leaf.right)
        }
    }
}
