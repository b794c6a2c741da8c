//! The filter and rule language (contract/04): text → AST → plan → SQL, and the same AST → in-memory evaluation.
//!
//! Start at [`Request`] (who asks, and with what), `compile` (rules and filters of one statement → a condition) and
//! `evaluate` (the memory evaluator).
//! Called by `access`, `rows`, `records`, `collections` (to check rules), `realtime`.
//!
//! Invariant: every value is a bound parameter; every identifier is quoted from the schema.
//! Invariant: the same expression, rows and request give the same answer by SQL and by memory (the oracle test).
//! Never: an engine's spelling (that is `Dialect`), HTTP, the records' service.

mod request;

pub use request::{AuthRecord, Caller, Context, Request};
