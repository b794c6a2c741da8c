//! Realtime (contract/12): what ends a stream's rights or the stream itself.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{EventStream, Socket, TestApp};

/// Long enough for a message that would come, short enough to wait for one that must not.
const QUIET: Duration = Duration::from_millis(300);
/// What must happen has happened after this time.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(20);

/// An open collection on a server that has run for a while: right after a start, streams repeat what its edges could have
/// cost (contract/12 §9 C).
pub(super) fn app_with_posts() -> TestApp {
    settled(TestApp::new())
}

pub(super) fn settled(app: TestApp) -> TestApp {
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
pub(super) fn is_open(app: &TestApp, client_id: &str) -> bool {
    let body = json!({ "clientId": client_id, "subscriptions": ["posts/*"] });
    match app.post("/api/realtime").json(body).send().status {
        204 => true,
        404 => false,
        status => panic!("{status}"),
    }
}

#[track_caller]
pub(super) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < WAIT_MAX, "{what}");
        std::thread::yield_now();
    }
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
