//! The stream of a request's body, counted and timed.

use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use tokio::time::{Sleep, sleep};

use super::{Kind, LoadError};
use crate::http::door::Worker;

/// Reads the body of one request. `Content-Length` was checked against the limit before; here the bytes are counted.
pub struct BodyReader {
    worker: Worker,
    http: HttpRequest,
    stream: Option<BoundedStream>,
}

impl BodyReader {
    pub fn new(worker: Worker, http: HttpRequest, payload: Payload, limit_bytes: Option<u64>) -> Self {
        let stream = BoundedStream {
            payload,
            read_bytes: 0,
            limit_bytes: limit_bytes.unwrap_or(u64::MAX),
            time_max: worker.request_time_max,
            deadline: None,
        };
        Self { worker, http, stream: Some(stream) }
    }

    /// Sets the limit, and refuses at once what names a greater length. `None`: unlimited.
    pub fn limit(&mut self, limit_bytes: Option<u64>) -> Result<(), LoadError> {
        let limit_bytes = limit_bytes.unwrap_or(u64::MAX);
        if content_length(self.http.headers()).is_some_and(|length| length > limit_bytes) {
            return Err(LoadError::TooLarge);
        }
        if let Some(stream) = &mut self.stream {
            stream.limit_bytes = limit_bytes;
        }
        Ok(())
    }

    /// The body without bound of bytes or time, for a connection that goes on as something else.
    pub fn into_payload(mut self) -> Payload {
        self.stream.take().map_or(Payload::None, |stream| stream.payload)
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.http.headers()
    }

    /// Where uploads are streamed to; created when the first one comes.
    pub(super) fn temp_dir(&self) -> PathBuf {
        self.worker.app.temp_dir()
    }

    /// What the body is. One without a byte is `Empty`, whatever its type says.
    pub(super) async fn kind(&mut self) -> Result<Kind, LoadError> {
        let headers = self.http.headers();
        let is_chunked = headers.contains_key(TRANSFER_ENCODING);
        if content_length(headers).unwrap_or(0) == 0 && !is_chunked && !self.is_http2() {
            return Ok(Kind::Empty);
        }
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let kind = Kind::of(content_type);
        if content_length(headers).is_none() && self.is_empty().await? {
            return Ok(Kind::Empty);
        }
        Ok(kind)
    }

    fn is_http2(&self) -> bool {
        self.http.version() == actix_web::http::Version::HTTP_2
    }

    /// Whether a body without a stated length turns out to have no byte. Keeps the first chunk for the next reader.
    async fn is_empty(&mut self) -> Result<bool, LoadError> {
        let Some(stream) = &mut self.stream else { return Ok(true) };
        loop {
            match stream.next().await {
                None => return Ok(true),
                Some(Ok(chunk)) if chunk.is_empty() => {}
                Some(Ok(chunk)) => {
                    stream.put_back(chunk);
                    return Ok(false);
                }
                Some(Err(error)) => return Err(load_error(&error)),
            }
        }
    }

    /// The stream itself; a second call gets none.
    pub(super) fn take_stream(&mut self) -> Option<BoundedStream> {
        self.stream.take()
    }

    /// The body as it comes; a second call gets an empty one.
    pub fn stream(&mut self) -> impl Stream<Item = Result<Bytes, LoadError>> + Unpin + use<> {
        let stream = futures_util::stream::iter(self.stream.take()).flatten();
        stream.map(|chunk| chunk.map_err(|error| load_error(&error)))
    }

    /// The body in memory.
    pub(super) async fn whole(&mut self) -> Result<Bytes, LoadError> {
        let Some(mut stream) = self.stream.take() else { return Ok(Bytes::new()) };
        let mut first: Option<Bytes> = None;
        let mut rest = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| load_error(&error))?;
            match &first {
                // Most bodies come in one chunk: no copy.
                None => first = Some(chunk),
                Some(begin) => {
                    if rest.is_empty() {
                        rest.extend_from_slice(begin);
                    }
                    rest.extend_from_slice(&chunk);
                }
            }
        }
        Ok(if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() })
    }
}

/// The stated length, if it is a number.
pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// How a failure of the stream is answered.
pub(super) fn load_error(error: &PayloadError) -> LoadError {
    match error {
        PayloadError::Overflow => LoadError::TooLarge,
        other => LoadError::BrokenOff(other.to_string()),
    }
}

/// The payload, ended with `Overflow` beyond the limit and with a time-out when it takes too long.
pub(super) struct BoundedStream {
    payload: Payload,
    read_bytes: u64,
    limit_bytes: u64,
    /// How long waiting for the client may take in all: what holds against slow senders (contract/14 §6).
    time_max: Duration,
    /// Set up when the stream has to wait for the first time: most bodies came with their head.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl BoundedStream {
    /// Gives `chunk` to the next poll again.
    fn put_back(&mut self, chunk: Bytes) {
        self.read_bytes = self.read_bytes.saturating_sub(chunk.len() as u64);
        let rest = std::mem::replace(&mut self.payload, Payload::None);
        let first = futures_util::stream::iter([Ok::<_, PayloadError>(chunk)]);
        self.payload = Payload::Stream { payload: Box::pin(first.chain(rest)) };
    }
}

impl Stream for BoundedStream {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match this.payload.poll_next_unpin(context) {
            Poll::Ready(Some(Ok(chunk))) => {
                this.read_bytes = this.read_bytes.saturating_add(chunk.len() as u64);
                if this.read_bytes > this.limit_bytes {
                    return Poll::Ready(Some(Err(PayloadError::Overflow)));
                }
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Ready(other) => Poll::Ready(other),
            Poll::Pending => {
                let time_max = this.time_max;
                let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(time_max)));
                match deadline.as_mut().poll(context) {
                    Poll::Ready(()) => {
                        let error = std::io::Error::new(std::io::ErrorKind::TimedOut, "the request took too long");
                        Poll::Ready(Some(Err(PayloadError::Io(error))))
                    }
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}
