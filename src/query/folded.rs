//! A formula after the constants were folded away, with match-all spelled out (contract/04 §7).

use super::resolved::{Formula, Leaf, Resolved};
use super::shape::{LeafShape, Shape, is_definite};

/// What is left of an expression: nothing in it is known before a row is looked at.
#[derive(Clone, Debug)]
pub(super) enum Folded {
    True,
    False,
    /// At least two, none of them `True`, `False` or `And`.
    And(Vec<Folded>),
    /// At least two, none of them `True`, `False` or `Or`.
    Or(Vec<Folded>),
    /// The comparison holds for the joined rows that were chosen.
    Holds(usize),
    /// The comparison is false for no joined row at all.
    NeverFalse(usize),
    /// The chosen row of a restricted node is missing, or passes its list rule.
    Passes {
        restriction: usize,
        rule: Box<Folded>,
    },
}

impl Folded {
    /// Folds an expression with the restrictions of its nodes.
    pub fn new(resolved: &Resolved, shape: &Shape) -> Self {
        let formula = fold(&resolved.formula, resolved, shape);
        let restrictions = resolved.restrictions.iter().zip(&shape.restrictions).enumerate();
        let rules = restrictions.map(|(index, (restriction, shape))| match Self::new(&restriction.rule, shape) {
            Folded::True => Folded::True,
            rule => Folded::Passes { restriction: index, rule: Box::new(rule) },
        });
        and(std::iter::once(formula).chain(rules))
    }
}

fn fold(formula: &Formula, resolved: &Resolved, shape: &Shape) -> Folded {
    match formula {
        Formula::And(items) => and(items.iter().map(|item| fold(item, resolved, shape))),
        Formula::Or(items) => or(items.iter().map(|item| fold(item, resolved, shape))),
        Formula::Leaf(index) => leaf(*index, &resolved.leaves[*index], shape.leaves[*index]),
    }
}

fn leaf(index: usize, leaf: &Leaf, shape: LeafShape) -> Folded {
    let LeafShape::Open { left, right, .. } = shape else {
        return if shape == LeafShape::True { Folded::True } else { Folded::False };
    };
    if !leaf.matches_all {
        return Folded::Holds(index);
    }
    // Where nothing is unknown, "none is false" holds for whichever rows are chosen; only a guard asks more of them.
    let is_guarded = leaf.left.is_guarded() || leaf.right.is_guarded();
    if is_definite(leaf, left, right) && !is_guarded {
        return Folded::NeverFalse(index);
    }
    Folded::And(vec![Folded::Holds(index), Folded::NeverFalse(index)])
}

pub(super) fn and(items: impl IntoIterator<Item = Folded>) -> Folded {
    let mut all = Vec::new();
    for item in items {
        match item {
            Folded::True => {}
            Folded::False => return Folded::False,
            Folded::And(inner) => all.extend(inner),
            other => all.push(other),
        }
    }
    single_or(all, Folded::True, Folded::And)
}

fn or(items: impl IntoIterator<Item = Folded>) -> Folded {
    let mut all = Vec::new();
    for item in items {
        match item {
            Folded::False => {}
            Folded::True => return Folded::True,
            Folded::Or(inner) => all.extend(inner),
            other => all.push(other),
        }
    }
    single_or(all, Folded::False, Folded::Or)
}

fn single_or(mut items: Vec<Folded>, none: Folded, join: fn(Vec<Folded>) -> Folded) -> Folded {
    match items.len() {
        0 => none,
        1 => items.remove(0),
        _ => join(items),
    }
}
