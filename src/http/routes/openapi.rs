//! `GET /api/openapi.json`: the API described for tools; for superusers, unless the settings open it to everybody.

use crate::error::Result;
use crate::http::guard;
use crate::http::openapi::document;
use crate::http::{Call, Guard, Response, Route};

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/openapi.json", openapi)
            .doc("Description", "Describes this API, its collections included, as OpenAPI 3.1."),
    ]
}

async fn openapi(call: Call) -> Result<Response> {
    let settings = call.app().settings.current();
    if !settings.document.monobase.openapi.public {
        guard::check(Guard::Superuser, call.caller(), None, "")?;
    }
    let schema = call.app().schema.current();
    Response::of(&document(&settings.document.meta.app_name, call.routes(), &schema))
}
