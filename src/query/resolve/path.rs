//! Field paths: from the base collection, through relations, back relations and `@collection`, to a cell
//! (contract/04 §7, §8, §10).

use std::sync::Arc;

use crate::query::access::{Access, Reading};
use crate::query::json::parse_step;
use crate::query::names::{Modifier, Path};
use crate::query::resolved::{Column, NodeSet, Source, Step, Term};
use crate::schema::fields::Kind;
use crate::schema::{Collection, Field, Shape};

use super::{Cause, Multiplicity, Resolver, Rights, Scope, unknown_field};

/// Relation and back-relation steps of one path (contract/04 §12).
const STEPS_MAX: usize = 6;
/// What parts the two names of a back relation.
const VIA: &str = "_via_";

/// A place on the way along a path.
pub(super) struct Place {
    pub source: Source,
    pub collection: Arc<Collection>,
    /// Steps made so far.
    pub steps: usize,
    /// The segment that comes next.
    pub segment: usize,
}

impl Resolver<'_> {
    pub(super) fn base_path(
        &mut self,
        scope: &mut Scope,
        path: &Path<'_>,
        name: &str,
        rights: Rights,
    ) -> Result<Term, Cause> {
        let collection = scope.resolved.collection.clone();
        self.walk(scope, Place { source: Source::Base, collection, steps: 0, segment: 0 }, path, name, rights)
    }

    pub(super) fn other_collection(
        &mut self,
        scope: &mut Scope,
        (other, alias): (&str, &str),
        path: &Path<'_>,
        name: &str,
    ) -> Result<Term, Cause> {
        let collection = self
            .schema
            .find(other)
            .cloned()
            .ok_or_else(|| format!("failed to load collection {other:?} from field path {name:?}"))?;
        let step = Step::All { alias: alias.into() };
        let node = self.node(scope, step, Some(collection.clone()), Multiplicity::All)?;
        let place = Place { source: Source::Node(node), collection, steps: 0, segment: 0 };
        self.walk(scope, place, path, name, Rights::All)
    }

    /// Goes along `path` from a place to its end.
    pub(super) fn walk(
        &mut self,
        scope: &mut Scope,
        mut place: Place,
        path: &Path<'_>,
        name: &str,
        rights: Rights,
    ) -> Result<Term, Cause> {
        loop {
            let word = path.word(place.segment);
            let index = place.collection.field_index(word);
            if let Some(index) = index {
                let field = &place.collection.fields[index];
                if rights == Rights::Client && is_hidden(&place.collection, field) {
                    return Err(unknown_field(name));
                }
                if place.segment == path.last() {
                    return self.end(scope, &place, index, path, rights);
                }
                if matches!(field.shape(), Shape::Json | Shape::Point) {
                    let steps = path.segments[place.segment + 1..].iter().map(|segment| parse_step(segment));
                    let access = Access::new(field.shape(), Reading::Json(steps.collect()));
                    return Ok(Term::Column(Column { source: place.source, field: index, access, guard: None }));
                }
                if ends_in_own_id(field, path, place.segment) {
                    // `rel.id` is what the relation field holds; no row needs to be joined.
                    let access = Access::plain(field.shape());
                    let is_lower = path.modifier == Some(Modifier::Lower);
                    let access = if is_lower { access.lower() } else { access };
                    check_modifier(path)?;
                    return Ok(Term::Column(Column { source: place.source, field: index, access, guard: None }));
                }
            }
            if place.segment == path.last() {
                return Err(unknown_field(name));
            }
            place = match index {
                Some(index) => self.follow(scope, &place, index, name, rights)?,
                None => self.follow_back(scope, &place, word, name, rights)?,
            };
            if place.steps > STEPS_MAX {
                return Err(format!("max nested relations limit reached for {name:?}"));
            }
        }
    }

    /// Steps along a relation field.
    fn follow(
        &mut self,
        scope: &mut Scope,
        place: &Place,
        field: usize,
        name: &str,
        rights: Rights,
    ) -> Result<Place, Cause> {
        let relation = &place.collection.fields[field];
        let collection = self.target(relation).ok_or_else(|| format!("failed to resolve field {name:?}"))?;
        let step = Step::Relation { from: place.source, field };
        let multiplicity = if relation.shape() == Shape::Multiple { Multiplicity::All } else { Multiplicity::One };
        self.step(scope, place, step, collection, multiplicity, name, rights)
    }

    /// The collection that a relation field points at.
    pub(super) fn target(&self, field: &Field) -> Option<Arc<Collection>> {
        self.schema.find_by_id(&field.relation()?.collection_id).cloned()
    }

    /// Steps to the rows that point at the place's row.
    fn follow_back(
        &mut self,
        scope: &mut Scope,
        place: &Place,
        word: &str,
        name: &str,
        rights: Rights,
    ) -> Result<Place, Cause> {
        let (collection, field) = self.back_relation(&place.collection, word).ok_or_else(|| unknown_field(name))?;
        if rights == Rights::Client && is_hidden(&collection, &collection.fields[field]) {
            return Err(unknown_field(name));
        }
        let multiplicity = back_multiplicity(&collection, field);
        let step = Step::Back { from: place.source, field };
        self.step(scope, place, step, collection, multiplicity, name, rights)
    }

    /// The collection and field of `OTHER_via_FIELD` where FIELD points at `target`.
    pub(super) fn back_relation(&self, target: &Collection, word: &str) -> Option<(Arc<Collection>, usize)> {
        word.match_indices(VIA).find_map(|(at, _)| {
            let collection = self.schema.find(&word[..at])?;
            let field = collection.field_index(&word[at + VIA.len()..])?;
            let points_here = collection.fields[field].relation()?.collection_id == *target.id;
            points_here.then(|| (collection.clone(), field))
        })
    }

    #[expect(clippy::too_many_arguments, reason = "one call site per kind of step; a struct would only rename them")]
    fn step(
        &mut self,
        scope: &mut Scope,
        place: &Place,
        step: Step,
        collection: Arc<Collection>,
        multiplicity: Multiplicity,
        name: &str,
        rights: Rights,
    ) -> Result<Place, Cause> {
        if rights == Rights::Client && collection.rules.list.is_none() {
            return Err(format!("failed to resolve field {name:?}: only superusers can list {:?}", collection.name));
        }
        let node = self.node(scope, step, Some(collection.clone()), multiplicity)?;
        if rights == Rights::Client {
            scope.restricted = scope.restricted.with(NodeSet::one(node));
        }
        Ok(Place { source: Source::Node(node), collection, steps: place.steps + 1, segment: place.segment + 1 })
    }

    /// The cell at the end of a path, with its modifier.
    fn end(
        &mut self,
        scope: &mut Scope,
        place: &Place,
        index: usize,
        path: &Path<'_>,
        rights: Rights,
    ) -> Result<Term, Cause> {
        check_modifier(path)?;
        let field = &place.collection.fields[index];
        let shape = field.shape();
        if path.modifier == Some(Modifier::Each) && shape == Shape::Multiple {
            let step = Step::Each { from: place.source, field: index };
            return Ok(Term::Item(self.node(scope, step, None, Multiplicity::All)?));
        }
        let access = end_access(shape, path.modifier);
        let is_private = rights == Rights::Client && place.collection.is_auth() && field.name == "email";
        let guard = if is_private { place.collection.field_index("emailVisibility") } else { None };
        Ok(Term::Column(Column { source: place.source, field: index, access, guard }))
    }
}

/// How the last segment's cell is read; a modifier that doesn't fit the field is ignored (contract/04 §8).
pub(super) fn end_access(shape: Shape, modifier: Option<Modifier>) -> Access {
    match (modifier, shape) {
        (Some(Modifier::Lower), _) => Access::plain(shape).lower(),
        (Some(Modifier::Length), Shape::Single) => Access::new(shape, Reading::Presence),
        (Some(Modifier::Length), Shape::Multiple) => Access::new(shape, Reading::Length),
        _ => Access::plain(shape),
    }
}

/// Whether several rows may point at one by a field, and whether all of them count.
pub(super) fn back_multiplicity(collection: &Collection, field: usize) -> Multiplicity {
    let field = &collection.fields[field];
    if field.shape() == Shape::Multiple {
        return Multiplicity::All;
    }
    let mut is_unique = false;
    for index in collection.read_indexes().filter(|index| index.is_unique_on(&field.name)) {
        if index.condition.is_empty() {
            return Multiplicity::One;
        }
        is_unique = true;
    }
    if is_unique { Multiplicity::Several } else { Multiplicity::All }
}

pub(super) fn check_modifier(path: &Path<'_>) -> Result<(), Cause> {
    match path.unknown_modifier() {
        Some(segment) => Err(format!("unknown modifier in {segment:?}")),
        None => Ok(()),
    }
}

/// Whether the path ends in `.id` behind this single relation.
pub(super) fn ends_in_own_id(field: &Field, path: &Path<'_>, segment: usize) -> bool {
    let is_single_relation = field.relation().is_some() && field.shape() == Shape::Single;
    is_single_relation && segment + 1 == path.last() && path.word(segment + 1) == "id"
}

/// Fields that clients may not name: hidden ones, and secrets whatever their flags say.
fn is_hidden(collection: &Collection, field: &Field) -> bool {
    let is_secret = matches!(field.kind, Kind::Password(_)) || (collection.is_auth() && field.name == "tokenKey");
    field.hidden || is_secret
}
