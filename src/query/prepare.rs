//! Text → resolved query, and resolved query + request → plan. What is made once per text, and once per shape.

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::Value as Json;

use crate::schema::{Collection, Record, Schema};
use crate::store::{Dialect, Value};

use super::affinity::text_of;
use super::compile::{Base, Compiled, OrderKind, OrderTerm, Part, Plan, Purpose, Query, Scene};
use super::error::QueryError;
use super::facts::json_scalar;
use super::like;
use super::parser::parse;
use super::request::Request;
use super::resolve::{CallerShape, Resolver, Rights, Scope, whole};
use super::resolved::{Constants, Formula, Resolved, Source, Step};
use super::shape::{Evaluated, Shape};
use super::sort::{Sort, parse_sort};
use super::sql::{self, Param};
use super::truth::Pattern;

/// Shapes that are kept of one query: requests differ in a few ways only (guest, user, a value missing).
const SHAPES_MAX: usize = 16;
/// Length of a client's filter (contract/04 §12).
const FILTER_BYTES_MAX: usize = 3500;
/// What only superusers may write, anywhere in a filter or sort (contract/04 §11).
const SUPERUSER_WORDS: [&str; 2] = ["@collection.", "@request."];

/// A query whose names were looked up, and the plans of the shapes it was asked in.
pub(super) struct Prepared {
    /// The snapshot that the names were looked up in.
    pub schema: Arc<Schema>,
    collection: Arc<Collection>,
    resolved: Resolved,
    constants: Constants,
    sort: Vec<Sort>,
    plans: ArcSwap<Vec<Arc<Shaped>>>,
}

/// A plan and the shape it is for.
struct Shaped {
    shape: Shape,
    empty_lists: Vec<bool>,
    plan: Arc<Plan>,
}

/// The caller's rights in a client's filter and sort.
pub(super) fn client_rights(request: &Request) -> Rights {
    if request.caller.is_superuser() { Rights::All } else { Rights::Client }
}

/// Refuses what a client may not even write (contract/04 §11) and filters over the limit.
pub(super) fn check_client_texts(query: &Query<'_>, request: &Request) -> Result<(), QueryError> {
    let filters = query.parts.iter().filter_map(|part| match part {
        Part::Filter(text) => Some(*text),
        Part::Rule(_) => None,
    });
    for text in filters.clone().chain([query.sort]) {
        check_words(text, request)?;
    }
    match filters.into_iter().find(|filter| filter.len() > FILTER_BYTES_MAX) {
        Some(filter) => Err(whole(format!("the filter is longer than {FILTER_BYTES_MAX} bytes ({})", filter.len()))),
        None => Ok(()),
    }
}

/// Refuses a superuser's word in a client's filter or sort: 403, before anything else is looked at.
pub fn check_words(text: &str, request: &Request) -> Result<(), QueryError> {
    if request.caller.is_superuser() {
        return Ok(());
    }
    match SUPERUSER_WORDS.into_iter().find(|word| text.contains(word)) {
        Some(word) => Err(QueryError::SuperuserWord { word }),
        None => Ok(()),
    }
}

impl Prepared {
    pub fn new(query: &Query<'_>, scene: &Scene<'_>) -> Result<Self, QueryError> {
        let caller = match scene.request.caller.auth() {
            None => CallerShape::Guest,
            // As the snapshot has it; the record may have been read under an older one.
            Some(auth) => {
                CallerShape::Record(scene.schema.find_by_id(&auth.collection().id).unwrap_or(auth.collection()).clone())
            }
        };
        let rights = client_rights(scene.request);
        let mut resolver = Resolver::new(scene.schema, caller);
        let mut scope = Scope::new(query.collection);
        let mut formulas = Vec::new();
        for part in query.parts {
            let (text, rights) = match *part {
                Part::Rule(text) => (text, Rights::All),
                Part::Filter(text) => (text, rights),
            };
            if !text.is_empty() {
                formulas.push(resolver.expression(&mut scope, &parse(text)?, rights)?);
            }
        }
        scope.resolved.formula = Formula::And(formulas);
        let sort = parse_sort(&mut resolver, &mut scope, query.sort, rights)?;
        let resolved = resolver.finish(scope)?;
        if matches!(query.base, Base::Record(_)) {
            refuse_back_relations(&resolved)?;
        }
        Ok(Self {
            schema: scene.schema.clone(),
            collection: query.collection.clone(),
            resolved,
            constants: resolver.constants,
            sort,
            plans: ArcSwap::default(),
        })
    }

    /// The plan for the request's shape with the request's values.
    pub fn compile(&self, query: &Query<'_>, scene: &Scene<'_>) -> Compiled {
        let evaluated = Evaluated::new(&self.constants, scene.request, scene.now);
        let shape = evaluated.shape(&self.resolved);
        let empty_lists: Vec<bool> = evaluated.lists.iter().map(Vec::is_empty).collect();
        let known = self.plans.load();
        let plan = match known.iter().find(|known| known.shape == shape && known.empty_lists == empty_lists) {
            Some(shaped) => shaped.plan.clone(),
            None => self.plan(query, scene.dialect, shape, empty_lists),
        };
        let record = match query.base {
            Base::Table => None,
            Base::Record(record) => Some(record),
        };
        let params = plan.slots.iter().map(|&slot| self.value(slot, &evaluated, record)).collect();
        Compiled { plan, params }
    }

    fn plan(
        &self,
        query: &Query<'_>,
        dialect: &'static dyn Dialect,
        shape: Shape,
        empty_lists: Vec<bool>,
    ) -> Arc<Plan> {
        let sql = sql::Plan {
            resolved: &self.resolved,
            shape: &shape,
            facts: &self.constants.facts,
            empty_lists: &empty_lists,
            sort: &self.sort,
            purpose: query.purpose,
            is_virtual: matches!(query.base, Base::Record(_)),
            dialect,
        }
        .to_sql();
        let plan = Arc::new(Plan {
            outcome: sql.outcome,
            from_sql: sql.from_sql,
            where_sql: sql.where_sql,
            is_order_indexed: is_order_indexed(&self.collection, &sql.order),
            order: sql.order,
            slots: sql.params,
            reads: sql.reads,
            is_bounded: sql.is_bounded && query.purpose == Purpose::One,
        });
        let shaped = Arc::new(Shaped { shape, empty_lists, plan: plan.clone() });
        self.plans.rcu(|known| {
            let kept = known.iter().skip((known.len() + 1).saturating_sub(SHAPES_MAX));
            kept.chain([&shaped]).cloned().collect::<Vec<_>>()
        });
        plan
    }

    /// What is bound to a parameter.
    fn value(&self, slot: Param, evaluated: &Evaluated, record: Option<&Record>) -> Value {
        match slot {
            Param::Fact(fact) => evaluated.sides[fact].typed.value.clone(),
            Param::Pattern(fact) => {
                let side = &evaluated.sides[fact];
                match side.pattern {
                    Pattern::Constant => like::constant_pattern(&side.typed.value),
                    Pattern::Column => like::column_pattern(&side.typed.value).into(),
                    Pattern::Raw => text_of(&side.typed.value).into(),
                }
            }
            Param::List(list) => Value::from(Json::from(evaluated.lists[list].as_slice()).to_string()),
            Param::First(list) => evaluated.lists[list].first().map_or(Value::Null, json_scalar),
            Param::Cell(field) => {
                let name = &self.collection.fields[field].name;
                record.and_then(|record| record.get(name)).map_or(Value::Null, |value| value.to_stored())
            }
        }
    }
}

/// Nothing points at a record that isn't stored: such a rule fails closed (contract/04 §12, "Create rules").
fn refuse_back_relations(resolved: &Resolved) -> Result<(), QueryError> {
    let is_back = |step: &Step| matches!(step, Step::Back { from: Source::Base, .. });
    if resolved.nodes.iter().any(|node| is_back(&node.step)) {
        return Err(whole("back relations of a record that isn't stored yet can't be resolved"));
    }
    Ok(())
}

/// Whether rows come in this order without sorting: the key's, the insertion's, or that of an index.
fn is_order_indexed(collection: &Collection, order: &[OrderTerm]) -> bool {
    let Some(first) = order.first() else { return true };
    let fields: Option<Vec<(&str, bool)>> = order
        .iter()
        .map(|term| match term.kind {
            OrderKind::Field(field) => Some((collection.fields[field].name.as_str(), term.descending)),
            OrderKind::Computed | OrderKind::Insertion | OrderKind::Random => None,
        })
        .collect();
    if collection.is_view() {
        return false;
    }
    let Some(fields) = fields else { return order.len() == 1 && first.kind == OrderKind::Insertion };
    if let [(field, _)] = fields[..]
        && collection.field(field).is_some_and(|field| field.is_primary_key())
    {
        return true;
    }
    collection.read_indexes().any(|index| {
        let columns = index.columns.iter().take(fields.len());
        let turns: Vec<bool> = columns
            .zip(&fields)
            .map_while(|(column, (field, descending))| {
                let is_it = column.name.eq_ignore_ascii_case(field) && column.collate.is_empty();
                is_it.then_some((column.sort == "DESC") != *descending)
            })
            .collect();
        // The index is read forwards or backwards, but one way for all columns.
        index.condition.is_empty() && turns.len() == fields.len() && turns.iter().all(|turn| *turn == turns[0])
    })
}
