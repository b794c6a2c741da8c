//! A password that is being set: its plain text, which the field's rules look at, and its hash, which is stored.

use crate::crypto::{BCRYPT_DEFAULT_COST, HashError, PasswordHasher, Secret, hash_password};
use crate::ids;

/// A new password and its hash.
#[derive(Clone, Debug)]
pub struct NewPassword {
    plain: Secret<String>,
    /// `$2a$…`; empty when the password is cleared, or when the field's check will refuse it anyway.
    hash: String,
    /// Whether it was drawn, so that the field's rules about what people type don't count.
    is_random: bool,
}

impl NewPassword {
    /// Hashes `plain` with a field's `cost` on the calling thread, for the command line: about 50 ms at cost 10. `""`
    /// clears the password. A text that bcrypt can't take (over 72 bytes) gets no hash: the field's check refuses it.
    pub fn hash_plain(plain: impl Into<String>, cost: i64) -> Self {
        let plain = Secret::new(plain.into());
        let hash = if plain.is_empty() { Ok(String::new()) } else { hash_password(plain.expose(), bcrypt_cost(cost)) };
        Self { plain, hash: hash.unwrap_or_default(), is_random: false }
    }

    /// A password that nobody knows, of `length` characters, hashed on the calling thread.
    pub fn random(length: usize, cost: i64) -> Self {
        Self { is_random: true, ..Self::hash_plain(ids::secret(length), cost) }
    }

    /// As [`NewPassword::hash_plain`] on the hashing threads: for requests, before their write job.
    ///
    /// # Errors
    /// `QueueFull` and `Stopped`: the client may try again.
    pub async fn hashed(hasher: &PasswordHasher, plain: Secret<String>, cost: i64) -> Result<Self, HashError> {
        if plain.is_empty() {
            return Ok(Self::without_hash(plain));
        }
        match hasher.hash(plain.clone(), bcrypt_cost(cost)).await {
            Ok(hash) => Ok(Self { plain, hash, is_random: false }),
            Err(HashError::TooLong | HashError::Cost(_)) => Ok(Self::without_hash(plain)),
            Err(error @ (HashError::QueueFull | HashError::Stopped)) => Err(error),
        }
    }

    /// A password that is cleared, or known to be refused by its field, so that hashing it would be wasted.
    pub fn without_hash(plain: Secret<String>) -> Self {
        Self { plain, hash: String::new(), is_random: false }
    }

    pub fn is_random(&self) -> bool {
        self.is_random
    }

    pub fn plain(&self) -> &str {
        self.plain.expose()
    }

    pub fn hash(&self) -> &str {
        &self.hash
    }
}

/// The cost of a field: 0 is the default. One outside 4…31 can't stand in a stored field.
fn bcrypt_cost(cost: i64) -> u32 {
    u32::try_from(cost).ok().filter(|cost| *cost > 0).unwrap_or(BCRYPT_DEFAULT_COST)
}
