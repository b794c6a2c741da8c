//! One-time passwords (contract/11 §5).

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::ids;
use crate::rows::{Draft, NewPassword, insert_record};
use crate::schema::fields::Kind;
use crate::schema::{FieldValue, Record, Schema};
use crate::store::Tx;

const OTPS: &str = "_otps";
const DIGITS: &[u8; 10] = b"0123456789";
/// Digits of a code whose collection names none or a senseless number.
const LENGTH_DEFAULT: usize = 8;
/// As long as a password may be.
const LENGTH_MAX: i64 = 71;

/// A one-time password that was stored.
#[derive(Clone, Debug)]
pub struct IssuedOtp {
    /// The row's id: what the client sends back beside the code.
    pub id: String,
    /// How long it is taken, seconds.
    pub seconds: i64,
}

/// A fresh code of the collection's length, hashed (some 13 ms).
pub fn new_code(schema: &Schema, length: i64) -> Result<NewPassword> {
    let length = if (1..=LENGTH_MAX).contains(&length) { length as usize } else { LENGTH_DEFAULT };
    let otps = schema.find_by_name(OTPS).ok_or_else(|| Error::internal("the collection _otps is missing"))?;
    let cost = match otps.field("password").map(|field| &field.kind) {
        Some(Kind::Password(options)) => options.cost,
        _ => 0,
    };
    Ok(NewPassword::hash_plain(ids::pick(DIGITS, length), cost))
}

/// Stores a code for `record`.
pub fn create_otp(
    tx: &dyn Tx,
    schema: &Schema,
    clock: &Clock,
    record: &Record,
    code: &NewPassword,
) -> Result<IssuedOtp> {
    let otps = schema.find_by_name(OTPS).ok_or_else(|| Error::internal("the collection _otps is missing"))?;
    let seconds = record.collection().auth().map_or(0, |options| options.otp.duration);
    let mut draft = Draft::new(otps.clone());
    draft.set("collectionRef", FieldValue::Text(record.collection().id.to_string()));
    draft.set("recordRef", FieldValue::Text(record.id().to_owned()));
    draft.set_password("password", code.clone());
    let stored = insert_record(tx, schema, clock, draft)?;
    Ok(IssuedOtp { id: stored.id().to_owned(), seconds })
}
