//! The settings document: defaults, changes, validation, redaction, encryption at rest, and the one live snapshot.
//!
//! Start at [`Settings`] (the document, typed) and [`SharedSettings`] (what is in force now); [`load_settings`] and
//! [`save_settings`] read and write the stored row.
//! Called by everything that depends on a setting, through the snapshot; written by `http/routes/settings.rs` and the
//! command line.
//!
//! Invariant: what is in force is what is stored: the snapshot is swapped on the writer's thread before a save is
//! answered, and reloaded when another process wrote.
//! Invariant: a secret leaves in the stored form alone; keys of newer versions survive (contract/01 §9).
//! Never: a restart for a setting; a second copy of a setting elsewhere.
//!
//! Implements contract/20 §1–2, §5. Tests: beside the code and in `tests/api/settings.rs`.

mod document;
mod live;
mod merge;
mod stored;
mod validate;

pub use document::{
    Backups, Batch, Changes, Logs, Meta, Monobase, OpenApi, RateLimitRule, RateLimits, S3, Settings, Smtp, TrustedProxy,
};
pub use live::{LiveSettings, SharedSettings};
pub use merge::WrongType;
pub use stored::{LoadError, RowKey, load_settings, save_settings};
