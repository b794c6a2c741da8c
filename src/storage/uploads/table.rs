//! The rows of `_mb_uploads`.

use jiff::Timestamp;

use super::PartialUpload;
use crate::store::{Conn, ConnExt, Row, StoreError, Tx, Value};

/// Expired rows removed in one transaction; the next sweep takes the rest.
const EXPIRED_MAX: i64 = 1000;

/// How many uploads of an owner are alive.
pub(super) fn count(conn: &dyn Conn, owner: &str, now_ms: i64) -> Result<u64, StoreError> {
    let [one, two] = [1, 2].map(|number| conn.dialect().parameter(number));
    let sql = format!("SELECT count(*) FROM _mb_uploads WHERE owner = {one} AND expires > {two}");
    let found = conn.find_row(&sql, &[owner.into(), now_ms.into()], |row| row.cell(0).as_int())?;
    Ok(found.flatten().and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

pub(super) fn insert(tx: &dyn Tx, owner: &str, upload: &PartialUpload) -> Result<(), StoreError> {
    let values: Vec<String> = (1..=6).map(|number| tx.dialect().parameter(number)).collect();
    let sql =
        format!("INSERT INTO _mb_uploads (id, owner, name, size, received, expires) VALUES ({})", values.join(", "));
    let params = [
        upload.id.as_str().into(),
        owner.into(),
        upload.name.as_str().into(),
        whole(upload.size_bytes),
        whole(upload.received_bytes),
        upload.expires.as_millisecond().into(),
    ];
    tx.execute(&sql, &params).map(drop)
}

/// A living upload of `owner`.
pub(super) fn find(conn: &dyn Conn, owner: &str, id: &str, now_ms: i64) -> Result<Option<PartialUpload>, StoreError> {
    let [one, two, three] = [1, 2, 3].map(|number| conn.dialect().parameter(number));
    let sql = format!(
        "SELECT id, name, size, received, expires FROM _mb_uploads WHERE id = {one} AND owner = {two} AND expires > {three}"
    );
    conn.find_row(&sql, &[id.into(), owner.into(), now_ms.into()], upload_of)
}

/// Whether there is a row, whoever's.
pub(super) fn has(conn: &dyn Conn, id: &str) -> Result<bool, StoreError> {
    let sql = format!("SELECT 1 FROM _mb_uploads WHERE id = {}", conn.dialect().parameter(1));
    conn.has_row(&sql, &[id.into()])
}

/// Notes that so many bytes are stored. `false`: the upload is gone.
pub(super) fn advance(tx: &dyn Tx, id: &str, received_bytes: u64, expires: Timestamp) -> Result<bool, StoreError> {
    let [one, two, three] = [1, 2, 3].map(|number| tx.dialect().parameter(number));
    let sql = format!("UPDATE _mb_uploads SET received = {two}, expires = {three} WHERE id = {one}");
    let params = [id.into(), whole(received_bytes), expires.as_millisecond().into()];
    Ok(tx.execute(&sql, &params)? > 0)
}

/// Takes an upload away, in the transaction that uses it or gives it up. `false`: there is none, or no more.
pub(super) fn consume(tx: &dyn Tx, owner: &str, id: &str) -> Result<bool, StoreError> {
    let [one, two] = [1, 2].map(|number| tx.dialect().parameter(number));
    let sql = format!("DELETE FROM _mb_uploads WHERE id = {one} AND owner = {two}");
    Ok(tx.execute(&sql, &[id.into(), owner.into()])? > 0)
}

/// Takes expired uploads away; gives their ids.
pub(super) fn delete_expired(tx: &dyn Tx, now_ms: i64) -> Result<Vec<String>, StoreError> {
    let [one, two] = [1, 2].map(|number| tx.dialect().parameter(number));
    let sql = format!("SELECT id FROM _mb_uploads WHERE expires <= {one} ORDER BY expires LIMIT {two}");
    let ids = tx.list_rows(&sql, &[now_ms.into(), EXPIRED_MAX.into()], |row| row.cell(0).as_text().to_owned())?;
    let sql = format!("DELETE FROM _mb_uploads WHERE id = {one}");
    for id in &ids {
        tx.execute(&sql, &[id.as_str().into()])?;
    }
    Ok(ids)
}

fn upload_of(row: &dyn Row) -> PartialUpload {
    let number = |column| row.cell(column).as_int().and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
    PartialUpload {
        id: row.cell(0).as_text().to_owned(),
        name: row.cell(1).as_text().to_owned(),
        size_bytes: number(2),
        received_bytes: number(3),
        expires: row
            .cell(4)
            .as_int()
            .and_then(|ms| Timestamp::from_millisecond(ms).ok())
            .unwrap_or(Timestamp::UNIX_EPOCH),
    }
}

/// No file is so big that this would be another number.
fn whole(bytes: u64) -> Value {
    Value::Int(i64::try_from(bytes).unwrap_or(i64::MAX))
}
