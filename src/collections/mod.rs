//! The schema as an API: create, change, drop, import, truncate of collections, and the tables that follow (contract/02).
//!
//! Start at [`Collections`] (the operations) and [`SchemaLoader`] (from the table to the snapshot). A change goes through
//! `body` (what was sent) → `draft` (laid over what stands) → `normalise` → `validate` → `save` (`tables`, `dependents`).
//! Called by `http` and `cli`; `app` wires the loader to the store's events.
//!
//! Invariant: schema change, data conversion and stored JSON commit in one transaction.
//! Invariant: what derives from the schema hears `Event::SchemaChanged`; nothing is told before the commit.
//! Never: HTTP, an engine's spelling.
//!
//! Implements contract/02, contract/01 §5–6. Tests: beside the code, `tests/api/collections.rs`.

mod body;
mod catalog;
mod change;
mod dependents;
mod draft;
mod dry_run;
mod files;
mod import;
mod list;
mod load;
mod normalise;
mod providers;
mod remove;
mod save;
mod scaffold;
mod tables;
mod validate;
mod view;

pub use body::{CollectionBody, Source, WrongBody};
pub use change::{Collections, OnRename, ViewSample};
pub use dry_run::read_dry_run;
pub use import::ImportBody;
pub use list::{CollectionPage, ListQuery};
pub use load::SchemaLoader;
pub use providers::oauth2_providers;
pub use scaffold::scaffolds;
