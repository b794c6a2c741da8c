//! Every route, chapter by chapter. A chapter is one file with a `routes()`; handlers parse, call a feature, answer.

mod health;
mod settings;

use super::route::Route;

/// The route table.
pub fn routes() -> Vec<Route> {
    [health::routes(), settings::routes()].into_iter().flatten().collect()
}
