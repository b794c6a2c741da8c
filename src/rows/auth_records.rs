//! What always holds for auth records and for the rows that belong to them, whoever writes (contract/05 §8,
//! contract/10 §3, contract/11 §10).

use crate::clock::Clock;
use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::schema::index::Index;
use crate::schema::oauth2::find_provider;
use crate::schema::{Collection, FieldValue, Record, SUPERUSERS, Schema};
use crate::store::{Conn, ConnExt, Tx};

use super::Draft;
use super::check::is_stored;
use super::delete::delete_record;
use super::generate::token_key;
use super::read::{find_record_by, list_records_by};
use super::spelling::is_taken_in_any_case;

/// The account that exists until the first real superuser does (contract/11 §13).
const INSTALLER_EMAIL: &str = "__pbinstaller@example.com";

const EXTERNAL_AUTHS: &str = "_externalAuths";
const MFAS: &str = "_mfas";
const OTPS: &str = "_otps";
const AUTH_ORIGINS: &str = "_authOrigins";
/// The collections whose rows belong to an auth record (`collectionRef`, `recordRef`).
const OWNED: [&str; 4] = [EXTERNAL_AUTHS, MFAS, OTPS, AUTH_ORIGINS];

/// Sets what isn't the writer's to choose: superusers are verified; a new password or e-mail renews the token key unless
/// the same write sets it, and so does a first verification that unlinks providers.
pub fn prepare(conn: &dyn Conn, schema: &Schema, draft: &mut Draft) -> Result<()> {
    let collection = draft.collection().clone();
    if !collection.is_auth() {
        return Ok(());
    }
    if &*collection.name == SUPERUSERS {
        draft.set("verified", FieldValue::Bool(true));
    }
    let Some(key_field) = collection.field("tokenKey") else { return Ok(()) };
    let needs_key = match draft.stored() {
        None => draft.record().text("tokenKey").is_empty(),
        Some(stored) => {
            let is_set = draft.changes("tokenKey");
            let is_due = draft.has_new_password("password")
                || draft.changes("email")
                || (is_first_verified(stored, draft.record())
                    && !list_owned(conn, schema, EXTERNAL_AUTHS, stored)?.is_empty());
            is_due && !is_set
        }
    };
    if needs_key {
        draft.set("tokenKey", FieldValue::Text(token_key(key_field)));
    }
    Ok(())
}

/// What the collection demands beyond its fields' own checks.
pub fn check(conn: &dyn Conn, schema: &Schema, draft: &Draft) -> Result<()> {
    let collection = draft.collection();
    if collection.is_auth() {
        let (email, id) = (draft.record().text("email"), draft.record().id());
        let is_new = draft.changes("email") && !email.is_empty();
        if is_new && !has_caseless_index(collection) && is_taken_in_any_case(conn, collection, "email", email, id)? {
            return Err(Error::invalid("", FieldErrors::one("email", FieldError::not_unique())));
        }
    }
    if OWNED.contains(&&*collection.name) { check_owner(conn, schema, draft.record()) } else { Ok(()) }
}

/// Whether a unique index on the e-mail sees to its case by itself; the bytewise search couldn't use such an index.
fn has_caseless_index(collection: &Collection) -> bool {
    let indexes = collection.indexes.iter().filter_map(|text| Index::parse(text));
    indexes.filter(|index| index.is_unique_on("email")).any(|index| {
        let condition: String = index.condition.chars().filter(|c| !matches!(c, ' ' | '`' | '"')).collect();
        let covers_all = condition.is_empty() || condition == "email!=''";
        covers_all && index.columns.iter().all(|column| column.collate.eq_ignore_ascii_case("nocase"))
    })
}

/// An id is taken if a record of any other auth collection has it: tokens and rules tell users apart by it.
pub fn check_id(conn: &dyn Conn, schema: &Schema, draft: &Draft) -> Result<Option<FieldError>> {
    let collection = draft.collection();
    if !collection.is_auth() {
        return Ok(None);
    }
    for other in schema.collections().iter().filter(|other| other.is_auth() && other.id != collection.id) {
        if is_stored(conn, &other.name, draft.record().id())? {
            let taken = FieldError::code("validation_invalid_auth_id", "Invalid or duplicated auth record id.");
            return Ok(Some(taken));
        }
    }
    Ok(None)
}

/// The last superuser stays.
pub fn check_delete(conn: &dyn Conn, record: &Record) -> Result<()> {
    let collection = record.collection();
    if &*collection.name != SUPERUSERS {
        return Ok(());
    }
    let dialect = conn.dialect();
    let sql = format!("SELECT 1 FROM {} LIMIT 2", dialect.quote(&collection.name));
    if conn.list_rows(&sql, &[], |_| ())?.len() < 2 {
        return Err(Error::bad_request_with("You can't delete the only existing superuser."));
    }
    Ok(())
}

/// The first real superuser replaces the installer's account.
pub fn follow_insert(tx: &dyn Tx, schema: &Schema, clock: &Clock, record: &Record) -> Result<()> {
    let collection = record.collection();
    if &*collection.name != SUPERUSERS || record.text("email") == INSTALLER_EMAIL {
        return Ok(());
    }
    match find_record_by(tx, collection, "email", INSTALLER_EMAIL)? {
        Some(installer) => delete_record(tx, schema, clock, &installer),
        None => Ok(()),
    }
}

/// The rows that go with a new token key, a new password, a first verification (contract/10 §3).
pub fn follow_update(tx: &dyn Tx, schema: &Schema, clock: &Clock, stored: &Record, record: &Record) -> Result<()> {
    if !record.collection().is_auth() {
        return Ok(());
    }
    let changes = |name| stored.get(name) != record.get(name);
    let mut ended = Vec::new();
    if changes("tokenKey") {
        ended.push(OTPS);
    }
    if changes("password") {
        ended.extend([MFAS, AUTH_ORIGINS]);
    }
    if is_first_verified(stored, record) {
        ended.push(EXTERNAL_AUTHS);
    }
    delete_owned(tx, schema, clock, record, &ended)
}

/// The rows that belong to an auth record go with it.
pub fn follow_delete(tx: &dyn Tx, schema: &Schema, clock: &Clock, record: &Record) -> Result<()> {
    if !record.collection().is_auth() {
        return Ok(());
    }
    delete_owned(tx, schema, clock, record, &OWNED)
}

fn is_first_verified(stored: &Record, record: &Record) -> bool {
    !stored.is_true("verified") && record.is_true("verified")
}

fn delete_owned(tx: &dyn Tx, schema: &Schema, clock: &Clock, owner: &Record, collections: &[&str]) -> Result<()> {
    for name in collections {
        for owned in list_owned(tx, schema, name, owner)? {
            delete_record(tx, schema, clock, &owned)?;
        }
    }
    Ok(())
}

fn list_owned(conn: &dyn Conn, schema: &Schema, name: &str, owner: &Record) -> Result<Vec<Record>> {
    let Some(collection) = schema.find_by_name(name) else { return Ok(Vec::new()) };
    list_records_by(conn, collection, &[("collectionRef", &owner.collection().id), ("recordRef", owner.id())])
}

/// The owner of a row must exist, and the provider of a link; one error at a time (contract/11 §10).
fn check_owner(conn: &dyn Conn, schema: &Schema, record: &Record) -> Result<()> {
    let refuse = |name: &str, error| Err(Error::invalid("", FieldErrors::one(name, error)));
    let owners = schema.find_by_id(record.text("collectionRef")).filter(|collection| collection.is_auth());
    let Some(owners) = owners else {
        let missing = FieldError::code("validation_invalid_collection_id", "Missing or invalid collection.");
        return refuse("collectionRef", missing);
    };
    if !is_stored(conn, &owners.name, record.text("recordRef"))? {
        return refuse("recordRef", FieldError::code("validation_invalid_record", "Missing or invalid record."));
    }
    let is_link = &*record.collection().name == EXTERNAL_AUTHS;
    if is_link && find_provider(record.text("provider")).is_none() {
        return refuse("provider", FieldError::code("validation_in_invalid", "Must be a valid value."));
    }
    Ok(())
}
