//! WebSocket: tokio-tungstenite over actix's upgrade. Frames are JSON objects both ways.
//!
//! A client sends `{"type":"auth","token"}`, `{"type":"subscribe","topic","since"?}`, `{"type":"unsubscribe","topic"}` or
//! `{"type":"ping"}`, each with an `id` of its choice, and gets `{"id","status":…}` with the error envelope's keys if it
//! was refused. Messages are those of SSE in one object: `{"topic","record","action","cursor"}`.

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, UPGRADE};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Map, Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::call::Call;
use crate::http::error::envelope;
use crate::http::response::Response;
use crate::realtime::{Encoding, Hub, Opened, Opening, Topic, TopicChange};

use super::KnownCaller;
use super::mailbox::{self, HEARTBEAT, Place};

/// Most bytes of a frame from a client: a topic has at most 2,500.
const CLIENT_FRAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes between the socket and its frames.
const PIPE_BYTES: usize = 64 * 1024;
/// A peer that says nothing for so long, not even a pong, is gone.
const SILENCE_MAX: Duration = Duration::from_secs(65);
/// Most topics of a connection, as of SSE (contract/12 §2).
const TOPICS_MAX: usize = 1000;
/// Most bytes of a topic.
const TOPIC_BYTES_MAX: usize = 2500;

/// Answers 101 and goes on as a WebSocket.
pub async fn upgrade(call: Call, hub: &Hub) -> Result<Response> {
    let Some(accept) = accept_key(&call) else {
        let text = "A WebSocket handshake is expected here.";
        return Err(Error::bad_request_with(text));
    };
    let since = call.query_value("since").map(str::to_owned);
    let opening =
        Opening { ip: call.real_ip(), encoding: Encoding::WebSocket, outlet: mailbox::of_this_worker(), since };
    let opened = hub.open(opening).await?;
    call.hold_open();
    let place = mailbox::take_place(opened.connection, opened.first_frame.clone());
    let ip = call.real_ip();
    // A client that can set headers needs no `auth` frame.
    let caller = KnownCaller::of_call(&call);
    let app = call.app().clone();
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    let (from_socket, to_socket) = tokio::io::split(far);
    let payload = call.into_payload();
    actix_web::rt::spawn(async move {
        let (mut payload, mut pipe) = (payload, to_socket);
        while let Some(Ok(chunk)) = payload.next().await {
            if pipe.write_all(&chunk).await.is_err() {
                return;
            }
        }
        // The client closed its side: the reader must see the end.
        let _ = pipe.shutdown().await;
    });
    let hub = hub.clone();
    actix_web::rt::spawn(async move {
        let config = WebSocketConfig::default()
            .max_message_size(Some(CLIENT_FRAME_BYTES_MAX))
            .max_frame_size(Some(CLIENT_FRAME_BYTES_MAX));
        let stream = WebSocketStream::from_raw_socket(near, Role::Server, Some(config)).await;
        let (sink, source) = stream.split();
        let mut talk = Talk { app, hub: hub.clone(), opened: opened.clone(), ip, caller, topics: Vec::new() };
        talk.run(sink, source, &place).await;
        hub.closed(opened.connection, &opened.backlog);
    });
    let body = futures_util::stream::unfold(from_socket, |mut pipe| async move {
        let mut buffer = Vec::with_capacity(4096);
        match pipe.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some((Ok::<_, std::io::Error>(Bytes::from(buffer)), pipe)),
        }
    });
    Ok(Response::stream(actix_web::body::BodyStream::new(Box::pin(body)))
        .with_status(StatusCode::SWITCHING_PROTOCOLS)
        .with_header(UPGRADE, HeaderValue::from_static("websocket"))
        .with_header(HeaderName::from_static("sec-websocket-accept"), accept))
}

/// The answer to the client's key (RFC 6455 §4.2), if the request is a handshake.
fn accept_key(call: &Call) -> Option<HeaderValue> {
    let is_websocket = call.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    let is_version_13 = call.header("sec-websocket-version") == Some("13");
    let key = call.header("sec-websocket-key").filter(|_| is_websocket && is_version_13)?;
    HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()
}

type Sink = SplitSink<WebSocketStream<DuplexStream>, Message>;
type Source = SplitStream<WebSocketStream<DuplexStream>>;

/// One open conversation.
struct Talk {
    app: Arc<App>,
    hub: Hub,
    opened: Opened,
    ip: IpAddr,
    caller: KnownCaller,
    topics: Vec<Arc<Topic>>,
}

impl Talk {
    async fn run(&mut self, mut sink: Sink, mut source: Source, place: &Place) {
        let mut heard_at = Instant::now();
        let mut pinged_at = heard_at;
        loop {
            let next_ping = pinged_at + HEARTBEAT;
            tokio::select! {
                message = source.next() => {
                    heard_at = Instant::now();
                    let answer = match message {
                        Some(Ok(Message::Text(text))) => self.answer(&text).await,
                        Some(Ok(Message::Binary(_))) => refusal(None, &Error::bad_request()),
                        // The reply to a close is flushed by the next poll: read on until the end.
                        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_) | Message::Close(_))) => continue,
                        Some(Err(_)) | None => return,
                    };
                    if sink.send(Message::text(answer)).await.is_err() {
                        return;
                    }
                }
                () = waiting(place) => {
                    while let Some(frame) = place.queue.pop() {
                        let bytes = frame.len();
                        // Frames are JSON that was built as text.
                        let Ok(text) = Utf8Bytes::try_from(frame) else { continue };
                        if sink.feed(Message::Text(text)).await.is_err() {
                            return;
                        }
                        if self.opened.backlog.written(1, bytes) {
                            self.hub.drained(self.opened.connection);
                        }
                    }
                    if sink.flush().await.is_err() {
                        return;
                    }
                    if place.queue.has_ended() {
                        let _ = sink.send(Message::Close(None)).await; // the peer may be gone first
                        return;
                    }
                }
                () = sleep_until(next_ping) => {
                    if heard_at.elapsed() > SILENCE_MAX || sink.send(Message::Ping(Bytes::new())).await.is_err() {
                        return;
                    }
                    pinged_at = Instant::now();
                }
            }
        }
    }

    /// Does what a frame asks and says how it went.
    async fn answer(&mut self, text: &str) -> String {
        let Ok(Json::Object(frame)) = serde_json::from_str::<Json>(text) else {
            return refusal(None, &Error::bad_request_with("A frame is a JSON object."));
        };
        let id = frame.get("id");
        match self.obey(&frame).await {
            Ok(()) => json!({ "id": id, "status": 200 }).to_string(),
            Err(error) => refusal(id, &error),
        }
    }

    async fn obey(&mut self, frame: &Map<String, Json>) -> Result<()> {
        let text = |key: &str| frame.get(key).and_then(Json::as_str);
        match text("type") {
            Some("ping") => Ok(()),
            Some("auth") => {
                let before = std::mem::replace(
                    &mut self.caller,
                    KnownCaller::of_token(&self.app, text("token").unwrap_or_default()),
                );
                let topics = self.topics.clone();
                self.set_topics(topics, None).await.inspect_err(|_| self.caller = before)
            }
            Some("subscribe") => {
                let topic = text("topic").filter(|topic| !topic.is_empty() && topic.len() <= TOPIC_BYTES_MAX);
                let topic = Topic::parse(topic.ok_or_else(|| Error::bad_request_with("A topic is missing."))?);
                let mut topics = self.topics.clone();
                if !topics.contains(&topic) {
                    topics.push(topic.clone());
                }
                if topics.len() > TOPICS_MAX {
                    return Err(Error::bad_request_with("Too many topics."));
                }
                self.set_topics(topics, text("since").map(|since| (topic, since.to_owned()))).await
            }
            Some("unsubscribe") => {
                let topics = self.topics.iter().filter(|topic| Some(&*topic.text) != text("topic")).cloned().collect();
                self.set_topics(topics, None).await
            }
            Some(_) | None => {
                Err(Error::bad_request_with("A frame has the type auth, subscribe, unsubscribe or ping."))
            }
        }
    }

    /// Replaces the topics; one of them may begin at a place of the log.
    async fn set_topics(&mut self, topics: Vec<Arc<Topic>>, since: Option<(Arc<Topic>, String)>) -> Result<()> {
        let since_of = |topic: &Arc<Topic>| since.iter().find(|(of, _)| of == topic).map(|(_, since)| since.clone());
        let change = TopicChange {
            client_id: self.opened.client_id.to_string(),
            ip: self.ip,
            caller: self.caller.caller.clone(),
            expires_at: self.caller.expires_at,
            topics: topics.iter().map(|topic| (topic.clone(), since_of(topic))).collect(),
        };
        self.hub.set_topics(change).await?;
        self.topics = topics;
        Ok(())
    }
}

/// Ends when the hub has sent something, or ended the stream.
async fn waiting(place: &Place) {
    poll_fn(|context| {
        if !place.queue.is_empty() || place.queue.has_ended() {
            return Poll::Ready(());
        }
        place.queue.set_waker(context.waker());
        Poll::Pending
    })
    .await;
}

fn refusal(id: Option<&Json>, error: &Error) -> String {
    let mut answer = envelope(error);
    answer["id"] = id.cloned().unwrap_or_default();
    answer.to_string()
}
