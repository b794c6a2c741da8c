//! Big objects in parts: a part that fails is sent again alone, and the object shows only when it is whole.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Body;
use reqwest::header::{CONTENT_LENGTH, ETAG, HeaderMap, HeaderValue};
use rusty_s3::actions::{CompleteMultipartUploadResponse, CreateMultipartUpload, S3Action};

use super::{ANSWER_TIME_MAX, RUNTIME, S3Store, SIGNED_FOR, StorageError, accepted, sign_headers, unreachable};
use crate::storage::local;

/// Up to this size an object goes in one request.
pub(super) const WHOLE_BYTES_MAX: u64 = 6 << 20;
/// What a part has at least: few requests, and little to send again.
const PART_BYTES_MIN: u64 = 16 << 20;
/// S3 takes no more.
const PARTS_MAX: u64 = 10_000;
/// Putting the parts together takes a store its time.
const COMPLETE_TIME_MAX: Duration = Duration::from_secs(60);

impl S3Store {
    /// Puts an object whose content is `file`; `headers` are the object's. Reads as it sends: no part is held in memory.
    /// When it fails, or isn't waited for any more, the parts are given up.
    pub(super) async fn put_parts(
        &self,
        path: &str,
        headers: HeaderMap,
        file: Arc<File>,
        size: u64,
    ) -> Result<(), StorageError> {
        let upload = Unfinished { store: self, path, id: Some(self.begin_parts(path, headers).await?) };
        let mut etags = Vec::new();
        for range in part_ranges(size) {
            etags.push(self.put_part(&upload, etags.len() + 1, &file, range).await?);
        }
        self.complete(&upload, &etags).await?;
        upload.keep();
        Ok(())
    }

    /// Gives the upload's id.
    async fn begin_parts(&self, path: &str, headers: HeaderMap) -> Result<String, StorageError> {
        let request = || {
            let mut action = self.bucket.create_multipart_upload(Some(&self.credentials), path);
            sign_headers(action.headers_mut(), &headers);
            self.client.post(action.sign(SIGNED_FOR)).headers(headers.clone())
        };
        let response = accepted(self.send(ANSWER_TIME_MAX, request).await?)?;
        let text = response.text().await.map_err(|error| unreachable(&error))?;
        let created = CreateMultipartUpload::parse_response(&text);
        created.map(|created| created.upload_id().to_owned()).map_err(|error| unreadable(&error))
    }

    /// Gives the part's tag.
    async fn put_part(
        &self,
        upload: &Unfinished<'_>,
        number: usize,
        file: &Arc<File>,
        range: Range<u64>,
    ) -> Result<String, StorageError> {
        let number = u16::try_from(number).expect("there are at most 10,000 parts");
        let size = range.end - range.start;
        let request = || {
            let action = self.bucket.upload_part(Some(&self.credentials), upload.path, number, upload.id());
            let body = Body::wrap_stream(local::read_stream(file.clone(), range.clone()));
            self.client.put(action.sign(SIGNED_FOR)).header(CONTENT_LENGTH, HeaderValue::from(size)).body(body)
        };
        let response = accepted(self.send(super::upload_time_max(size), request).await?)?;
        let etag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
        etag.map(str::to_owned).ok_or_else(|| StorageError::Refused("it gives a part no tag".to_owned()))
    }

    async fn complete(&self, upload: &Unfinished<'_>, etags: &[String]) -> Result<(), StorageError> {
        let request = || {
            let tags = etags.iter().map(String::as_str);
            let action = self.bucket.complete_multipart_upload(Some(&self.credentials), upload.path, upload.id(), tags);
            self.client.post(action.sign(SIGNED_FOR)).body(action.body())
        };
        let response = accepted(self.send(COMPLETE_TIME_MAX, request).await?)?;
        // The head may come before the store knows whether it works out; the body tells.
        let text = response.text().await.map_err(|error| unreachable(&error))?;
        CompleteMultipartUploadResponse::parse(&text).map(drop).map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> StorageError {
    StorageError::Refused(format!("it answers what can't be read: {error}"))
}

/// The parts of an object of `size` bytes, in order.
fn part_ranges(size: u64) -> impl Iterator<Item = Range<u64>> {
    let part = size.div_ceil(PARTS_MAX).max(PART_BYTES_MIN);
    (0..size.div_ceil(part)).map(move |number| number * part..size.min((number + 1) * part))
}

/// Parts that the store has and that make no object yet; given up when this is dropped.
struct Unfinished<'a> {
    store: &'a S3Store,
    path: &'a str,
    /// `None` once there is an object.
    id: Option<String>,
}

impl Unfinished<'_> {
    fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    fn keep(mut self) {
        self.id = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let (store, path) = (self.store.clone(), self.path.to_owned());
        // On the runtime of the connections, since whoever waited may be gone; bounded like every request.
        RUNTIME.spawn(async move {
            let action = store.bucket.abort_multipart_upload(Some(&store.credentials), &path, &id);
            let request = store.client.delete(action.sign(SIGNED_FOR));
            match tokio::time::timeout(ANSWER_TIME_MAX, request.send()).await {
                Ok(Ok(response)) if response.status().is_success() => {}
                _ => tracing::warn!(path, "the parts of an unfinished upload stay in the bucket"),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_object_within_the_bounds_of_s3() {
        for size in [WHOLE_BYTES_MAX + 1, PART_BYTES_MIN, PART_BYTES_MIN + 1, 2 << 30, 1 << 40] {
            let parts: Vec<_> = part_ranges(size).collect();
            assert!(parts.len() as u64 <= PARTS_MAX, "{size}");
            assert_eq!((parts[0].start, parts.last().map(|part| part.end)), (0, Some(size)));
            assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
            let whole = &parts[..parts.len() - 1];
            assert!(whole.iter().all(|part| part.end - part.start >= PART_BYTES_MIN));
        }
    }
}
