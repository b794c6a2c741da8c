//! `/api/collections` (contract/02).

use serde_json::{Map, Value as Json, json};

use crate::app::App;
use crate::collections::{
    CollectionBody, ImportBody, ListQuery, ViewSample, WrongBody, oauth2_providers, read_dry_run, scaffolds,
};
use crate::error::{Error, Result};
use crate::http::{Call, Document, Guard, LoadError, Response, Route};
use crate::records::PageQuery;
use crate::storage::QueuedRemovals;
use crate::store::Tx;

const COLLECTIONS: &str = "/api/collections";
const COLLECTION: &str = "/api/collections/{collection}";

pub fn routes() -> Vec<Route> {
    let routes = vec![
        Route::get(COLLECTIONS, list).doc("Collections", "Lists the collections."),
        Route::post(COLLECTIONS, create).doc("Collections", "Creates a collection with its table or view."),
        Route::put("/api/collections/import", import)
            .doc("Collections", "Creates and changes many collections at once, wholly or not at all."),
        Route::get(COLLECTION, view).doc("Collections", "Shows a collection, without its secrets."),
        Route::patch(COLLECTION, update)
            .doc("Collections", "Changes a collection and its table; what is left out stays."),
        Route::delete(COLLECTION, delete).doc("Collections", "Drops a collection with its records and files."),
        Route::delete("/api/collections/{collection}/truncate", truncate)
            .doc("Collections", "Deletes every record of a collection."),
        Route::get("/api/collections/meta/scaffolds", show_scaffolds)
            .doc("Collections", "Gives an empty collection of each type."),
        Route::get("/api/collections/meta/oauth2-providers", show_providers)
            .doc("Collections", "Lists the OAuth2 providers that auth collections may use."),
        Route::post("/api/collections/meta/dry-run-view", dry_run_view)
            .doc("Collections", "Tries a view's query out: its fields and first records."),
    ];
    routes.into_iter().map(|route| route.guard(Guard::Superuser)).collect()
}

async fn list(call: Call) -> Result<Response> {
    let asked = PageQuery::parse(call.query())?;
    let query = ListQuery {
        page: asked.page,
        per_page: asked.per_page,
        skip_total: asked.skip_total,
        filter: asked.filter,
        sort: asked.sort,
    };
    let collections = call.app().collections.clone();
    let (page, per_page) = (query.page, query.per_page);
    let found = call.app().store.read(move |conn| collections.list(conn, &query)).await?;
    let items: Vec<Json> = found.items.iter().map(|collection| Json::Object(collection.to_json())).collect();
    let (total, pages) = match found.total {
        Some(total) => (json!(total), json!(total.div_ceil(per_page))),
        None => (json!(-1), json!(-1)),
    };
    Response::of(&json!({
        "items": items, "page": page, "perPage": per_page, "totalItems": total, "totalPages": pages,
    }))
}

async fn view(call: Call) -> Result<Response> {
    let schema = call.app().schema.current();
    let collection = schema.find(&call.param("collection")).ok_or_else(Error::not_found)?;
    Response::of(&collection.to_json())
}

async fn create(mut call: Call) -> Result<Response> {
    let body = load(&mut call).await?.map_err(WrongBody::on_create)?;
    let app = call.app().clone();
    let sample = sample(&call, &body).await?;
    let created = app.store.write_alone({
        let collections = app.collections.clone();
        move |tx| collections.create(tx, &body, sample.as_ref())
    });
    Response::of(&created.await?.to_json())
}

async fn update(mut call: Call) -> Result<Response> {
    let id_or_name = call.param("collection").into_owned();
    call.app().schema.current().find(&id_or_name).ok_or_else(Error::not_found)?;
    let body = load(&mut call).await?.map_err(WrongBody::on_update)?;
    let app = call.app().clone();
    let sample = sample(&call, &body).await?;
    let collections = app.collections.clone();
    let job = move |tx: &dyn Tx| collections.update(tx, &id_or_name, &body, sample.as_ref());
    Response::of(&write_and_clear(&app, job).await?.to_json())
}

async fn delete(call: Call) -> Result<Response> {
    let id_or_name = call.param("collection").into_owned();
    let collections = call.app().collections.clone();
    write_and_clear(call.app(), move |tx| collections.delete(tx, &id_or_name)).await?;
    Ok(Response::no_content())
}

async fn truncate(call: Call) -> Result<Response> {
    let id_or_name = call.param("collection").into_owned();
    let collections = call.app().collections.clone();
    write_and_clear(call.app(), move |tx| collections.truncate(tx, &id_or_name)).await?;
    Ok(Response::no_content())
}

async fn import(mut call: Call) -> Result<Response> {
    let body = ImportBody::read(load_json(&mut call).await?)?;
    let collections = call.app().collections.clone();
    write_and_clear(call.app(), move |tx| collections.import(tx, &body)).await?;
    Ok(Response::no_content())
}

async fn show_scaffolds(_call: Call) -> Result<Response> {
    Response::of(&scaffolds())
}

async fn show_providers(_call: Call) -> Result<Response> {
    Response::of(&oauth2_providers())
}

async fn dry_run_view(mut call: Call) -> Result<Response> {
    let query = read_dry_run(&load_json(&mut call).await?)?;
    let collections = call.app().collections.clone();
    let answer = call.app().store.read(move |conn| collections.dry_run_view(conn, &query)).await?;
    Ok(Response::json(answer))
}

/// Runs a write that may leave files without a row, and waits for their removal.
async fn write_and_clear<T: Send + 'static>(
    app: &App,
    mut job: impl FnMut(&dyn Tx) -> Result<T> + Send + 'static,
) -> Result<T> {
    let job = move |tx: &dyn Tx| Ok((job(tx)?, QueuedRemovals::of_job(tx)));
    let (written, removals) = app.store.write_alone(job).await?;
    app.storage.await_removals(removals).await;
    Ok(written)
}

/// The body; what can't be parsed at all is bad type data (contract/02 §1).
async fn load(call: &mut Call) -> Result<Result<CollectionBody, WrongBody>> {
    match call.document().await {
        Ok(Document { json, fields }) => Ok(CollectionBody::read_document(json, fields)),
        Err(LoadError::TooLarge) => Err(Error::TooLarge),
        Err(LoadError::Storage(error)) => Err(Error::internal(error)),
        Err(error) => Ok(Err(WrongBody::TypeData(error.to_string()))),
    }
}

/// The body of a route whose form values are texts at best.
async fn load_json(call: &mut Call) -> Result<Map<String, Json>> {
    let Document { mut json, fields } = call.document().await.map_err(LoadError::as_load_failure_or_type)?;
    for (key, values) in fields {
        json.entry(key).or_insert_with(|| values.into_iter().next().unwrap_or_default().into());
    }
    Ok(json)
}

/// Looks at the rows of a view's query on a reader, whose time is limited.
async fn sample(call: &Call, body: &CollectionBody) -> Result<Option<ViewSample>> {
    if !body.brings_query() {
        return Ok(None);
    }
    let body = body.clone();
    call.app().store.read(move |conn| ViewSample::take(conn, &body)).await
}
