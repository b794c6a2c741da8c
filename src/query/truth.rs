//! Whether one comparison of two values holds (contract/04 §3–4): three-valued, as SQL is.

use std::cmp::Ordering;

use super::affinity::{Typed, compare, text_of};
use super::ast::Op;
use super::like;
use crate::store::Value;

/// What equality depends on (contract/04 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// JSON, `geoDistance()`, `:changed`: only NULL equals NULL.
    Strict,
    /// `''`, `null`, and `@request.*` that is missing, null or `""`.
    Empty,
    /// Any other constant.
    Known,
    /// Columns and what is computed from them.
    Nullable,
}

/// One side of a comparison, evaluated.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub typed: Typed,
    pub class: Class,
    /// How the side is made a pattern when it stands on the right of `~`.
    pub pattern: Pattern,
}

/// What a right side of `~` becomes (contract/04 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pattern {
    /// Constants: "contains" unless they hold a `%`.
    Constant,
    /// Columns: wrapped in `%`, wildcards in the data act.
    Column,
    /// Functions: taken as they are.
    Raw,
}

/// Whether `left op right`; `None` is unknown.
pub(super) fn truth(left: &Side, op: Op, right: &Side) -> Option<bool> {
    let ordering = || compare(&left.typed, &right.typed);
    match op {
        Op::Eq => equal(left, right),
        Op::NotEq => Some(is_different(left, right)),
        Op::Greater => ordering().map(Ordering::is_gt),
        Op::GreaterEq => ordering().map(Ordering::is_ge),
        Op::Less => ordering().map(Ordering::is_lt),
        Op::LessEq => ordering().map(Ordering::is_le),
        Op::Like => is_like(left, right),
        Op::NotLike => is_like(left, right).map(|found| !found),
    }
}

/// Which rule of equality applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Equality {
    /// `IS`.
    Strict,
    /// Always equal.
    BothEmpty,
    /// `=`, and `IS NOT` for `!=`.
    Known,
    /// The left, or the right side, is compared with "empty or NULL".
    LeftEmpty,
    RightEmpty,
    /// `COALESCE(a, '') = COALESCE(b, '')`.
    Coalesced,
}

impl Equality {
    pub fn of(left: Class, right: Class) -> Self {
        match (left, right) {
            (Class::Strict, _) | (_, Class::Strict) => Self::Strict,
            (Class::Empty, Class::Empty) => Self::BothEmpty,
            (Class::Known, _) | (_, Class::Known) => Self::Known,
            (Class::Empty, Class::Nullable) => Self::LeftEmpty,
            (Class::Nullable, Class::Empty) => Self::RightEmpty,
            (Class::Nullable, Class::Nullable) => Self::Coalesced,
        }
    }
}

fn equal(left: &Side, right: &Side) -> Option<bool> {
    let (l, r) = (&left.typed, &right.typed);
    match Equality::of(left.class, right.class) {
        Equality::Strict => Some(is_same(l, r)),
        Equality::BothEmpty => Some(true),
        Equality::Known => compare(l, r).map(Ordering::is_eq),
        Equality::LeftEmpty => Some(is_empty(r)),
        Equality::RightEmpty => Some(is_empty(l)),
        Equality::Coalesced => compare(&l.or_empty(), &r.or_empty()).map(Ordering::is_eq),
    }
}

fn is_different(left: &Side, right: &Side) -> bool {
    match Equality::of(left.class, right.class) {
        Equality::Known => !is_same(&left.typed, &right.typed),
        _ => equal(left, right) == Some(false),
    }
}

/// `IS`: equal, or both NULL.
fn is_same(left: &Typed, right: &Typed) -> bool {
    match compare(left, right) {
        Some(ordering) => ordering.is_eq(),
        None => left.is_null() && right.is_null(),
    }
}

fn is_empty(typed: &Typed) -> bool {
    typed.is_null() || compare(typed, &Typed::bare(Value::from(""))).is_some_and(Ordering::is_eq)
}

fn is_like(left: &Side, right: &Side) -> Option<bool> {
    let value = &right.typed.value;
    let pattern = match right.pattern {
        Pattern::Constant => text_of(&like::constant_pattern(value))?,
        Pattern::Column => like::column_pattern(value)?,
        Pattern::Raw => text_of(value).filter(|pattern| pattern.len() <= like::PATTERN_BYTES_MAX)?,
    };
    Some(like::is_like(&text_of(&left.typed.value)?, &pattern))
}
