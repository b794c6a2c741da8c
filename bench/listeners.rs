//! Many listeners to one topic, and the creates that they hear of: reads event streams as cheaply as it can, so that the
//! server is what is measured.
//!
//! Usage: listeners ADDRESS STREAMS CREATES PER_SECOND
//!
//! Opens STREAMS event streams on `posts/*`, prints `READY`, waits for a line on stdin, creates CREATES records (PER_SECOND
//! of them a second, 0: all at once), waits for every delivery and prints
//! `RESULT DELIVERED EXPECTED P50_US P99_US MAX_US ELAPSED_MS`. The streams stay open until stdin ends. A delivery's time is
//! from the sending of the create to the arrival at the listener: the commit and its sync are part of it.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{sleep, sleep_until};

/// Streams that are opened at a time.
const OPENERS: usize = 32;
/// Connections that create, when creates come one after the other.
const WRITERS: usize = 16;
/// Nothing came for so long: the rest will not come.
const QUIET_MAX: Duration = Duration::from_secs(20);
/// Stands around the time in a title, and nowhere else in a message.
const MARK: u8 = b'~';
/// Digits between two marks: microseconds since the client began.
const DIGITS: usize = 12;
/// What a browser sends beside the host.
const BROWSER: &str = "Connection: keep-alive\r\nAccept: text/event-stream\r\nCache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n\
    Origin: https://app.example.com\r\nReferer: https://app.example.com/\r\nSec-Fetch-Site: cross-site\r\n\
    Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\n";

thread_local! {
    /// All streams are read into one buffer: there is one thread.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}

/// What all listeners count together.
struct Tally {
    began: Instant,
    times_us: RefCell<Vec<u32>>,
    heard_at: Cell<Instant>,
}

impl Tally {
    fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).expect("a run is shorter than an age")
    }

    /// Counts the titles in `text`; gives the beginning of one whose rest is still to come.
    fn hear<'t>(&self, mut text: &'t [u8]) -> &'t [u8] {
        let now_us = self.now_us();
        while let Some(start) = memchr::memchr(MARK, text) {
            let Some(title) = text.get(start..start + DIGITS + 2) else { return &text[start..] };
            let sent_us = title[1..=DIGITS].iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
            self.times_us.borrow_mut().push(u32::try_from(now_us - sent_us).unwrap_or(u32::MAX));
            text = &text[start + DIGITS + 2..];
        }
        &[]
    }
}

fn main() -> io::Result<()> {
    let usage = "usage: listeners ADDRESS STREAMS CREATES PER_SECOND";
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, streams, creates, per_second] = &arguments[..] else { panic!("{usage}") };
    let address: SocketAddr = address.parse().expect(usage);
    let number = |text: &String| text.parse::<usize>().expect(usage);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, run(address, number(streams), number(creates), number(per_second)))
}

async fn run(address: SocketAddr, streams: usize, creates: usize, per_second: usize) -> io::Result<()> {
    let began = Instant::now();
    let expected = streams * creates;
    let times_us = RefCell::new(Vec::with_capacity(expected));
    let tally = Rc::new(Tally { began, times_us, heard_at: Cell::new(began) });
    open_all(address, streams, &tally).await?;
    let writers = if per_second == 0 { creates } else { WRITERS.min(creates) };
    let mut connections = Vec::new();
    for _ in 0..writers {
        connections.push(connect(address).await?);
    }
    say("READY")?;
    wait_for_line().await?;
    let started = Instant::now();
    tally.heard_at.set(started);
    let next = Rc::new(Cell::new(0));
    let mut writing = JoinSet::new();
    for connection in connections {
        let (tally, next) = (tally.clone(), next.clone());
        writing.spawn_local(async move {
            while next.get() < creates {
                let number = next.replace(next.get() + 1);
                if per_second > 0 {
                    let due = Duration::from_secs_f64(number as f64 / per_second as f64);
                    sleep_until((started + due).into()).await;
                }
                create(&connection, address, tally.now_us()).await.expect("a create is answered");
            }
        });
    }
    writing.join_all().await;
    while tally.times_us.borrow().len() < expected && tally.heard_at.get().elapsed() < QUIET_MAX {
        sleep(Duration::from_millis(2)).await;
    }
    let elapsed_ms = (tally.heard_at.get() - started).as_millis();
    let mut times_us = tally.times_us.borrow().clone();
    times_us.sort_unstable();
    let at =
        |share: f64| times_us.get((times_us.len() as f64 * share) as usize).or(times_us.last()).copied().unwrap_or(0);
    let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
    say(&format!("RESULT {} {expected} {p50} {p99} {max} {elapsed_ms}", times_us.len()))?;
    wait_for_line().await
}

/// Opens the streams, sets their topic, and leaves each to a task that listens.
async fn open_all(address: SocketAddr, streams: usize, tally: &Rc<Tally>) -> io::Result<()> {
    let left = Rc::new(Cell::new(streams));
    let mut opening = JoinSet::new();
    for _ in 0..OPENERS.min(streams) {
        let (left, tally) = (left.clone(), tally.clone());
        opening.spawn_local(async move {
            let control = connect(address).await?;
            while left.get() > 0 {
                left.set(left.get() - 1);
                let stream = connect(address).await?;
                let client_id = open(&stream, address).await?;
                let body = format!(r#"{{"clientId":"{client_id}","subscriptions":["posts/*"]}}"#);
                post(&control, address, "/api/realtime", &body, "204").await?;
                tokio::task::spawn_local(listen(stream, tally.clone()));
            }
            io::Result::Ok(())
        });
    }
    opening.join_all().await.into_iter().collect()
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Begins a stream and reads its first message; gives the client id.
async fn open(stream: &TcpStream, address: SocketAddr) -> io::Result<String> {
    let head = format!("GET /api/realtime HTTP/1.1\r\nHost: {address}\r\n{BROWSER}\r\n");
    write(stream, head.as_bytes()).await?;
    let mut text = Vec::new();
    loop {
        let mut piece = [0; 1024];
        let length = read(stream, &mut piece).await?;
        text.extend_from_slice(&piece[..length]);
        let seen = String::from_utf8_lossy(&text);
        if let Some((_, rest)) = seen.split_once("\nid:")
            && let Some((client_id, rest)) = rest.split_once('\n')
            && rest.contains("\n\n")
        {
            return Ok(client_id.to_owned());
        }
    }
}

async fn listen(stream: TcpStream, tally: Rc<Tally>) {
    // The beginning of a title whose rest comes with the next read: nearly always empty.
    let mut begun: Vec<u8> = Vec::new();
    while stream.readable().await.is_ok() {
        let is_open = BUFFER.with_borrow_mut(|buffer| {
            loop {
                let length = match stream.try_read(buffer) {
                    Ok(0) => return false,
                    Ok(length) => length,
                    Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
                };
                tally.heard_at.set(Instant::now());
                if begun.is_empty() {
                    begun.extend_from_slice(tally.hear(&buffer[..length]));
                } else {
                    begun.extend_from_slice(&buffer[..length]);
                    begun = tally.hear(&begun).to_vec();
                }
            }
        });
        if !is_open {
            return;
        }
    }
}

async fn create(connection: &TcpStream, address: SocketAddr, now_us: u64) -> io::Result<()> {
    let body = format!(r#"{{"title":"~{now_us:0DIGITS$}~","number":7}}"#);
    post(connection, address, "/api/collections/posts/records", &body, "200").await
}

/// Sends a JSON body and reads the whole answer, which must have the status.
async fn post(connection: &TcpStream, address: SocketAddr, path: &str, body: &str, status: &str) -> io::Result<()> {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    write(connection, request.as_bytes()).await?;
    let mut text = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let length = read(connection, &mut piece).await?;
        text.extend_from_slice(&piece[..length]);
        let answer = String::from_utf8_lossy(&text);
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
        let length_of = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok();
        if body.len() < head.lines().find_map(length_of).unwrap_or(0) {
            continue;
        }
        let is_as_wanted = head.split(' ').nth(1) == Some(status);
        return if is_as_wanted { Ok(()) } else { Err(io::Error::other(answer.into_owned())) };
    }
}

async fn write(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads something; the end of the connection is an error here.
async fn read(stream: &TcpStream, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        match stream.try_read(piece) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => return Ok(length),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Waits for a line, or the end, of stdin.
async fn wait_for_line() -> io::Result<()> {
    tokio::task::spawn_blocking(|| io::stdin().lock().read_line(&mut String::new())).await??;
    Ok(())
}
