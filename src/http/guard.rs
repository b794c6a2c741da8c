//! Guards of routes (contract/00 §3): who passes, and what the others are told.

use crate::error::{Error, Result};
use crate::query::Caller;
use crate::schema::Collection;

use super::route::Guard;

/// T1 of the contract.
const NO_TOKEN: &str = "The request requires valid record authorization token.";

/// Whether `caller` passes. `collection` is that of the path (guards that need it), `owner` the path's record id.
pub(super) fn check(guard: Guard, caller: &Caller, collection: Option<&Collection>, owner: &str) -> Result<()> {
    match (guard, caller) {
        (Guard::None, _) | (Guard::GuestOnly, Caller::Guest) => Ok(()),
        (Guard::GuestOnly, Caller::Record(_) | Caller::Superuser(_)) => {
            Err(Error::bad_request_with("The request can be accessed only by guests."))
        }
        (Guard::SuperuserOrOwner(_), Caller::Guest) => {
            Err(Error::Unauthorized("The request requires superuser or record authorization token.".into()))
        }
        (_, Caller::Guest) => Err(Error::Unauthorized(NO_TOKEN.into())),
        (Guard::Superuser | Guard::AnyAuth | Guard::SuperuserOrOwner(_), Caller::Superuser(_))
        | (Guard::AnyAuth, Caller::Record(_)) => Ok(()),
        (Guard::Superuser, Caller::Record(_)) => {
            Err(Error::Forbidden("The authorized record is not allowed to perform this action.".into()))
        }
        (Guard::SuperuserOrOwner(_), Caller::Record(auth)) if auth.id() == owner => Ok(()),
        (Guard::SuperuserOrOwner(_), Caller::Record(_)) => Err(Error::forbidden()),
        (Guard::SameCollection, Caller::Record(auth) | Caller::Superuser(auth)) => {
            let own = auth.collection();
            if collection.is_some_and(|collection| collection.id == own.id) {
                return Ok(());
            }
            Err(Error::Forbidden(format!("The request requires auth record from {} collection.", own.name).into()))
        }
    }
}
