//! Requests that may come again: a create or batch with an `Idempotency-Key` is done once, and answered as the first
//! time when the key comes again within a day, also after a crash: key and write are one transaction.
//!
//! A key counts per caller and route. The same key with another request is a mistake of the client and refused: a
//! payment must neither be made twice nor be taken for another one.

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::input::RecordBody;
use crate::query::Caller;
use crate::schema::Schema;
use crate::store::{Cell, Conn, ConnExt, Tx, Value};

use super::tags::{EntityTag, Stampers};

/// How long an answer is kept.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// What clients send are UUIDs and the like.
const KEY_BYTES_MAX: usize = 255;
/// Old answers that go with each new one: the table stays as small as a day needs, without a scan.
const SWEPT_MAX: i64 = 20;

/// A key in its scope, and what was asked under it.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    key: String,
    request: String,
}

/// The answer that was kept.
#[derive(Clone, Debug)]
pub struct Kept {
    pub body: Vec<u8>,
    pub tag: Option<EntityTag>,
}

/// What a request consists of beside its key.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub caller: &'a Caller,
    /// What is asked for; keys of different routes are apart.
    pub route: &'a str,
    pub query: &'a [(String, String)],
    pub body: &'a RecordBody,
}

impl IdempotencyKey {
    /// The key of a header; `None` for an empty one.
    ///
    /// # Errors
    /// `BadRequest` for one of over 255 bytes.
    pub fn new(stampers: &Stampers, schema: &Schema, header: &str, asked: Asked<'_>) -> Result<Option<Self>> {
        if header.is_empty() {
            return Ok(None);
        }
        if header.len() > KEY_BYTES_MAX {
            return Err(Error::bad_request_with("The idempotency key is too long."));
        }
        let caller =
            asked.caller.auth().map_or("guest".to_owned(), |auth| format!("{}/{}", auth.collection().id, auth.id()));
        let mut request = serde_json::to_vec(&(asked.query, &asked.body.values)).map_err(Error::internal)?;
        for upload in &asked.body.uploads {
            let named = (&upload.key, &upload.file_name, upload.size_bytes, &upload.head);
            request.extend(serde_json::to_vec(&named).map_err(Error::internal)?);
        }
        Ok(Some(Self {
            key: format!("{caller} {} {header}", asked.route),
            request: stampers.body_tag(schema, &request).as_str().to_owned(),
        }))
    }

    /// The answer that was given to this request before.
    ///
    /// # Errors
    /// `Unprocessable` when the key came with another request.
    pub fn find_kept(&self, conn: &dyn Conn, now: Timestamp) -> Result<Option<Kept>> {
        let sql = format!(
            "SELECT request, body, tag FROM _mb_idempotency WHERE key = {} AND at > {}",
            conn.dialect().parameter(1),
            conn.dialect().parameter(2)
        );
        let params = [Value::from(self.key.as_str()), Value::Int(now.as_millisecond() - KEPT_MS)];
        let found = conn.find_row(&sql, &params, |row| {
            let body = match row.cell(1) {
                Cell::Blob(bytes) => bytes.to_vec(),
                other => other.as_text().as_bytes().to_vec(),
            };
            (row.cell(0).as_text() == self.request, Kept { body, tag: EntityTag::kept(row.cell(2).as_text()) })
        })?;
        match found {
            Some((true, kept)) => Ok(Some(kept)),
            Some((false, _)) => {
                Err(Error::Unprocessable("The idempotency key was already used for another request.".into()))
            }
            None => Ok(None),
        }
    }

    /// Keeps an answer with the write it answers, and drops some that are a day old.
    pub fn keep(&self, tx: &dyn Tx, now: Timestamp, body: &[u8], tag: Option<&EntityTag>) -> Result<()> {
        let dialect = tx.dialect();
        let [one, two] = [1, 2].map(|number| dialect.parameter(number));
        let old = format!("SELECT key FROM _mb_idempotency WHERE at <= {one} ORDER BY at LIMIT {two}");
        let old_params = [Value::Int(now.as_millisecond() - KEPT_MS), Value::Int(SWEPT_MAX)];
        tx.execute(&format!("DELETE FROM _mb_idempotency WHERE key IN ({old})"), &old_params)?;
        let values: Vec<String> = (1..=6).map(|number| dialect.parameter(number)).collect();
        let sql = format!(
            "INSERT INTO _mb_idempotency (key, request, status, body, tag, at) VALUES ({}) ON CONFLICT (key) DO UPDATE SET \
             request = excluded.request, status = excluded.status, body = excluded.body, tag = excluded.tag, \
             at = excluded.at",
            values.join(", ")
        );
        let params = [
            Value::from(self.key.as_str()),
            Value::from(self.request.as_str()),
            Value::Int(200),
            Value::Blob(body.into()),
            Value::from(tag.map_or("", EntityTag::as_str)),
            Value::Int(now.as_millisecond()),
        ];
        tx.execute(&sql, &params)?;
        Ok(())
    }
}
