//! A password that is being set: its plain text, which the field's rules look at, and its hash, which is stored.

use std::fmt;

/// bcrypt reads no more; a longer text is refused by the field's check (contract/03 §2, password).
const PLAIN_BYTES_MAX: usize = 72;
/// What a field's `cost` 0 stands for.
const COST_DEFAULT: u32 = 10;

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
        let cost = u32::try_from(cost).ok().filter(|cost| *cost > 0).unwrap_or(COST_DEFAULT);
        let hash = match plain.len() {
            0 => String::new(),
            1..=PLAIN_BYTES_MAX => hash_bcrypt(&plain, cost),
            _ => String::new(),
        };
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

/// The hash in the form that every bcrypt reader knows (contract/03 §2). A cost outside 4…31 can't stand in a stored
/// field; the empty hash that it would give matches no password.
fn hash_bcrypt(plain: &str, cost: u32) -> String {
    bcrypt::hash_with_result(plain, cost)
        .map(|parts| parts.format_for_version(bcrypt::Version::TwoA))
        .unwrap_or_default()
}

/// Whether `plain` is the password that `hash` (`$2a$`, `$2b$` or `$2y$`) was made of; an empty hash matches nothing.
/// As slow as hashing.
pub fn verify_password(plain: &str, hash: &str) -> bool {
    !hash.is_empty() && bcrypt::verify(plain, hash).unwrap_or(false)
}
