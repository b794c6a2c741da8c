//! Monobase: a self-hosted backend in one binary. Rooms in reading order, from the floor up; arrows point down only
//! (`docs/ARCHITECTURE.md` shows the house, `tests/tidy.rs` checks it).

// Leaves: usable from any floor, use nothing of ours.
pub mod clock;
pub mod cron; // cron expressions
pub mod crypto;
pub mod error;
pub mod formats; // e-mail addresses, hosts, URLs, IP blocks
pub mod ids;
pub mod windows; // events counted by key in fixed windows
pub mod input; // what a request brought for a record: values and uploads
pub mod mime; // the type of data, told from its bytes
pub mod outbound; // requests to addresses that others name
pub mod picker; // the `fields` parameter

// Floors.
pub mod store; // the engine seam: jobs, transactions, events, dialect, system migrations
pub mod schema; // what a collection is: fields and their kinds, the snapshot, a record's values
pub mod storage; // where the content of file fields lies: a directory or S3, uploads on their way, removal
pub mod query; // filter language: parse, resolve, plan, SQL and in-memory evaluation; who asks
pub mod rows; // a record in its table: find, insert, update, delete with what hangs on it
pub mod access; // the one place that decides who may do what to a record, and see which fields

// Features.
pub mod auth;
pub mod collections;
pub mod files; // files as they are served: checks, thumbs, tokens
pub mod import; // rows of a CSV, TSV or JSON lines file into a collection
pub mod jobs;
pub mod logs;
pub mod realtime;
pub mod mail; // composed from templates, kept in the outbox, sent by SMTP or sendmail
pub mod records;
pub mod settings;

// Composition and doors.
pub mod app;
pub mod cli;
pub mod http;
