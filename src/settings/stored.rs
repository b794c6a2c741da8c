//! The stored row: `_params`, id `settings` (contract/01 §5, contract/20 §5). Plain JSON, or encrypted where the process
//! was given a key. A plain row is accepted with a key too, and encrypted by the next save.

use crate::crypto::{EncryptionError, Secret, open, seal};
use crate::error::Error;
use crate::store::{Cell, Conn, ConnExt, Event, StoreError, Tx, Value};

use super::{Settings, WrongType};

const READ: &str = "SELECT value, updated FROM _params WHERE id = 'settings'";
const WRITE: &str = "INSERT INTO _params (id, value, created, updated) VALUES ('settings', ?1, ?2, ?2) \
    ON CONFLICT (id) DO UPDATE SET value = excluded.value, updated = excluded.updated";

/// Why the stored row can't be read. The texts are what a failed start prints (contract/20 §5).
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("invalid settings db data or missing encryption key {0:?}")]
    MissingKey(String),
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
    #[error("invalid settings db data: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("invalid settings db data: {0}")]
    WrongType(#[from] WrongType),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Store(error) => error.into(),
            other => Error::internal(other),
        }
    }
}

/// The key of the stored row: the value of the environment variable that `--encryptionEnv` names.
#[derive(Clone, Debug, Default)]
pub struct RowKey {
    variable: String,
    key: Option<Secret<Vec<u8>>>,
}

impl RowKey {
    /// No encryption.
    pub fn none() -> Self {
        Self::default()
    }

    /// The key that the environment variable `variable` holds; an empty or missing one is no key.
    ///
    /// # Errors
    /// A key that isn't of 16, 24 or 32 bytes: the start fails rather than the next save.
    pub fn new(variable: &str, value: Option<Vec<u8>>) -> Result<Self, EncryptionError> {
        let value = value.filter(|value| !value.is_empty());
        if let Some(value) = &value {
            seal(value, b"")?;
        }
        Ok(Self { variable: variable.to_owned(), key: value.map(Secret::new) })
    }
}

/// The row as it was read.
pub(super) struct StoredRow {
    pub settings: Settings,
    /// Tells one state of the row from another without holding it: the row may hold secrets in clear.
    pub fingerprint: [u8; 32],
}

/// The stored document; `None` when there is no row.
pub fn load_settings(conn: &dyn Conn, key: &RowKey) -> Result<Option<Settings>, LoadError> {
    Ok(load_row(conn, key)?.map(|row| row.settings))
}

pub(super) fn load_row(conn: &dyn Conn, key: &RowKey) -> Result<Option<StoredRow>, LoadError> {
    let row = conn.find_row(READ, &[], |row| {
        let value = match row.cell(0) {
            Cell::Text(text) => text.as_bytes().to_vec(),
            Cell::Blob(bytes) => bytes.to_vec(),
            Cell::Null | Cell::Int(_) | Cell::Real(_) => Vec::new(),
        };
        (value, row.cell(1).as_text().to_owned())
    })?;
    let Some((value, updated)) = row else { return Ok(None) };
    let settings = decode(&value, key)?;
    let digest =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &[value.as_slice(), updated.as_bytes()].concat());
    let fingerprint = digest.as_ref().try_into().expect("SHA-256 has 32 bytes");
    Ok(Some(StoredRow { settings, fingerprint }))
}

fn decode(value: &[u8], key: &RowKey) -> Result<Settings, LoadError> {
    if let Ok(document) = serde_json::from_slice(value) {
        return Ok(Settings::from_stored(document)?);
    }
    let Some(key) = &key.key else { return Err(LoadError::MissingKey(key.variable.clone())) };
    let plain = open(key.expose(), value)?;
    Ok(Settings::from_stored(serde_json::from_slice(&plain)?)?)
}

/// Writes the row, encrypted if there is a key, and announces the change.
pub fn save_settings(tx: &dyn Tx, key: &RowKey, settings: &Settings, now: &str) -> Result<(), Error> {
    let document = settings.to_stored().to_string();
    let value = match &key.key {
        Some(key) => seal(key.expose(), document.as_bytes()).map_err(Error::internal)?,
        None => document,
    };
    tx.execute(WRITE, &[Value::from(value), Value::from(now)])?;
    tx.after_commit(Event::SettingsChanged);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

    #[test]
    fn the_encrypted_row_of_the_reference_is_the_default_document() {
        let row: String = include_str!("../../tests/data/settings_encrypted.txt").split_whitespace().collect();
        let key = RowKey::new("KEY", Some(KEY.to_vec())).unwrap();
        let settings = decode(row.as_bytes(), &key).unwrap();
        assert_eq!(settings.to_stored(), Settings::default().to_stored());
    }

    #[test]
    fn failures_have_the_texts_of_a_failed_start() {
        let row: String = include_str!("../../tests/data/settings_encrypted.txt").split_whitespace().collect();
        let text = |key: &RowKey, row: &str| decode(row.as_bytes(), key).unwrap_err().to_string();
        let unset = RowKey::new("PB_KEY", None).unwrap();
        assert_eq!(text(&unset, &row), "invalid settings db data or missing encryption key \"PB_KEY\"");
        assert_eq!(text(&RowKey::none(), &row), "invalid settings db data or missing encryption key \"\"");
        let other = RowKey::new("PB_KEY", Some(vec![b'x'; 32])).unwrap();
        assert_eq!(text(&other, &row), "cipher: message authentication failed");
        let short = RowKey::new("PB_KEY", Some(b"short".to_vec())).unwrap_err();
        assert_eq!(short.to_string(), "crypto/aes: invalid key size 5");
    }

    #[test]
    fn a_plain_row_is_read_with_a_key_too() {
        let key = RowKey::new("KEY", Some(KEY.to_vec())).unwrap();
        assert_eq!(decode(br#"{"meta":{"appName":"x"}}"#, &key).unwrap().meta.app_name, "x");
    }
}
