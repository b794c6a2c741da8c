//! Realtime (contract/12): what ends a stream's rights or the stream itself, and that no client costs more than its share.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{EventStream, Socket, TestApp};

/// Long enough for a message that would come, short enough to wait for one that must not.
const QUIET: Duration = Duration::from_millis(300);
/// What must happen has happened after this time.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// An open collection on a server that has run for a while: right after a start, streams repeat what its edges could have
/// cost (contract/12 §9 C).
fn app_with_posts() -> TestApp {
    settled(TestApp::new())
}

fn settled(app: TestApp) -> TestApp {
    app.create_open_collection("posts", json!([{ "name": "title", "type": "text", "max": 100_000 }]));
    app.move_clock(15_000);
    app
}

/// A topic with options.
fn topic(path: &str, query: Value) -> String {
    let options = json!({ "query": query }).to_string();
    let encoded: String = options.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("{path}?options={encoded}")
}

/// Whether the hub still knows a stream.
fn is_open(app: &TestApp, client_id: &str) -> bool {
    let body = json!({ "clientId": client_id, "subscriptions": ["posts/*"] });
    match app.post("/api/realtime").json(body).send().status {
        204 => true,
        404 => false,
        status => panic!("{status}"),
    }
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < WAIT_MAX, "{what}");
        std::thread::yield_now();
    }
}

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

#[test]
fn locked_and_system_collections_tell_only_superusers() {
    let app = app_with_posts();
    app.create_collection(json!({ "name": "locked", "type": "base", "fields": [{ "name": "title", "type": "text" }] }));
    let (_, token) = app.create_user("users", "ann@example.com");
    let topics = ["locked/*", "locked", "_superusers/*", "_authOrigins/*", "_mfas/*", "_otps/*", "_externalAuths/*"];
    let [guest, ann, root] = [(); 3].map(|()| EventStream::open(&app));
    guest.subscribe(&app, None, &topics);
    ann.subscribe(&app, Some(&token), &topics);
    root.subscribe(&app, Some(app.superuser_token()), &topics);
    app.create("locked", json!({ "title": "secret" }));
    let account = json!({ "email": "b@example.com", "password": "1234567890", "passwordConfirm": "1234567890" });
    app.create("_superusers", account);
    let events: Vec<String> = (0..3).map(|_| root.next().event).collect();
    assert_eq!(events.iter().filter(|event| event.starts_with("locked")).count(), 2, "{events:?}");
    let told = root.next_within(QUIET).map(|message| message.data);
    assert_eq!(told, None, "nothing more");
    assert_eq!(guest.next_within(QUIET), None);
    assert_eq!(ann.next_within(QUIET), None);
}

#[test]
fn hidden_fields_are_told_to_superusers_alone_and_filter_for_nobody_else() {
    let app = app_with_posts();
    let fields = json!([{ "name": "title", "type": "text" }, { "name": "secret", "type": "text", "hidden": true }]);
    app.create_open_collection("notes", fields);
    let probing = topic("notes/*", json!({ "filter": "secret = 'gold'" }));
    let [guest, root] = [(); 2].map(|()| EventStream::open(&app));
    guest.subscribe(&app, None, &["notes/*", &probing]);
    root.subscribe(&app, Some(app.superuser_token()), &[&probing]);
    app.create("notes", json!({ "title": "a", "secret": "gold" }));
    assert_eq!(root.next().data["record"]["secret"], "gold");
    let message = guest.next();
    assert_eq!((message.event.as_str(), message.data["record"].get("secret")), ("notes/*", None));
    assert_eq!(guest.next_within(QUIET), None);
}

#[test]
fn hostile_options_match_nothing_and_cost_nothing() {
    let app = app_with_posts();
    let deep = "(".repeat(700);
    let nested = format!("posts/*?options={}", "[".repeat(2000));
    let topics = [
        topic("posts/*", json!({ "filter": deep })),
        topic("posts/*", json!({ "filter": "title ~ '%%%%%%%%%%%%%%%%%%%%%%%%%%%%x'" })),
        topic("posts/*", json!({ "filter": "@collection.users.id != ''" })),
        topic("posts/*", json!({ "filter": "nothing = 1" })),
        topic("posts/\u{7}", json!({})),
        topic("posts/*", json!({ "fields": ":excerpt(" })),
        topic("posts/*", json!({ "expand": "a.b.c.d.e.f.g.h.i.j.k", "fields": ",,,*", "resume": "short" })),
        nested,
    ];
    let longest = topics.iter().map(String::len).max().expect("some");
    assert!(longest <= 2500, "{longest}");
    let texts: Vec<&str> = topics.iter().map(String::as_str).collect();
    let stream = EventStream::open(&app);
    stream.subscribe(&app, None, &texts);
    app.create("posts", json!({ "title": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }));
    let mut heard = Vec::new();
    while let Some(message) = stream.next_within(QUIET) {
        heard.push(message.event);
    }
    heard.sort();
    let mut expected: Vec<String> = topics[6..].to_vec();
    expected.sort();
    assert_eq!(heard, expected);
}

#[test]
fn a_deleted_account_hears_of_its_deletion_and_then_as_a_guest() {
    let app = app_with_posts();
    app.update_collection("posts", json!({ "listRule": "@request.auth.id != ''" }));
    app.update_collection("users", json!({ "viewRule": "id = @request.auth.id" }));
    let (user, token) = app.create_user("users", "ann@example.com");
    let id = user["id"].as_str().expect("an id");
    let stream = EventStream::open(&app);
    let mut socket = Socket::open(&app);
    stream.subscribe(&app, Some(&token), &["posts/*", &format!("users/{id}")]);
    for frame in [json!({ "type": "auth", "token": token }), json!({ "type": "subscribe", "topic": "posts/*" })] {
        assert_eq!(socket.ask(frame).expect("answered")["status"], 200);
    }
    assert_eq!(socket.read_next().expect("a first message")["topic"], "PB_CONNECT");
    app.delete(&format!("/api/collections/users/records/{id}")).superuser().expect(204);
    app.create("posts", json!({ "title": "after" }));
    let message = stream.next();
    assert_eq!((&message.data["action"], &message.data["record"]["id"]), (&json!("delete"), &json!(id)));
    assert_eq!(stream.next_within(QUIET), None);
    assert_eq!(socket.next_within(QUIET), None);
}

#[test]
fn a_changed_password_or_secret_ends_the_rights_over_both_transports() {
    let app = app_with_posts();
    app.update_collection("posts", json!({ "listRule": "@request.auth.id != ''" }));
    let change_password = |app: &TestApp, id: &str| {
        let change = json!({ "password": "another one", "passwordConfirm": "another one" });
        app.update("users", id, change);
    };
    let change_secret = |app: &TestApp, _: &str| {
        let secret = json!({ "authToken": { "secret": "x".repeat(50), "duration": 3600 } });
        app.update_collection("users", secret);
    };
    let rename = |app: &TestApp, _: &str| {
        app.update_collection("users", json!({ "name": "people" }));
    };
    let remove = |app: &TestApp, _: &str| {
        app.delete("/api/collections/users").superuser().expect(204);
    };
    type End<'a> = (&'a str, &'a dyn Fn(&TestApp, &str), bool);
    let ends: [End; 4] = [
        ("password", &change_password, false),
        ("secret", &change_secret, false),
        ("rename", &rename, true),
        ("collection", &remove, false),
    ];
    let mut collection = "users";
    for (what, end, keeps) in ends {
        let (user, token) = app.create_user(collection, &format!("{what}@example.com"));
        let stream = EventStream::open(&app);
        stream.subscribe(&app, Some(&token), &["posts/*"]);
        let mut socket = Socket::open(&app);
        for frame in [json!({ "type": "auth", "token": token }), json!({ "type": "subscribe", "topic": "posts/*" })] {
            assert_eq!(socket.ask(frame).expect("answered")["status"], 200);
        }
        assert_eq!(socket.read_next().expect("a first message")["topic"], "PB_CONNECT");
        if what == "collection" {
            app.update_collection("people", json!({ "name": "users" }));
        }
        end(&app, user["id"].as_str().expect("an id"));
        app.create("posts", json!({ "title": what }));
        let heard = stream.next_within(if keeps { WAIT_MAX } else { QUIET }).is_some();
        let heard_by_socket = socket.next_within(if keeps { WAIT_MAX } else { QUIET }).is_some();
        assert_eq!((heard, heard_by_socket), (keeps, keeps), "{what}");
        collection = if what == "rename" { "people" } else { collection };
    }
}

#[test]
fn all_streams_of_a_user_follow_what_the_account_becomes() {
    let app = app_with_posts();
    app.update_collection("posts", json!({ "listRule": "title = @request.auth.name" }));
    let (user, token) = app.create_user("users", "ann@example.com");
    let streams = [(); 2].map(|()| EventStream::open(&app));
    for stream in &streams {
        stream.subscribe(&app, Some(&token), &["posts/*"]);
    }
    app.update("users", user["id"].as_str().expect("an id"), json!({ "name": "for ann" }));
    app.create("posts", json!({ "title": "for ann" }));
    for stream in &streams {
        assert_eq!(stream.next_change("title").1, "for ann");
    }
}

#[test]
fn a_token_expires_on_a_busy_server_too() {
    let app = app_with_posts();
    let (_, token) = app.create_user("users", "ann@example.com");
    let stream = EventStream::open(&app);
    stream.subscribe(&app, Some(&token), &["posts/*"]);
    app.move_clock(6 * 24 * 3600 * 1000);
    // The hub is never idle for as long as it waits between two looks.
    wait_until("the stream goes on", || {
        app.create("posts", json!({ "title": "busy" }));
        !is_open_to(&app, &stream.client_id)
    });
    stream.wait_for_end();
}

/// As [`is_open`], for a stream that is bound to somebody.
fn is_open_to(app: &TestApp, client_id: &str) -> bool {
    let body = json!({ "clientId": client_id, "subscriptions": ["posts/*"] });
    app.post("/api/realtime").json(body).send().status != 404
}

#[test]
fn a_resume_key_goes_on_where_its_stream_broke_off() {
    let app = app_with_posts();
    let topic = topic("posts/*", json!({ "resume": "0123456789abcdefKEY" }));
    let titles = |stream: &EventStream, count: usize| -> Vec<Value> {
        (0..count).map(|_| stream.next_change("title").1).collect()
    };
    app.create("posts", json!({ "title": "long before" }));
    app.move_clock(200_000);
    let stream = EventStream::open(&app);
    stream.subscribe(&app, None, &[&topic]);
    app.create("posts", json!({ "title": "heard" }));
    assert_eq!(titles(&stream, 1), ["heard"]);
    stream.cut();
    app.create("posts", json!({ "title": "missed" }));
    // Nobody acknowledged what was written last, so it comes again; what is older than a minute doesn't.
    let stream = EventStream::open(&app);
    stream.subscribe(&app, None, &[&topic]);
    assert_eq!(titles(&stream, 2), ["heard", "missed"]);
    assert_eq!(stream.next_within(QUIET), None);
    // Another key, or the same one in other hands, begins now.
    let (_, token) = app.create_user("users", "ann@example.com");
    let other = EventStream::open(&app);
    other.subscribe(&app, Some(&token), &[&topic]);
    assert_eq!(other.next_within(QUIET), None);
}

#[test]
fn a_resume_key_repeats_nothing_when_the_server_ended_the_stream() {
    let mut app = app_with_posts();
    let topic = topic("posts/*", json!({ "resume": "0123456789abcdefKEY" }));
    let stream = EventStream::open(&app);
    stream.subscribe(&app, None, &[&topic]);
    app.create("posts", json!({ "title": "heard" }));
    assert_eq!(stream.next_change("title").1, "heard");
    app.restart();
    stream.wait_for_end();
    app.create("posts", json!({ "title": "missed" }));
    let stream = EventStream::open(&app);
    stream.subscribe(&app, None, &[&topic]);
    assert_eq!(stream.next_change("title").1, "missed");
    assert_eq!(stream.next_within(QUIET), None);
}

#[test]
fn a_websocket_refuses_what_is_out_of_bounds_and_goes_on() {
    let app = app_with_posts();
    let mut socket = Socket::open(&app);
    let mut ask = |frame: Value| socket.ask(frame).expect("answered")["status"].clone();
    assert_eq!(ask(json!({ "type": "subscribe" })), 400);
    assert_eq!(ask(json!({ "type": "subscribe", "topic": "" })), 400);
    assert_eq!(ask(json!({ "type": "subscribe", "topic": "x".repeat(2501) })), 400);
    assert_eq!(ask(json!({ "type": 5 })), 400);
    assert_eq!(ask(json!({ "type": "auth", "token": "nonsense" })), 200, "a guest stays a guest");
    for number in 0..1000 {
        assert_eq!(ask(json!({ "type": "subscribe", "topic": format!("t{number}") })), 200);
    }
    assert_eq!(ask(json!({ "type": "subscribe", "topic": "one too many" })), 400);
    assert_eq!(ask(json!({ "type": "unsubscribe", "topic": "t0" })), 200);
    assert_eq!(ask(json!({ "type": "subscribe", "topic": "posts/*" })), 200);
    app.create("posts", json!({ "title": "heard" }));
    assert_eq!(socket.read_next().expect("a first message")["topic"], "PB_CONNECT");
    assert_eq!(socket.read_next().expect("a message")["record"]["title"], "heard");
    let too_big = json!({ "type": "subscribe", "topic": "x".repeat(70_000) });
    assert!(socket.ask(too_big).is_err(), "a frame of any size would be kept in memory");
    app.get("/api/realtime/ws").refused(400, "A WebSocket handshake is expected here.");
}
