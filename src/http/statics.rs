//! The public directory (contract/22 §2, Static files): what `GET` finds on paths that no route has.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::content::{Content, read_ahead_bytes, serve_file};
use super::response::Response;
use crate::error::{Error, Result};

const INDEX: &str = "index.html";
const NOT_FOUND: &str = "File not found.";

/// Static files. The directory may be missing.
#[derive(Clone, Debug)]
pub struct Statics {
    pub dir: PathBuf,
    /// Answer unknown paths with the root's `index.html`.
    pub index_fallback: bool,
}

/// What a path stands for.
enum Found {
    File(Content),
    /// Another path is the right one for this.
    Elsewhere(String),
    Nothing,
}

impl Statics {
    /// The answer to `GET` or `HEAD`; 404 for everything under `/api/`, where an unknown path is an error of the caller.
    pub(super) async fn serve(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Response> {
        if path.starts_with("/api/") {
            return Err(Error::NotFound(NOT_FOUND.into()));
        }
        let (statics, path) = (self.clone(), path.to_owned());
        let read_ahead = read_ahead_bytes(method, headers);
        let found =
            tokio::task::spawn_blocking(move || statics.find(&path, read_ahead)).await.map_err(Error::internal)?;
        match found.map_err(Error::internal)? {
            Found::File(content) => Ok(serve_file(content, method, headers)),
            Found::Elsewhere(path) => {
                let location = if query.is_empty() { path } else { format!("{path}?{query}") };
                Ok(Response::redirect(StatusCode::MOVED_PERMANENTLY, &location))
            }
            Found::Nothing => Err(Error::NotFound(NOT_FOUND.into())),
        }
    }

    fn find(&self, path: &str, read_ahead: u64) -> io::Result<Found> {
        let trimmed = path.trim_end_matches('/');
        if let Some(dir) = path.strip_suffix(INDEX)
            && dir.ends_with('/')
        {
            return Ok(Found::Elsewhere(dir.to_owned()));
        }
        let Some(target) = self.locate(path) else { return self.fall_back(read_ahead) };
        let is_dir_path = path.ends_with('/');
        match std::fs::metadata(&target) {
            Ok(metadata) if metadata.is_dir() && is_dir_path => match open(&target.join(INDEX), read_ahead)? {
                Some(content) => Ok(Found::File(content)),
                None => self.fall_back(read_ahead),
            },
            Ok(metadata) if metadata.is_dir() => Ok(Found::Elsewhere(local(&format!("{trimmed}/")))),
            Ok(_) if is_dir_path => Ok(Found::Elsewhere(local(trimmed))),
            Ok(_) => match open(&target, read_ahead)? {
                Some(content) => Ok(Found::File(content)),
                None => self.fall_back(read_ahead),
            },
            Err(error) if is_absent(&error) => self.fall_back(read_ahead),
            Err(error) => Err(error),
        }
    }

    fn fall_back(&self, read_ahead: u64) -> io::Result<Found> {
        if !self.index_fallback {
            return Ok(Found::Nothing);
        }
        Ok(open(&self.dir.join(INDEX), read_ahead)?.map_or(Found::Nothing, Found::File))
    }

    /// The file of a path. `None` when a decoded segment isn't the name of an entry of its directory, so that no path
    /// leads out of it (but by a symbolic link, which somebody put there).
    fn locate(&self, path: &str) -> Option<PathBuf> {
        let mut target = self.dir.clone();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            let name: Vec<u8> = percent_decode_str(segment).collect();
            if name == b"." || name == b".." || name.iter().any(|byte| matches!(byte, b'/' | b'\\' | 0)) {
                return None;
            }
            target.push(OsStr::from_bytes(&name));
        }
        Some(target)
    }
}

fn open(path: &Path, read_ahead: u64) -> io::Result<Option<Content>> {
    match Content::open(path, read_ahead) {
        Ok(content) => Ok(Some(content)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Errors that mean "there is no such file here" for whoever asks: absent, a file where a directory should be, a name too
/// long, no permission.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::PermissionDenied
    )
}

/// A path that stays on this host: browsers read `//x` and `/\x` as another one.
fn local(path: &str) -> String {
    format!("/{}", path.trim_start_matches(['/', '\\']))
}
