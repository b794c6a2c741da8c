//! The dashboard under `/_/`: one page, and the files that it loads. What they are: `http/dashboard.rs`.

use crate::error::{Error, Result};
use crate::http::{Call, LogWhen, Response, Route, dashboard};

pub fn routes() -> Vec<Route> {
    vec![Route::get("/_/", page).log_when(LogWhen::OnError), Route::get("/_/{*path}", asset).log_when(LogWhen::OnError)]
}

async fn page(_call: Call) -> Result<Response> {
    Ok(dashboard::page())
}

async fn asset(call: Call) -> Result<Response> {
    let found = dashboard::asset(&call.param("path"), call.http.headers(), call.worker.dashboard_caching);
    found.ok_or_else(|| Error::NotFound("File not found.".into()))
}
