//! Realtime (contract/12): clients that read slowly, late, or nothing cost their share and no more, and miss nothing.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use support::{EventStream, Socket, TestApp};

use super::realtime_bounds::{WAIT_MAX, app_with_posts, is_open, settled, wait_until};

/// A stream whose client reads its first message and nothing more.
fn open_unread(app: &TestApp, topics: &[&str]) -> (TcpStream, String) {
    open_unread_since(app, topics, &Value::Null)
}

/// The same, beginning at a cursor.
fn open_unread_since(app: &TestApp, topics: &[&str], since: &Value) -> (TcpStream, String) {
    let mut socket = TcpStream::connect(app.address()).expect("the server listens");
    let request = format!("GET /api/realtime HTTP/1.1\r\nHost: {}\r\n\r\n", app.address());
    socket.write_all(request.as_bytes()).expect("the server reads");
    let mut text = String::new();
    while !text.contains("\n\n") {
        let mut piece = [0; 512];
        let length = socket.read(&mut piece).expect("a first message");
        text.push_str(std::str::from_utf8(&piece[..length]).expect("text"));
    }
    let (_, rest) = text.split_once("\nid:").expect("a client id");
    let client_id = rest.lines().next().expect("a line").to_owned();
    let body = json!({ "clientId": client_id, "subscriptions": topics, "since": since });
    app.post("/api/realtime").json(body).expect(204);
    (socket, client_id)
}

/// Changes of `count` records with a title of `bytes`, in batches of 50.
fn write_much(app: &TestApp, count: usize, bytes: usize) {
    app.update_settings(json!({ "batch": { "enabled": true, "maxRequests": 50, "maxBodySize": 64 << 20 } }));
    let title = "x".repeat(bytes);
    for batch in 0..count / 50 {
        let create = |item: usize| {
            let body = json!({ "title": format!("{batch}.{item}.{title}") });
            json!({ "method": "POST", "url": "/api/collections/posts/records", "body": body })
        };
        let requests: Vec<Value> = (0..50).map(create).collect();
        app.post("/api/batch").superuser().json(json!({ "requests": requests })).expect(200);
    }
}

/// Memory of the server that isn't a mapped file, bytes.
fn own_memory(app: &TestApp) -> usize {
    let path = format!("/proc/{}/status", app.server().process_id());
    let status = std::fs::read_to_string(path).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("Linux tells it");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

#[test]
fn clients_that_never_read_cost_a_bounded_amount() {
    let app = app_with_posts();
    let unread: Vec<_> = (0..10).map(|_| open_unread(&app, &["posts/*"])).collect();
    let mut socket = Socket::open(&app);
    let answer = socket.ask(json!({ "type": "subscribe", "topic": "posts/*" })).expect("answered");
    assert_eq!(answer["status"], 200, "{answer}");
    write_much(&app, 50, 1000); // what a first batch takes isn't the listeners'
    let before = own_memory(&app);
    write_much(&app, 1000, 20_000);
    let grown = own_memory(&app).saturating_sub(before);
    // 11 × 20 MB are due; a queue holds 1 MiB.
    assert!(grown < 60 << 20, "{} MiB", grown >> 20);
    let reader = EventStream::open(&app);
    reader.subscribe(&app, None, &["posts/*"]);
    app.create("posts", json!({ "title": "others go on" }));
    assert_eq!(reader.next_change("title").1, "others go on");
    assert!(unread.iter().all(|(_, client_id)| is_open(&app, client_id)));
}

#[test]
fn replays_that_nobody_reads_cost_a_bounded_amount() {
    let app = app_with_posts();
    let since = Value::from(EventStream::open(&app).cursor.clone());
    write_much(&app, 1000, 20_000);
    let replay = |reader: &EventStream| {
        for _ in 0..1000 {
            reader.next_within(WAIT_MAX).expect("all of it is told");
        }
    };
    let open_reader = || {
        let reader = EventStream::open(&app);
        let body = json!({ "clientId": reader.client_id, "subscriptions": ["posts/*"], "since": since });
        app.post("/api/realtime").json(body).expect(204);
        reader
    };
    replay(&open_reader()); // what a first replay takes isn't the listeners'
    let before = own_memory(&app);
    let unread: Vec<_> = (0..10).map(|_| open_unread_since(&app, &["posts/*"], &since)).collect();
    replay(&open_reader()); // replays take turns: by now each has had some
    let grown = own_memory(&app).saturating_sub(before);
    // 10 × 20 MB are due.
    assert!(grown < 60 << 20, "{} MiB", grown >> 20);
    assert!(unread.iter().all(|(_, client_id)| is_open(&app, client_id)));
}

#[test]
fn a_topic_beside_one_that_is_replayed_misses_nothing() {
    let app = app_with_posts();
    app.create_open_collection("notes", json!([{ "name": "title", "type": "text" }]));
    let since = Value::from(EventStream::open(&app).cursor.clone());
    write_much(&app, 1000, 20_000);
    // Replays take turns: that of the socket waits.
    let _unread: Vec<_> = (0..5).map(|_| open_unread_since(&app, &["posts/*"], &since)).collect();
    let mut socket = Socket::open(&app);
    let mut subscribe = |topic: &str, since: &Value| {
        let answer = socket.ask(json!({ "type": "subscribe", "topic": topic, "since": since })).expect("answered");
        assert_eq!(answer["status"], 200, "{answer}");
    };
    subscribe("posts/*", &since);
    subscribe("notes/*", &Value::Null);
    app.create("notes", json!({ "title": "written meanwhile" }));
    let mut notes = 0;
    for _ in 0..1 + 1000 + 1 {
        let message = socket.next_within(WAIT_MAX).expect("the greeting, the posts and the note");
        notes += usize::from(message["topic"] == "notes/*");
    }
    assert_eq!(notes, 1);
    app.create("notes", json!({ "title": "written later" }));
    assert_eq!(socket.next_within(WAIT_MAX).expect("it is live")["record"]["title"], "written later");
}

#[test]
fn a_client_that_reads_late_gets_all_of_it_once() {
    let app = app_with_posts();
    let (mut socket, _) = open_unread(&app, &["posts/*"]);
    write_much(&app, 600, 20_000);
    app.create("posts", json!({ "title": "the last" }));
    let mut text = Vec::new();
    let mut piece = vec![0; 1 << 16];
    socket.set_read_timeout(Some(WAIT_MAX)).expect("a socket takes a time-out");
    while !text.ends_with(b"\n\n\r\n") || !String::from_utf8_lossy(&text).contains("the last") {
        let length = socket.read(&mut piece).expect("it goes on");
        assert!(length > 0, "the stream ended");
        text.extend_from_slice(&piece[..length]);
    }
    let text = String::from_utf8(text).expect("text");
    for batch in 0..12 {
        for item in 0..50 {
            assert_eq!(text.matches(&format!("\"title\":\"{batch}.{item}.x")).count(), 1, "{batch}.{item}");
        }
    }
}

#[test]
fn a_peer_that_takes_nothing_for_the_time_allowed_is_forgotten() {
    let app = TestApp::setup().environment("MONOBASE_FAULT_TIME_LIMIT_MS", "1500").start();
    let app = settled(app);
    let (_socket, client_id) = open_unread(&app, &["posts/*"]);
    write_much(&app, 600, 20_000);
    wait_until("the stream of a dead peer stays", || !is_open(&app, &client_id));
}

#[test]
fn a_client_that_leaves_is_forgotten_at_once() {
    let app = app_with_posts();
    let (socket, client_id) = open_unread(&app, &["posts/*"]);
    assert!(is_open(&app, &client_id));
    drop(socket);
    wait_until("a closed stream stays", || !is_open(&app, &client_id));
    // One that only says that it won't send more is gone too: nothing can be learned of it.
    let (socket, client_id) = open_unread(&app, &["posts/*"]);
    socket.shutdown(std::net::Shutdown::Write).expect("it is open");
    wait_until("a half-closed stream stays", || !is_open(&app, &client_id));
}
