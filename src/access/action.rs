//! What a caller wants to do, and the rule that decides.

use crate::error::{Error, Result};
use crate::query::Caller;
use crate::schema::Collection;

/// What can be done to the records of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    List,
    View,
    Create,
    Update,
    Delete,
}

impl Action {
    /// The word in rate-limit tags (contract/05 §1).
    pub fn as_str(self) -> &'static str {
        match self {
            Action::List => "list",
            Action::View => "view",
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
        }
    }

    /// The collection's rule for the action.
    pub fn rule(self, collection: &Collection) -> Option<&str> {
        let rules = &collection.rules;
        match self {
            Action::List => rules.list.as_deref(),
            Action::View => rules.view.as_deref(),
            Action::Create => rules.create.as_deref(),
            Action::Update => rules.update.as_deref(),
            Action::Delete => rules.delete.as_deref(),
        }
    }
}

/// What stands between a caller and the records of a collection once the lock is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit<'a> {
    /// A superuser, or a public rule.
    All,
    /// The records that match this rule.
    Matching(&'a str),
}

/// Whether the caller may try the action at all: a locked rule is for superusers, before any record is looked up
/// (contract/05 §1, step 6).
pub fn check_action<'c>(caller: &Caller, collection: &'c Collection, action: Action) -> Result<Permit<'c>> {
    if caller.is_superuser() {
        return Ok(Permit::All);
    }
    match action.rule(collection) {
        None => Err(Error::Forbidden("Only superusers can perform this action.".into())),
        Some("") => Ok(Permit::All),
        Some(rule) => Ok(Permit::Matching(rule)),
    }
}
