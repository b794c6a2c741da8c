//! Realtime (contract/12): who is told of what, when, and that nothing is missed.

use std::time::Duration;

use serde_json::{Value, json};
use support::{EventStream, Socket, TestApp};

/// Long enough for a message that would come, short enough to wait for one that must not.
const QUIET: Duration = Duration::from_millis(300);

/// An open collection on a server that has run for a while: right after a start, streams repeat what its edges could have
/// cost (contract/12 §9 C).
fn app_with_posts() -> TestApp {
    let app = TestApp::new();
    app.create_open_collection("posts", json!([{ "name": "title", "type": "text" }]));
    app.move_clock(15_000);
    app
}

fn id_of(record: &Value) -> &str {
    record["id"].as_str().expect("a record has an id")
}

#[test]
fn a_topic_gets_each_change_as_the_api_shows_it() {
    let app = app_with_posts();
    let stream = EventStream::open(&app);
    stream.subscribe(&app, None, &["posts/*"]);
    let post = app.create("posts", json!({ "title": "a" }));
    let message = stream.next();
    assert_eq!(message.event, "posts/*");
    assert_eq!(message.data["action"], "create");
    assert_eq!(message.data["record"], post);
    assert_eq!(message.data["cursor"], message.id);
    let changed = app.update("posts", id_of(&post), json!({ "title": "b" }));
    let message = stream.next();
    assert_eq!((&message.data["action"], &message.data["record"]), (&json!("update"), &changed));
    app.delete(&format!("/api/collections/posts/records/{}", id_of(&post))).superuser().expect(204);
    let message = stream.next();
    assert_eq!((&message.data["action"], &message.data["record"]), (&json!("delete"), &changed));
    assert_eq!(stream.next_within(QUIET), None);
}

#[test]
fn a_hundred_updates_of_one_record_come_in_order() {
    let app = app_with_posts();
    let post = app.create("posts", json!({ "title": "0" }));
    let stream = EventStream::open(&app);
    stream.subscribe(&app, None, &[&format!("posts/{}", id_of(&post))]);
    for number in 1..=100 {
        app.update("posts", id_of(&post), json!({ "title": number.to_string() }));
    }
    let mut last = 0;
    while last < 100 {
        let (action, title) = stream.next_change("title");
        let number: u32 = title.as_str().and_then(|text| text.parse().ok()).expect("a number");
        assert_eq!(action, "update");
        assert!(number >= last, "{number} after {last}");
        last = number;
    }
}

#[test]
fn rules_decide_for_each_listener() {
    let app = app_with_posts();
    app.update_collection("posts", json!({ "listRule": "title = @request.auth.name", "viewRule": null }));
    let (_, token) = app.create_user("users", "ann@example.com");
    let user = app.get("/api/collections/users/records").superuser().ok();
    app.update("users", id_of(&user["items"][0]), json!({ "name": "for ann" }));
    let [guest, ann, root] = [(); 3].map(|()| EventStream::open(&app));
    guest.subscribe(&app, None, &["posts/*"]);
    ann.subscribe(&app, Some(&token), &["posts/*"]);
    root.subscribe(&app, Some(app.superuser_token()), &["posts/*"]);
    for title in ["nobody's", "for ann"] {
        app.create("posts", json!({ "title": title }));
    }
    assert_eq!(ann.next_change("title").1, "for ann");
    assert_eq!([root.next_change("title").1, root.next_change("title").1], ["nobody's", "for ann"]);
    assert_eq!(guest.next_within(QUIET), None);
}

#[test]
fn a_changed_password_ends_the_rights_of_an_open_stream() {
    let app = app_with_posts();
    app.update_collection("posts", json!({ "listRule": "@request.auth.id != ''" }));
    let (user, token) = app.create_user("users", "ann@example.com");
    let stream = EventStream::open(&app);
    stream.subscribe(&app, Some(&token), &["posts/*"]);
    app.create("posts", json!({ "title": "before" }));
    assert_eq!(stream.next_change("title").1, "before");
    let change = json!({ "password": "another one", "passwordConfirm": "another one" });
    app.update("users", id_of(&user), change);
    app.create("posts", json!({ "title": "after" }));
    assert_eq!(stream.next_within(QUIET), None);
}

#[test]
fn a_stream_ends_when_the_token_that_bound_it_expires() {
    let app = app_with_posts();
    let (_, token) = app.create_user("users", "ann@example.com");
    let stream = EventStream::open(&app);
    stream.subscribe(&app, Some(&token), &["posts/*"]);
    app.move_clock(6 * 24 * 3600 * 1000);
    stream.wait_for_end();
}

#[test]
fn what_was_committed_between_get_and_post_is_sent() {
    let app = app_with_posts();
    let stream = EventStream::open(&app);
    app.create("posts", json!({ "title": "in the gap" }));
    stream.subscribe(&app, None, &["posts/*"]);
    app.create("posts", json!({ "title": "live" }));
    assert_eq!(stream.next_change("title").1, "in the gap");
    assert_eq!(stream.next_change("title").1, "live");
    assert_eq!(stream.next_within(QUIET), None);
}

#[test]
fn a_cursor_resumes_with_the_newest_state_of_each_record() {
    let app = app_with_posts();
    let kept = app.create("posts", json!({ "title": "kept 1" }));
    let gone = app.create("posts", json!({ "title": "gone" }));
    let stream = EventStream::open(&app);
    stream.subscribe(&app, None, &["posts/*"]);
    app.create("posts", json!({ "title": "seen" }));
    let seen = stream.next();
    stream.cut();
    app.update("posts", id_of(&kept), json!({ "title": "kept 2" }));
    let passing = app.create("posts", json!({ "title": "passing" }));
    app.update("posts", id_of(&kept), json!({ "title": "kept 3" }));
    for record in [&gone, &passing] {
        app.delete(&format!("/api/collections/posts/records/{}", id_of(record))).superuser().expect(204);
    }
    app.create("posts", json!({ "title": "new" }));
    let stream = EventStream::open(&app);
    let body = json!({ "clientId": stream.client_id, "subscriptions": ["posts/*"], "since": seen.id });
    app.post("/api/realtime").json(body).expect(204);
    let changes: Vec<(String, Value)> = (0..3).map(|_| stream.next_change("title")).collect();
    let expected = [("update", "kept 3"), ("delete", "gone"), ("create", "new")];
    assert_eq!(changes, expected.map(|(action, title)| (action.to_owned(), json!(title))));
    assert_eq!(stream.next_within(QUIET), None);
}

#[test]
fn a_cursor_of_another_database_asks_to_read_the_lists_again() {
    let app = app_with_posts();
    let foreign = "AAAAAAAAAAAAAAAAAAAAAA"; // 16 zero bytes: the form of a cursor, of no log
    let stream = EventStream::open(&app);
    let body = json!({ "clientId": stream.client_id, "subscriptions": ["posts/*", "PB_RESET"], "since": foreign });
    app.post("/api/realtime").json(body).expect(204);
    let message = stream.next();
    assert_eq!((message.event.as_str(), &message.data["topics"]), ("PB_RESET", &json!(["posts/*"])));
}

#[test]
fn a_restart_repeats_what_its_edges_could_have_cost() {
    let mut app = app_with_posts();
    app.create("posts", json!({ "title": "just before" }));
    app.kill();
    app.start();
    let stream = EventStream::open(&app);
    stream.subscribe(&app, None, &["posts/*"]);
    assert_eq!(stream.next_change("title"), ("create".to_owned(), json!("just before")));
}

#[test]
fn a_reader_that_doesnt_read_goes_on_from_the_log() {
    let app = app_with_posts();
    app.update_settings(json!({ "batch": { "enabled": true, "maxRequests": 200 } }));
    let stream = EventStream::open(&app);
    stream.subscribe(&app, None, &["posts/*"]);
    // Far more than the queue and the socket's buffers hold, while nothing stops the writer.
    let title = "x".repeat(4000);
    for batch in 0..20 {
        let create = |item: usize| {
            let body = json!({ "title": format!("{batch}.{item}.{title}") });
            json!({ "method": "POST", "url": "/api/collections/posts/records", "body": body })
        };
        let requests: Vec<Value> = (0..200).map(create).collect();
        app.post("/api/batch").superuser().json(json!({ "requests": requests })).expect(200);
    }
    let mut titles = std::collections::HashSet::new();
    while titles.len() < 4000 {
        let (action, title) = stream.next_change("title");
        assert_eq!(action, "create");
        assert!(titles.insert(title.to_string()), "each once");
    }
}

#[test]
fn a_websocket_subscribes_resumes_and_is_bound_by_a_token() {
    let app = app_with_posts();
    app.update_collection("posts", json!({ "listRule": "@request.auth.id != ''" }));
    let (_, token) = app.create_user("users", "ann@example.com");
    let mut socket = Socket::open(&app);
    let first = socket.read_next().expect("a first message");
    assert_eq!(first["topic"], "PB_CONNECT");
    let ok = |answer: Value| assert_eq!(answer["status"], 200, "{answer}");
    ok(socket.ask(json!({ "type": "subscribe", "topic": "posts/*" })).expect("answered"));
    app.create("posts", json!({ "title": "for nobody" }));
    assert_eq!(socket.next_within(QUIET), None);
    ok(socket.ask(json!({ "type": "auth", "token": token })).expect("answered"));
    app.create("posts", json!({ "title": "live" }));
    let live = socket.read_next().expect("a message");
    assert_eq!((&live["action"], &live["record"]["title"]), (&json!("create"), &json!("live")));
    ok(socket.ask(json!({ "type": "unsubscribe", "topic": "posts/*" })).expect("answered"));
    app.create("posts", json!({ "title": "missed" }));
    let again = json!({ "type": "subscribe", "topic": "posts/*", "since": live["cursor"] });
    ok(socket.ask(again).expect("answered"));
    assert_eq!(socket.read_next().expect("a message")["record"]["title"], "missed");
    let answer = socket.ask(json!({ "type": "dance" })).expect("answered");
    assert_eq!(answer["status"], 400, "{answer}");
}

#[test]
fn bad_submissions_are_refused_in_the_envelope() {
    let app = app_with_posts();
    let stream = EventStream::open(&app);
    let post = |body: Value| app.post("/api/realtime").json(body);
    let default = "Something went wrong while processing your request.";
    let data = post(json!({ "subscriptions": [] })).refused(400, default);
    assert_eq!(data["clientId"]["code"], "validation_required");
    let data = post(json!({ "clientId": stream.client_id, "subscriptions": vec!["t"; 10_000] })).refused(400, default);
    assert_eq!(data["subscriptions"]["code"], "validation_length_too_long");
    let huge = format!("posts/*?options={}", "x".repeat(2500));
    let data = post(json!({ "clientId": stream.client_id, "subscriptions": ["a", huge] })).refused(400, default);
    assert_eq!(data["subscriptions"]["1"]["code"], "validation_length_too_long");
    post(json!({ "clientId": "unknown", "subscriptions": [] })).refused(404, "Missing or invalid client id.");
    app.post("/api/realtime").body("text/plain", "x").refused(400, default);
}

#[test]
fn a_topic_cannot_forge_frames() {
    let app = app_with_posts();
    let stream = EventStream::open(&app);
    stream.subscribe(&app, None, &["posts/*\nevent:forged\ndata:{}", "posts/*"]);
    app.create("posts", json!({ "title": "a" }));
    assert_eq!(stream.next().event, "posts/*");
    assert_eq!(stream.next_within(QUIET), None);
}

#[test]
fn head_on_the_stream_ends_at_once() {
    let app = app_with_posts();
    let answer = app.head("/api/realtime").expect(200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
}

#[test]
fn the_streams_of_a_user_are_refused_to_others() {
    let app = app_with_posts();
    let (_, ann) = app.create_user("users", "ann@example.com");
    let (_, bob) = app.create_user("users", "bob@example.com");
    let stream = EventStream::open(&app);
    stream.subscribe(&app, None, &["posts/*"]);
    stream.subscribe(&app, Some(&ann), &["posts/*"]);
    let body = json!({ "clientId": stream.client_id, "subscriptions": ["posts/*"] });
    let text = "The current and the previous request authorization don't match.";
    app.post("/api/realtime").token(&bob).json(body.clone()).refused(403, text);
    app.post("/api/realtime").json(body).refused(403, text);
    stream.subscribe(&app, Some(&ann), &["posts/*"]);
}
