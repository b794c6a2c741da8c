//! Every route, chapter by chapter. A chapter is one file with a `routes()`; handlers parse, call a feature, answer.

mod collections;
mod auth;
mod dashboard;
mod batch;
#[cfg(feature = "faults")]
mod faults;
mod files;
mod health;
mod oauth2;
mod openapi;
mod realtime;
mod records;
mod settings;
mod tus;

use super::route::Route;

pub use tus::announce;

/// The route table.
pub fn routes() -> Vec<Route> {
    [
        collections::routes(),
        files::routes(),
        health::routes(),
        openapi::routes(),
        auth::routes(),
        oauth2::routes(),
        dashboard::routes(),
        realtime::routes(),
        records::routes(),
        batch::routes(),
        settings::routes(),
        tus::routes(),
        #[cfg(feature = "faults")]
        faults::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
