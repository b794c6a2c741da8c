//! Behaviour through the front door: a module per chapter of the contract, each test against the real binary on a data
//! directory of its own. `support` tells what a test can ask for.

mod any_input;
mod auth;
mod auth_records;
mod batch;
mod cli;
mod conditional;
mod cursor;
mod data_dirs;
mod delta;
mod doors;
mod expand;
mod filter_cases;
mod collections;
mod file_faults;
mod files;
mod health;
mod http;
mod idempotency;
mod limits;
mod live_caller;
mod logs;
mod mail;
mod middleware;
mod nothing_missed;
mod oauth2;
mod openapi;
mod rate_limit;
mod realtime;
mod realtime_bounds;
mod records;
mod secrecy;
mod settings;
mod statics;
mod tokens;
mod tus;
