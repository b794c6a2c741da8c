//! The filter and rule language (contract/04): text → AST → plan → SQL, and the same AST → in-memory evaluation.
//!
//! Start at [`Request`] (who asks, and with what), [`Planner::compile`] (rules, filter and sort of one statement → a
//! condition and an order over a base table), [`check_rule`] (a rule that is being saved) and [`evaluate`] (a rule
//! against a row at hand).
//! Called by `access`, `rows`, `records`, `collections` (to check rules), `realtime`.
//!
//! Invariant: every value is a bound parameter; every identifier is quoted from the schema.
//! Invariant: the same expression, rows and request give the same answer by SQL and by memory (the oracle test).
//! Never: an engine's spelling (that is `FilterDialect`), HTTP, the records' service.
//!
//! The way of a filter: `lexer`, `parser` → `ast`; `resolve` → `resolved` (names looked up, kept by `planner`); `facts`
//! and `shape` (what the request decides) → `folded` → `sql`. `memory` goes from `ast` alone.
//! Implements contract/04. Tests: beside the code, `tests` (cases, oracle, plans), `tests/api/filter_cases.rs`, `fuzz`.

mod access;
mod affinity;
mod ast;
mod check;
mod compile;
mod error;
mod facts;
mod folded;
mod functions;
mod json;
mod lexer;
mod like;
mod macros;
mod memory;
mod names;
mod parser;
mod planner;
mod prepare;
mod request;
mod resolve;
mod resolved;
mod shape;
mod sort;
mod sql;
mod truth;

#[cfg(test)]
mod tests;

pub use ast::{Call, Compare, Expr, Op, Operand, OperandKind};
pub use check::check_rule;
pub use compile::{Base, Compiled, OrderKind, OrderTerm, Outcome, Part, Purpose, Query, Scene};
pub use error::{QueryError, Span};
pub use memory::{Answer, MemoryScene, NoRows, NotAtHand, Row, Rows, evaluate, evaluate_expr, evaluate_parts};
pub use parser::parse;
pub use planner::Planner;
pub use prepare::check_words;
pub use request::{AuthRecord, Caller, Context, Request};
