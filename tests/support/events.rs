//! Two listeners to realtime: an event stream read as bytes, and a WebSocket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message as Frame, WebSocket};

use crate::TestApp;

/// A message that must come has come after this time.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// One message of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub id: String,
    pub event: String,
    pub data: Value,
}

/// An open `GET /api/realtime`, read by a thread of its own.
pub struct EventStream {
    pub client_id: String,
    /// Where its messages begin.
    pub cursor: String,
    messages: Receiver<Message>,
    socket: TcpStream,
}

impl EventStream {
    /// Opens a stream and takes its first message.
    #[track_caller]
    pub fn open(app: &TestApp) -> Self {
        Self::try_open(app.address(), &[]).unwrap_or_else(|error| panic!("no stream: {error}"))
    }

    /// As [`EventStream::open`] with headers, where the server may be gone.
    pub fn try_open(address: SocketAddr, headers: &[(&str, &str)]) -> std::io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        let mut request = format!("GET /api/realtime HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        (&socket).write_all(request.as_bytes())?;
        let (sender, messages) = channel();
        let reader = BufReader::new(socket.try_clone()?);
        std::thread::spawn(move || {
            // The end of the stream is the end of the channel.
            let _ = read_stream(reader, &sender);
        });
        let gone = |_| std::io::Error::other("the stream ended before its first message");
        let first = messages.recv_timeout(WAIT_MAX).map_err(gone)?;
        assert_eq!(first.event, "PB_CONNECT");
        let text = |key: &str| first.data[key].as_str().unwrap_or_default().to_owned();
        assert_eq!(text("clientId"), first.id, "the first id is the client's");
        Ok(Self { client_id: first.id.clone(), cursor: text("cursor"), messages, socket })
    }

    /// Sets the stream's topics as the owner of `token`, or as a guest.
    #[track_caller]
    pub fn subscribe(&self, app: &TestApp, token: Option<&str>, topics: &[&str]) {
        let request = app.post("/api/realtime").json(json!({ "clientId": self.client_id, "subscriptions": topics }));
        match token {
            Some(token) => request.token(token).expect(204),
            None => request.expect(204),
        };
    }

    /// The next message, which must come soon.
    #[track_caller]
    pub fn next(&self) -> Message {
        self.messages.recv_timeout(WAIT_MAX).unwrap_or_else(|error| panic!("no message came: {error}"))
    }

    /// The next message if one comes within `wait`; `None` also when the stream has ended.
    pub fn next_within(&self, wait: Duration) -> Option<Message> {
        self.messages.recv_timeout(wait).ok()
    }

    /// The next message's action and the given field of its record.
    #[track_caller]
    pub fn next_change(&self, field: &str) -> (String, Value) {
        let message = self.next();
        (message.data["action"].as_str().unwrap_or_default().to_owned(), message.data["record"][field].clone())
    }

    /// Waits until the server ends the stream; messages on the way are dropped.
    #[track_caller]
    pub fn wait_for_end(&self) {
        let started = Instant::now();
        loop {
            match self.messages.recv_timeout(WAIT_MAX) {
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => panic!("the stream goes on"),
                Ok(_) => assert!(started.elapsed() < WAIT_MAX, "the stream goes on"),
            }
        }
    }

    /// Cuts the connection.
    pub fn cut(self) {
        // It may be cut already.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        // Ends the reading thread; it may have ended before.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// Reads a chunked answer and sends its messages on; comments are skipped.
fn read_stream(mut reader: BufReader<TcpStream>, messages: &Sender<Message>) -> std::io::Result<()> {
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut text = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
        let mut chunk = vec![0; length + 2];
        reader.read_exact(&mut chunk)?;
        if length == 0 {
            return Ok(());
        }
        chunk.truncate(length);
        text.push_str(&String::from_utf8(chunk).map_err(std::io::Error::other)?);
        while let Some(end) = text.find("\n\n") {
            let frame: String = text.drain(..end + 2).collect();
            let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            if field("event:").is_empty() {
                continue;
            }
            let data = serde_json::from_str(field("data:")).map_err(std::io::Error::other)?;
            let message = Message { id: field("id:").to_owned(), event: field("event:").to_owned(), data };
            if messages.send(message).is_err() {
                return Ok(());
            }
        }
    }
}

/// An open `GET /api/realtime/ws`. Messages that come while an answer is waited for are kept in order.
pub struct Socket {
    inner: WebSocket<TcpStream>,
    kept: Vec<Value>,
    last_id: u64,
}

impl Socket {
    #[track_caller]
    pub fn open(app: &TestApp) -> Self {
        Self::try_open(app.address()).unwrap_or_else(|error| panic!("no socket: {error}"))
    }

    /// As [`Socket::open`], where the server may be gone.
    pub fn try_open(address: SocketAddr) -> Result<Self, tungstenite::Error> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(WAIT_MAX))?;
        let url = format!("ws://{address}/api/realtime/ws");
        let (inner, _) = tungstenite::client(url, stream).map_err(|error| match error {
            tungstenite::HandshakeError::Failure(error) => error,
            tungstenite::HandshakeError::Interrupted(_) => tungstenite::Error::ConnectionClosed,
        })?;
        Ok(Self { inner, kept: Vec::new(), last_id: 0 })
    }

    /// Sends a frame and gives its answer.
    pub fn ask(&mut self, mut frame: Value) -> Result<Value, tungstenite::Error> {
        self.last_id += 1;
        frame["id"] = self.last_id.into();
        self.inner.send(Frame::text(frame.to_string()))?;
        loop {
            let message = self.read()?;
            if message.get("topic").is_some() {
                self.kept.push(message);
            } else if message["id"] == self.last_id {
                return Ok(message);
            }
        }
    }

    /// The next message (`{"topic", …}`), which must come soon.
    pub fn read_next(&mut self) -> Result<Value, tungstenite::Error> {
        if !self.kept.is_empty() {
            return Ok(self.kept.remove(0));
        }
        self.read()
    }

    /// The next message if one comes within `wait`.
    pub fn next_within(&mut self, wait: Duration) -> Option<Value> {
        if !self.kept.is_empty() {
            return Some(self.kept.remove(0));
        }
        self.inner.get_ref().set_read_timeout(Some(wait)).expect("a socket takes a time-out");
        let message = self.read().ok();
        self.inner.get_ref().set_read_timeout(Some(WAIT_MAX)).expect("a socket takes a time-out");
        message
    }

    /// Cuts the connection.
    pub fn cut(self) {
        // It may be cut already.
        let _ = self.inner.get_ref().shutdown(Shutdown::Both);
    }

    fn read(&mut self) -> Result<Value, tungstenite::Error> {
        loop {
            match self.inner.read()? {
                Frame::Text(text) => {
                    return serde_json::from_str(&text).map_err(|error| tungstenite::Error::Io(error.into()));
                }
                Frame::Close(_) => return Err(tungstenite::Error::ConnectionClosed),
                Frame::Binary(_) | Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => {}
            }
        }
    }
}
