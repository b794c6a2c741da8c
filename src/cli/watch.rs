//! `watch`: prints the changes of a topic as JSON lines, and goes on where it was after a lost connection.

use std::io::{self, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value as Json, json};
use tokio_tungstenite::tungstenite::{HandshakeError, Message, WebSocket, client};
use url::Url;

use super::arguments::WatchArguments;

/// Waits between tries: soon at first, since a restart takes a moment, then at leisure.
const RETRY_DELAYS_MS: [u64; 6] = [200, 500, 1000, 2000, 5000, 10_000];
/// The server pings every 25 s; one that says nothing for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(65);

pub fn run(arguments: &WatchArguments) -> anyhow::Result<()> {
    let url = Url::parse(&arguments.url).with_context(|| format!("{:?} is no URL", arguments.url))?;
    if url.scheme() != "http" {
        bail!("{url}: only http:// can be watched; for a server behind TLS name its plain address");
    }
    let mut watch = Watch { arguments, url, cursor: arguments.since.clone(), has_connected: false };
    let mut tries = 0;
    loop {
        match watch.follow() {
            Ok(()) => tries = 0,
            Err(Ending::Refused(reason)) => bail!(reason),
            Err(Ending::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(Ending::Output(error)) => return Err(error).context("output not written"),
            Err(Ending::Lost(reason)) if !watch.has_connected => bail!("{}: {reason}", watch.url),
            Err(Ending::Lost(reason)) => {
                let delay_ms = RETRY_DELAYS_MS[tries.min(RETRY_DELAYS_MS.len() - 1)];
                tracing::warn!("connection lost ({reason}); trying again in {delay_ms} ms");
                thread::sleep(Duration::from_millis(delay_ms));
                tries += 1;
            }
        }
    }
}

struct Watch<'a> {
    arguments: &'a WatchArguments,
    url: Url,
    /// That of the last line: where the next connection goes on.
    cursor: Option<String>,
    has_connected: bool,
}

/// Why following ended.
enum Ending {
    /// The server won't have it; trying again would change nothing.
    Refused(String),
    /// The connection is gone.
    Lost(String),
    /// Nobody takes the lines.
    Output(io::Error),
}

impl Watch<'_> {
    /// Connects, subscribes and prints until the connection ends.
    fn follow(&mut self) -> Result<(), Ending> {
        let mut socket = self.connect()?;
        if let Some(token) = &self.arguments.token {
            self.ask(&mut socket, json!({ "type": "auth", "token": token }))?;
        }
        self.ask(&mut socket, json!({ "type": "subscribe", "topic": self.arguments.topic, "since": self.cursor }))?;
        self.has_connected = true;
        loop {
            let message = read(&mut socket)?;
            self.print(&message)?;
        }
    }

    fn connect(&self) -> Result<WebSocket<TcpStream>, Ending> {
        let lost = |error: io::Error| Ending::Lost(error.to_string());
        let host = self.url.host_str().unwrap_or("127.0.0.1").trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, self.url.port_or_known_default().unwrap_or(80))).map_err(lost)?;
        stream.set_read_timeout(Some(SILENCE_MAX)).map_err(lost)?;
        let mut target = self.url.clone();
        target.set_path("/api/realtime/ws");
        let target = target.as_str().replacen("http", "ws", 1);
        let (socket, _) = client(target, stream).map_err(|error| match error {
            HandshakeError::Failure(error) => Ending::Lost(error.to_string()),
            HandshakeError::Interrupted(_) => Ending::Lost("the handshake took too long".into()),
        })?;
        Ok(socket)
    }

    /// Sends a frame and waits for its answer; messages on the way are printed.
    fn ask(&mut self, socket: &mut WebSocket<TcpStream>, mut frame: Json) -> Result<(), Ending> {
        frame["id"] = frame["type"].clone();
        socket.send(Message::text(frame.to_string())).map_err(|error| Ending::Lost(error.to_string()))?;
        loop {
            let answer = read(socket)?;
            if answer["id"] != frame["id"] {
                self.print(&answer)?;
            } else if answer["status"] == 200 {
                return Ok(());
            } else {
                return Err(Ending::Refused(answer["message"].as_str().unwrap_or("refused").to_owned()));
            }
        }
    }

    fn print(&mut self, message: &Json) -> Result<(), Ending> {
        if message["topic"] != self.arguments.topic.as_str() {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{message}").and_then(|()| out.flush()).map_err(Ending::Output)?;
        self.cursor = message["cursor"].as_str().map(str::to_owned).or(self.cursor.take());
        Ok(())
    }
}

/// The next JSON frame.
fn read(socket: &mut WebSocket<TcpStream>) -> Result<Json, Ending> {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => {
                return serde_json::from_str(&text).map_err(|error| Ending::Lost(format!("no JSON came: {error}")));
            }
            Ok(Message::Close(_)) => return Err(Ending::Lost("closed by the server".into())),
            Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
            Err(error) => return Err(Ending::Lost(error.to_string())),
        }
    }
}
