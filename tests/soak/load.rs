//! Those who use the server: each is a thread that goes on until the round is over or the server is gone.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::{Value, json};
use support::{Answer, EventStream, Multipart, PASSWORD, Request, Socket, TestApp};

use crate::ledger::{Ledger, NOTES, create_notes, notes_path};
use crate::tally::Tally;

const WRITERS: usize = 4;
const READERS: usize = 3;
const LISTENERS: usize = 4;
const FILES: &str = "/api/collections/papers/records";
const EMAIL: &str = "soak@example.com";
const FILE_BYTES_MAX: usize = 2 << 20;
/// How long somebody who was told to come back stays away; less than asked for, so that more is tried.
const PAUSE: Duration = Duration::from_millis(50);
const LISTENS_FOR: Duration = Duration::from_secs(5);
/// How many notes a writer keeps at a time; the oldest go.
const NOTES_KEPT: usize = 200;

/// Makes what the load needs.
pub fn prepare(app: &TestApp) {
    create_notes(app);
    app.create_open_collection("papers", json!([{"name": "page", "type": "file", "maxSelect": 1}]));
    app.create_user("users", EMAIL);
}

/// A stretch of load.
pub struct Round<'a> {
    app: &'a TestApp,
    tally: &'a Tally,
    is_over: AtomicBool,
}

impl<'a> Round<'a> {
    pub fn new(app: &'a TestApp, tally: &'a Tally) -> Self {
        Self { app, tally, is_over: AtomicBool::new(false) }
    }

    /// Lets everybody loose until `meanwhile` returns; gives what the writers were told.
    pub fn run(&self, meanwhile: impl FnOnce()) -> Ledger {
        thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(|| self.write())).collect();
            for _ in 0..READERS {
                scope.spawn(|| self.until_over(|random| self.read(random)));
            }
            for number in 0..LISTENERS {
                scope.spawn(move || self.until_over(|_| self.listen(number)));
            }
            scope.spawn(|| self.until_over(|random| self.upload(random)));
            scope.spawn(|| self.until_over(|_| self.sign_in()));
            scope.spawn(|| self.until_over(|_| self.speak_slowly()));
            scope.spawn(|| self.until_over(|_| self.read_slowly()));
            scope.spawn(|| self.until_over(|_| self.listen_without_reading()));
            meanwhile();
            self.is_over.store(true, Ordering::Release);
            let mut ledger = Ledger::default();
            for writer in writers {
                ledger += writer.join().expect("a writer doesn't panic");
            }
            ledger
        })
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Does it again and again; a connection that breaks is a server that is gone, soon or already.
    fn until_over(&self, act: impl Fn(&mut StdRng) -> std::io::Result<()>) {
        let mut random = StdRng::seed_from_u64(rand::random());
        while !self.is_over() {
            if act(&mut random).is_err() {
                thread::sleep(PAUSE);
            }
        }
    }

    /// Sends and counts.
    fn send(&self, act: &'static str, request: &Request) -> std::io::Result<Answer> {
        let began = Instant::now();
        let answer = request.try_send()?;
        self.tally.count(act, &answer, began.elapsed());
        if answer.status == 503 {
            thread::sleep(PAUSE);
        }
        Ok(answer)
    }

    /// Creates, changes and deletes notes of its own.
    fn write(&self) -> Ledger {
        let mut random = StdRng::seed_from_u64(rand::random());
        let mut ledger = Ledger::default();
        let mut ids = Vec::new();
        while !self.is_over() {
            let began = Instant::now();
            let (act, written) = self.write_once(&mut ledger, &mut ids, &mut random);
            match written {
                Ok(Ok(())) => self.tally.count_event(act),
                Ok(Err(answer)) => {
                    self.tally.count(act, &answer, began.elapsed());
                    thread::sleep(PAUSE);
                }
                // What was under way is unknown, so this ledger is closed.
                Err(_) => return ledger,
            }
        }
        ledger
    }

    fn write_once(
        &self,
        ledger: &mut Ledger,
        ids: &mut Vec<String>,
        random: &mut StdRng,
    ) -> (&'static str, std::io::Result<Result<(), Answer>>) {
        match random.random_range(0..10) {
            0..4 if !ids.is_empty() => {
                let id = ids[random.random_range(0..ids.len())].clone();
                ("change a note", ledger.update(self.app, &id))
            }
            4 if ids.len() > NOTES_KEPT => {
                let id = ids.remove(0);
                let deleted = ledger.delete(self.app, &id);
                if matches!(deleted, Ok(Err(_))) {
                    ids.push(id);
                }
                ("delete a note", deleted)
            }
            _ => {
                let title = "x".repeat(random.random_range(1..2000));
                let created = ledger.create(self.app, &title);
                ("create a note", created.map(|created| created.map(|id| ids.push(id))))
            }
        }
    }

    fn read(&self, random: &mut StdRng) -> std::io::Result<()> {
        let page = random.random_range(1..20).to_string();
        let list = self.app.get(&notes_path()).query("page", &page).query("perPage", "20");
        let list = list.query("sort", "-version").query("filter", "version > 0").query("skipTotal", "1");
        let answer = self.send("list notes", &list)?;
        let first =
            (answer.status == 200).then(|| answer.json()["items"][0]["id"].as_str().map(str::to_owned)).flatten();
        if let Some(id) = first {
            self.send("view a note", &self.app.get(&format!("{}/{id}", notes_path())))?;
        }
        Ok(())
    }

    /// Follows all notes for some seconds, by events or by a socket.
    fn listen(&self, number: usize) -> std::io::Result<()> {
        let until = Instant::now() + LISTENS_FOR;
        let topic = format!("{NOTES}/*");
        if number.is_multiple_of(2) {
            let stream = EventStream::try_open(self.app.address(), &[])?;
            let topics = json!({"clientId": stream.client_id, "subscriptions": [topic]});
            self.send("subscribe", &self.app.post("/api/realtime").json(topics))?;
            self.hear(until, || stream.next_within(PAUSE).is_some());
            stream.cut();
        } else {
            let mut socket = Socket::try_open(self.app.address()).map_err(std::io::Error::other)?;
            socket.ask(json!({"type": "subscribe", "topic": topic})).map_err(std::io::Error::other)?;
            self.hear(until, || socket.next_within(PAUSE).is_some());
            socket.cut();
        }
        Ok(())
    }

    fn hear(&self, until: Instant, mut next: impl FnMut() -> bool) {
        while Instant::now() < until && !self.is_over() {
            if next() {
                self.tally.count_event("hear of a change");
            } else {
                thread::sleep(PAUSE); // quiet, or the stream has ended
            }
        }
    }

    /// A file comes back as it was sent; then it goes.
    fn upload(&self, random: &mut StdRng) -> std::io::Result<()> {
        let mut bytes = vec![0; random.random_range(1..FILE_BYTES_MAX)];
        random.fill_bytes(&mut bytes);
        let form = Multipart::new().file("page", "page.bin", "application/octet-stream", &bytes);
        let answer = self.send("upload a file", &self.app.post(FILES).multipart(form))?;
        if answer.status != 200 {
            return Ok(());
        }
        let record = answer.json();
        let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
        let url = format!("/api/files/papers/{}/{}", text("id"), text("page"));
        let back = self.send("read a file", &self.app.get(&url))?;
        if back.status == 200 && back.body != bytes {
            self.tally.fault(format!("{url}: {} bytes came back of {}", back.body.len(), bytes.len()));
        }
        self.send("delete a file's record", &self.app.delete(&format!("{FILES}/{}", text("id"))))?;
        Ok(())
    }

    fn sign_in(&self) -> std::io::Result<()> {
        let form = json!({"identity": EMAIL, "password": PASSWORD});
        let login = self.app.post("/api/collections/users/auth-with-password").json(form);
        let answer = self.send("sign in", &login)?;
        if answer.status == 200 {
            let token = answer.json()["token"].as_str().unwrap_or_default().to_owned();
            self.send("refresh a token", &self.app.post("/api/collections/users/auth-refresh").token(&token))?;
        }
        thread::sleep(PAUSE);
        Ok(())
    }

    /// A request, letter by letter.
    fn speak_slowly(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(self.app.address())?;
        for byte in b"POST /api/collections/notes/records HTTP/1.1\r\nHost: slow\r\nContent-Length: 1000\r\n\r\n{" {
            if self.is_over() {
                break;
            }
            stream.write_all(&[*byte])?;
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// A long answer, read in crumbs.
    fn read_slowly(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(self.app.address())?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(format!("GET {}?perPage=500 HTTP/1.1\r\nHost: slow\r\n\r\n", notes_path()).as_bytes())?;
        for _ in 0..100 {
            if self.is_over() || stream.read(&mut [0; 64])? == 0 {
                break;
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Subscribes and never looks: what is kept for it is bounded.
    fn listen_without_reading(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(self.app.address())?;
        stream.write_all(b"GET /api/realtime HTTP/1.1\r\nHost: slow\r\n\r\n")?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut head = Vec::new();
        while !String::from_utf8_lossy(&head).contains("\"}\n\n") {
            let mut byte = [0; 256];
            let count = stream.read(&mut byte)?;
            if count == 0 {
                return Ok(());
            }
            head.extend_from_slice(&byte[..count]);
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        let client = text.lines().find_map(|line| line.strip_prefix("id:")).unwrap_or_default().to_owned();
        let topics: Value = json!({"clientId": client, "subscriptions": [format!("{NOTES}/*")]});
        self.send("subscribe", &self.app.post("/api/realtime").json(topics))?;
        for _ in 0..100 {
            if self.is_over() {
                break;
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}
