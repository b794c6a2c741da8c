//! Tokens as the program issues them (contract/10 §1), signed with what stands in the data directory.

use std::path::Path;

use aws_lc_rs::hmac;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde_json::{Value, json};

/// A database to look at (it may be served meanwhile).
pub(crate) fn open_read_only(path: &Path) -> Connection {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    connection.busy_timeout(std::time::Duration::from_secs(10)).expect("a time-out can be set");
    connection
}

/// An auth token of a record, good for an hour; `who` is its id or e-mail.
pub(crate) fn auth_token(dir: &Path, collection: &str, who: &str) -> String {
    let db = open_read_only(&dir.join("data.db"));
    let (collection_id, options): (String, String) = db
        .query_row("SELECT id, options FROM _collections WHERE name = ?1 OR id = ?1", [collection], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap_or_else(|error| panic!("collection {collection}: {error}"));
    let table: String = db
        .query_row("SELECT name FROM _collections WHERE id = ?1", [&collection_id], |row| row.get(0))
        .expect("it was just found");
    let (record_id, token_key): (String, String) = db
        .query_row(&format!("SELECT id, tokenKey FROM \"{table}\" WHERE id = ?1 OR email = ?1"), [who], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
        .unwrap_or_else(|error| panic!("{collection} is no auth collection: {error}"))
        .unwrap_or_else(|| panic!("{collection} has no {who}"));
    let options: Value = serde_json::from_str(&options).expect("options are JSON");
    let secret = options["authToken"]["secret"].as_str().expect("an auth collection has a secret");
    let claims = json!({
        "collectionId": collection_id, "exp": unix_seconds() + 3600, "id": record_id, "refreshable": true, "type": "auth"
    });
    sign(&claims, &format!("{token_key}{secret}"))
}

/// A JWT over `claims`: HS256 with the bytes of `key`.
pub(crate) fn sign(claims: &Value, key: &str) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let body = format!("{header}.{}", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), body.as_bytes());
    format!("{body}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

fn unix_seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is past 1970").as_secs()
}
