//! Which account an identity is, and what happens to it (contract/11 §9.2 to §9.4). Everything in the transaction of the
//! sign-in.

use std::sync::Arc;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::query::Caller;
use crate::rows::{Draft, NewPassword, delete_record, find_record, insert_record, list_records_by, update_record};
use crate::schema::{Collection, FieldValue, Record, Schema};
use crate::store::{Conn, Tx};

use super::super::accounts::auth_options;
use super::super::identity::find_by_identity;
use super::super::owned::{draft_of, list_of, system_collection};
use super::user::Identity;

const LINKS: &str = "_externalAuths";
const FAILED: &str = "Failed to authenticate.";

/// An account that an identity belongs to, or will.
#[derive(Clone, Debug)]
pub struct Found {
    pub record: Record,
    /// Whether the caller is signed in as this very record.
    pub is_own: bool,
}

impl Found {
    /// Whether somebody else may have made this account in its owner's name: then they must lose it.
    pub fn is_suspect(&self) -> bool {
        !self.is_own && !self.record.is_true("verified")
    }
}

/// The account of an identity: the linked one, else the caller's, else the one with an address that the provider vouches
/// for.
pub fn find_account(
    conn: &dyn Conn,
    schema: &Schema,
    collection: &Arc<Collection>,
    identity: &Identity,
    caller: &Caller,
) -> Result<Option<Found>> {
    let own = caller.auth().map(|auth| &auth.record).filter(|record| record.collection().id == collection.id);
    let found = |record: Record| {
        let is_own = own.is_some_and(|own| own.id() == record.id());
        Some(Found { record, is_own })
    };
    if let Some(link) = find_link(conn, schema, collection, identity)?
        && let Some(record) = find_record(conn, collection, link.text("recordRef"))?
    {
        return Ok(found(record));
    }
    if let Some(own) = own
        && let Some(record) = find_record(conn, collection, own.id())?
    {
        return Ok(found(record));
    }
    if identity.email.is_empty() {
        return Ok(None);
    }
    let options = auth_options(collection)?;
    Ok(find_by_identity(conn, collection, options, &identity.email, Some("email"))?.and_then(found))
}

/// Links an identity to an account that was there, so that nobody who registered the address before its owner keeps
/// access (contract/11 §9.4). `spare` is a password that nobody knows; a suspect account gets it.
pub fn link(
    tx: &dyn Tx,
    schema: &Schema,
    clock: &Clock,
    found: Found,
    identity: &Identity,
    spare: Option<&NewPassword>,
) -> Result<Record> {
    let is_suspect = found.is_suspect();
    let record = found.record;
    let links = system_collection(schema, LINKS)?;
    let is_verified = record.is_true("verified");
    let mut draft = Draft::of(record.clone());
    let mut is_changed = false;
    if is_suspect {
        let Some(spare) = spare else { return Err(changed_meanwhile()) };
        draft.set_password("password", spare.clone());
        is_changed = true;
    }
    if !is_verified {
        // Before the update: a first verification that finds links would end the sessions of the owner too.
        for row in list_of(tx, links, &record)? {
            delete_record(tx, schema, clock, &row)?;
        }
    }
    if record.text("email").is_empty() && !identity.email.is_empty() {
        draft.set("email", FieldValue::Text(identity.email.clone()));
        is_changed = true;
    }
    let email = draft.record().text("email");
    if !is_verified && (email.is_empty() || email == identity.email) {
        draft.set("verified", FieldValue::Bool(true));
        is_changed = true;
    }
    let record = match is_changed {
        true => update_record(tx, schema, clock, draft).map_err(|error| error.titled(FAILED))?,
        false => record,
    };
    let is_linked =
        find_link(tx, schema, record.collection(), identity)?.is_some_and(|link| link.text("recordRef") == record.id());
    if !is_linked {
        insert_link(tx, schema, clock, &record, identity)?;
    }
    Ok(record)
}

/// Finishes a new account: it is verified if its address is the one that the provider vouches for (both may be empty), and
/// linked.
pub fn link_new(tx: &dyn Tx, schema: &Schema, clock: &Clock, record: Record, identity: &Identity) -> Result<Record> {
    let mut record = record;
    if !record.is_true("verified") && record.text("email") == identity.email {
        let mut draft = Draft::of(record);
        draft.set("verified", FieldValue::Bool(true));
        record = update_record(tx, schema, clock, draft).map_err(|error| error.titled(FAILED))?;
    }
    insert_link(tx, schema, clock, &record, identity)?;
    Ok(record)
}

/// What the second of two sign-ins is told that meet at one new account.
pub fn changed_meanwhile() -> Error {
    Error::Conflict("The account has changed meanwhile, please try again.".into())
}

fn insert_link(tx: &dyn Tx, schema: &Schema, clock: &Clock, record: &Record, identity: &Identity) -> Result<()> {
    let mut draft = draft_of(system_collection(schema, LINKS)?, record);
    draft.set("provider", FieldValue::Text(identity.provider.to_owned()));
    draft.set("providerId", FieldValue::Text(identity.id.clone()));
    insert_record(tx, schema, clock, draft).map_err(|error| error.titled(FAILED))?;
    Ok(())
}

fn find_link(conn: &dyn Conn, schema: &Schema, collection: &Collection, identity: &Identity) -> Result<Option<Record>> {
    if identity.id.is_empty() {
        return Ok(None);
    }
    let links = system_collection(schema, LINKS)?;
    let columns =
        [("collectionRef", &*collection.id), ("provider", identity.provider), ("providerId", identity.id.as_str())];
    Ok(list_records_by(conn, links, &columns)?.into_iter().next())
}
