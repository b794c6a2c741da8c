//! One comparison as SQL: a condition that is true iff the comparison holds, or iff it is false (contract/04 §3–4).

use crate::query::affinity::Affinity;
use crate::query::ast::Op;
use crate::query::resolved::{Leaf, Term};
use crate::query::shape::{LeafShape, SideShape};
use crate::query::truth::{Class, Equality, Pattern};
use crate::store::Sense;

use super::frame::{Emitter, Frame, Param};
use super::term::{Expression, fact_affinity};

/// Which truth value the condition is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    True,
    False,
}

/// One side, written.
enum Side {
    Constant { fact: usize, shape: SideShape, affinity: Affinity },
    Varying { expression: Expression, pattern: Pattern },
}

impl Side {
    fn affinity(&self) -> Affinity {
        match self {
            Side::Constant { affinity, .. } => *affinity,
            Side::Varying { expression, .. } => expression.affinity,
        }
    }
}

impl Emitter<'_> {
    /// The condition of a comparison whose joined rows are in the frames of its sides. Atomic, or in brackets.
    pub fn comparison(&mut self, leaf: &Leaf, shape: LeafShape, sides: [&Frame<'_>; 2], looked: Looked) -> String {
        let LeafShape::Open { left, right, .. } = shape else {
            return if (shape == LeafShape::True) == (looked == Looked::True) { "TRUE" } else { "FALSE" }.to_owned();
        };
        let classes = LeafShape::classes(left, right, leaf);
        let left = self.side(sides[0], &leaf.left, left);
        let right = self.side(sides[1], &leaf.right, right);
        match (leaf.op, looked) {
            (Op::Eq, Looked::True) | (Op::NotEq, Looked::False) => {
                self.equality(left, classes, right, leaf.op, Sense::Is)
            }
            (Op::Eq, Looked::False) | (Op::NotEq, Looked::True) => {
                self.equality(left, classes, right, leaf.op, Sense::IsNot)
            }
            (Op::Greater, Looked::True) | (Op::LessEq, Looked::False) => self.ordering(left, ">", right),
            (Op::GreaterEq, Looked::True) | (Op::Less, Looked::False) => self.ordering(left, ">=", right),
            (Op::Less, Looked::True) | (Op::GreaterEq, Looked::False) => self.ordering(left, "<", right),
            (Op::LessEq, Looked::True) | (Op::Greater, Looked::False) => self.ordering(left, "<=", right),
            (Op::Like, Looked::True) | (Op::NotLike, Looked::False) => self.like(left, Sense::Is, right),
            (Op::Like, Looked::False) | (Op::NotLike, Looked::True) => self.like(left, Sense::IsNot, right),
        }
    }

    fn side(&mut self, frame: &Frame<'_>, term: &Term, shape: SideShape) -> Side {
        match (term, shape) {
            (Term::Constant(fact), _) => {
                let affinity = fact_affinity(&frame.facts()[*fact].source);
                Side::Constant { fact: *fact, shape, affinity }
            }
            // Unset, so it is always false; the other side differs from row to row.
            (Term::Changed { is_set, .. }, SideShape::Value { .. } | SideShape::Empty(_)) => {
                Side::Constant { fact: *is_set, shape, affinity: Affinity::None }
            }
            _ => Side::Varying { expression: self.term(frame, term), pattern: term.pattern() },
        }
    }

    /// The value of a side, next to a side with the affinity `other`.
    fn value(&mut self, side: &Side, other: Affinity) -> String {
        match side {
            Side::Constant { fact, affinity, .. } => self.constant(*fact, *affinity, other),
            Side::Varying { expression, .. } => expression.sql.clone(),
        }
    }

    fn ordering(&mut self, left: Side, sign: &str, right: Side) -> String {
        let (l, r) = (self.value(&left, right.affinity()), self.value(&right, left.affinity()));
        format!("{l} {sign} {r}")
    }

    fn like(&mut self, left: Side, sense: Sense, right: Side) -> String {
        let text = match &left {
            Side::Constant { fact, .. } => self.param(Param::Fact(*fact)),
            Side::Varying { expression, .. } => expression.sql.clone(),
        };
        let pattern = match right {
            Side::Constant { fact, .. } => self.param(Param::Pattern(fact)),
            Side::Varying { expression, pattern: Pattern::Raw } => self.dialect.raw_pattern(&expression.sql),
            Side::Varying { expression, .. } => self.dialect.containing_pattern(&expression.sql),
        };
        self.dialect.like(&text, sense, &pattern)
    }

    fn equality(&mut self, left: Side, classes: (Class, Class), right: Side, op: Op, sense: Sense) -> String {
        match Equality::of(classes.0, classes.1) {
            Equality::Strict => self.same(left, right, sense),
            // Two constants were folded away.
            Equality::BothEmpty => if sense == Sense::Is { "TRUE" } else { "FALSE" }.to_owned(),
            Equality::Known if op == Op::NotEq && sense == Sense::IsNot => self.same(left, right, sense),
            Equality::Known => self.ordering(left, if sense == Sense::Is { "=" } else { "<>" }, right),
            Equality::LeftEmpty => emptiness(&right, sense),
            Equality::RightEmpty => emptiness(&left, sense),
            Equality::Coalesced => self.coalesced(left, right, sense),
        }
    }

    /// `IS` and `IS NOT`, NULL being a value.
    fn same(&mut self, left: Side, right: Side, sense: Sense) -> String {
        let (l, r) = (self.value(&left, right.affinity()), self.value(&right, left.affinity()));
        let is_null = |side: &Side| match side {
            Side::Constant { .. } => false, // a NULL stays a parameter, so that '' and NULL share a shape
            Side::Varying { expression, .. } => expression.is_nullable,
        };
        let has_value = |side: &Side| matches!(side, Side::Constant { shape: SideShape::Value { .. }, .. });
        let may_be_null = is_null(&left) || is_null(&right);
        match sense {
            // Where one side has a value, plain equality holds for the same rows, and can use an index.
            Sense::Is if has_value(&left) || has_value(&right) => format!("{l} = {r}"),
            Sense::Is => format!("{l} IS NOT DISTINCT FROM {r}"),
            Sense::IsNot if (has_value(&left) || has_value(&right)) && !may_be_null => format!("{l} <> {r}"),
            Sense::IsNot => format!("{l} IS DISTINCT FROM {r}"),
        }
    }

    /// `COALESCE(l, '') = COALESCE(r, '')`, with less where less says the same.
    fn coalesced(&mut self, left: Side, right: Side, sense: Sense) -> String {
        let sign = if sense == Sense::Is { "=" } else { "<>" };
        match (left, right) {
            (Side::Constant { shape: SideShape::Empty(_), .. }, other)
            | (other, Side::Constant { shape: SideShape::Empty(_), .. }) => emptiness(&other, sense),
            (Side::Constant { fact, affinity, .. }, Side::Varying { expression, .. })
            | (Side::Varying { expression, .. }, Side::Constant { fact, affinity, .. }) => {
                let value = self.param(Param::Fact(fact));
                match sense {
                    _ if expression.affinity != affinity => {
                        // COALESCE takes the conversions away, whether or not there is a NULL.
                        format!("COALESCE({}, '') {sign} {value}", expression.sql)
                    }
                    Sense::IsNot if expression.is_nullable => format!("{} IS DISTINCT FROM {value}", expression.sql),
                    _ => format!("{} {sign} {value}", expression.sql),
                }
            }
            (Side::Varying { expression: l, .. }, Side::Varying { expression: r, .. }) => {
                if l.affinity == r.affinity {
                    format!("{} {sign} {}", l.or_empty(), r.or_empty())
                } else {
                    format!("COALESCE({}, '') {sign} COALESCE({}, '')", l.sql, r.sql)
                }
            }
            (Side::Constant { .. }, Side::Constant { .. }) => "FALSE".to_owned(), // folded away before
        }
    }
}

/// A side is `''` or NULL, or isn't.
fn emptiness(side: &Side, sense: Sense) -> String {
    let Side::Varying { expression, .. } = side else { return "FALSE".to_owned() };
    let sql = &expression.sql;
    match sense {
        Sense::IsNot => format!("{sql} <> ''"),
        Sense::Is if !expression.is_nullable => format!("{sql} = ''"),
        Sense::Is if expression.is_query => format!("COALESCE({sql}, '') = ''"),
        Sense::Is => format!("({sql} = '' OR {sql} IS NULL)"),
    }
}
