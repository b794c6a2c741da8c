//! `GET /api/health` (contract/21 §4).

use serde_json::json;

use crate::error::Result;
use crate::http::{Call, Response, Route};

pub fn routes() -> Vec<Route> {
    vec![Route::get("/api/health", health).doc("Health", "Tells whether the server works.")]
}

async fn health(_call: Call) -> Result<Response> {
    Response::of(&json!({ "message": "API is healthy.", "code": 200, "data": {} }))
}
