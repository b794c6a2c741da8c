//! A client that sends exactly what a test says: the target is not normalised, no header is added but `Host`,
//! `Content-Length` and the ones asked for, and nothing is ever sent twice.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::{Answer, Multipart};

/// No answer may take longer.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// One request, built by [`crate::TestApp`] and sent by [`Request::send`].
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    address: SocketAddr,
    superuser_token: Option<String>,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    /// A request to any server, as a guest.
    pub fn to(address: SocketAddr, method: &str, target: &str) -> Self {
        Self::new(address, None, method, target)
    }

    pub(crate) fn new(address: SocketAddr, superuser_token: Option<String>, method: &str, target: &str) -> Self {
        Self {
            address,
            superuser_token,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// Adds a URL parameter, percent-encoded.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        self.target.push_str(&format!("{}={}", encode(name), encode(value)));
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Asks as the owner of this token.
    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", token)
    }

    /// Asks as the superuser that tests start with.
    pub fn superuser(self) -> Self {
        let token = self.superuser_token.clone().expect("this data directory has no known superuser");
        self.token(&token)
    }

    pub fn json(self, body: impl Into<Value>) -> Self {
        let text = body.into().to_string();
        self.body("application/json", text)
    }

    /// `application/x-www-form-urlencoded`, in this order.
    pub fn form(self, values: &[(&str, &str)]) -> Self {
        let pairs: Vec<String> =
            values.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        self.body("application/x-www-form-urlencoded", pairs.join("&"))
    }

    pub fn multipart(self, parts: Multipart) -> Self {
        let (content_type, bytes) = parts.finish();
        self.body(&content_type, bytes)
    }

    /// Any bytes under any type.
    pub fn body(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(bytes.into());
        self.header("Content-Type", content_type)
    }

    /// Sends it and waits for the whole answer.
    #[track_caller]
    pub fn send(self) -> Answer {
        self.try_send().unwrap_or_else(|error| panic!("{}: no answer: {error}", self.describe()))
    }

    /// As [`Request::send`], where the server may die meanwhile.
    pub fn try_send(&self) -> std::io::Result<Answer> {
        let mut connection = Connection::of(self.address)?;
        connection.write(&self.bytes())?;
        let answer = connection.read_answer(&self.method, self.describe())?;
        connection.give_back(&answer);
        Ok(answer)
    }

    /// Sends it and asserts the status; for what only the status tells.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        self.send().expect(status)
    }

    /// Sends it, asserts success and gives the JSON.
    #[track_caller]
    pub fn ok(self) -> Value {
        self.send().ok()
    }

    /// Sends it and asserts a refusal in the error envelope; gives its `data`.
    #[track_caller]
    pub fn refused(self, status: u16, message: &str) -> Value {
        self.send().refused(status, message)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.target, self.address).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// For failures: the request without its credentials.
    fn describe(&self) -> String {
        let body = self.body.as_deref().map(|body| String::from_utf8_lossy(&body[..body.len().min(2000)]).into_owned());
        format!("{} {} {}", self.method, self.target, body.unwrap_or_default())
    }
}

/// Sends bytes as they stand on a connection of their own and reads one answer: for what no client would send.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> std::io::Result<Answer> {
    let mut connection = Connection::open(address)?;
    connection.write(bytes)?;
    let method = String::from_utf8_lossy(bytes.split(|&byte| byte == b' ').next().unwrap_or_default()).into_owned();
    connection.read_answer(&method, String::from_utf8_lossy(&bytes[..bytes.len().min(500)]).into_owned())
}

thread_local! {
    /// The connection of the last answer, so that a loop of requests doesn't use up the machine's ports.
    static IDLE: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, ANSWER_MAX)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.set_write_timeout(Some(ANSWER_MAX))?;
        stream.set_nodelay(true)?;
        Ok(Self { address, stream: BufReader::new(stream) })
    }

    /// The idle connection if it is still open, else a new one.
    fn of(address: SocketAddr) -> std::io::Result<Self> {
        match IDLE.take() {
            Some(idle) if idle.address == address && idle.is_quiet() => Ok(idle),
            _ => Self::open(address),
        }
    }

    /// Open, with nothing to read: bytes would be an answer that nobody asked for, an end a server that left.
    fn is_quiet(&self) -> bool {
        let stream = self.stream.get_ref();
        let quiet = stream.set_nonblocking(true).is_ok()
            && stream.peek(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        quiet && self.stream.buffer().is_empty() && stream.set_nonblocking(false).is_ok()
    }

    fn give_back(self, answer: &Answer) {
        let closes = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        if answer.has_length() && !closes {
            IDLE.set(Some(self));
        }
    }

    /// A server that refuses early may close while we still write: its answer counts, not our broken pipe.
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self.stream.get_mut().write_all(bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }

    fn read_answer(&mut self, method: &str, request: String) -> std::io::Result<Answer> {
        let (status, headers) = loop {
            let (status, headers) = self.read_head()?;
            if status >= 200 {
                break (status, headers);
            }
        };
        let mut answer = Answer { request, status, headers, body: Vec::new() };
        if method != "HEAD" && status != 204 && status != 304 {
            answer.body = self.read_body(&answer)?;
        }
        Ok(answer)
    }

    fn read_head(&mut self) -> std::io::Result<(u16, Vec<(String, String)>)> {
        let line = self.read_line()?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other(format!("not a status line: {line:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                return Ok((status, headers));
            }
            let (name, value) =
                line.split_once(':').ok_or_else(|| std::io::Error::other(format!("not a header: {line:?}")))?;
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn read_body(&mut self, answer: &Answer) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if answer.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            while let Some(chunk) = self.read_chunk()? {
                body.extend_from_slice(&chunk);
            }
        } else if let Some(length) = answer.header("content-length") {
            let length: usize = length.parse().map_err(std::io::Error::other)?;
            body.resize(length, 0);
            self.stream.read_exact(&mut body)?;
        } else {
            self.stream.read_to_end(&mut body)?;
        }
        Ok(body)
    }

    /// `None`: the last, empty chunk.
    fn read_chunk(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let line = self.read_line()?;
        let length =
            usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16).map_err(std::io::Error::other)?;
        let mut chunk = vec![0; length];
        self.stream.read_exact(&mut chunk)?;
        self.read_line()?;
        Ok((length > 0).then_some(chunk))
    }

    fn read_line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// Percent-encodes everything but unreserved characters (RFC 3986 §2.3).
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
