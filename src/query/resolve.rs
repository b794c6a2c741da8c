//! Names → nodes and cells (contract/04 §7–11).

mod path;
mod request;

use std::sync::Arc;

use crate::schema::{Collection, Schema};

use super::ast::{Call, Compare, Expr, Operand, OperandKind};
use super::error::{QueryError, Span};
use super::facts::{Fact, FactSource, RequestPart};
use super::functions::Function;
use super::macros::Macro;
use super::names::{Constant, Name, Path};
use super::parser::parse;
use super::resolved::{Constants, Formula, JOINS_MAX, Leaf, Node, NodeSet, Resolved, Restriction, Source, Step, Term};
use crate::store::Value;

/// What an expression may use (contract/04 §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Rights {
    /// Everything: rules, and what superusers send.
    All,
    /// What a guest or user may filter by.
    Client,
}

/// What is known of the caller when names are looked up.
#[derive(Clone, Debug)]
pub(super) enum CallerShape {
    /// A rule is being saved: anybody may come.
    Unknown,
    Guest,
    Record(Arc<Collection>),
}

/// Looks names up. One per query: its parts share constants and the count of joins.
pub(super) struct Resolver<'a> {
    schema: &'a Schema,
    caller: CallerShape,
    pub constants: Constants,
    joins: usize,
}

/// Why a name can't be used; becomes a [`QueryError`] with the operand around it.
type Cause = String;

/// An expression being resolved: what it has become, and the nodes that a client stepped to.
pub(super) struct Scope {
    pub resolved: Resolved,
    restricted: NodeSet,
}

impl Scope {
    pub fn new(collection: &Arc<Collection>) -> Self {
        Self { resolved: Resolved::new(collection), restricted: NodeSet::default() }
    }
}

impl<'a> Resolver<'a> {
    pub fn new(schema: &'a Schema, caller: CallerShape) -> Self {
        Self { schema, caller, constants: Constants::default(), joins: 0 }
    }

    /// Resolves an expression into `scope`; the result isn't yet a part of its formula.
    pub fn expression(&mut self, scope: &mut Scope, expr: &Expr, rights: Rights) -> Result<Formula, QueryError> {
        // The tree's depth is bounded by the number of comparisons.
        let mut all = |items: &[Expr]| -> Result<Vec<Formula>, QueryError> {
            items.iter().map(|item| self.expression(scope, item, rights)).collect()
        };
        Ok(match expr {
            Expr::And(items) => Formula::And(all(items)?),
            Expr::Or(items) => Formula::Or(all(items)?),
            Expr::Compare(compare) => {
                let leaf = self.compare(scope, compare, rights)?;
                scope.resolved.leaves.push(leaf);
                Formula::Leaf(scope.resolved.leaves.len() - 1)
            }
        })
    }

    /// Ends a scope: the list rules of the nodes that a client stepped to are resolved too.
    pub fn finish(&mut self, scope: Scope) -> Result<Resolved, QueryError> {
        let Scope { mut resolved, restricted } = scope;
        for node in restricted.iter() {
            let Some(collection) = resolved.nodes[node].collection.clone() else { continue };
            let rule = collection.rules.list.as_deref().unwrap_or_default();
            if rule.is_empty() {
                continue;
            }
            let mut inner = Scope::new(&collection);
            // A rule may use everything, so nothing inside of it is restricted in turn.
            inner.resolved.formula = self.expression(&mut inner, &parse(rule)?, Rights::All)?;
            resolved.restrictions.push(Restriction { node, rule: inner.resolved });
        }
        Ok(resolved)
    }

    fn compare(&mut self, scope: &mut Scope, compare: &Compare, rights: Rights) -> Result<Leaf, QueryError> {
        let mut side = |operand: &Operand, side: &str| {
            self.operand(scope, operand, rights).map_err(|cause| {
                QueryError::at(operand.span, format!("invalid {side} operand {} - {cause}", shown(operand)))
            })
        };
        let left = side(&compare.left, "left")?;
        let right = side(&compare.right, "right")?;
        let is_any = |term: &Term| matches!(term, Term::Call { function, .. } if function.is_any());
        let matches_all = !compare.any
            && !is_any(&left)
            && !is_any(&right)
            && (scope.resolved.matches_all(&left) || scope.resolved.matches_all(&right));
        Ok(Leaf { left, op: compare.op, right, matches_all })
    }

    fn operand(&mut self, scope: &mut Scope, operand: &Operand, rights: Rights) -> Result<Term, Cause> {
        let literal = |value: Value| Fact::literal(value);
        match &operand.kind {
            OperandKind::Number(number) => Ok(self.constant(literal(Value::Real(*number)))),
            OperandKind::Text(text) => Ok(self.constant(literal(Value::Text(text.clone())))),
            OperandKind::Name(name) => self.name(scope, name, rights),
            OperandKind::Call(call) => self.call(scope, call, rights),
        }
    }

    fn constant(&mut self, fact: Fact) -> Term {
        Term::Constant(self.constants.fact(fact))
    }

    fn call(&mut self, scope: &mut Scope, call: &Call, rights: Rights) -> Result<Term, Cause> {
        let function = Function::parse(&call.name).ok_or_else(|| format!("unknown function {:?}", call.name))?;
        function.check(&call.arguments)?;
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for (index, argument) in call.arguments.iter().enumerate() {
            let term = match &argument.kind {
                // The clock is passed in, not the engine's.
                OperandKind::Text(text) if function.is_time(index) && text.eq_ignore_ascii_case("now") => {
                    self.constant(now())
                }
                _ => self.operand(scope, argument, rights)?,
            };
            arguments.push(term);
        }
        if function.is_time(arguments.len()) {
            arguments.push(self.constant(now()));
        }
        Ok(Term::Call { function, arguments })
    }

    fn name(&mut self, scope: &mut Scope, text: &str, rights: Rights) -> Result<Term, Cause> {
        let name = Name::parse(text)?;
        let is_request = matches!(
            name,
            Name::Context | Name::Method | Name::Auth(_) | Name::Body(_) | Name::Query(_) | Name::Header(_)
        );
        if rights == Rights::Client && (is_request || matches!(name, Name::Collection { .. })) {
            return Err(unknown_field(text));
        }
        match name {
            Name::Constant(word, constant) => match scope.resolved.collection.field(word) {
                Some(_) => self.base_path(scope, &Path { segments: vec![word], modifier: None }, text, rights),
                None => Ok(self.constant(Fact::literal(match constant {
                    Constant::True => Value::Int(1),
                    Constant::False => Value::Int(0),
                    Constant::Null => Value::Null,
                }))),
            },
            Name::Macro(found) => Ok(self.constant(Fact::new(FactSource::Macro(found)))),
            Name::Path(path) => self.base_path(scope, &path, text, rights),
            Name::Context => Ok(self.constant(Fact::new(FactSource::Context))),
            Name::Method => Ok(self.constant(Fact::new(FactSource::Method))),
            Name::Auth(path) => self.auth(scope, &path, text),
            Name::Body(path) => self.body(scope, &path, text),
            Name::Query(path) => self.pair(scope, RequestPart::Query, &path),
            Name::Header(path) => self.pair(scope, RequestPart::Headers, &path),
            Name::Collection { name, alias, path } => self.other_collection(scope, (name, alias), &path, text),
        }
    }

    /// A path of a sort, with nothing else allowed in its place.
    pub fn sort_path(&mut self, scope: &mut Scope, text: &str, rights: Rights) -> Result<Term, Cause> {
        let term = self.name(scope, text, rights)?;
        match term {
            Term::Column(_) | Term::Item(_) => Ok(term),
            Term::Constant(_) | Term::Changed { .. } | Term::Call { .. } => Err(format!("{text:?} is no field")),
        }
    }

    /// The node of this step; made if there is none yet.
    fn node(
        &mut self,
        scope: &mut Scope,
        step: Step,
        collection: Option<Arc<Collection>>,
        multiplicity: Multiplicity,
    ) -> Result<usize, Cause> {
        let same_collection = |node: &Node| match (&node.collection, &collection) {
            (Some(a), Some(b)) => a.id == b.id,
            (None, None) => true,
            _ => false,
        };
        let nodes = &mut scope.resolved.nodes;
        if let Some(found) = nodes.iter().position(|node| node.step == step && same_collection(node)) {
            return Ok(found);
        }
        self.joins += 1;
        if self.joins > JOINS_MAX {
            return Err(format!("more than {JOINS_MAX} joined tables"));
        }
        let node = nodes.len();
        let above = match step.parent() {
            Some(Source::Node(parent)) => nodes[parent].chain,
            Some(Source::Base) | None => NodeSet::default(),
        };
        nodes.push(Node {
            step,
            collection,
            is_many: multiplicity != Multiplicity::One,
            matches_all: multiplicity == Multiplicity::All,
            chain: above.with(NodeSet::one(node)),
        });
        Ok(node)
    }
}

/// How many rows a step may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Multiplicity {
    One,
    /// Several, though the contract counts the path as single: a back relation over a partial unique index.
    Several,
    /// Several, and plain operators demand that all match.
    All,
}

fn now() -> Fact {
    Fact::new(FactSource::Macro(Macro::Now))
}

fn unknown_field(name: &str) -> Cause {
    format!("unknown field {name:?}")
}

fn shown(operand: &Operand) -> String {
    match &operand.kind {
        OperandKind::Name(name) => format!("{name:?}"),
        OperandKind::Call(call) => format!("{:?}", call.name),
        OperandKind::Number(_) | OperandKind::Text(_) => operand.to_string(),
    }
}

/// A fault of an expression as a whole.
pub(super) fn whole(cause: impl Into<String>) -> QueryError {
    QueryError::at(Span::default(), cause)
}
