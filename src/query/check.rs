//! The check of a rule when its collection is saved (contract/04 §12).

use std::sync::Arc;

use crate::schema::{Collection, Schema};

use super::error::QueryError;
use super::parser::parse;
use super::resolve::{CallerShape, Resolver, Rights, Scope};

/// Whether `rule` can be resolved for `collection` in `schema` (which may be a snapshot that isn't committed yet, with
/// `collection` as it will be). What depends on the caller's collection is only known at request time and accepted.
pub fn check_rule(schema: &Arc<Schema>, collection: &Arc<Collection>, rule: &str) -> Result<(), QueryError> {
    if rule.is_empty() {
        return Ok(());
    }
    let mut resolver = Resolver::new(schema, CallerShape::Unknown);
    let mut scope = Scope::new(collection);
    resolver.expression(&mut scope, &parse(rule)?, Rights::All)?;
    Ok(())
}
