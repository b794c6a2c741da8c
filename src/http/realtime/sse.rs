//! Server-sent events: the body that never ends by itself.

use std::convert::Infallible;
use std::mem::take;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use bytes::Bytes;

use crate::error::Result;
use crate::http::call::Call;
use crate::http::response::Response;
use crate::realtime::{Backlog, ConnectionId, Encoding, Hub, Opened, Opening};

use super::mailbox::{self, Place};

/// What shows a peer, and whatever stands between, that the stream is alive; clients skip it.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");
/// So many frames are written before they are counted out, so that a busy stream doesn't count one by one.
const COUNTED_TOGETHER: usize = 32;

/// Opens a stream, or answers only its headers to a `HEAD`.
pub async fn stream(call: &Call, hub: &Hub, since: Option<String>) -> Result<Response> {
    if call.method() == actix_web::http::Method::HEAD {
        return Ok(with_headers(Response::empty(actix_web::http::StatusCode::OK)));
    }
    let opening = Opening { ip: call.real_ip(), encoding: Encoding::Sse, outlet: mailbox::of_this_worker(), since };
    let opened = hub.open(opening).await?;
    call.hold_open();
    let place = mailbox::take_place(opened.connection, opened.first_frame.clone());
    let Opened { connection, backlog, .. } = opened;
    let body = EventStream { hub: hub.clone(), connection, backlog, place, frames: 0, bytes: 0 };
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
    connection: ConnectionId,
    backlog: Arc<Backlog>,
    place: Place,
    /// Written, and not yet counted out of the backlog.
    frames: usize,
    bytes: usize,
}

impl MessageBody for EventStream {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    /// actix asks again until nothing is there, and writes all it was given at once.
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let this = self.get_mut();
        let queue = &this.place.queue;
        if let Some(frame) = queue.pop() {
            this.frames += 1;
            this.bytes += frame.len();
            if this.frames == COUNTED_TOGETHER || queue.is_empty() {
                let (frames, bytes) = (take(&mut this.frames), take(&mut this.bytes));
                if this.backlog.written(frames, bytes) {
                    this.hub.drained(this.connection);
                }
            }
            return Poll::Ready(Some(Ok(frame)));
        }
        if queue.has_ended() {
            return Poll::Ready(None);
        }
        if queue.take_heartbeat() {
            return Poll::Ready(Some(Ok(COMMENT)));
        }
        queue.set_waker(context.waker());
        Poll::Pending
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.hub.closed(self.connection, &self.backlog);
    }
}
