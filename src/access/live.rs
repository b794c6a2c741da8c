//! The caller at the moment of a write.

use std::borrow::Cow;

use crate::error::Result;
use crate::query::{AuthRecord, Caller, Request};
use crate::rows::find_record;
use crate::schema::{Record, Schema};
use crate::store::Conn;

/// The request as its caller would send it now. Between a request's head and its write lie a body, hashes, uploads and a
/// queue: meanwhile the caller may have lost the role that a rule asks for, or the right to use the token at all (then
/// they are a guest, contract/10 §6). One look-up by key for a caller who is signed in, none for a guest.
pub fn live_request<'r>(conn: &dyn Conn, schema: &Schema, request: &'r Request) -> Result<Cow<'r, Request>> {
    let Some(auth) = request.caller.auth() else { return Ok(Cow::Borrowed(request)) };
    let known = &auth.record;
    let found = match schema.find_by_id(&known.collection().id) {
        Some(collection) if collection.is_auth() => find_record(conn, collection, known.id())?,
        Some(_) | None => None,
    };
    let caller = match found.filter(|found| token_key(found) == token_key(known)) {
        Some(found) if found.values() == known.values() => return Ok(Cow::Borrowed(request)),
        Some(found) => {
            let auth = AuthRecord { record: found.into() };
            if request.caller.is_superuser() { Caller::Superuser(auth) } else { Caller::Record(auth) }
        }
        None => Caller::Guest,
    };
    Ok(Cow::Owned(Request { caller, ..request.clone() }))
}

/// What signs the record's auth tokens.
fn token_key(record: &Record) -> (&str, Option<&str>) {
    (record.text("tokenKey"), record.collection().auth().map(|options| options.auth_token.secret.as_str()))
}
