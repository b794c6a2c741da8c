//! Superusers: the accounts that the command line keeps, and the one that lets the first of them be made
//! (contract/11 §13, contract/22 §3).

use std::sync::Arc;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::rows::{Draft, NewPassword, delete_record, find_record_by, insert_record, update_record};
use crate::schema::fields::Kind;
use crate::schema::{Collection, FieldValue, Record, SUPERUSERS, Schema};
use crate::store::{Conn, ConnExt, Tx, Value};

use super::otp::{self, IssuedOtp};
use super::tokens::{Issue, issue_token};

/// The account that exists until the first real superuser does.
pub const INSTALLER_EMAIL: &str = "__pbinstaller@example.com";
/// Life of the installer's token, seconds.
const INSTALLER_TOKEN_SECONDS: i64 = 30 * 60;
/// Characters of a password that nobody is told.
const RANDOM_PASSWORD_LENGTH: usize = 30;

/// The collection of superusers. Every data directory has it.
pub fn collection(schema: &Schema) -> Result<&Arc<Collection>> {
    schema.find_by_name(SUPERUSERS).ok_or_else(|| Error::internal("the collection _superusers is missing"))
}

/// Hashes a superuser's password at the cost that their collection asks for. Takes some 50 ms.
pub fn hash_password(schema: &Schema, plain: &str) -> Result<NewPassword> {
    let cost = match collection(schema)?.field("password").map(|field| &field.kind) {
        Some(Kind::Password(options)) => options.cost,
        _ => 0,
    };
    Ok(NewPassword::hash_plain(plain, cost))
}

/// The superuser with this address.
pub fn find_superuser(conn: &dyn Conn, schema: &Schema, email: &str) -> Result<Option<Record>> {
    find_record_by(conn, collection(schema)?, "email", email)
}

/// Creates a superuser.
///
/// # Errors
/// `Invalid`: the address is taken, the password is too short, ….
pub fn create_superuser(
    tx: &dyn Tx,
    schema: &Schema,
    clock: &Clock,
    email: &str,
    password: NewPassword,
) -> Result<Record> {
    let mut draft = Draft::new(collection(schema)?.clone());
    draft.set("email", FieldValue::Text(email.to_owned()));
    draft.set_password("password", password);
    insert_record(tx, schema, clock, draft)
}

/// Gives a superuser a new password, which ends all their tokens. `None` when there is no such superuser.
pub fn change_password(
    tx: &dyn Tx,
    schema: &Schema,
    clock: &Clock,
    email: &str,
    password: NewPassword,
) -> Result<Option<Record>> {
    let Some(stored) = find_superuser(tx, schema, email)? else { return Ok(None) };
    let mut draft = Draft::of(stored);
    draft.set_password("password", password);
    update_record(tx, schema, clock, draft).map(Some)
}

/// Creates a superuser, or gives the existing one a new password.
pub fn upsert_superuser(
    tx: &dyn Tx,
    schema: &Schema,
    clock: &Clock,
    email: &str,
    password: NewPassword,
) -> Result<Record> {
    match change_password(tx, schema, clock, email, password.clone())? {
        Some(record) => Ok(record),
        None => create_superuser(tx, schema, clock, email, password),
    }
}

/// Deletes a superuser; `false` when there is none. The last one stays.
pub fn delete_superuser(tx: &dyn Tx, schema: &Schema, clock: &Clock, email: &str) -> Result<bool> {
    let Some(record) = find_superuser(tx, schema, email)? else { return Ok(false) };
    delete_record(tx, schema, clock, &record)?;
    Ok(true)
}

/// Makes a one-time password for a superuser, to be handed over by whoever runs the command.
///
/// # Errors
/// `BadRequest` when OTP is off for superusers.
pub fn create_superuser_otp(
    tx: &dyn Tx,
    schema: &Schema,
    clock: &Clock,
    record: &Record,
    code: &NewPassword,
) -> Result<IssuedOtp> {
    let is_enabled = collection(schema)?.auth().is_some_and(|options| options.otp.enabled);
    if !is_enabled {
        return Err(Error::bad_request_with("OTP auth is not enabled for the _superusers collection"));
    }
    otp::create_otp(tx, schema, clock, record, code)
}

/// Whether there is a superuser beside the installer. One row is looked at.
pub fn has_superuser(conn: &dyn Conn, schema: &Schema) -> Result<bool> {
    let dialect = conn.dialect();
    let table = dialect.quote(&collection(schema)?.name);
    let sql = format!("SELECT 1 FROM {table} WHERE {} <> ? LIMIT 1", dialect.quote("email"));
    Ok(conn.has_row(&sql, &[Value::from(INSTALLER_EMAIL)])?)
}

/// A password that nobody knows.
pub fn random_password(cost: i64) -> NewPassword {
    NewPassword::random(RANDOM_PASSWORD_LENGTH, cost)
}

/// A token of the installer account, which is made if it is missing: with it the first superuser can be created.
/// `None` when there is a superuser already. `password` is a random one.
pub fn installer_token(tx: &dyn Tx, schema: &Schema, clock: &Clock, password: NewPassword) -> Result<Option<String>> {
    if has_superuser(tx, schema)? {
        return Ok(None);
    }
    let installer = match find_superuser(tx, schema, INSTALLER_EMAIL)? {
        Some(installer) => installer,
        None => create_superuser(tx, schema, clock, INSTALLER_EMAIL, password)?,
    };
    issue_token(&installer, Issue::StaticAuth { seconds: INSTALLER_TOKEN_SECONDS }, clock).map(Some)
}
