//! Compiles queries and remembers what it compiled.

use super::compile::{Compiled, Query, Scene};
use super::error::{QueryError, Span};

/// Compiles; keeps plans by (collection, expressions, shape), bounded. One per process; cheap to share.
#[derive(Debug, Default)]
pub struct Planner {}

impl Planner {
    pub fn new() -> Self {
        Self::default()
    }

    /// The condition and order of `query` for the request of `scene`. Parsing, resolving and planning happen once per
    /// text and shape.
    pub fn compile(&self, _query: &Query<'_>, _scene: &Scene<'_>) -> Result<Compiled, QueryError> {
        Err(QueryError::at(Span::default(), "expressions can't be compiled yet"))
    }

    /// Drops every plan: after the schema changed.
    pub fn clear(&self) {}
}
