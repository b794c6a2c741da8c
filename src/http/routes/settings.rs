//! `/api/settings` (contract/20).

use crate::error::Result;
use crate::http::{Call, Document, Guard, LoadError, Response, Route};
use crate::settings::Settings;

pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/settings", view)
            .guard(Guard::Superuser)
            .doc("Settings", "Shows the settings, without their secrets."),
        Route::patch("/api/settings", update)
            .guard(Guard::Superuser)
            .doc("Settings", "Changes settings; what is left out stays."),
    ]
}

async fn view(call: Call) -> Result<Response> {
    Response::of(&call.app().settings.current().document.to_public())
}

async fn update(mut call: Call) -> Result<Response> {
    let Document { json, fields } = call.document().await.map_err(LoadError::as_load_failure)?;
    let change = Settings::change_of(json, &fields);
    let settings = call.app().settings.clone();
    let saved = call.app().store.write(move |tx| settings.update(tx, change.clone())).await?;
    Response::of(&saved.to_public())
}
