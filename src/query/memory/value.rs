//! What an operand is, once its rows are chosen.

use crate::query::affinity::{Affinity, Typed};
use crate::query::ast::Op;
use crate::query::truth::{Class, Pattern, Side, truth};
use crate::store::Value;

use super::Row;
use super::search::{Found, Read, Search};

impl Search<'_> {
    /// The hops that lead to what an operand reads, parents before children.
    pub(super) fn hops_of(&self, read: &Read) -> Vec<usize> {
        let mut hops = Vec::new();
        let mut ends = Vec::new();
        collect_ends(read, &mut ends);
        for end in ends {
            let mut at = Some(end);
            while let Some(hop) = at {
                hops.push(hop);
                at = self.hops[hop].parent;
            }
        }
        hops.sort_unstable();
        hops.dedup();
        hops
    }

    fn row<'f>(&'f self, hop: Option<usize>, found: &'f [Found]) -> Option<&'f Row> {
        match hop {
            None => Some(&self.base),
            Some(hop) => match &found[hop] {
                Found::Row(row) => Some(row),
                Found::Value(_) | Found::Missing => None,
            },
        }
    }

    /// Whether the e-mails that an operand reads are public.
    pub(super) fn is_visible(&self, read: &Read, found: &[Found]) -> bool {
        match read {
            Read::Cell { hop, visible: Some(flag), .. } => {
                self.row(*hop, found).is_some_and(|row| row[*flag] == Value::Int(1))
            }
            Read::Call { arguments, .. } => arguments.iter().all(|argument| self.is_visible(argument, found)),
            Read::Cell { .. } | Read::Constant(_) | Read::Value { .. } | Read::Changed { .. } => true,
        }
    }

    pub(super) fn side(&self, read: &Read, found: &[Found]) -> Side {
        match read {
            Read::Constant(side) => side.clone(),
            Read::Cell { hop, cell, access, .. } => {
                let cell = self.row(*hop, found).map_or(&Value::Null, |row| &row[*cell]);
                Side { typed: access.value(cell), class: access.class(), pattern: Pattern::Column }
            }
            Read::Value { hop } => {
                let value = match &found[*hop] {
                    Found::Value(value) => value.clone(),
                    Found::Row(_) | Found::Missing => Value::Null,
                };
                Side { typed: Typed::bare(value), class: Class::Nullable, pattern: Pattern::Column }
            }
            Read::Changed { is_set, submitted, cell, access } => {
                let stored =
                    Side { typed: access.value(&self.base[*cell]), class: access.class(), pattern: Pattern::Column };
                let is_changed = *is_set && truth(submitted, Op::NotEq, &stored) == Some(true);
                let typed = Typed::new(Value::from(is_changed), Affinity::None);
                Side { typed, class: Class::Strict, pattern: Pattern::Column }
            }
            Read::Call { function, arguments } => {
                let values: Vec<Value> =
                    arguments.iter().map(|argument| self.side(argument, found).typed.value).collect();
                let class = if function.is_strict() { Class::Strict } else { Class::Nullable };
                let value = function.value(&values, self.scene.now);
                Side { typed: Typed::bare(value), class, pattern: Pattern::Raw }
            }
        }
    }
}

fn collect_ends(read: &Read, ends: &mut Vec<usize>) {
    match read {
        Read::Cell { hop: Some(hop), .. } | Read::Value { hop } => ends.push(*hop),
        Read::Call { arguments, .. } => arguments.iter().for_each(|argument| collect_ends(argument, ends)),
        Read::Cell { hop: None, .. } | Read::Constant(_) | Read::Changed { .. } => {}
    }
}
