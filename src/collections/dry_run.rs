//! A view's query tried out: its fields and first records, nothing kept (contract/02 §12).

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::access::FieldView;
use crate::error::{Error, FieldError, FieldErrors, Result};
use crate::ids;
use crate::schema::json::RecordJson;
use crate::schema::sql_text::trim_statement;
use crate::schema::{Collection, CollectionKind, Rules};
use crate::store::{Conn, ConnExt, StoreError};

use super::change::Collections;
use super::scaffold;
use super::view::{SAMPLE_ROWS, check_ids, infer};

const NOT_VALID: &str = "An error occurred while validating the submitted data.";
const NOT_LOADED: &str = "An error occurred while loading the submitted data.";
const QUERY_BYTES_MAX: usize = 5000;

/// The query of a request body.
///
/// # Errors
/// `BadRequest` for a wrong JSON type, `Invalid` for a query that is empty or too long.
pub fn read_dry_run(body: &Map<String, Json>) -> Result<String> {
    let query = match body.get("query") {
        None | Some(Json::Null) => "",
        Some(Json::String(query)) => query,
        Some(_) => return Err(Error::bad_request_with(NOT_LOADED)),
    };
    let error = match query.len() {
        0 => FieldError::required(),
        length if length <= QUERY_BYTES_MAX => return Ok(query.to_owned()),
        _ => FieldError::with_params(
            "validation_length_too_long",
            format!("The length must be no more than {QUERY_BYTES_MAX}."),
            serde_json::json!({"min": 0, "max": QUERY_BYTES_MAX}),
        ),
    };
    Err(Error::invalid(NOT_VALID, FieldErrors::one("query", error)))
}

impl Collections {
    /// The fields that a view over `query` would have and its first records, as the answer's JSON.
    ///
    /// # Errors
    /// `BadRequest` with what is wrong with the query.
    pub fn dry_run_view(&self, conn: &dyn Conn, query: &str) -> Result<Vec<u8>> {
        let refused = |reason: String| Error::bad_request_with(format!("Invalid view query. Raw error: \n{reason}"));
        let mut view = temporary_view(query);
        let schema = self.schema.current();
        let shape = infer(conn, &schema, &view, query)?.map_err(|fault| refused(fault.reason))?;
        check_ids(conn, query)?.map_err(|fault| refused(fault.reason))?;
        view.fields = shape.fields;
        let sample = sample(conn, &view, query).map_err(|error| match error {
            StoreError::Sql(_) | StoreError::TimedOut => refused(error.to_string()),
            other => other.into(),
        })?;
        let fields: Vec<Json> = view.fields.iter().map(|field| Json::Object(field.to_json())).collect();
        let mut answer = b"{\"fields\":".to_vec();
        serde_json::to_writer(&mut answer, &fields).map_err(Error::internal)?;
        answer.extend_from_slice(b",\"sample\":[");
        answer.extend_from_slice(&sample);
        answer.extend_from_slice(b"]}");
        Ok(answer)
    }
}

fn temporary_view(query: &str) -> Collection {
    let name = format!("temp_view_{}", ids::secret(5));
    Collection {
        id: scaffold::collection_id("view", &name, |_| false).into(),
        name: Arc::from(name),
        kind: CollectionKind::View { query: query.to_owned() },
        system: false,
        fields: Vec::new(),
        indexes: Vec::new(),
        rules: Rules::default(),
        created: String::new(),
        updated: String::new(),
        unknown_options: Map::new(),
    }
}

/// The first records as JSON objects, comma separated; what is hidden is left out.
fn sample(conn: &dyn Conn, view: &Collection, query: &str) -> Result<Vec<u8>, StoreError> {
    let columns: Vec<String> = view.fields.iter().map(|field| conn.dialect().quote(&field.name)).collect();
    let sql = format!("SELECT {} FROM ({}\n) LIMIT {SAMPLE_ROWS}", columns.join(", "), trim_statement(query));
    let (json, shown) = (RecordJson::new(view), FieldView::new(false, view));
    let mut records: Vec<u8> = Vec::new();
    conn.list_rows(&sql, &[], |row| {
        if !records.is_empty() {
            records.push(b',');
        }
        json.write_row(|index| shown.shows(index).then(|| row.cell(index)), None, &mut records);
    })?;
    Ok(records)
}
