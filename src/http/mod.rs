//! The front door: actix-web, one route table matched in one service, middleware in the contract's order, bodies in,
//! answers out, errors as envelopes.
//!
//! Start at [`Route`] (a route as data), [`Call`] (one request), [`Response`]; `routes/` holds one thin file per chapter
//! of the contract, and `error.rs` turns a domain error into status and envelope.
//! Called by `cli` alone.
//!
//! Invariant: every request passes the steps of contract/14 §1 in that order, whatever its path.
//! Invariant: a body is bounded before it is read, and while it is read.
//! Never: SQL, rules, decisions over records.
//!
//! Implements contract/00 §1–3, contract/14, contract/22 §2 (static files). Tests: beside the code,
//! `tests/api/{http,middleware}.rs`.

mod activity;
mod answer;
mod body;
mod body_limit;
mod call;
mod clean_path;
mod compress;
mod connections;
mod content;
mod cors;
mod credentials;
mod dashboard;
mod door;
pub mod error;
mod guard;
mod openapi;
mod query_string;
mod rate_limit;
mod real_ip;
mod realtime;
mod request_id;
mod response;
mod route;
mod router;
mod routes;
mod server;
mod statics;
mod time_limits;

pub use body::{Document, LoadError};
pub use call::Call;
pub use cors::Origins;
pub use dashboard::DashboardCaching;
pub use response::{Body, Response};
pub use route::{BodyLimit, Doc, Guard, LogWhen, RateLimit, Route};
pub use routes::routes;
pub use server::{ServeOptions, Server};
pub use statics::Statics;
