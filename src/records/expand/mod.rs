//! `expand`: related records inside an answer (contract/05 §4).
//!
//! [`Expansion::resolve`] reads the parameter and decides which paths are valid for the caller, before any record is
//! read; `load` then asks one statement a level and relation, with the view rule of the target in it.

mod load;
mod paths;

use std::sync::Arc;

use crate::access::{Action, Gate, Reach};
use crate::schema::index::Index;
use crate::schema::{Collection, Field, Shape as FieldShape};

pub use load::Writer;

/// What is to be loaded along with the records of a collection.
#[derive(Clone, Debug, Default)]
pub struct Expansion {
    branches: Vec<Branch>,
    /// Whether every step is a key look-up under a rule of bounded cost, so that no reader thread is needed.
    is_bounded: bool,
}

/// One segment of one or more paths, with what follows it.
#[derive(Clone, Debug)]
struct Branch {
    /// As written: the key in `expand`.
    segment: Box<str>,
    step: Step,
    branches: Vec<Branch>,
}

/// From a record to the records of a relation.
#[derive(Clone, Debug)]
enum Step {
    /// The records whose ids stand in the field at this position.
    Forward { field: usize, target: Arc<Collection> },
    /// The records of `source` whose field refers to the record. `is_single`: there can be only one.
    Back { source: Arc<Collection>, field: usize, is_single: bool },
}

impl Step {
    fn target(&self) -> &Arc<Collection> {
        match self {
            Step::Forward { target, .. } => target,
            Step::Back { source, .. } => source,
        }
    }
}

impl Expansion {
    /// The valid paths of `text` from `collection`; `None` if there are none, and so no `expand` in the answer. `gate`
    /// asks with the context `expand`. An invalid path is dropped whole, whatever others share of it.
    pub fn resolve(gate: &Gate<'_>, collection: &Arc<Collection>, text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let mut expansion = Self { branches: Vec::new(), is_bounded: true };
        let mut is_any_valid = false;
        let text: String = text.split(' ').collect(); // blanks count for nothing, wherever they stand
        for path in paths::parse(&text) {
            if let Some((steps, is_bounded)) = resolve_path(gate, collection, &path) {
                is_any_valid = true;
                expansion.is_bounded &= is_bounded;
                merge(&mut expansion.branches, steps.into_iter());
            }
        }
        is_any_valid.then_some(expansion)
    }

    /// Whether loading it takes a bounded number of key look-ups a record.
    pub fn is_bounded(&self) -> bool {
        self.is_bounded
    }
}

type Segments = Vec<(Box<str>, Step)>;

fn resolve_path(gate: &Gate<'_>, collection: &Arc<Collection>, path: &[&str]) -> Option<(Segments, bool)> {
    let mut from = collection.clone();
    let mut steps = Vec::with_capacity(path.len());
    let mut is_bounded = true;
    for segment in path {
        let step = resolve_segment(gate, &from, segment)?;
        let rule = gate.reach_many(step.target(), Action::View)?;
        is_bounded &= is_look_up(&step, &rule);
        from = step.target().clone();
        steps.push(((*segment).into(), step));
    }
    Some((steps, is_bounded))
}

fn is_look_up(step: &Step, rule: &Reach) -> bool {
    matches!(step, Step::Forward { target, .. } if !target.is_view()) && rule.is_bounded
}

fn resolve_segment(gate: &Gate<'_>, from: &Arc<Collection>, segment: &str) -> Option<Step> {
    let is_superuser = gate.request.caller.is_superuser();
    // What a hidden field refers to is as hidden as the field (contract/00 §5).
    let may_follow = |field: &Field| is_superuser || !field.hidden;
    if let Some(index) = from.field_index(segment) {
        let field = &from.fields[index];
        let target = gate.schema.find_by_id(&field.relation()?.collection_id)?;
        return may_follow(field).then(|| Step::Forward { field: index, target: target.clone() });
    }
    let (source, name) = paths::split_back_relation(segment)?;
    let source = gate.schema.find(source).filter(|found| *found.name == *source || *found.id == *source)?;
    let index = source.field_index(name)?;
    let field = &source.fields[index];
    let points_here = *field.relation()?.collection_id == *from.id;
    let is_single = field.shape() == FieldShape::Single && has_unique_index(source, name);
    (points_here && may_follow(field)).then(|| Step::Back { source: source.clone(), field: index, is_single })
}

fn has_unique_index(collection: &Collection, column: &str) -> bool {
    collection.indexes.iter().filter_map(|text| Index::parse(text)).any(|index| index.is_unique_on(column))
}

/// Lays a path over the tree: what it shares with others is one branch.
fn merge(branches: &mut Vec<Branch>, mut steps: impl Iterator<Item = (Box<str>, Step)>) {
    let Some((segment, step)) = steps.next() else { return };
    let known = branches.iter().position(|branch| branch.segment == segment);
    let at = known.unwrap_or_else(|| {
        branches.push(Branch { segment, step, branches: Vec::new() });
        branches.len() - 1
    });
    merge(&mut branches[at].branches, steps);
}
