//! Nothing is missed: writers write, subscribers over both transports are cut off at random, the server is killed in
//! between; at the end each subscriber's state is the database's, built from changes that came once and in order.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{EventStream, Request, Socket, TestApp};

const WRITERS: usize = 8;
const SUBSCRIBERS: usize = 20;
/// How long writers write; `make soak` sets more.
const SECONDS: &str = "MONOBASE_TEST_NOTHING_MISSED_SECONDS";
/// One title in so many is long among the first of each writer, so that replays are made in several parts.
const LONG_TITLE_EVERY: u64 = 8;
const LONG_TITLES_UNTIL: usize = 600;
const LONG_TITLE_BYTES: usize = 60000;
/// Subscribers have this long to come to the state of the end.
const SETTLE_MAX: Duration = Duration::from_secs(180);

/// What one subscriber knows, built from what it was told.
#[derive(Default)]
struct Known {
    titles: BTreeMap<String, String>,
    /// The cursor of the last message.
    cursor: String,
}

impl Known {
    /// Applies a message; panics if it can't follow what came before.
    fn apply(&mut self, data: &Value) {
        assert!(data.get("topics").is_none(), "told to read everything again, which this is about: {data}");
        let record = &data["record"];
        let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
        let (id, title) = (text("id"), text("title"));
        let cursor = data["cursor"].as_str().expect("each change has a cursor");
        assert_ne!(cursor, self.cursor, "a change came twice");
        match data["action"].as_str() {
            Some("create") => assert!(self.titles.insert(id, title).is_none(), "created twice: {data}"),
            Some("update") => assert!(self.titles.insert(id, title).is_some(), "updated before its creation: {data}"),
            Some("delete") => assert!(self.titles.remove(&id).is_some(), "deleted before its creation: {data}"),
            other => panic!("no action: {other:?}"),
        }
        self.cursor = cursor.to_owned();
    }
}

/// Where the server is, and whether all is over.
struct Stage {
    address: RwLock<SocketAddr>,
    is_over: AtomicBool,
}

impl Stage {
    fn address(&self) -> SocketAddr {
        *self.address.read().expect("nobody panics while holding it")
    }
}

/// A small generator, so that a failing run can be told by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[test]
fn every_subscriber_ends_with_the_state_of_the_database() {
    let seconds: u64 = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let mut app = TestApp::new();
    app.create_open_collection("posts", json!([{ "name": "title", "type": "text", "max": 100_000 }]));
    let stage = Arc::new(Stage { address: RwLock::new(app.address()), is_over: AtomicBool::new(false) });
    // Everybody begins where nothing was written yet.
    let begin = EventStream::open(&app).cursor.clone();
    let subscribers: Vec<_> = (0..SUBSCRIBERS)
        .map(|number| {
            let (stage, known) = (stage.clone(), Known { cursor: begin.clone(), ..Known::default() });
            let dice = Dice(number as u64 + 1);
            let listen = if number % 2 == 0 { listen_to_events } else { listen_to_socket };
            thread::spawn(move || listen(&stage, known, dice))
        })
        .collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let stage = stage.clone();
            thread::spawn(move || write(&stage, number, Dice(1000 + number as u64)))
        })
        .collect();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(seconds) {
        thread::park_timeout(Duration::from_secs(seconds).div_f32(4.0));
        app.kill();
        app.start();
        *stage.address.write().expect("nobody panics while holding it") = app.address();
    }
    stage.is_over.store(true, Ordering::Release);
    let writes: usize = writers.into_iter().map(|writer| writer.join().expect("a writer ends in order")).sum();
    // The last write: whoever has it has all before it.
    app.create("posts", json!({ "id": "lastlastlastlas", "title": "last" }));
    let rows = app.rows("SELECT id, title FROM posts");
    let text = |row: &Value, column: usize| row[column].as_str().unwrap_or_default().to_owned();
    let expected: BTreeMap<String, String> = rows.iter().map(|row| (text(row, 0), text(row, 1))).collect();
    for (number, subscriber) in subscribers.into_iter().enumerate() {
        let known = subscriber.join().unwrap_or_else(|_| panic!("subscriber {number} failed, see above"));
        assert!(known.titles == expected, "subscriber {number} knows {} of {}", known.titles.len(), expected.len());
    }
    assert!(writes > 100, "only {writes} writes: nothing was tried");
}

#[test]
fn a_replay_that_is_cut_off_again_and_again_loses_and_repeats_nothing() {
    let app = TestApp::new();
    app.create_open_collection("posts", json!([{ "name": "title", "type": "text" }]));
    let mut known = Known { cursor: EventStream::open(&app).cursor.clone(), ..Known::default() };
    let stage = Stage { address: RwLock::new(app.address()), is_over: AtomicBool::new(false) };
    let mut expected = BTreeMap::new();
    for number in 0..120 {
        let id = format!("post{number:011}");
        app.create("posts", json!({ "id": id, "title": "new" }));
        expected.insert(id, "new".to_owned());
    }
    let hear = |known: &mut Known, stream: &EventStream| {
        known.apply(&stream.next_within(SETTLE_MAX).expect("more is to come").data);
    };
    for cut in 0..30 {
        let stream = open_events(&stage, &known.cursor).expect("the server runs");
        (0..3).for_each(|_| hear(&mut known, &stream));
        stream.cut();
        // One that was told of just now, or a moment ago, or is still to come.
        let id = format!("post{:011}", cut * 4);
        let title = format!("changed after cut {cut}");
        app.patch(&format!("/api/collections/posts/records/{id}")).json(json!({ "title": title })).expect(200);
        expected.insert(id, title);
    }
    let stream = open_events(&stage, &known.cursor).expect("the server runs");
    while known.titles != expected {
        hear(&mut known, &stream);
    }
}

/// Creates, updates and deletes records of its own until all is over; gives how many were acknowledged.
fn write(stage: &Stage, writer: usize, mut dice: Dice) -> usize {
    let (mut ids, mut writes): (Vec<String>, usize) = (Vec::new(), 0);
    while !stage.is_over.load(Ordering::Acquire) {
        let is_long = writes < LONG_TITLES_UNTIL && dice.below(LONG_TITLE_EVERY) == 0;
        let padding = if is_long { LONG_TITLE_BYTES } else { 0 };
        let title = json!({ "title": format!("{writer}.{writes}.{}", "x".repeat(padding)) });
        let request = |method: &str, target: &str| Request::to(stage.address(), method, target);
        let base = "/api/collections/posts/records";
        let choice = if ids.is_empty() { 0 } else { dice.below(4) };
        let picked = if ids.is_empty() { 0 } else { dice.below(ids.len() as u64) as usize };
        let sent = match choice {
            0 => request("POST", base).json(title).try_send(),
            1 | 2 => request("PATCH", &format!("{base}/{}", ids[picked])).json(title).try_send(),
            _ => request("DELETE", &format!("{base}/{}", ids[picked])).try_send(),
        };
        // A killed server answers nothing; what it did is unknown, which is what the subscribers are to find out.
        let Ok(answer) = sent else { continue };
        match (choice, answer.status) {
            (0, 200) => ids.push(answer.json()["id"].as_str().unwrap_or_default().to_owned()),
            (3, 204 | 404) => drop(ids.swap_remove(picked)),
            (1 | 2, 404) => drop(ids.swap_remove(picked)),
            (_, 200) => {}
            (_, status) => panic!("{status}: {}", answer.text()),
        }
        writes += 1;
    }
    writes
}

/// Follows by SSE, is cut off now and then, goes on from its cursor; ends with the last write.
fn listen_to_events(stage: &Stage, mut known: Known, mut dice: Dice) -> Known {
    let mut settle = None;
    loop {
        let Some(stream) = open_events(stage, &known.cursor) else { continue };
        let cut_after = 1 + dice.below(400);
        for _ in 0..cut_after {
            match stream.next_within(Duration::from_secs(1)) {
                Some(message) => known.apply(&message.data),
                None => break,
            }
            if known.titles.values().any(|title| title == "last") {
                return known;
            }
        }
        check_settling(stage, &mut settle);
        stream.cut();
    }
}

fn open_events(stage: &Stage, since: &str) -> Option<EventStream> {
    let stream = EventStream::try_open(stage.address(), &[]).ok()?;
    let body = json!({ "clientId": stream.client_id, "subscriptions": ["posts/*", "PB_RESET"], "since": since });
    let answer = Request::to(stage.address(), "POST", "/api/realtime").json(body).try_send().ok()?;
    (answer.status == 204).then_some(stream)
}

/// The same over a WebSocket.
fn listen_to_socket(stage: &Stage, mut known: Known, mut dice: Dice) -> Known {
    let mut settle = None;
    loop {
        let Ok(mut socket) = Socket::try_open(stage.address()) else { continue };
        let subscribe = json!({ "type": "subscribe", "topic": "posts/*", "since": known.cursor });
        if socket.ask(subscribe).is_ok_and(|answer| answer["status"] == 200) {
            let cut_after = 1 + dice.below(400);
            for _ in 0..cut_after {
                match socket.next_within(Duration::from_secs(1)) {
                    Some(message) if message["topic"] == "posts/*" => known.apply(&message),
                    Some(_) => {}
                    None => break,
                }
                if known.titles.values().any(|title| title == "last") {
                    return known;
                }
            }
        }
        check_settling(stage, &mut settle);
        socket.cut();
    }
}

fn check_settling(stage: &Stage, settle: &mut Option<Instant>) {
    if stage.is_over.load(Ordering::Acquire) {
        let since = settle.get_or_insert_with(Instant::now);
        assert!(since.elapsed() < SETTLE_MAX, "the last write never came");
    }
}
