//! A password that is being set: its plain text, which the field's rules look at, and its hash, which is stored.

use std::fmt;

use crate::crypto::{BCRYPT_DEFAULT_COST, hash_password};

/// A new password, hashed. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct NewPassword {
    plain: String,
    hash: String,
}

impl NewPassword {
    /// Hashes `plain` (`""` clears the password). Takes about 50 ms at cost 10: call it on a blocking thread, before
    /// the write job. A text over 72 bytes gets no hash, as the check will refuse it.
    pub fn hash_plain(plain: impl Into<String>, cost: i64) -> Self {
        let plain = plain.into();
        let cost = u32::try_from(cost).ok().filter(|cost| *cost > 0).unwrap_or(BCRYPT_DEFAULT_COST);
        // A cost outside 4…31 can't stand in a stored field; the empty hash that it would give matches no password.
        let hash = if plain.is_empty() { String::new() } else { hash_password(&plain, cost).unwrap_or_default() };
        Self { plain, hash }
    }

    pub fn plain(&self) -> &str {
        &self.plain
    }

    /// `$2a$…`; empty when the password is cleared or can't be hashed.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword(***)")
    }
}
