//! Secrets: how they are held, compared, signed with, encrypted and hashed. A leaf: uses nothing of ours but `error`.
//!
//! Start at [`Secret`]; [`jwt`] signs and checks tokens, [`seal`] and [`open`] encrypt the settings row,
//! [`PasswordHasher`] runs bcrypt on threads of its own, [`Stamper`] and [`BodyStamper`] make entity tags and cursors.
//! Called by `settings`, `auth`, `schema` (options hold secrets), `records` and `cli` (hashes of new passwords).
//!
//! Invariant: one provider (aws-lc-rs) for HMAC, AES-GCM and comparisons; bcrypt for passwords (contract/10 §7).
//! Invariant: a [`Secret`] never shows in a log, an error or a JSON answer by accident.
//! Never: knowledge of records, collections or HTTP.
//!
//! Implements contract/10 §1, §4, contract/20 §5. Tests: beside the code.

mod encryption;
pub mod jwt;
mod password;
mod secret;
mod stamp;

pub use encryption::{EncryptionError, open, seal};
pub use password::{BCRYPT_DEFAULT_COST, HashError, PasswordHasher, hash_password, verify_password};
pub use secret::Secret;
pub use stamp::{BodyStamper, STAMP_BYTES, Stamper};

/// Whether two texts are equal, in a time that depends on their lengths alone.
pub fn is_equal(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}
