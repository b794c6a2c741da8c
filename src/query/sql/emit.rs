//! Conditions: what goes into one `EXISTS`, and what stands alone.

use crate::query::access::Access;
use crate::query::affinity::Affinity;
use crate::query::ast::Op;
use crate::query::compile::Purpose;
use crate::query::folded::Folded;
use crate::query::resolved::{Column, Leaf, NodeSet, Source, Step, Term};
use crate::query::shape::{LeafShape, OnNull, SideShape};
use crate::query::truth::{Class, Equality};
use crate::store::Sense;

use super::compare::Looked;
use super::frame::{Emitter, Frame};
use super::join::{Body, Joins};

impl<'a> Emitter<'_> {
    /// The condition of a folded formula. Atomic, or in brackets.
    pub fn condition(&mut self, frame: &Frame<'a>, part: &Folded) -> String {
        match part {
            Folded::True => "TRUE".to_owned(),
            Folded::False => "FALSE".to_owned(),
            Folded::And(items) => self.all(frame, &items.iter().collect::<Vec<_>>()),
            Folded::Or(items) => {
                let items: Vec<String> = items.iter().map(|item| self.condition(frame, item)).collect();
                format!("({})", items.join(" OR "))
            }
            Folded::Holds(leaf) => self.holds(frame, *leaf),
            Folded::NeverFalse(leaf) => self.never_false(frame, *leaf),
            Folded::Passes { restriction, rule } => self.passes(frame, *restriction, rule, part),
        }
    }

    /// Parts that must all hold: those that share a row that was not chosen yet go together.
    fn all(&mut self, frame: &Frame<'a>, parts: &[&Folded]) -> String {
        let mut groups: Vec<(NodeSet, Vec<&Folded>)> = Vec::new();
        for part in parts {
            let mut nodes = frame.dependencies(part);
            let mut group = Vec::new();
            let (tied, free) = groups.into_iter().partition(|(others, _)| !others.common(nodes).is_empty());
            groups = free;
            for (others, members) in tied {
                nodes = nodes.with(others);
                group.extend(members);
            }
            group.push(*part);
            groups.push((nodes, group));
        }
        let mut conditions = Vec::with_capacity(groups.len());
        for (_, group) in groups {
            conditions.push(match &group[..] {
                [alone] => self.condition(frame, alone),
                together => {
                    let shared = shared_nodes(frame, together);
                    self.some_rows(frame, shared, together)
                }
            });
        }
        match &conditions[..] {
            [only] => only.clone(),
            _ => format!("({})", conditions.join(" AND ")),
        }
    }

    /// There are rows for `nodes` with which all parts hold.
    fn some_rows(&mut self, frame: &Frame<'a>, nodes: NodeSet, parts: &[&Folded]) -> String {
        if let Some(member) = self.membership(frame, nodes, parts) {
            return member;
        }
        let inner = self.inner_nodes(frame, nodes, parts);
        let mark = self.mark();
        let mut joins = Joins::default();
        let joined = self.join(frame, nodes, inner, &mut joins);
        let (condition, reads_outside) = self.watching(mark, |emitter| emitter.all(&joined, parts));
        self.exists(&joins, &Body { condition: Some(condition), reads_outside }, Sense::Is)
    }

    /// `outer column IN (SELECT inner column …)`: where rows hang on nothing outside, and one part equates one of
    /// their columns with an outer one, the set can be made once and an index on the outer column can be used.
    fn membership(&mut self, frame: &Frame<'a>, nodes: NodeSet, parts: &[&Folded]) -> Option<String> {
        let hangs_on_constants = nodes.iter().all(|node| match frame.resolved.nodes[node].step.parent() {
            None => true,
            Some(Source::Node(parent)) => nodes.contains(parent),
            Some(Source::Base) => false,
        });
        if self.purpose != Purpose::List || !hangs_on_constants {
            return None;
        }
        let (index, outer, inner_term) = parts.iter().enumerate().find_map(|(index, part)| {
            let Folded::Holds(leaf) = part else { return None };
            equated(frame, *leaf, nodes).map(|(outer, inner)| (index, outer, inner))
        })?;
        let others: Vec<&Folded> =
            parts.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, part)| *part).collect();
        let inner = self.inner_nodes(frame, nodes, &others);
        let saved = (self.params.clone(), self.reads.clone(), self.used.clone());
        let mark = self.mark();
        let mut joins = Joins::default();
        let joined = self.join(frame, nodes, inner, &mut joins);
        let (condition, reads_outside) =
            self.watching(mark, |emitter| (!others.is_empty()).then(|| emitter.all(&joined, &others)));
        if reads_outside {
            (self.params, self.reads, self.used) = saved;
            return None;
        }
        let value = self.term(&joined, inner_term).or_empty();
        let outer = self.column(frame, outer).sql;
        Some(format!("{outer} IN ({})", joins.select(&value, condition.as_deref())))
    }

    /// The nodes that must have a row for the parts to hold, and those above them.
    fn inner_nodes(&self, frame: &Frame<'_>, nodes: NodeSet, parts: &[&Folded]) -> NodeSet {
        let needed = nodes.iter().filter(|&node| match frame.resolved.nodes[node].step {
            // A list that isn't empty gives no missing row.
            Step::EachOf { list } if !self.empty_lists[list] => true,
            _ => parts.iter().any(|part| is_rejected(frame, part, node)),
        });
        needed.fold(NodeSet::default(), |set, node| set.with(frame.resolved.nodes[node].chain.common(nodes)))
    }

    /// A comparison holds for the rows that were chosen; rows that weren't chosen yet are looked for.
    fn holds(&mut self, frame: &Frame<'a>, index: usize) -> String {
        let leaf = &frame.resolved.leaves[index];
        let left = frame.unbound(frame.resolved.chains(&leaf.left));
        let right = frame.unbound(frame.resolved.chains(&leaf.right));
        let is_many = |nodes: NodeSet| !frame.resolved.many(nodes).is_empty();
        if is_many(left) || is_many(right) {
            let chosen = |nodes: NodeSet| if is_many(nodes) { nodes } else { NodeSet::default() };
            let nodes = chosen(left).with(chosen(right));
            let found = self.some_rows(frame, nodes, &[&Folded::Holds(index)]);
            return match self.list_hint(frame, index, nodes) {
                Some(hint) => format!("({hint} AND {found})"),
                None => found,
            };
        }
        let nodes = left.with(right);
        let is_guarded = leaf.left.is_guarded() || leaf.right.is_guarded();
        if !nodes.is_empty() && self.stands_alone(frame, leaf, nodes) {
            let LeafShape::Open { on_null, .. } = frame.leaf_shape(index) else { return "FALSE".to_owned() };
            if is_guarded || on_null.is_rejected() {
                return self.some_rows(frame, nodes, &[&Folded::Holds(index)]);
            }
            if on_null == OnNull::True {
                return self.no_false_rows(frame, index, nodes);
            }
        }
        self.plainly_holds(frame, leaf, index)
    }

    /// Whether to-one rows are better asked for as a set: for one record, a look-up by key is as good.
    fn stands_alone(&self, frame: &Frame<'_>, leaf: &Leaf, nodes: NodeSet) -> bool {
        let reads_rows = |term: &Term| match term {
            Term::Column(column) => frame.unbound(frame.resolved.chain(column.source)) != nodes,
            Term::Constant(_) => false,
            Term::Item(_) | Term::Changed { .. } | Term::Call { .. } => true,
        };
        self.purpose == Purpose::List && !reads_rows(&leaf.left) && !reads_rows(&leaf.right)
    }

    /// The comparison as it stands, with the guards of what it reads.
    fn plainly_holds(&mut self, frame: &Frame<'_>, leaf: &Leaf, index: usize) -> String {
        let mut conditions = vec![self.comparison(leaf, frame.leaf_shape(index), [frame, frame], Looked::True)];
        for term in [&leaf.left, &leaf.right] {
            let mut guards = Vec::new();
            term.each_column(&mut |column| guards.extend(guard_of(column)));
            for guard in guards {
                let flag = self.column(frame, &guard).sql;
                conditions.push(format!("{flag} = TRUE"));
            }
        }
        match &conditions[..] {
            [only] => only.clone(),
            _ => format!("({})", conditions.join(" AND ")),
        }
    }

    /// A cheap test that JSON lists without a word fail, before they are taken apart.
    fn list_hint(&mut self, frame: &Frame<'_>, index: usize, nodes: NodeSet) -> Option<String> {
        let leaf = &frame.resolved.leaves[index];
        let LeafShape::Open { left, right, .. } = frame.leaf_shape(index) else { return None };
        let is_word = |side: SideShape| matches!(side, SideShape::Value { class: Class::Known, is_word: true });
        let (term, word) = match (is_word(left), is_word(right)) {
            (_, true) => (&leaf.left, &leaf.right),
            (true, _) => (&leaf.right, &leaf.left),
            _ => return None,
        };
        let Term::Constant(word) = word else { return None };
        let node = match term {
            Term::Item(node) => *node,
            Term::Column(Column { source: Source::Node(node), field, access, .. })
                if access.is_plain()
                    && frame.resolved.collection_of(Source::Node(*node)).fields[*field].is_primary_key() =>
            {
                *node
            }
            _ => return None,
        };
        let (from, field) = match frame.resolved.nodes[node].step {
            Step::Each { from, field } | Step::Relation { from, field } => (from, field),
            _ => return None,
        };
        if leaf.op != Op::Eq || nodes != NodeSet::one(node) {
            return None;
        }
        let list = &frame.resolved.collection_of(from).fields[field];
        let row = frame.row(from)?.clone();
        let cell = self.cell(&row, &list.name);
        let word = self.param(super::Param::Fact(*word));
        Some(self.dialect.contains_text(&cell, &word))
    }

    /// No joined row makes the comparison false: all of them are looked at afresh, whatever was chosen.
    fn never_false(&mut self, frame: &Frame<'a>, index: usize) -> String {
        let frame = &frame.afresh();
        let leaf = &frame.resolved.leaves[index];
        let side = |term: &Term| {
            let nodes = frame.resolved.chains(term);
            if frame.resolved.many(nodes).is_empty() { NodeSet::default() } else { nodes }
        };
        match (side(&leaf.left), side(&leaf.right)) {
            (left, right) if right.is_empty() => self.no_false_rows(frame, index, left),
            (left, right) if left.is_empty() => self.no_false_rows(frame, index, right),
            (left, right) => self.no_false_pairs(frame, index, [left, right]),
        }
    }

    /// No rows of `nodes`, which only one side (or both alike) reads, make the comparison false.
    fn no_false_rows(&mut self, frame: &Frame<'a>, index: usize, nodes: NodeSet) -> String {
        let leaf = &frame.resolved.leaves[index];
        let LeafShape::Open { on_null, .. } = frame.leaf_shape(index) else { return "FALSE".to_owned() };
        let first = NodeSet::one(nodes.iter().next().unwrap_or_default());
        let (inner, rows_are_needed) = match on_null {
            OnNull::True | OnNull::Unknown => (nodes, false),
            // A missing row is false. Where it is the first, "there must be one" is a question of its own.
            OnNull::False if self.purpose == Purpose::List && self.is_set(frame, first) => (first, true),
            OnNull::False | OnNull::Depends => (NodeSet::default(), false),
        };
        let mark = self.mark();
        let mut joins = Joins::default();
        let joined = self.join(frame, nodes, inner, &mut joins);
        let shape = frame.leaf_shape(index);
        let (condition, reads_outside) =
            self.watching(mark, |emitter| emitter.comparison(leaf, shape, [&joined, &joined], Looked::False));
        let none = self.exists(&joins, &Body { condition: Some(condition), reads_outside }, Sense::IsNot);
        if !rows_are_needed {
            return none;
        }
        let mut joins = Joins::default();
        self.join(frame, first, first, &mut joins);
        let some = self.exists(&joins, &Body { condition: None, reads_outside: false }, Sense::Is);
        format!("({some} AND {none})")
    }

    /// Whether a node's rows can be asked for as a set of keys.
    fn is_set(&self, frame: &Frame<'_>, node: NodeSet) -> bool {
        let Some(node) = node.iter().next() else { return false };
        let step = &frame.resolved.nodes[node].step;
        let is_list = |from: Source, field: usize| {
            frame.resolved.collection_of(from).fields[field].shape() == crate::schema::Shape::Multiple
        };
        match step {
            Step::Back { .. } => true,
            // A list may name a row that is missing beside others that aren't.
            Step::Relation { from, field } => !is_list(*from, *field),
            Step::Each { .. } | Step::All { .. } | Step::Ids { .. } | Step::BackOfIds { .. } | Step::EachOf { .. } => {
                false
            }
        }
    }

    /// No pair of a left and a right row makes the comparison false.
    fn no_false_pairs(&mut self, frame: &Frame<'a>, index: usize, [left, right]: [NodeSet; 2]) -> String {
        let leaf = &frame.resolved.leaves[index];
        let shape = frame.leaf_shape(index);
        let is_unknown = matches!(shape, LeafShape::Open { on_null: OnNull::Unknown, .. });
        let inner = |nodes: NodeSet| if is_unknown { nodes } else { NodeSet::default() };
        let mut joins = Joins::default();
        let left = self.join(frame, left, inner(left), &mut joins);
        let right = self.join(frame, right, inner(right), &mut joins);
        let condition = self.comparison(leaf, shape, [&left, &right], Looked::False);
        self.exists(&joins, &Body { condition: Some(condition), reads_outside: true }, Sense::IsNot)
    }

    /// The row of a restricted node is missing, or passes its list rule.
    fn passes(&mut self, frame: &Frame<'a>, restriction: usize, rule: &Folded, part: &Folded) -> String {
        let node = frame.resolved.restrictions[restriction].node;
        let chain = frame.unbound(frame.resolved.nodes[node].chain);
        if !frame.resolved.many(chain).is_empty() {
            return self.some_rows(frame, chain, &[part]);
        }
        if let Some(row) = frame.row(Source::Node(node)).cloned() {
            let passes = self.rule(frame, restriction, rule, row.clone());
            let id = self.cell(&row, "id");
            return if row.is_nullable { format!("({id} IS NULL OR {passes})") } else { passes };
        }
        let mark = self.mark();
        let mut joins = Joins::default();
        let joined = self.join(frame, chain, chain, &mut joins);
        let row = joined.row(Source::Node(node)).expect("the chain ends in the node").clone();
        let (passes, reads_outside) = self.watching(mark, |emitter| emitter.rule(frame, restriction, rule, row));
        let fails = Some(format!("({passes}) IS NOT TRUE"));
        self.exists(&joins, &Body { condition: fails, reads_outside }, Sense::IsNot)
    }

    /// The list rule of a restricted node, for one row of it.
    pub fn rule(&mut self, frame: &Frame<'a>, restriction: usize, rule: &Folded, row: super::frame::Row) -> String {
        let resolved = &frame.resolved.restrictions[restriction].rule;
        let shape = &frame.shape.restrictions[restriction];
        self.condition(&Frame::new(resolved, shape, row, frame.facts()), rule)
    }
}

/// The nodes that two parts or more depend on, and what leads to them.
fn shared_nodes(frame: &Frame<'_>, parts: &[&Folded]) -> NodeSet {
    let mut seen = NodeSet::default();
    let mut shared = NodeSet::default();
    for part in parts {
        let nodes = frame.dependencies(part);
        shared = shared.with(nodes.common(seen));
        seen = seen.with(nodes);
    }
    let chains = shared.iter().fold(NodeSet::default(), |set, node| set.with(frame.resolved.nodes[node].chain));
    frame.unbound(chains)
}

/// Whether a part can't hold where the row of `node` is missing.
fn is_rejected(frame: &Frame<'_>, part: &Folded, node: usize) -> bool {
    match part {
        Folded::And(items) => items.iter().any(|item| is_rejected(frame, item, node)),
        Folded::Or(items) => items.iter().all(|item| is_rejected(frame, item, node)),
        Folded::Holds(index) => {
            let leaf = &frame.resolved.leaves[*index];
            let reads = |term: &Term| frame.resolved.chains(term).contains(node);
            let LeafShape::Open { on_null, .. } = frame.leaf_shape(*index) else { return false };
            let mut is_guarded = false;
            for term in [&leaf.left, &leaf.right] {
                term.each_column(&mut |column| {
                    is_guarded |= column.guard.is_some() && frame.resolved.chain(column.source).contains(node);
                });
            }
            is_guarded || ((reads(&leaf.left) || reads(&leaf.right)) && on_null.is_rejected())
        }
        Folded::True | Folded::False | Folded::NeverFalse(_) | Folded::Passes { .. } => false,
    }
}

/// The flag that guards a column, as a column.
fn guard_of(column: &Column) -> Option<Column> {
    let field = column.guard?;
    let access = Access::plain(crate::schema::Shape::Bool);
    Some(Column { source: column.source, field, access, guard: None })
}

/// The sides of a comparison that equates a column in reach with a column or value of `nodes`.
fn equated<'r>(frame: &Frame<'r>, index: usize, nodes: NodeSet) -> Option<(&'r Column, &'r Term)> {
    let leaf = &frame.resolved.leaves[index];
    let is_equality = leaf.op == Op::Eq && Equality::of(leaf.left.class(), leaf.right.class()) == Equality::Coalesced;
    if !is_equality || leaf.left.is_guarded() || leaf.right.is_guarded() {
        return None;
    }
    let outer = |term: &'r Term| match term {
        Term::Column(column) if frame.row(column.source).is_some_and(|row| !row.is_nullable) => {
            column.access.is_plain().then_some(column)
        }
        _ => None,
    };
    let inner = |term: &'r Term| {
        let missing = frame.unbound(frame.resolved.chains(term));
        let is_inner = !missing.is_empty() && missing.without(nodes).is_empty();
        match term {
            Term::Column(column) if is_inner && column.access.is_plain() => Some((term, column.access.affinity())),
            // The values of lists are texts.
            Term::Item(_) if is_inner => Some((term, Affinity::Text)),
            _ => None,
        }
    };
    let pair = |one: &'r Term, other: &'r Term| {
        let column = outer(one)?;
        let (term, affinity) = inner(other)?;
        (column.access.affinity() == affinity).then_some((column, term))
    };
    pair(&leaf.left, &leaf.right).or_else(|| pair(&leaf.right, &leaf.left))
}
