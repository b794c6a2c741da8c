//! `@request.*` (contract/04 §9): constants where the request alone tells, rows where it names some.

use crate::query::access::Access;
use crate::query::access::Reading;
use crate::query::facts::{CallerFact, Fact, FactSource, ListFact, RequestPart, RequestPath};
use crate::query::json::parse_step;
use crate::query::names::{Modifier, Path};
use crate::query::resolved::{Column, Source, Step, Term};
use crate::schema::{Collection, Field, Shape};

use super::path::{Place, back_multiplicity, check_modifier, end_access, ends_in_own_id};
use super::{CallerShape, Cause, Multiplicity, Resolver, Rights, Scope};

impl Resolver<'_> {
    /// `@request.query.…` and `@request.headers.…`.
    pub(super) fn pair(&mut self, scope: &Scope, part: RequestPart, path: &Path<'_>) -> Result<Term, Cause> {
        check_modifier(path)?;
        match path.modifier {
            Some(Modifier::Length | Modifier::Each | Modifier::Changed) => Err(invalid_modifier(path)),
            _ => Ok(self.request_value(scope, part, path)),
        }
    }

    /// The value at a place of the request's data, or whether it is there.
    fn request_value(&mut self, scope: &Scope, part: RequestPart, path: &Path<'_>) -> Term {
        let last = path.word(path.last());
        let segments = (0..path.segments.len()).map(|index| path.word(index).into()).collect();
        let base = &scope.resolved.collection;
        let is_number = base.field(last).is_some_and(|field| field.shape() == Shape::Number);
        let place = RequestPath { part, segments, is_number };
        let fact = match path.modifier {
            Some(Modifier::IsSet) => Fact::new(FactSource::IsSet(place)),
            modifier => Fact { source: FactSource::Request(place), is_lower: modifier == Some(Modifier::Lower) },
        };
        self.constant(fact)
    }

    /// `@request.body.…`.
    pub(super) fn body(&mut self, scope: &mut Scope, path: &Path<'_>, name: &str) -> Result<Term, Cause> {
        let base = scope.resolved.collection.clone();
        let word = path.word(0);
        let Some(index) = base.field_index(word) else {
            return self.pair(scope, RequestPart::Body, path);
        };
        let field = &base.fields[index];
        if path.segments.len() > 1 {
            if field.relation().is_some() && path.modifier != Some(Modifier::IsSet) {
                return self.submitted_records(scope, field, path, name);
            }
            return self.pair(scope, RequestPart::Body, path);
        }
        check_modifier(path)?;
        match path.modifier {
            Some(Modifier::Each | Modifier::Length) if !holds_list(field) => {
                Err(format!("field {word:?} doesn't support multivalue operations"))
            }
            Some(Modifier::Length) => Ok(self.constant(Fact::new(FactSource::BodyLength(word.into())))),
            Some(Modifier::Each) => self.request_items(scope, ListFact::Body(word.into())),
            Some(Modifier::Changed) => {
                let own = |modifier| Path { segments: vec![word], modifier };
                let is_set = self.request_value(scope, RequestPart::Body, &own(Some(Modifier::IsSet)));
                let submitted = self.request_value(scope, RequestPart::Body, &own(None));
                let (Term::Constant(is_set), Term::Constant(submitted)) = (is_set, submitted) else {
                    return Err(invalid_modifier(path));
                };
                let access = Access::plain(field.shape());
                let column = Column { source: Source::Base, field: index, access, guard: None };
                Ok(Term::Changed { is_set, submitted, column })
            }
            Some(Modifier::Lower | Modifier::IsSet) | None => Ok(self.request_value(scope, RequestPart::Body, path)),
        }
    }

    fn request_items(&mut self, scope: &mut Scope, list: ListFact) -> Result<Term, Cause> {
        let step = Step::EachOf { list: self.constants.list(list) };
        Ok(Term::Item(self.node(scope, step, None, Multiplicity::All)?))
    }

    /// A path into the records whose ids were submitted for a relation field.
    fn submitted_records(
        &mut self,
        scope: &mut Scope,
        field: &Field,
        path: &Path<'_>,
        name: &str,
    ) -> Result<Term, Cause> {
        let list = self.constants.list(ListFact::Body(field.name.as_str().into()));
        let place = self.listed_records(scope, list, field, name)?;
        self.walk(scope, place, path, name, Rights::All)
    }

    /// The place of the records that a list of ids, given for a relation field, names.
    fn listed_records(&mut self, scope: &mut Scope, list: usize, field: &Field, name: &str) -> Result<Place, Cause> {
        let collection = self.target(field).ok_or_else(|| format!("failed to resolve field {name:?}"))?;
        let multiplicity = if field.shape() == Shape::Multiple { Multiplicity::All } else { Multiplicity::One };
        let node = self.node(scope, Step::Ids { list }, Some(collection.clone()), multiplicity)?;
        Ok(Place { source: Source::Node(node), collection, steps: 1, segment: 1 })
    }

    /// `@request.auth.…`.
    pub(super) fn auth(&mut self, scope: &mut Scope, path: &Path<'_>, name: &str) -> Result<Term, Cause> {
        if path.segments.len() == 1 {
            check_modifier(path)?; // behind a dot it may be a part of a JSON key
        }
        let collection = match &self.caller {
            CallerShape::Unknown | CallerShape::Guest => return Ok(self.constant(Fact::missing())),
            CallerShape::Record(collection) => collection.clone(),
        };
        let word = path.word(0);
        if path.segments.len() == 1
            && let Some(fact) = caller_fact(word)
        {
            let is_lower = path.modifier == Some(Modifier::Lower);
            return Ok(self.constant(Fact { source: FactSource::Caller(fact), is_lower }));
        }
        match collection.field(word) {
            Some(field) => self.auth_field(scope, field, path, name),
            None if path.segments.len() > 1 => self.auth_back_relation(scope, &collection, path, name),
            None => Ok(self.constant(Fact::missing())),
        }
    }

    fn auth_field(&mut self, scope: &mut Scope, field: &Field, path: &Path<'_>, name: &str) -> Result<Term, Cause> {
        let shape = field.shape();
        let own_name: Box<str> = field.name.as_str().into();
        let is_end = path.segments.len() == 1 || ends_in_own_id(field, path, 0);
        if is_end && path.modifier == Some(Modifier::Each) && shape == Shape::Multiple {
            return self.request_items(scope, ListFact::Caller(own_name));
        }
        let access = if is_end {
            check_modifier(path)?;
            end_access(shape, path.modifier)
        } else if matches!(shape, Shape::Json | Shape::Point) {
            let steps = path.segments[1..].iter().map(|segment| parse_step(segment)).collect();
            Access::new(shape, Reading::Json(steps))
        } else if field.relation().is_some() {
            let list = self.constants.list(ListFact::Caller(own_name));
            let place = self.listed_records(scope, list, field, name)?;
            return self.walk(scope, place, path, name, Rights::All);
        } else {
            return Err(format!("failed to resolve field {name:?}"));
        };
        Ok(self.constant(Fact::new(FactSource::CallerCell { field: own_name, access })))
    }

    /// The records that point at the caller; NULL if the caller's collection has no such back relation.
    fn auth_back_relation(
        &mut self,
        scope: &mut Scope,
        caller: &Collection,
        path: &Path<'_>,
        name: &str,
    ) -> Result<Term, Cause> {
        let Some((collection, field)) = self.back_relation(caller, path.word(0)) else {
            return Ok(self.constant(Fact::missing()));
        };
        let step = Step::BackOfIds { list: self.constants.list(ListFact::CallerId), field };
        let multiplicity = back_multiplicity(&collection, field);
        let node = self.node(scope, step, Some(collection.clone()), multiplicity)?;
        let place = Place { source: Source::Node(node), collection, steps: 1, segment: 1 };
        self.walk(scope, place, path, name, Rights::All)
    }
}

fn holds_list(field: &Field) -> bool {
    matches!(field.shape(), Shape::Single | Shape::Multiple)
}

/// What is constant about the caller, whatever its collection.
fn caller_fact(word: &str) -> Option<CallerFact> {
    Some(match word {
        "id" => CallerFact::Id,
        "collectionId" => CallerFact::CollectionId,
        "collectionName" => CallerFact::CollectionName,
        "email" => CallerFact::Email,
        "emailVisibility" => CallerFact::EmailVisibility,
        "verified" => CallerFact::Verified,
        _ => return None,
    })
}

fn invalid_modifier(path: &Path<'_>) -> Cause {
    format!("invalid modifier sequence {}", path.segments.join("."))
}
