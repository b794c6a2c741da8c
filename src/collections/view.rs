//! The fields of a view, inferred from its query (contract/02 §9): the engine says what the columns are called, where
//! they come from and whether the query holds; its text says which expressions are counts and casts.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Map;

use crate::error::{FieldError, Result};
use crate::ids;
use crate::schema::fields::{
    BoolOptions, JsonOptions, Kind, NumberOptions, OptionsContext, RelationOptions, TextOptions,
};
use crate::schema::{Collection, Field, Schema};
use crate::store::{ColumnOutline, Conn, ConnExt, QueryOutline, ResultColumn, StoreError, Value};

use super::scaffold;
use crate::schema::sql_text::{has_several_statements, trim_statement};

/// Reasons are cut to this many bytes.
const REASON_BYTES_MAX: usize = 500;
/// Rows that are looked at for bad ids.
pub(super) const SAMPLE_ROWS: usize = 10;

const WILDCARD: &str = "wildcard columns (*) are not supported - manually type the collection field names you want the \
                        view query to have";
const MISSING_ID: &str = "missing required id column (you can use `(ROW_NUMBER() OVER()) as id` if you don't have one)";

/// What a query gives as a view.
#[derive(Clone, Debug)]
pub(super) struct ViewShape {
    pub fields: Vec<Arc<Field>>,
    /// The `id` column isn't text as it stands: the view casts it.
    pub casts_id: bool,
}

/// Why a query can't be a view.
#[derive(Debug)]
pub(super) struct ViewFault {
    /// Without the `Invalid query` before it.
    pub reason: String,
    /// As far as they could be inferred.
    pub fields: Vec<Arc<Field>>,
}

impl ViewFault {
    fn new(reason: impl Into<String>, fields: Vec<Arc<Field>>) -> Self {
        let mut reason = reason.into();
        reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
        Self { reason, fields }
    }
}

impl ViewShape {
    /// The statement that makes the view.
    pub fn create_statement(&self, conn: &dyn Conn, name: &str, query: &str) -> String {
        let columns: Vec<String> = self.fields.iter().map(|field| field.name.clone()).collect();
        conn.dialect().create_view(name, trim_statement(query), self.casts_id.then_some(&columns))
    }
}

/// What `query` gives as the view `view`; the inner error is the query's own fault.
///
/// # Errors
/// What the database fails with besides a wrong statement.
pub(super) fn infer(
    conn: &dyn Conn,
    schema: &Schema,
    view: &Collection,
    query: &str,
) -> Result<Result<ViewShape, ViewFault>> {
    let query = trim_statement(query);
    if has_several_statements(query) {
        return Ok(Err(ViewFault::new("multiple statements are not supported", Vec::new())));
    }
    let outline = conn.dialect().outline(query);
    if outline.iter().flat_map(|outline| &outline.columns).any(|column| *column == ColumnOutline::Wildcard) {
        return Ok(Err(ViewFault::new(WILDCARD, Vec::new())));
    }
    let columns = match conn.dialect().describe_view(conn, query) {
        Ok(shape) => shape.columns,
        Err(StoreError::Sql(reason)) => return Ok(Err(ViewFault::new(reason, Vec::new()))),
        Err(other) => return Err(other.into()),
    };
    let fields = infer_fields(schema, &columns, outline.as_ref());
    let Some(id) = columns.iter().find(|column| column.name == "id") else {
        return Ok(Err(ViewFault::new(MISSING_ID, fields)));
    };
    if let Some(reason) = find_invalid_field(schema, view, &fields) {
        return Ok(Err(ViewFault::new(reason, fields)));
    }
    let is_text = id.declared_type.as_deref().is_some_and(|declared| declared.eq_ignore_ascii_case("text"));
    Ok(Ok(ViewShape { fields, casts_id: !is_text }))
}

/// Looks at the first rows: their ids must be there and differ.
pub(super) fn check_ids(conn: &dyn Conn, query: &str) -> Result<Result<(), ViewFault>> {
    let sql = format!("SELECT {} FROM ({}\n) LIMIT {SAMPLE_ROWS}", conn.dialect().quote("id"), trim_statement(query));
    let ids = match conn.list_rows(&sql, &[], |row| row.cell(0).to_value()) {
        Ok(ids) => ids,
        Err(StoreError::Sql(reason)) => return Ok(Err(ViewFault::new(reason, Vec::new()))),
        Err(StoreError::TimedOut) => return Ok(Err(ViewFault::new(StoreError::TimedOut.to_string(), Vec::new()))),
        Err(other) => return Err(other.into()),
    };
    let mut seen = HashSet::new();
    for id in ids {
        let text = match id {
            Value::Int(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            Value::Text(text) => text.into_string(),
            Value::Null | Value::Blob(_) => String::new(),
        };
        if text.is_empty() {
            return Ok(Err(ViewFault::new("the query could return records with empty or invalid ids", Vec::new())));
        }
        if !seen.insert(text) {
            return Ok(Err(ViewFault::new("the query could return records with non-unique ids", Vec::new())));
        }
    }
    Ok(Ok(()))
}

fn infer_fields(schema: &Schema, columns: &[ResultColumn], outline: Option<&QueryOutline>) -> Vec<Arc<Field>> {
    let empty = QueryOutline::default();
    let outline = outline.filter(|outline| outline.columns.len() == columns.len()).unwrap_or(&empty);
    let mut fields = Vec::with_capacity(columns.len());
    for (position, column) in columns.iter().enumerate() {
        let made_of = outline.columns.get(position).unwrap_or(&ColumnOutline::Other);
        let mut field = infer_field(schema, column, made_of, outline);
        if field.id.is_empty() {
            field.id = scaffold::field_id(&field, &fields);
        }
        fields.push(Arc::new(field));
    }
    fields
}

/// The field of one column; its id is empty unless it is a clone.
fn infer_field(schema: &Schema, column: &ResultColumn, made_of: &ColumnOutline, outline: &QueryOutline) -> Field {
    let number = |only_int| Kind::Number(NumberOptions { only_int, ..NumberOptions::default() });
    if column.name == "id" {
        let options = TextOptions { pattern: scaffold::ID_PATTERN.into(), primary_key: true, ..TextOptions::default() };
        return Field { system: true, required: true, ..plain_field("id", Kind::Text(options)) };
    }
    let kind = match made_of {
        ColumnOutline::Call { function } if function == "count" => Some(number(true)),
        ColumnOutline::Call { function } if function == "total" => Some(number(false)),
        ColumnOutline::Cast { to } => match to.as_str() {
            "real" | "decimal" | "numeric" => Some(number(false)),
            "int" | "integer" => Some(number(true)),
            "text" => Some(Kind::Text(TextOptions::default())),
            "bool" | "boolean" => Some(Kind::Bool(BoolOptions::default())),
            _ => None,
        },
        ColumnOutline::Column { qualifier, name } => {
            if let Some((source, field)) = find_source(schema, outline, qualifier.as_deref(), name) {
                return refer_to(source, field, &column.name);
            }
            None
        }
        ColumnOutline::Call { .. } | ColumnOutline::Wildcard | ColumnOutline::Other => None,
    };
    if let Some(kind) = kind {
        return plain_field(&column.name, kind);
    }
    // What is hidden stays hidden by whatever way it comes: sub-query, CTE, union, another view's expression.
    match find_origin(schema, column).filter(|field| field.hidden) {
        Some(hidden) => clone_of(hidden, &column.name),
        None => plain_field(&column.name, Kind::Json(JsonOptions { max_size: 1 })),
    }
}

/// The collection and field that a plain column names, ignoring case.
fn find_source<'s>(
    schema: &'s Schema,
    outline: &QueryOutline,
    qualifier: Option<&str>,
    name: &str,
) -> Option<(&'s Collection, &'s Field)> {
    let is_named = |alias: &str| qualifier.is_none_or(|qualifier| alias.eq_ignore_ascii_case(qualifier));
    let mut sources = outline.sources.iter().filter(|source| is_named(&source.alias));
    sources.find_map(|source| {
        let collection = schema.find_by_name(&source.table)?;
        Some((&**collection, find_field(collection, name)?))
    })
}

/// The stored field that a column comes from, through whatever lies between.
fn find_origin<'s>(schema: &'s Schema, column: &ResultColumn) -> Option<&'s Field> {
    let (table, name) = column.origin.as_ref()?;
    find_field(schema.find_by_name(table)?, name)
}

fn find_field<'c>(collection: &'c Collection, name: &str) -> Option<&'c Field> {
    collection.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| &**field)
}

/// An id under another name refers to its collection; any other field is cloned.
fn refer_to(collection: &Collection, field: &Field, name: &str) -> Field {
    if field.name != "id" {
        return clone_of(field, name);
    }
    let options =
        RelationOptions { collection_id: collection.id.to_string(), max_select: 1, ..RelationOptions::default() };
    plain_field(name, Kind::Relation(options))
}

fn clone_of(field: &Field, name: &str) -> Field {
    Field { id: format!("_clone_{}", ids::secret(4)), name: name.to_owned(), ..field.clone() }
}

/// A field without an id and without options of its own.
pub(super) fn plain_field(name: &str, kind: Kind) -> Field {
    Field {
        id: String::new(),
        name: name.to_owned(),
        system: false,
        hidden: false,
        presentable: false,
        required: false,
        help: String::new(),
        kind,
        unknown: Map::new(),
    }
}

/// The reason of the first column that can't be a field, mostly because of its name.
fn find_invalid_field(schema: &Schema, view: &Collection, fields: &[Arc<Field>]) -> Option<String> {
    let context = OptionsContext { schema, collection: view, stored: None };
    fields.iter().enumerate().find_map(|(position, field)| {
        let errors = field.check_options(&context);
        let (option, message) = errors.iter().find_map(|(option, error)| match error {
            FieldError::Code { message, .. } => Some((option, message.clone())),
            FieldError::Tree(_) | FieldError::Response { .. } => None,
        })?;
        let message = lower_first(message.trim_end_matches('.'));
        Some(format!("invalid field \"{}\" ({position}): {option}: {message}", field.name))
    })
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

/// Whether two lists are the same but for ids, case of names ignored.
pub(super) fn are_same_fields(a: &[Arc<Field>], b: &[Arc<Field>]) -> bool {
    let comparable = |field: &Field| {
        let mut object = field.to_json();
        object.shift_remove("id");
        object.insert("name".to_owned(), field.name.to_ascii_lowercase().into());
        object
    };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| comparable(a) == comparable(b))
}
