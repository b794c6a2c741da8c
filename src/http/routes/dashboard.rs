//! The dashboard under `/_/`: for now one page that says it comes later. Its headers: `http/dashboard.rs`.

use crate::error::{Error, Result};
use crate::http::{Call, LogWhen, Response, Route};

const PAGE: &str = include_str!("../dashboard.html");

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/_/", page).log_when(LogWhen::OnError),
        Route::get("/_/{*rest}", missing).log_when(LogWhen::OnError),
    ]
}

async fn page(_call: Call) -> Result<Response> {
    Ok(Response::bytes("text/html; charset=utf-8", PAGE))
}

async fn missing(_call: Call) -> Result<Response> {
    Err(Error::NotFound("File not found.".into()))
}
