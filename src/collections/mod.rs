//! The schema as an API: create, change, drop, import, truncate of collections, and the tables that follow (contract/02).
//!
//! Called by `http` and `cli`. Invariant: schema change, data conversion and stored JSON commit in one transaction.
