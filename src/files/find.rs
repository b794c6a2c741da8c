//! Which file a path means, and whether the caller may have it.

use std::sync::Arc;

use super::Files;
use crate::access::{Action, Gate};
use crate::error::{Error, Result};
use crate::query::Request;
use crate::rows::find_record;
use crate::schema::fields::Kind;
use crate::schema::{Collection, Schema, Shape};
use crate::storage::FileKey;
use crate::store::{Conn, ConnExt, Value};

/// What a path asks for.
#[derive(Debug)]
pub struct FileRequest {
    pub collection: Arc<Collection>,
    pub record_id: String,
    pub name: String,
    /// The facts for the view rule; the caller is the one of the file token.
    pub facts: Request,
}

/// A file that the caller may have.
#[derive(Debug)]
pub struct Found {
    pub key: FileKey,
    /// The sizes that its field lists.
    pub thumb_sizes: Vec<String>,
}

impl Files {
    /// The file that a record's value names; of a protected one only for whom the view rule lets in.
    ///
    /// # Errors
    /// `NotFound` for everything that isn't there or that the caller may not have: which of them isn't told.
    pub async fn find(&self, request: FileRequest) -> Result<Found> {
        let (schema, planner, now) = (self.schema.current(), self.planner.clone(), self.clock.now());
        let may_scan = request.collection.is_view() || has_protected(&request.collection);
        let look = move |conn: &dyn Conn| {
            let gate =
                Gate { planner: &planner, schema: &schema, request: &request.facts, now, dialect: conn.dialect() };
            find(conn, &schema, &gate, &request)
        };
        if may_scan { self.store.read(look).await } else { self.store.read_here(look) }
    }
}

fn has_protected(collection: &Collection) -> bool {
    collection.fields.iter().any(|field| matches!(&field.kind, Kind::File(options) if options.protected))
}

fn find(conn: &dyn Conn, schema: &Schema, gate: &Gate<'_>, request: &FileRequest) -> Result<Found> {
    let FileRequest { collection, record_id, name, .. } = request;
    let record = find_record(conn, collection, record_id)?.ok_or_else(Error::not_found)?;
    let fields = collection.fields.iter().zip(record.values());
    let holding = fields.filter_map(|(field, value)| match &field.kind {
        Kind::File(options) if value.items().contains(name) => Some((field, options)),
        _ => None,
    });
    let (field, options) = holding.into_iter().next().ok_or_else(Error::not_found)?;
    if options.protected && !may_view(conn, gate, collection, record_id)? {
        return Err(Error::not_found());
    }
    let place = if collection.is_view() {
        find_source(conn, schema, collection, &field.name, name)?.ok_or_else(Error::not_found)?
    } else {
        (collection.id.to_string(), record_id.clone())
    };
    let key = FileKey::new(&place.0, &place.1, name).ok_or_else(Error::not_found)?;
    Ok(Found { key, thumb_sizes: options.thumbs.clone().unwrap_or_default() })
}

fn may_view(conn: &dyn Conn, gate: &Gate<'_>, collection: &Arc<Collection>, record_id: &str) -> Result<bool> {
    match gate.may(conn, collection, Action::View, record_id) {
        // A locked rule is told apart elsewhere; here nothing is.
        Err(Error::Forbidden(_) | Error::NotFound(_)) => Ok(false),
        decided => decided,
    }
}

/// The collection and record that a view's file comes from: the one whose column shows in the view.
fn find_source(
    conn: &dyn Conn,
    schema: &Schema,
    view: &Collection,
    field: &str,
    name: &str,
) -> Result<Option<(String, String)>> {
    let dialect = conn.dialect();
    let shape = conn.describe(&format!("SELECT {} FROM {}", dialect.quote(field), dialect.quote(&view.name)))?;
    let origin = shape.columns.into_iter().next().and_then(|column| column.origin);
    let source = origin.and_then(|(table, column)| {
        let collection = schema.find_by_name(&table).filter(|collection| !collection.is_view())?;
        let field = collection.fields.iter().find(|field| field.name.eq_ignore_ascii_case(&column))?;
        field.is_file().then_some((collection, field))
    });
    let Some((collection, field)) = source else { return Ok(None) };
    let column = dialect.quote(&field.name);
    let condition = match field.shape() {
        Shape::Multiple => dialect.contains_text(&column, &dialect.parameter(1)),
        _ => format!("{column} = {}", dialect.parameter(1)),
    };
    let sql =
        format!("SELECT {}, {column} FROM {} WHERE {condition}", dialect.quote("id"), dialect.quote(&collection.name));
    let rows = conn.list_rows(&sql, &[Value::from(name)], |row| {
        let is_held = field.value_of(row.cell(1)).items().iter().any(|held| held == name);
        is_held.then(|| row.cell(0).as_text().to_owned())
    })?;
    Ok(rows.into_iter().flatten().next().map(|id| (collection.id.to_string(), id)))
}
