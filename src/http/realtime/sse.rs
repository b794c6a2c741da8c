//! Server-sent events: the body that never ends by itself.

use std::convert::Infallible;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use crate::error::Result;
use crate::http::call::Call;
use crate::http::response::Response;
use crate::realtime::{Encoding, Hub, Opened, Opening};

use super::mailbox::{self, Place};

/// A comment frame after so long a silence: proxies cut at 60 s, and a dead peer shows as a failed write
/// (contract/12 §9 A).
const HEARTBEAT: Duration = Duration::from_secs(25);
/// Frames that come within this time after a write are gathered into one (PERFORMANCE, Spikes, SSE).
const GATHER: Duration = Duration::from_millis(10);

/// Opens a stream, or answers only its headers to a `HEAD`.
pub async fn stream(call: &Call, hub: &Hub, since: Option<String>) -> Result<Response> {
    if call.method() == actix_web::http::Method::HEAD {
        return Ok(with_headers(Response::empty(actix_web::http::StatusCode::OK)));
    }
    let opening = Opening { ip: call.real_ip(), encoding: Encoding::Sse, outlet: mailbox::of_this_worker(), since };
    let opened = hub.open(opening).await?;
    let place = mailbox::take_place(opened.connection, opened.first_frame.clone());
    let now = Instant::now();
    let body = EventStream {
        hub: hub.clone(),
        opened,
        place,
        written_at: now - GATHER,
        timer: Box::pin(tokio::time::sleep_until(now + HEARTBEAT)),
    };
    Ok(with_headers(Response::stream(body)))
}

fn with_headers(response: Response) -> Response {
    response
        .with_header(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))
        .with_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
        .with_header(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))
}

struct EventStream {
    hub: Hub,
    opened: Opened,
    place: Place,
    written_at: Instant,
    /// Rings for the next heartbeat, or for gathered frames.
    timer: Pin<Box<Sleep>>,
}

impl MessageBody for EventStream {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let this = self.get_mut();
        let now = Instant::now();
        if !this.place.queue.is_empty() {
            if now < this.written_at + GATHER && !this.place.queue.has_ended() {
                return this.wait_until(this.written_at + GATHER, context);
            }
            let (bytes, frames) = this.place.queue.take_all();
            if this.opened.backlog.written(frames, bytes.len()) {
                this.hub.drained(this.opened.connection);
            }
            this.written_at = now;
            return Poll::Ready(Some(Ok(bytes)));
        }
        if this.place.queue.has_ended() {
            return Poll::Ready(None);
        }
        if now >= this.written_at + HEARTBEAT {
            this.written_at = now;
            return Poll::Ready(Some(Ok(Bytes::from_static(b":\n\n"))));
        }
        this.wait_until(this.written_at + HEARTBEAT, context)
    }
}

impl EventStream {
    fn wait_until(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.place.queue.set_waker(context.waker());
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        if self.timer.as_mut().poll(context).is_ready() {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.hub.closed(&self.opened);
    }
}
