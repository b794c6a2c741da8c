//! The records service: list, view, create, update, delete, batch, expand, the answer's JSON (contract/05, 06).
//!
//! Called by `http`. Invariant: one write is one store job; reads, checks, merge and write happen inside it.
//! Never: HTTP, an engine's spelling.
