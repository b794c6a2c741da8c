//! Files in a bucket of an S3-compatible store (contract/13 §5): requests signed by `rusty-s3`, sent by one client. What
//! is big goes in parts (`multipart`).
//!
//! Signatures stand in the query: a URL is never logged nor put into an error.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, RANGE};
use reqwest::{Body, Client, Method, RequestBuilder, Response, StatusCode};
use rusty_s3::actions::{ListObjectsV2, S3Action};
use rusty_s3::{Bucket, Credentials, UrlStyle};
use tokio::runtime::{Builder, Handle};

use super::attributes::{Attributes, UNKNOWN_TYPE, cut};
use super::error::StorageError;
use super::file_store::{Content, FileReader, FileStore, Listed, StoredFile};
use super::key::FileKey;
use super::local;

mod multipart;

/// How long a signed request may be used; it is sent at once.
const SIGNED_FOR: Duration = Duration::from_secs(300);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Without a byte from the store for so long, it is taken to hang.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// A request without content has to be answered in this time.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// An upload gets a second more for so many bytes.
const UPLOAD_BYTES_PER_SECOND: u64 = 256 * 1024;
/// A request that failed for the store's sake is sent so often in all; each can be repeated.
const TRIES: u32 = 3;
const RETRY_WAIT: Duration = Duration::from_millis(200);
const ORIGINAL_NAME: HeaderName = HeaderName::from_static("x-amz-meta-original-filename");

/// Where the connections live, whoever asks: requests come from runtimes that rest between two calls, and a connection
/// that was opened on one of them would rest with it.
static RUNTIME: LazyLock<Handle> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().expect("the system gives what a runtime needs");
    let handle = runtime.handle().clone();
    // Never joined: it owns nothing but connections, and ends with the process.
    let run = move || runtime.block_on(std::future::pending::<()>());
    thread::Builder::new().name("s3".to_owned()).spawn(run).expect("the system gives a thread");
    handle
});

/// Where a bucket is, and who may use it.
#[derive(Clone)]
pub struct S3Config {
    pub bucket: String,
    pub region: String,
    /// A URL; `https` when it names no scheme.
    pub endpoint: String,
    pub access_key: String,
    pub secret: String,
    pub force_path_style: bool,
}

/// Files in a bucket. Cheap to clone.
#[derive(Clone)]
pub struct S3Store {
    client: Client,
    bucket: Arc<Bucket>,
    credentials: Arc<Credentials>,
}

impl S3Store {
    /// The store of a bucket. Nothing is asked of it yet.
    ///
    /// # Errors
    /// `Refused` when the endpoint is no URL or there is no list of certificates on the machine.
    pub fn new(config: S3Config) -> Result<Self, StorageError> {
        let refused = |reason: String| StorageError::Refused(reason);
        let has_scheme = config.endpoint.contains("://");
        let endpoint = if has_scheme { config.endpoint.clone() } else { format!("https://{}", config.endpoint) };
        let endpoint = endpoint.parse().map_err(|error| refused(format!("the endpoint is no URL: {error}")))?;
        let style = if config.force_path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let bucket = Bucket::new(endpoint, style, config.bucket, config.region)
            .map_err(|error| refused(format!("the endpoint can't be used: {error}")))?;
        let client = Client::builder()
            .connect_timeout(CONNECT_TIME_MAX)
            .read_timeout(SILENCE_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| refused(format!("no client can be made: {error}")))?;
        let credentials = Credentials::new(config.access_key, config.secret);
        Ok(Self { client, bucket: Arc::new(bucket), credentials: Arc::new(credentials) })
    }

    /// Writes, lists and removes a file under a prefix of its own, to see whether the settings are right.
    pub async fn probe(&self) -> Result<(), ProbeError> {
        let name = format!("pb_settings_test_{}", crate::ids::lower(5));
        let path = format!("{name}/test.txt");
        let put = self.put_bytes(&path, Bytes::from_static(b"test"), "text/plain; charset=utf-8");
        put.await.map_err(ProbeError::Upload)?;
        let pages: Result<Vec<_>, _> = self.list(format!("{name}/")).try_collect().await;
        for listed in pages.map_err(ProbeError::Delete)?.into_iter().flatten() {
            self.remove_path(&listed.path).await.map_err(ProbeError::Delete)?;
        }
        Ok(())
    }

    async fn put_bytes(&self, path: &str, bytes: Bytes, content_type: &str) -> Result<(), StorageError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, header(content_type));
        let size = bytes.len() as u64;
        self.put_body(path, headers, size, || Body::from(bytes.clone())).await
    }

    async fn put_content(&self, key: &FileKey, content: Content, attributes: &Attributes) -> Result<(), StorageError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, header(&attributes.content_type));
        if let Some(name) = &attributes.original_name {
            let encoded = utf8_percent_encode(cut(name), NON_ALPHANUMERIC).to_string();
            headers.insert(ORIGINAL_NAME, header(&encoded));
        }
        match content {
            Content::Bytes(bytes) => {
                let size = bytes.len() as u64;
                self.put_body(&key.path(), headers, size, || Body::from(bytes.clone())).await
            }
            Content::File(temporary) => {
                let file = Arc::new(File::open(temporary.path())?);
                let size = file.metadata()?.len();
                if size > multipart::WHOLE_BYTES_MAX {
                    return self.put_parts(&key.path(), headers, file, size).await;
                }
                let body = || Body::wrap_stream(local::read_stream(file.clone(), 0..size));
                self.put_body(&key.path(), headers, size, body).await
            }
        }
    }

    async fn put_body(
        &self,
        path: &str,
        mut headers: HeaderMap,
        size: u64,
        body: impl Fn() -> Body,
    ) -> Result<(), StorageError> {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
        let time_max = upload_time_max(size);
        let request = || {
            let mut action = self.bucket.put_object(Some(&self.credentials), path);
            sign_headers(action.headers_mut(), &headers);
            self.client.put(action.sign(SIGNED_FOR)).headers(headers.clone()).body(body())
        };
        accepted(self.send(time_max, request).await?).map(drop)
    }

    async fn open_path(&self, path: &str) -> Result<Option<StoredFile>, StorageError> {
        let request = || {
            let action = self.bucket.head_object(Some(&self.credentials), path);
            self.client.request(Method::HEAD, action.sign(SIGNED_FOR))
        };
        let response = self.send(ANSWER_TIME_MAX, request).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = accepted(response)?;
        let text = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
        let size_bytes = text(CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let modified = text(LAST_MODIFIED).and_then(|date| httpdate::parse_http_date(date).ok());
        Ok(Some(StoredFile {
            size_bytes: size_bytes.ok_or_else(|| StorageError::Refused("it tells no size".to_owned()))?,
            modified: modified.unwrap_or(UNIX_EPOCH),
            content_type: text(CONTENT_TYPE).unwrap_or(UNKNOWN_TYPE).to_owned(),
            etag: text(ETAG).unwrap_or_default().trim_matches('"').to_owned(),
            reader: Box::new(S3Reader { store: self.clone(), path: path.to_owned() }),
        }))
    }

    async fn get_range(&self, path: &str, range: Range<u64>) -> Result<Response, StorageError> {
        let request = || {
            let action = self.bucket.get_object(Some(&self.credentials), path);
            let bytes = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
            self.client.get(action.sign(SIGNED_FOR)).header(RANGE, bytes)
        };
        accepted(self.send(ANSWER_TIME_MAX, request).await?)
    }

    async fn remove_path(&self, path: &str) -> Result<(), StorageError> {
        let request = || {
            let action = self.bucket.delete_object(Some(&self.credentials), path);
            self.client.delete(action.sign(SIGNED_FOR))
        };
        let response = self.send(ANSWER_TIME_MAX, request).await?;
        if response.status() == StatusCode::NOT_FOUND { Ok(()) } else { accepted(response).map(drop) }
    }

    async fn list_page(&self, prefix: &str, after: Option<&str>) -> Result<Page, StorageError> {
        let request = || {
            let mut action = self.bucket.list_objects_v2(Some(&self.credentials));
            action.with_prefix(prefix);
            if let Some(token) = after {
                action.with_continuation_token(token);
            }
            self.client.get(action.sign(SIGNED_FOR))
        };
        let response = accepted(self.send(ANSWER_TIME_MAX, request).await?)?;
        let text = response.text().await.map_err(|error| unreachable(&error))?;
        let parsed = ListObjectsV2::parse_response(&text)
            .map_err(|error| StorageError::Refused(format!("it lists what can't be read: {error}")))?;
        let listed = parsed.contents.into_iter().map(|object| Listed {
            size_bytes: object.size.unwrap_or_default(),
            modified: object.last_modified.as_deref().and_then(parse_time).unwrap_or(SystemTime::now()),
            path: object.key,
        });
        Ok(Page { listed: listed.collect(), next: parsed.next_continuation_token })
    }

    /// Sends a request, again after a failure that isn't its own.
    async fn send(&self, time_max: Duration, request: impl Fn() -> RequestBuilder) -> Result<Response, StorageError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let sent = RUNTIME.spawn(tokio::time::timeout(time_max, request().send())).await;
            let failure = match sent.map_err(|error| StorageError::Io(io::Error::other(error)))? {
                Ok(Ok(response)) if !response.status().is_server_error() => return Ok(response),
                Ok(Ok(response)) => StorageError::Unreachable(format!("it answers {}", response.status())),
                Ok(Err(error)) if error.is_timeout() => return Err(unreachable(&error)),
                Ok(Err(error)) => unreachable(&error),
                // What hung once hangs again; the client has waited long enough.
                Err(_) => return Err(StorageError::Unreachable("it doesn't answer in time".to_owned())),
            };
            if tries == TRIES {
                return Err(failure);
            }
            tokio::time::sleep(RETRY_WAIT * tries).await;
        }
    }
}

struct Page {
    listed: Vec<Listed>,
    next: Option<String>,
}

/// Which step of [`S3Store::probe`] failed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error("failed to upload a test file: {0}")]
    Upload(StorageError),
    #[error("failed to delete a test file: {0}")]
    Delete(StorageError),
}

impl FileStore for S3Store {
    fn put<'a>(
        &'a self,
        key: &'a FileKey,
        content: Content,
        attributes: &'a Attributes,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(self.put_content(key, content, attributes))
    }

    fn open<'a>(
        &'a self,
        key: &'a FileKey,
        _read_ahead_bytes: u64,
    ) -> BoxFuture<'a, Result<Option<StoredFile>, StorageError>> {
        Box::pin(async move { self.open_path(&key.path()).await })
    }

    fn remove<'a>(&'a self, key: &'a FileKey) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move { self.remove_path(&key.path()).await })
    }

    fn list(&self, prefix: String) -> BoxStream<'static, Result<Vec<Listed>, StorageError>> {
        enum Next {
            First,
            After(String),
            End,
        }
        let store = self.clone();
        let pages = stream::try_unfold(Next::First, move |next| {
            let (store, prefix) = (store.clone(), prefix.clone());
            async move {
                let page = match &next {
                    Next::First => store.list_page(&prefix, None).await?,
                    Next::After(token) => store.list_page(&prefix, Some(token)).await?,
                    Next::End => return Ok(None),
                };
                let next = page.next.map_or(Next::End, Next::After);
                Ok(Some((page.listed, next)))
            }
        });
        pages.boxed()
    }

    /// Removing costs requests over the network, and a store that is down would hold up every delete.
    fn removal_wait_max(&self) -> Duration {
        Duration::ZERO
    }

    /// A write in one request leaves nothing when it is interrupted; of one in parts a crash leaves what the bucket's own
    /// rule for unfinished uploads removes: the protocol lists them only for whole buckets, which may be others' too.
    fn tidy(&self, _age: Duration) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async { Ok(()) })
    }
}

struct S3Reader {
    store: S3Store,
    path: String,
}

impl FileReader for S3Reader {
    fn read(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes, StorageError>> {
        if range.is_empty() {
            return stream::empty().boxed();
        }
        let (store, path) = (self.store.clone(), self.path.clone());
        let response = async move { store.get_range(&path, range).await };
        let bytes =
            stream::once(response).map_ok(|response| response.bytes_stream().map_err(|error| unreachable(&error)));
        bytes.try_flatten().boxed()
    }
}

impl std::fmt::Debug for S3Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Store").field("bucket", &self.bucket.name()).finish_non_exhaustive()
    }
}

/// How long a request with so many bytes of content may take.
fn upload_time_max(size: u64) -> Duration {
    ANSWER_TIME_MAX + Duration::from_secs(size / UPLOAD_BYTES_PER_SECOND)
}

/// Headers that the signature covers.
fn sign_headers(signed: &mut rusty_s3::Map<'_>, headers: &HeaderMap) {
    for (name, value) in headers.iter().filter(|(name, _)| **name != CONTENT_LENGTH) {
        if let Ok(value) = value.to_str() {
            signed.insert(name.as_str().to_owned(), value.to_owned());
        }
    }
}

/// The answer, if the store did what it was asked for.
fn accepted(response: Response) -> Result<Response, StorageError> {
    let status = response.status();
    if status.is_success() { Ok(response) } else { Err(StorageError::Refused(format!("it answers {status}"))) }
}

/// A failed request, told without its URL, which holds a signature.
fn unreachable(error: &reqwest::Error) -> StorageError {
    let reason = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the exchange broke off"
    };
    StorageError::Unreachable(reason.to_owned())
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(UNKNOWN_TYPE))
}

/// `2026-11-24T16:20:05.000Z`.
fn parse_time(text: &str) -> Option<SystemTime> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(UNIX_EPOCH + Duration::from_millis(at.as_millisecond().try_into().ok()?))
}
