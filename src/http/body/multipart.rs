//! Multipart bodies: values in memory, files streamed to temporary ones as they come.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::error::PayloadError;
use bytes::BytesMut;
use futures_util::StreamExt;

use super::form::Item;
use super::reader::load_error;
use super::{BodyReader, FormFields, LoadError};
use crate::ids;
use crate::input::{ContentFacts, TempFile, Upload};

/// Parts of one body. More is no form a client makes; it would cost memory far beyond the body's bytes.
const PARTS_MAX: usize = 1000;
/// A part with a file is written in steps of this size, each a hop to a blocking thread.
const WRITE_BYTES: usize = 256 * 1024;

/// Values by key, and the files.
pub(super) async fn parse(reader: &mut BodyReader) -> Result<(Vec<(String, Item)>, Vec<Upload>), LoadError> {
    let Some(stream) = reader.take_stream() else { return Ok((Vec::new(), Vec::new())) };
    let mut parts = Multipart::new(reader.headers(), stream);
    let mut fields = FormFields::default();
    let mut uploads = Vec::new();
    let mut count = 0;
    while let Some(part) = parts.next().await {
        let mut part = part.map_err(part_error)?;
        count += 1;
        if count > PARTS_MAX {
            return Err(LoadError::Malformed("too many parts".to_owned()));
        }
        let key = part.name().unwrap_or("").to_owned();
        let file_name = file_name(&part);
        if key.is_empty() {
            skip(&mut part).await?;
        } else if file_name.is_empty() {
            fields.add(key, text(&mut part).await?)?;
        } else {
            uploads.push(receive(&mut part, key, file_name, reader.temp_dir()).await?);
        }
    }
    Ok((fields.finish(), uploads))
}

/// The name the client gave, without a path. Empty: the part is a plain value.
fn file_name(part: &Field) -> String {
    let Some(disposition) = part.content_disposition() else { return String::new() };
    let name = match (disposition.get_filename(), disposition.get_filename_ext()) {
        (_, Some(extended)) => String::from_utf8_lossy(&extended.value).into_owned(),
        (Some(plain), None) => plain.to_owned(),
        (None, None) => String::new(),
    };
    name.trim_end_matches('/').rsplit('/').next().unwrap_or("").to_owned()
}

async fn skip(part: &mut Field) -> Result<(), LoadError> {
    while let Some(chunk) = part.next().await {
        chunk.map_err(part_error)?;
    }
    Ok(())
}

/// A value; the body's limit bounds it.
async fn text(part: &mut Field) -> Result<String, LoadError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = part.next().await {
        bytes.extend_from_slice(&chunk.map_err(part_error)?);
    }
    String::from_utf8(bytes.to_vec()).map_err(|error| LoadError::Malformed(error.to_string()))
}

/// A file, streamed to a temporary one in `dir`.
async fn receive(part: &mut Field, key: String, file_name: String, dir: PathBuf) -> Result<Upload, LoadError> {
    let (target, file) = blocking(move || create(dir)).await?;
    let mut target = Target { file: target, facts: ContentFacts::default() };
    let mut waiting = BytesMut::new();
    loop {
        let chunk = part.next().await.transpose().map_err(part_error)?;
        if let Some(chunk) = &chunk {
            waiting.extend_from_slice(chunk);
        }
        if !waiting.is_empty() && (chunk.is_none() || waiting.len() >= WRITE_BYTES) {
            let bytes = waiting.split();
            target = blocking(move || target.write(&bytes).map(|()| target)).await?;
        }
        if chunk.is_none() {
            return Ok(target.facts.into_upload(key, file_name, file));
        }
    }
}

/// A file that is being written, and what is known of what it holds.
struct Target {
    file: File,
    facts: ContentFacts,
}

impl Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.facts.add(bytes);
        self.file.write_all(bytes)
    }
}

/// A new file under a name that nobody else has.
fn create(dir: PathBuf) -> io::Result<(File, TempFile)> {
    fs::create_dir_all(&dir)?;
    let path = dir.join(format!("mb_upload_{}", ids::lower(20)));
    let file = File::create_new(&path)?;
    Ok((file, TempFile::new(path)))
}

async fn blocking<T: Send + 'static>(job: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, LoadError> {
    match tokio::task::spawn_blocking(job).await {
        Ok(result) => Ok(result?),
        Err(error) => Err(LoadError::Storage(io::Error::other(error))),
    }
}

/// How a failure inside the parser is answered.
fn part_error(error: MultipartError) -> LoadError {
    match error {
        MultipartError::Payload(
            inner @ (PayloadError::Overflow | PayloadError::Io(_) | PayloadError::Incomplete(_)),
        ) => load_error(&inner),
        other => LoadError::Malformed(other.to_string()),
    }
}
