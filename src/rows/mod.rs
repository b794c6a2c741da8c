//! A record in its table: found, inserted, updated, deleted, with everything that hangs on it whoever asked.
//!
//! Start at `find_record`, `insert_record`, `update_record`, `delete_record`. They get a `conn` or `tx` and a [`Record`];
//! they check what needs other rows (relations, uniqueness), keep the invariants of auth records (contract/05 §8,
//! contract/10 §3), cascade deletes (contract/05 §7) and write the change log.
//! Called by `records`, `auth`, `collections` (truncate), imports. Knows no rule and no caller: who may is `access`.
//!
//! Invariant: every change of a record goes through here, so each has its row in the change log.
//! Never: rules, HTTP, an engine's spelling.
