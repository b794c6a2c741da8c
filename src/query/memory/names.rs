//! Names → hops and cells, for the memory evaluator.

use std::sync::Arc;

use crate::query::access::{Access, Reading};
use crate::query::ast::{Operand, OperandKind};
use crate::query::error::QueryError;
use crate::query::facts::{CallerFact, Fact, FactSource, ListFact, RequestPart, RequestPath, json_scalar};
use crate::query::functions::Function;
use crate::query::json::parse_step;
use crate::query::macros::Macro;
use crate::query::names::{Constant, Modifier, Name, Path};
use crate::query::resolve::Rights;
use crate::schema::fields::Kind;
use crate::schema::{Collection, Field, Shape};
use crate::store::Value;

use super::search::{Hop, Read, Search, Via};

type Cause = String;

/// The row that a path goes on from.
struct Stand {
    hop: Option<usize>,
    collection: Arc<Collection>,
    hops: usize,
}

impl Search<'_> {
    pub(super) fn operand(&mut self, operand: &Operand, rights: Rights) -> Result<Read, QueryError> {
        self.read(operand, rights).map_err(|cause| QueryError::at(operand.span, cause))
    }

    fn read(&mut self, operand: &Operand, rights: Rights) -> Result<Read, Cause> {
        match &operand.kind {
            OperandKind::Number(number) => Ok(self.constant(Fact::literal(*number))),
            OperandKind::Text(text) => Ok(self.constant(Fact::literal(&**text))),
            OperandKind::Name(name) => self.named(name, rights),
            OperandKind::Call(call) => {
                let function = Function::parse(&call.name).ok_or("unknown function")?;
                function.check(&call.arguments)?;
                let mut arguments = Vec::new();
                for argument in &call.arguments {
                    arguments.push(self.read(argument, rights)?);
                }
                if function == Function::Strftime && arguments.len() == 1 {
                    arguments.push(self.constant(Fact::new(FactSource::Macro(Macro::Now))));
                }
                Ok(Read::Call { function, arguments })
            }
        }
    }

    fn constant(&self, fact: Fact) -> Read {
        Read::Constant(fact.side(self.scene.request, self.scene.now))
    }

    fn named(&mut self, text: &str, rights: Rights) -> Result<Read, Cause> {
        let base = Stand { hop: None, collection: self.collection.clone(), hops: 0 };
        match Name::parse(text)? {
            Name::Constant(word, constant) => {
                if self.collection.field(word).is_some() {
                    return self.along(base, &Path { segments: vec![word], modifier: None }, 0, rights);
                }
                Ok(self.constant(Fact::literal(match constant {
                    Constant::True => Value::Int(1),
                    Constant::False => Value::Int(0),
                    Constant::Null => Value::Null,
                })))
            }
            Name::Macro(found) => Ok(self.constant(Fact::new(FactSource::Macro(found)))),
            Name::Path(path) => self.along(base, &path, 0, rights),
            _ if rights == Rights::Client => Err("only superusers may use it".to_owned()),
            Name::Context => Ok(self.constant(Fact::new(FactSource::Context))),
            Name::Method => Ok(self.constant(Fact::new(FactSource::Method))),
            Name::Query(path) => self.given(RequestPart::Query, &path),
            Name::Header(path) => self.given(RequestPart::Headers, &path),
            Name::Body(path) => self.body(&path),
            Name::Auth(path) => self.auth(&path),
            Name::Collection { name, alias, path } => {
                let collection = self.scene.schema.find(name).ok_or("unknown collection")?.clone();
                let hop = self.hop(None, Via::All { alias: alias.to_owned() }, Some(&collection), true, Rights::All);
                self.along(Stand { hop: Some(hop), collection, hops: 0 }, &path, 0, Rights::All)
            }
        }
    }

    fn hop(
        &mut self,
        parent: Option<usize>,
        via: Via,
        target: Option<&Arc<Collection>>,
        all: bool,
        rights: Rights,
    ) -> usize {
        let hop = Hop { parent, via, target: target.map(|target| target.id.clone()) };
        let at = self.hops.iter().position(|known| *known == hop).unwrap_or_else(|| {
            self.hops.push(hop);
            self.all.push(all);
            self.restricted.push(false);
            self.hops.len() - 1
        });
        self.restricted[at] |= rights == Rights::Client && target.is_some();
        at
    }

    /// Follows a path's segments from `at` on.
    fn along(&mut self, stand: Stand, path: &Path<'_>, at: usize, rights: Rights) -> Result<Read, Cause> {
        let word = path.word(at);
        let is_last = at == path.last();
        let Some(cell) = stand.collection.field_index(word) else {
            if is_last {
                return Err(format!("unknown field {word:?}"));
            }
            return self.along_back(stand, path, at, rights);
        };
        let field = stand.collection.fields[cell].clone();
        if rights == Rights::Client && is_secret(&stand.collection, &field) {
            return Err(format!("hidden field {word:?}"));
        }
        if is_last {
            known_modifier(path)?;
            if path.modifier == Some(Modifier::Each) && field.shape() == Shape::Multiple {
                let hop = self.hop(stand.hop, Via::Values { cell }, None, true, Rights::All);
                return Ok(Read::Value { hop });
            }
            let is_private = rights == Rights::Client && stand.collection.is_auth() && field.name == "email";
            let visible = if is_private { stand.collection.field_index("emailVisibility") } else { None };
            return Ok(Read::Cell { hop: stand.hop, cell, access: accessed(&field, path.modifier), visible });
        }
        if matches!(field.shape(), Shape::Json | Shape::Point) {
            let keys = path.segments[at + 1..].iter().map(|key| parse_step(key)).collect();
            let access = Access::new(field.shape(), Reading::Json(keys));
            return Ok(Read::Cell { hop: stand.hop, cell, access, visible: None });
        }
        let Some(relation) = field.relation() else { return Err(format!("{word:?} leads nowhere")) };
        let is_single = field.shape() == Shape::Single;
        if is_single && at + 1 == path.last() && path.word(at + 1) == "id" {
            known_modifier(path)?;
            let lower = path.modifier.filter(|modifier| *modifier == Modifier::Lower);
            return Ok(Read::Cell { hop: stand.hop, cell, access: accessed(&field, lower), visible: None });
        }
        let target = self.scene.schema.find_by_id(&relation.collection_id).ok_or("no such collection")?.clone();
        let stand = self.stand(&stand, Via::Ids { cell }, target, !is_single, rights)?;
        self.along(stand, path, at + 1, rights)
    }

    fn along_back(&mut self, stand: Stand, path: &Path<'_>, at: usize, rights: Rights) -> Result<Read, Cause> {
        let (target, cell) = self.pointing_field(&stand.collection, path.word(at)).ok_or("unknown field")?;
        if rights == Rights::Client && is_secret(&target, &target.fields[cell]) {
            return Err("hidden field".to_owned());
        }
        let id = stand.collection.field_index("id").ok_or("no id")?;
        let all = demands_all(&target, &target.fields[cell]);
        let stand = self.stand(&stand, Via::PointedBy { cell, id }, target, all, rights)?;
        self.along(stand, path, at + 1, rights)
    }

    fn stand(
        &mut self,
        from: &Stand,
        via: Via,
        target: Arc<Collection>,
        all: bool,
        rights: Rights,
    ) -> Result<Stand, Cause> {
        if rights == Rights::Client && target.rules.list.is_none() {
            return Err("only superusers may list it".to_owned());
        }
        if from.hops >= 6 {
            return Err("too many relations".to_owned());
        }
        let hop = self.hop(from.hop, via, Some(&target), all, rights);
        Ok(Stand { hop: Some(hop), collection: target, hops: from.hops + 1 })
    }

    fn pointing_field(&self, to: &Collection, word: &str) -> Option<(Arc<Collection>, usize)> {
        word.match_indices("_via_").find_map(|(at, via)| {
            let collection = self.scene.schema.find(&word[..at])?;
            let cell = collection.field_index(&word[at + via.len()..])?;
            let is_it = collection.fields[cell].relation()?.collection_id == *to.id;
            is_it.then(|| (collection.clone(), cell))
        })
    }

    fn given(&self, part: RequestPart, path: &Path<'_>) -> Result<Read, Cause> {
        known_modifier(path)?;
        let last = path.word(path.last());
        let is_number = self.collection.field(last).is_some_and(|field| field.shape() == Shape::Number);
        let segments = (0..=path.last()).map(|index| path.word(index).into()).collect();
        let place = RequestPath { part, segments, is_number };
        Ok(self.constant(match path.modifier {
            None => Fact::new(FactSource::Request(place)),
            Some(Modifier::Lower) => Fact { source: FactSource::Request(place), is_lower: true },
            Some(Modifier::IsSet) => Fact::new(FactSource::IsSet(place)),
            Some(Modifier::Each | Modifier::Length | Modifier::Changed) => return Err("invalid modifier".to_owned()),
        }))
    }

    fn body(&mut self, path: &Path<'_>) -> Result<Read, Cause> {
        let word = path.word(0);
        let Some(cell) = self.collection.field_index(word) else { return self.given(RequestPart::Body, path) };
        let field = self.collection.fields[cell].clone();
        if path.segments.len() > 1 {
            return match field.relation() {
                Some(_) if path.modifier != Some(Modifier::IsSet) => {
                    self.along_given(ListFact::Body(word.into()), &field, path)
                }
                _ => self.given(RequestPart::Body, path),
            };
        }
        known_modifier(path)?;
        let is_list = matches!(field.shape(), Shape::Single | Shape::Multiple);
        match path.modifier {
            Some(Modifier::Each | Modifier::Length) if !is_list => Err("no multivalue operations".to_owned()),
            Some(Modifier::Length) => Ok(self.constant(Fact::new(FactSource::BodyLength(word.into())))),
            Some(Modifier::Each) => Ok(self.given_values(&ListFact::Body(word.into()))),
            Some(Modifier::Changed) => {
                let plain = Path { segments: vec![word], modifier: None };
                let Read::Constant(submitted) = self.given(RequestPart::Body, &plain)? else {
                    return Err("no value".to_owned());
                };
                let is_set = self.scene.request.body.contains_key(word);
                Ok(Read::Changed { is_set, submitted, cell, access: Access::plain(field.shape()) })
            }
            Some(Modifier::Lower | Modifier::IsSet) | None => self.given(RequestPart::Body, path),
        }
    }

    fn given_values(&mut self, list: &ListFact) -> Read {
        let values = list.items(self.scene.request).iter().map(json_scalar).collect();
        Read::Value { hop: self.hop(None, Via::GivenValues { of: list.clone(), values }, None, true, Rights::All) }
    }

    fn along_given(&mut self, list: ListFact, field: &Field, path: &Path<'_>) -> Result<Read, Cause> {
        let relation = field.relation().ok_or("no relation")?;
        let target = self.scene.schema.find_by_id(&relation.collection_id).ok_or("no such collection")?.clone();
        let mut ids: Vec<Value> = list.items(self.scene.request).iter().map(json_scalar).collect();
        let all = field.shape() == Shape::Multiple;
        if !all {
            ids.truncate(1);
        }
        let hop = self.hop(None, Via::Given { of: list, ids }, Some(&target), all, Rights::All);
        self.along(Stand { hop: Some(hop), collection: target, hops: 1 }, path, 1, Rights::All)
    }

    fn auth(&mut self, path: &Path<'_>) -> Result<Read, Cause> {
        if path.segments.len() == 1 {
            known_modifier(path)?;
        }
        let Some(auth) = self.scene.request.caller.auth() else { return Ok(self.constant(Fact::missing())) };
        let collection = self.scene.schema.find_by_id(&auth.collection().id).unwrap_or(auth.collection()).clone();
        let word = path.word(0);
        let fact = match word {
            "id" => Some(CallerFact::Id),
            "collectionId" => Some(CallerFact::CollectionId),
            "collectionName" => Some(CallerFact::CollectionName),
            "email" => Some(CallerFact::Email),
            "emailVisibility" => Some(CallerFact::EmailVisibility),
            "verified" => Some(CallerFact::Verified),
            _ => None,
        };
        if let (Some(fact), 1) = (fact, path.segments.len()) {
            let is_lower = path.modifier == Some(Modifier::Lower);
            return Ok(self.constant(Fact { source: FactSource::Caller(fact), is_lower }));
        }
        let Some(field) = collection.field(word) else {
            let back = if path.segments.len() > 1 { self.pointing_field(&collection, word) } else { None };
            let Some((target, cell)) = back else { return Ok(self.constant(Fact::missing())) };
            let all = demands_all(&target, &target.fields[cell]);
            let via = Via::PointedByGiven { cell, given: Value::from(auth.id()) };
            let hop = self.hop(None, via, Some(&target), all, Rights::All);
            return self.along(Stand { hop: Some(hop), collection: target, hops: 1 }, path, 1, Rights::All);
        };
        self.auth_cell(field, path)
    }

    fn auth_cell(&mut self, field: &Field, path: &Path<'_>) -> Result<Read, Cause> {
        let own: Box<str> = field.name.as_str().into();
        let shape = field.shape();
        let is_own_id =
            shape == Shape::Single && field.relation().is_some() && path.segments.len() == 2 && path.word(1) == "id";
        let access = if path.segments.len() == 1 || is_own_id {
            known_modifier(path)?;
            if path.modifier == Some(Modifier::Each) && shape == Shape::Multiple {
                return Ok(self.given_values(&ListFact::Caller(own)));
            }
            accessed(field, path.modifier)
        } else if matches!(shape, Shape::Json | Shape::Point) {
            Access::new(shape, Reading::Json(path.segments[1..].iter().map(|key| parse_step(key)).collect()))
        } else if field.relation().is_some() {
            return self.along_given(ListFact::Caller(own), field, path);
        } else {
            return Err("leads nowhere".to_owned());
        };
        Ok(self.constant(Fact::new(FactSource::CallerCell { field: own, access })))
    }
}

fn known_modifier(path: &Path<'_>) -> Result<(), Cause> {
    path.unknown_modifier().map_or(Ok(()), |segment| Err(format!("unknown modifier in {segment:?}")))
}

fn accessed(field: &Field, modifier: Option<Modifier>) -> Access {
    let shape = field.shape();
    match modifier {
        Some(Modifier::Lower) => Access::plain(shape).lower(),
        Some(Modifier::Length) if shape == Shape::Single => Access::new(shape, Reading::Presence),
        Some(Modifier::Length) if shape == Shape::Multiple => Access::new(shape, Reading::Length),
        _ => Access::plain(shape),
    }
}

fn is_secret(collection: &Collection, field: &Field) -> bool {
    field.hidden || matches!(field.kind, Kind::Password(_)) || (collection.is_auth() && field.name == "tokenKey")
}

/// Whether plain operators demand all rows that point somewhere by this field.
fn demands_all(collection: &Collection, field: &Field) -> bool {
    let is_unique = collection.read_indexes().any(|index| index.is_unique_on(&field.name));
    field.shape() == Shape::Multiple || !is_unique
}
