//! Which column fills which field, of a collection that stands or of one to be made.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::schema::fields::Kind;
use crate::schema::index::Index;
use crate::schema::names::check_field_name;
use crate::schema::{Collection, Schema};

use super::kinds::{ColumnKind, Typing};
use super::survey::{ColumnSurvey, Survey};

/// What `max` 0 of a text field stands for (contract/03 §2).
const TEXT_CHARS_DEFAULT: u64 = 5000;
const NAME_CHARS_MAX: usize = 60;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct PlanRequest {
    pub collection: CollectionOf,
    /// From a column to a field; an empty field leaves the column out.
    pub map: Vec<(String, String)>,
    /// Kinds that a person knows better.
    pub kinds: Vec<(String, ColumnKind)>,
    /// The field by which a row that exists is found.
    pub key: Option<String>,
}

/// The collection to be filled.
#[derive(Clone, Debug)]
pub enum CollectionOf {
    /// One that stands.
    Existing(String),
    /// A new one of this name, or of the file's.
    New(Option<String>),
}

impl Default for CollectionOf {
    fn default() -> Self {
        CollectionOf::New(None)
    }
}

/// What will be done.
#[derive(Clone, Debug)]
pub struct Plan {
    pub target: Target,
    /// By column of the file.
    pub columns: Vec<Mapped>,
    pub key: Option<String>,
    pub typing: Typing,
}

#[derive(Clone, Debug)]
pub enum Target {
    Existing(Arc<Collection>),
    /// The name, and the body of the request that makes it.
    New {
        name: String,
        body: Map<String, Json>,
    },
}

impl Target {
    pub fn name(&self) -> &str {
        match self {
            Target::Existing(collection) => &collection.name,
            Target::New { name, .. } => name,
        }
    }
}

/// A column on its way into a field.
#[derive(Clone, Debug)]
pub struct Mapped {
    pub column: String,
    /// `None`: left out.
    pub field: Option<String>,
    /// The field's kind.
    pub kind: String,
    pub note: String,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("there is no collection {0:?}")]
    NoCollection(String),
    #[error("the collection {0:?} exists already: fill it by --into {0}, or name another one by --name")]
    Exists(String),
    #[error("{0:?} is a view: it has no rows of its own")]
    View(String),
    #[error("the file has no column {0:?}")]
    NoColumn(String),
    #[error(
        "{collection:?} has no field for the column {column:?}: name one by --map {column}=FIELD, or leave it out by --map {column}="
    )]
    NoField { collection: String, column: String },
    #[error("{collection:?} has no field {field:?}")]
    UnknownField { collection: String, field: String },
    #[error("the field {field:?} can't be filled by the column {column:?}: {reason}; leave it out by --map {column}=")]
    NotFillable { field: String, column: String, reason: &'static str },
    #[error("the columns {0:?} and {1:?} fill the same field {2:?}")]
    FilledTwice(String, String, String),
    #[error("{0:?} can't be the name of a field")]
    FieldName(String),
    #[error("no column fills the key {0:?}")]
    NoKey(String),
    #[error("the key {0:?} needs a unique index of its own, or rows couldn't be told apart by it")]
    KeyNotUnique(String),
    #[error("--kind is for a new collection: the fields of {0:?} have their kinds")]
    KindOfExisting(String),
    #[error("the file has no columns that could be imported")]
    NoColumns,
}

impl Plan {
    /// Lays the columns over the fields, or makes fields for them.
    pub fn make(schema: &Schema, survey: &Survey, request: &PlanRequest) -> Result<Self, PlanError> {
        for name in request.map.iter().map(|(column, _)| column).chain(request.kinds.iter().map(|(column, _)| column)) {
            if !survey.columns.iter().any(|column| column.name == *name) {
                return Err(PlanError::NoColumn(name.clone()));
            }
        }
        let (target, columns) = match &request.collection {
            CollectionOf::Existing(name) => fill(schema, survey, request, name)?,
            CollectionOf::New(name) => make(schema, survey, request, name.as_deref())?,
        };
        if columns.iter().all(|column| column.field.is_none()) {
            return Err(PlanError::NoColumns);
        }
        check_filled_once(&columns)?;
        if let Some(key) = &request.key
            && !columns.iter().any(|column| column.field.as_ref() == Some(key))
        {
            return Err(PlanError::NoKey(key.clone()));
        }
        Ok(Self { target, columns, key: request.key.clone(), typing: survey.layout.typing() })
    }
}

fn check_filled_once(columns: &[Mapped]) -> Result<(), PlanError> {
    for (index, column) in columns.iter().enumerate() {
        let Some(field) = &column.field else { continue };
        let same = |other: &&Mapped| other.field.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(field));
        if let Some(other) = columns[..index].iter().find(same) {
            return Err(PlanError::FilledTwice(other.column.clone(), column.column.clone(), field.clone()));
        }
    }
    Ok(())
}

fn mapped_to<'r>(request: &'r PlanRequest, column: &str) -> Option<&'r str> {
    request.map.iter().find(|(from, _)| from == column).map(|(_, to)| to.as_str())
}

// ---------------------------------------------------------------- a collection that stands

fn fill(
    schema: &Schema,
    survey: &Survey,
    request: &PlanRequest,
    name: &str,
) -> Result<(Target, Vec<Mapped>), PlanError> {
    let collection = schema.find(name).ok_or_else(|| PlanError::NoCollection(name.to_owned()))?;
    if collection.is_view() {
        return Err(PlanError::View(name.to_owned()));
    }
    if !request.kinds.is_empty() {
        return Err(PlanError::KindOfExisting(name.to_owned()));
    }
    let columns = survey.columns.iter().map(|column| fill_from(collection, column, mapped_to(request, &column.name)));
    let columns = columns.collect::<Result<_, _>>()?;
    if let Some(key) = &request.key {
        check_key(collection, key)?;
    }
    Ok((Target::Existing(collection.clone()), columns))
}

fn fill_from(collection: &Collection, column: &ColumnSurvey, told: Option<&str>) -> Result<Mapped, PlanError> {
    let left_out =
        |note: &str| Mapped { column: column.name.clone(), field: None, kind: String::new(), note: note.to_owned() };
    if told == Some("") {
        return Ok(left_out("left out"));
    }
    let name = told.unwrap_or(&column.name);
    let Some(field) = collection.field(name) else {
        return Err(match told {
            Some(field) => PlanError::UnknownField { collection: collection.name.to_string(), field: field.to_owned() },
            None => PlanError::NoField { collection: collection.name.to_string(), column: column.name.clone() },
        });
    };
    let refuse =
        |reason| Err(PlanError::NotFillable { field: field.name.clone(), column: column.name.clone(), reason });
    match &field.kind {
        Kind::File(_) => refuse("it holds files"),
        Kind::Autodate(_) => refuse("the server sets it"),
        _ if collection.is_auth() && field.name == "tokenKey" => refuse("the server sets it"),
        _ => Ok(Mapped {
            column: column.name.clone(),
            field: Some(field.name.clone()),
            kind: field.kind.name().to_owned(),
            note: empty_note(column),
        }),
    }
}

fn check_key(collection: &Collection, key: &str) -> Result<(), PlanError> {
    if collection.field(key).is_none() {
        return Err(PlanError::UnknownField { collection: collection.name.to_string(), field: key.to_owned() });
    }
    let mut indexes = collection.indexes.iter().filter_map(|text| Index::parse_stored(text));
    let is_unique = key == "id" || indexes.any(|index| index.is_unique_on(key));
    if is_unique { Ok(()) } else { Err(PlanError::KeyNotUnique(key.to_owned())) }
}

// ---------------------------------------------------------------- a new collection

fn make(
    schema: &Schema,
    survey: &Survey,
    request: &PlanRequest,
    name: Option<&str>,
) -> Result<(Target, Vec<Mapped>), PlanError> {
    let stem = survey.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.map_or_else(|| collection_name(&stem), str::to_owned);
    if schema.find_by_name(&name).is_some() {
        return Err(PlanError::Exists(name));
    }
    let (mut columns, mut fields) = (Vec::new(), Vec::new());
    let mut taken: Vec<String> = Vec::new();
    for (number, column) in (1..).zip(&survey.columns) {
        let told = mapped_to(request, &column.name);
        if told == Some("") {
            let note = "left out".to_owned();
            columns.push(Mapped { column: column.name.clone(), field: None, kind: String::new(), note });
            continue;
        }
        let (kind, note) = kind_of(column, request);
        let field = match told {
            Some(name) if check_field_name(name).is_ok() && (name != "id" || kind == ColumnKind::Id) => name.to_owned(),
            Some(name) => return Err(PlanError::FieldName(name.to_owned())),
            None if kind == ColumnKind::Id => "id".to_owned(),
            None => free_name(&column.name, number, &taken),
        };
        taken.push(field.to_ascii_lowercase());
        if field != "id" {
            fields.push(field_json(&field, kind, column));
        }
        let kind_name = if field == "id" { "id" } else { kind.name() };
        columns.push(Mapped { column: column.name.clone(), field: Some(field), kind: kind_name.to_owned(), note });
    }
    let mut body = Map::new();
    body.insert("name".into(), name.as_str().into());
    body.insert("type".into(), "base".into());
    body.insert("fields".into(), Json::Array(fields));
    if let Some(key) = request.key.as_deref().filter(|key| *key != "id") {
        let index = format!("CREATE UNIQUE INDEX `idx_{name}_{key}` ON `{name}` (`{key}`)");
        body.insert("indexes".into(), json!([index]));
    }
    Ok((Target::New { name, body }, columns))
}

/// The kind that was told or found, and what there is to say about it.
fn kind_of(column: &ColumnSurvey, request: &PlanRequest) -> (ColumnKind, String) {
    if let Some((_, kind)) = request.kinds.iter().find(|(name, _)| *name == column.name) {
        return (*kind, "as told".to_owned());
    }
    let (kind, why) = column.verdict();
    let empty = match (kind, column.empty) {
        (ColumnKind::Number, 1..) => format!("{} empty become 0", column.empty),
        (ColumnKind::Bool, 1..) => format!("{} empty become false", column.empty),
        _ => empty_note(column),
    };
    let notes: Vec<String> = why.into_iter().chain(Some(empty).filter(|note| !note.is_empty())).collect();
    (kind, notes.join("; "))
}

fn empty_note(column: &ColumnSurvey) -> String {
    if column.empty > 0 { format!("{} empty", column.empty) } else { String::new() }
}

fn field_json(name: &str, kind: ColumnKind, column: &ColumnSurvey) -> Json {
    let mut field = json!({ "name": name, "type": kind.name() });
    if kind == ColumnKind::Text && column.longest_chars > TEXT_CHARS_DEFAULT {
        field["max"] = column.longest_chars.into();
    }
    if kind == ColumnKind::Json {
        // Bytes, of which a character has four at most.
        field["maxSize"] = (column.longest_chars * 4).max(1 << 20).into();
    }
    field
}

/// A word of ASCII that says about the same.
fn word(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { ' ' };
    let spaced: String = text.chars().map(plain).collect();
    let word = spaced.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_");
    word.chars().take(NAME_CHARS_MAX).collect()
}

fn collection_name(stem: &str) -> String {
    let name = word(stem);
    if name.is_empty() || name.to_ascii_lowercase().contains("_via_") { "imported".to_owned() } else { name }
}

/// A name for a column's field that no other field has.
fn free_name(column: &str, number: usize, taken: &[String]) -> String {
    let is_plain = check_field_name(column).is_ok();
    let name = if is_plain { column.to_owned() } else { word(column) };
    let name = match name.as_str() {
        "" => format!("column{number}"),
        // Its values aren't ids as this server knows them.
        "id" => "original_id".to_owned(),
        _ if check_field_name(&name).is_err() || name.eq_ignore_ascii_case("id") => format!("{name}_{number}"),
        _ => name,
    };
    let is_taken = |name: &str| name.eq_ignore_ascii_case("id") || taken.contains(&name.to_ascii_lowercase());
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    std::iter::once(name.clone()).chain(numbered).find(|name| !is_taken(name)).expect("numbers don't end")
}
