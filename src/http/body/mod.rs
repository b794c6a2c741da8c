//! Request bodies (contract/00 §1, contract/05 §5): bounded while they are read, then a document or a record's data.
//!
//! [`BodyReader`] counts and times; `json`, `form` and `multipart` parse; [`LoadError`] is what can go wrong.

mod form;
mod json;
mod multipart;
mod reader;

use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use serde_json::{Map, Value as Json};

pub(super) use reader::{BodyReader, content_length};

use self::form::Item;
use crate::error::Error;
use crate::input::RecordBody;
use crate::storage::StorageError;

/// A part of a form that holds JSON (contract/05 §5).
const JSON_PAYLOAD_KEY: &str = "@jsonPayload";

/// Why a body wasn't loaded. Becomes the 400 that most routes show; those with other texts map it themselves.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A content type that isn't read.
    #[error("unsupported content type")]
    UnsupportedType {
        /// Whether it is an XML type, which the record routes answer with another text.
        is_xml: bool,
    },
    /// It can't be parsed, or has a value of a wrong type.
    #[error("malformed body: {0}")]
    Malformed(String),
    /// The body ended early, or wasn't there in time.
    #[error("the body broke off: {0}")]
    BrokenOff(String),
    /// More bytes than the route takes.
    #[error("the body is too large")]
    TooLarge,
    /// A temporary file couldn't be written.
    #[error("an upload couldn't be stored: {0}")]
    Storage(#[from] std::io::Error),
}

impl LoadError {
    /// The text of routes that show it whatever was wrong (settings, confirm-password-reset, …).
    pub fn as_load_failure(self) -> Error {
        const TEXT: &str = "An error occurred while loading the submitted data.";
        match self {
            Self::TooLarge => Error::TooLarge,
            Self::Storage(error) => StorageError::from(error).into(),
            other => Error::bad_request_from(TEXT, other),
        }
    }

    /// As [`LoadError::as_load_failure`], but another content type is named.
    pub fn as_load_failure_or_type(self) -> Error {
        match self {
            Self::UnsupportedType { is_xml: false } => Error::bad_request_from("Unsupported Content-Type.", self),
            other => other.as_load_failure(),
        }
    }

    /// What record routes answer (contract/05 §1, step 5).
    pub fn as_record_failure(self) -> Error {
        match self {
            Self::TooLarge => Error::TooLarge,
            Self::Storage(error) => StorageError::from(error).into(),
            Self::UnsupportedType { is_xml: false } => Error::bad_request_from("Unsupported Content-Type.", self),
            other => Error::bad_request_from("", other),
        }
    }
}

/// How a body is written.
enum Kind {
    /// There is none.
    Empty,
    Json,
    UrlEncoded,
    Multipart,
    Unsupported {
        is_xml: bool,
    },
}

impl Kind {
    /// By the beginning of the content type.
    fn of(content_type: &str) -> Self {
        let has_prefix =
            |prefix: &str| content_type.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix));
        if has_prefix("application/json") {
            Self::Json
        } else if has_prefix("multipart/form-data") {
            Self::Multipart
        } else if has_prefix("application/x-www-form-urlencoded") {
            Self::UrlEncoded
        } else {
            Self::Unsupported { is_xml: has_prefix("application/xml") || has_prefix("text/xml") }
        }
    }
}

/// Reads a body of any type into `T`. Absent keys and keys with null are left out, so `T` needs `#[serde(default)]`;
/// unknown keys are ignored. A form value is read as what the target wants (bool, number, text, list).
pub(super) async fn load<T: DeserializeOwned>(reader: &mut BodyReader) -> Result<T, LoadError> {
    let malformed = |error: serde_json::Error| LoadError::Malformed(error.to_string());
    match reader.kind().await? {
        Kind::Empty => serde_json::from_value(Json::Object(Map::new())).map_err(malformed),
        Kind::Json => {
            let mut document = json::parse_object(&reader.whole().await?)?;
            document.retain(|_, value| !value.is_null());
            serde_json::from_value(Json::Object(document)).map_err(malformed)
        }
        Kind::UrlEncoded => from_form(form::parse_urlencoded(&reader.whole().await?)?),
        Kind::Multipart => from_form(multipart::parse(reader).await?.0),
        Kind::Unsupported { is_xml } => Err(LoadError::UnsupportedType { is_xml }),
    }
}

/// A body of any type as it came: nothing inferred, nothing left out.
#[derive(Debug, Default)]
pub struct Document {
    /// Of a JSON body, or of `@jsonPayload`.
    pub json: Map<String, Json>,
    /// Fields of a form, each with its values in the order sent.
    pub fields: Vec<(String, Vec<String>)>,
}

/// Reads a body of any type as it came.
pub(super) async fn document(reader: &mut BodyReader) -> Result<Document, LoadError> {
    let items = match reader.kind().await? {
        Kind::Empty => Vec::new(),
        Kind::Json => {
            return Ok(Document { json: json::parse_object(&reader.whole().await?)?, fields: Vec::new() });
        }
        Kind::UrlEncoded => form::parse_urlencoded(&reader.whole().await?)?,
        Kind::Multipart => multipart::parse(reader).await?.0,
        Kind::Unsupported { is_xml } => return Err(LoadError::UnsupportedType { is_xml }),
    };
    let mut document = Document::default();
    for (key, item) in items {
        match item {
            Item::Json(value) => drop(document.json.insert(key, value)),
            Item::Texts(texts) => document.fields.push((key, texts)),
        }
    }
    Ok(document)
}

/// Reads a body of any type as a record's data: values, inferred in forms, and uploads.
pub(super) async fn record_body(reader: &mut BodyReader) -> Result<RecordBody, LoadError> {
    let (items, uploads) = match reader.kind().await? {
        Kind::Empty => (Vec::new(), Vec::new()),
        Kind::Json => {
            return Ok(RecordBody { values: json::parse_object(&reader.whole().await?)?, uploads: Vec::new() });
        }
        Kind::UrlEncoded => (form::parse_urlencoded(&reader.whole().await?)?, Vec::new()),
        Kind::Multipart => multipart::parse(reader).await?,
        Kind::Unsupported { is_xml } => return Err(LoadError::UnsupportedType { is_xml }),
    };
    let values = items.into_iter().map(|(key, item)| (key, item.infer())).collect();
    Ok(RecordBody { values, uploads })
}

fn from_form<T: DeserializeOwned>(items: Vec<(String, Item)>) -> Result<T, LoadError> {
    let items = items.into_iter().filter(|(_, item)| !item.is_null());
    T::deserialize(MapDeserializer::new(items)).map_err(|error: form::FormError| LoadError::Malformed(error.0))
}

/// Form values gathered key by key: repeated keys make lists, `@jsonPayload` goes over the rest.
#[derive(Default)]
struct FormFields {
    texts: Vec<(String, Vec<String>)>,
    payload: Map<String, Json>,
}

impl FormFields {
    fn add(&mut self, key: String, text: String) -> Result<(), LoadError> {
        if key.contains('\0') || text.contains('\0') {
            return Err(LoadError::Malformed("a NUL character".to_owned()));
        }
        if key == JSON_PAYLOAD_KEY {
            // Later payloads win key by key.
            self.payload.extend(json::parse_object(text.as_bytes())?);
            return Ok(());
        }
        match self.texts.iter_mut().find(|(known, _)| *known == key) {
            Some((_, texts)) => texts.push(text),
            None => self.texts.push((key, vec![text])),
        }
        Ok(())
    }

    fn finish(self) -> Vec<(String, Item)> {
        let Self { texts, payload } = self;
        let plain = texts.into_iter().filter(|(key, _)| !payload.contains_key(key));
        let mut items: Vec<_> = plain.map(|(key, texts)| (key, Item::Texts(texts))).collect();
        items.extend(payload.into_iter().map(|(key, value)| (key, Item::Json(value))));
        items
    }
}
