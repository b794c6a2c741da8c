//! A write is judged by who its caller is when it is written, not by who they were when its head arrived
//! (contract/04 §9.1: the row of the caller is read live; contract/10 §6).

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use support::TestApp;

const TITLE: &str = r#"{"title":"new"}"#;

/// A request whose head was taken and whose body is still to come.
struct Halfway {
    stream: TcpStream,
    body: String,
}

impl Halfway {
    fn begin(app: &TestApp, line: &str, token: &str, body: &str) -> Self {
        let mut stream = TcpStream::connect(app.address()).expect("the server listens");
        let head = format!(
            "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {token}\r\nExpect: 100-continue\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("a head fits");
        let mut goes_on = [0; 25];
        stream.read_exact(&mut goes_on).expect("the server asks for the body");
        assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        Self { stream, body: body.to_owned() }
    }

    /// The status of the answer.
    fn finish(mut self) -> u16 {
        self.stream.write_all(self.body.as_bytes()).expect("a body fits");
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).expect("an answer in UTF-8");
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {answer}"))
    }
}

struct World {
    app: TestApp,
    user: Value,
    token: String,
    post: Value,
}

impl World {
    fn new() -> Self {
        let app = TestApp::new();
        app.update_settings(json!({"batch": {"enabled": true}}));
        app.update_collection("users", json!({"fields": with_role(&app)}));
        let rule = "@request.auth.role = 'editor'";
        app.create_collection(json!({"name": "posts", "type": "base", "fields": [{"name": "title", "type": "text"}],
            "viewRule": "", "createRule": rule, "updateRule": rule}));
        let (user, token) = app.create_user("users", "a@example.com");
        app.update("users", user["id"].as_str().unwrap(), json!({"role": "editor"}));
        let post = app.create("posts", json!({"title": "old"}));
        // The caller is cached from now on.
        app.post("/api/collections/users/auth-refresh").token(&token).expect(200);
        Self { app, user, token, post }
    }

    fn id(&self) -> &str {
        self.user["id"].as_str().expect("an id")
    }

    /// A create, an update and a batch, each halfway.
    fn begin_writes(&self) -> [Halfway; 3] {
        let update = format!("PATCH /api/collections/posts/records/{}", self.post["id"].as_str().unwrap());
        let create = "POST /api/collections/posts/records";
        let items = json!({"requests": [{"method": "POST", "url": "/api/collections/posts/records", "body": {}}]});
        [
            Halfway::begin(&self.app, create, &self.token, TITLE),
            Halfway::begin(&self.app, &update, &self.token, TITLE),
            Halfway::begin(&self.app, "POST /api/batch", &self.token, &items.to_string()),
        ]
    }

    fn titles(&self) -> Vec<Value> {
        self.app.rows("SELECT title FROM posts")
    }
}

/// The fields of `users` and one for a role.
fn with_role(app: &TestApp) -> Value {
    let mut fields = app.get("/api/collections/users").superuser().ok()["fields"].clone();
    fields.as_array_mut().expect("a list").push(json!({"name": "role", "type": "text"}));
    fields
}

#[test]
fn who_loses_a_role_while_a_body_is_on_its_way_writes_nothing() {
    let world = World::new();
    let writes = world.begin_writes();
    world.app.update("users", world.id(), json!({"role": "reader"}));
    assert_eq!(writes.map(Halfway::finish), [400, 404, 400]);
    assert_eq!(world.titles(), [json!(["old"])]);
}

#[test]
fn who_gains_it_meanwhile_may_write() {
    let world = World::new();
    world.app.update("users", world.id(), json!({"role": "reader"}));
    let writes = world.begin_writes();
    world.app.update("users", world.id(), json!({"role": "editor"}));
    assert_eq!(writes.map(Halfway::finish), [200, 200, 200]);
}

#[test]
fn a_token_that_ends_meanwhile_writes_as_a_guest() {
    let changes: [fn(&World); 3] = [
        |world| {
            let change = json!({"password": "another-one", "passwordConfirm": "another-one"});
            world.app.update("users", world.id(), change);
        },
        |world| {
            let secret = json!({"authToken": {"secret": "s".repeat(40), "duration": 1000}});
            world.app.update_collection("users", secret);
        },
        |world| {
            world.app.delete(&format!("/api/collections/users/records/{}", world.id())).superuser().expect(204);
        },
    ];
    for change in changes {
        let world = World::new();
        let writes = world.begin_writes();
        change(&world);
        assert_eq!(writes.map(Halfway::finish), [400, 404, 400]);
        assert_eq!(world.titles(), [json!(["old"])]);
    }
}

#[test]
fn what_a_batch_does_to_its_caller_counts_after_it() {
    let world = World::new();
    world.app.update_collection("users", json!({"updateRule": "id = @request.auth.id"}));
    let demote = json!({"method": "PATCH", "url": format!("/api/collections/users/records/{}", world.id()),
        "body": {"role": "reader"}});
    let create = json!({"method": "POST", "url": "/api/collections/posts/records", "body": {"title": "b"}});
    let batch =
        |items: Value| world.app.post("/api/batch").token(&world.token).json(json!({ "requests": items })).send();
    batch(json!([demote, create])).expect(200);
    batch(json!([create])).expect(400);
}
