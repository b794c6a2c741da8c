//! Every rule through every door: what a caller may not see leaks by no answer, no count, no order, no error.
//!
//! A door is a way to ask about the records of `vault`; a new one (export, search) is a line in [`DOORS`].

use serde_json::{Value, json};
use support::{EventStream, Multipart, Socket, TestApp};

const GOLD: &str = "gold";
/// The name of the vault's files begins so.
const FILE: &str = "plan";

/// Who asks, in the order of the table.
const CALLERS: [&str; 4] = ["guest", "stranger", "owner", "superuser"];

/// The rule of `vault`, and which of the callers it lets in.
const RULES: [(Option<&str>, [bool; 4]); 5] = [
    (None, [false, false, false, true]),
    (Some("owner = @request.auth.id && @request.auth.id != ''"), [false, false, true, true]),
    (Some("@request.auth.id != ''"), [false, true, true, true]),
    (Some("secret != 'gold' && secret != 'silver'"), [false, false, false, true]),
    (Some(""), [true, true, true, true]),
];

/// Two questions whose answers differ for those who may see, and must be one and the same for those who may not.
struct Door {
    name: &'static str,
    ask: fn(&Vault, token: &str) -> [String; 2],
}

const DOORS: [Door; 15] = [
    Door {
        name: "list",
        ask: |vault, token| {
            vault.both("vault/records?filter=secret='gold'", "vault/records?filter=secret='lead'", token)
        },
    },
    Door {
        name: "view",
        ask: |vault, token| vault.both("vault/records/goldgoldgoldgol", "vault/records/nothingnothingn", token),
    },
    Door {
        name: "filter over a relation",
        ask: |vault, token| {
            vault.both("posts/records?filter=vault.secret='gold'", "posts/records?filter=vault.secret='lead'", token)
        },
    },
    Door {
        name: "filter by any of a back relation",
        ask: |vault, token| {
            vault.both(
                "owners/records?filter=vault_via_by.secret?='gold'",
                "owners/records?filter=vault_via_by.secret?='lead'",
                token,
            )
        },
    },
    Door {
        name: "sort over a relation",
        ask: |vault, token| vault.both("posts/records?sort=vault.secret", "posts/records?sort=-vault.secret", token),
    },
    Door {
        name: "expand",
        ask: |vault, token| {
            vault.both("posts/records/postpostpostpos?expand=vault", "posts/records/postpostpostpos?expand=nope", token)
        },
    },
    Door {
        name: "expand of a back relation",
        ask: |vault, token| vault.both("owners/records?expand=vault_via_by", "owners/records?expand=nope", token),
    },
    Door {
        name: "batch",
        ask: |vault, token| [vault.batch("goldgoldgoldgol", token), vault.batch("nothingnothingn", token)],
    },
    Door {
        name: "a condition on an update",
        ask: |vault, token| [vault.condition("goldgoldgoldgol", token), vault.condition("nothingnothingn", token)],
    },
    Door {
        name: "file",
        ask: |vault, token| {
            [vault.file("GET", "goldgoldgoldgol", "", token), vault.file("GET", "nothingnothingn", "", token)]
        },
    },
    Door {
        name: "head of a file",
        ask: |vault, token| {
            [vault.file("HEAD", "goldgoldgoldgol", "", token), vault.file("HEAD", "nothingnothingn", "", token)]
        },
    },
    Door {
        name: "thumb of a file",
        ask: |vault, token| {
            let thumb = "&thumb=100x100";
            [vault.file("GET", "goldgoldgoldgol", thumb, token), vault.file("GET", "nothingnothingn", thumb, token)]
        },
    },
    Door { name: "delta", ask: |vault, token| [vault.delta("gold", token), vault.delta("lead", token)] },
    Door {
        name: "event stream",
        ask: |vault, token| {
            let streams = ["gold", "lead"].map(|secret| {
                let stream = EventStream::open(&vault.app);
                let token = Some(token).filter(|token| !token.is_empty());
                stream.subscribe(&vault.app, token, &[&topic(secret), "fence/*"]);
                stream
            });
            vault.touch();
            streams.map(|stream| heard(|| stream.next().data))
        },
    },
    Door {
        name: "socket",
        ask: |vault, token| {
            let sockets = ["gold", "lead"].map(|secret| {
                let mut socket = Socket::open(&vault.app);
                assert_eq!(socket.read_next().expect("a first message")["topic"], "PB_CONNECT");
                if !token.is_empty() {
                    socket.ask(json!({"type": "auth", "token": token})).expect("answered");
                }
                for topic in [topic(secret), "fence/*".to_owned()] {
                    let answer = socket.ask(json!({"type": "subscribe", "topic": topic})).expect("answered");
                    assert_eq!(answer["status"], 200, "{answer}");
                }
                socket
            });
            vault.touch();
            sockets.map(|mut socket| heard(|| socket.read_next().expect("a message")))
        },
    },
];

/// Changes of the vault's records with this secret.
fn topic(secret: &str) -> String {
    let options = json!({"query": {"filter": format!("secret = '{secret}'")}}).to_string();
    format!("vault/*?options={}", options.replace('"', "%22").replace(' ', "%20"))
}

/// What comes before the message that everybody gets, without the places in the log.
fn heard(mut next: impl FnMut() -> Value) -> String {
    let mut all = String::new();
    loop {
        let message = next();
        if message["record"]["collectionName"] == "fence" {
            return all;
        }
        all += &format!("{} {}\n", message["action"], message["record"]);
    }
}

struct Vault {
    app: TestApp,
    tokens: [String; 4],
}

impl Vault {
    fn new() -> Self {
        let app = TestApp::new();
        app.update_settings(json!({"batch": {"enabled": true}}));
        let (owner, owner_token) = app.create_user("users", "owner@b.co");
        let (_, stranger_token) = app.create_user("users", "stranger@b.co");
        let owners = app.create_open_collection("owners", json!([]));
        let vault = app.create_open_collection(
            "vault",
            json!([{"type": "relation", "name": "owner", "collectionId": "_pb_users_auth_"},
                {"type": "relation", "name": "by", "collectionId": owners["id"]},
                {"type": "text", "name": "secret"}, {"type": "text", "name": "pin", "hidden": true},
                {"type": "file", "name": "plan", "protected": true}]),
        );
        let link = json!([{"type": "relation", "name": "vault", "collectionId": vault["id"]}]);
        app.create_open_collection("posts", link);
        app.create("owners", json!({"id": "ownerownerowner"}));
        for (id, secret) in [("goldgoldgoldgol", GOLD), ("silversilversil", "silver")] {
            let record =
                json!({"id": id, "owner": owner["id"], "by": "ownerownerowner", "secret": secret, "pin": "1234"});
            app.create("vault", record);
        }
        let plan = Multipart::new().file("plan", "plan.txt", "text/plain", b"the way to the gold");
        app.patch("/api/collections/vault/records/goldgoldgoldgol").superuser().multipart(plan).expect(200);
        app.create_open_collection("fence", json!([]));
        app.move_clock(15_000); // right after a start streams repeat what its edges could have cost
        app.create("posts", json!({"id": "postpostpostpos", "vault": "goldgoldgoldgol"}));
        app.create("posts", json!({"id": "tsoptsoptsoptso", "vault": "silversilversil"}));
        let superuser = app.superuser_token().to_owned();
        Self { app, tokens: [String::new(), stranger_token, owner_token, superuser] }
    }

    fn ask(&self, target: &str, token: &str) -> String {
        let answer = self.app.get(&format!("/api/collections/{target}")).token(token).send();
        format!("{} {}", answer.status, answer.text())
    }

    fn both(&self, one: &str, other: &str, token: &str) -> [String; 2] {
        [one, other].map(|target| self.ask(target, token))
    }

    fn condition(&self, id: &str, token: &str) -> String {
        let target = format!("/api/collections/vault/records/{id}");
        let answer = self.app.patch(&target).token(token).header("If-Match", "\"x\"").json(json!({})).send();
        format!("{} {}", answer.status, answer.text())
    }

    /// The record's file, asked for with a file token of the caller.
    fn file(&self, method: &str, id: &str, query: &str, token: &str) -> String {
        let token = match token {
            "" => String::new(),
            token => self.app.post("/api/files/token").token(token).ok()["token"].as_str().expect("a token").to_owned(),
        };
        let name = self.app.view("vault", "goldgoldgoldgol")["plan"].as_str().expect("a name").to_owned();
        assert!(name.starts_with(FILE));
        let answer = self.app.request(method, &format!("/api/files/vault/{id}/{name}?token={token}{query}")).send();
        let length = answer.header("content-length").unwrap_or_default();
        format!("{} {length} {:?} {}", answer.status, answer.header("content-type"), answer.text())
    }

    /// What a change of the gold is to a caller who filters by this secret.
    fn delta(&self, secret: &str, token: &str) -> String {
        let changes = "/api/collections/vault/changes";
        let since = self.app.get(changes).superuser().ok()["cursor"].as_str().expect("a cursor").to_owned();
        self.touch();
        let filter = format!("secret = '{secret}'");
        let answer = self.app.get(changes).query("since", &since).query("filter", &filter).token(token).send();
        let text = answer.text();
        let cursor =
            serde_json::from_str::<Value>(&text).ok().and_then(|json| json["cursor"].as_str().map(str::to_owned));
        format!("{} {}", answer.status, text.replace(&cursor.unwrap_or_default(), "CURSOR"))
    }

    /// Changes the gold, and what everybody sees after it.
    fn touch(&self) {
        self.app.update("vault", "goldgoldgoldgol", json!({"pin": "1234"}));
        self.app.create("fence", json!({}));
    }

    fn batch(&self, id: &str, token: &str) -> String {
        let item = json!({"method": "PATCH", "url": format!("/api/collections/vault/records/{id}"), "body": {}});
        let answer = self.app.post("/api/batch").token(token).json(json!({ "requests": [item] })).send();
        format!("{} {}", answer.status, answer.text())
    }
}

#[test]
fn every_rule_holds_at_every_door_for_every_caller() {
    let vault = Vault::new();
    for (rule, allowed) in RULES {
        let rules = json!({"listRule": rule, "viewRule": rule, "updateRule": rule});
        vault.app.update_collection("vault", rules);
        for ((caller, token), is_allowed) in CALLERS.iter().zip(&vault.tokens).zip(allowed) {
            for door in &DOORS {
                let [one, other] = (door.ask)(&vault, token);
                let shown = format!("rule {rule:?}, {caller} at {}:\n{one}\n{other}", door.name);
                if is_allowed {
                    assert!(one != other, "must see a difference: {shown}");
                } else {
                    // What is wrong may be named (the id that was asked for), what is stored may not.
                    let blank = |text: &str| text.replace("goldgoldgoldgol", "ID").replace("nothingnothingn", "ID");
                    let is_expand = door.name.starts_with("expand");
                    assert!(is_expand || blank(&one) == blank(&other), "must see none: {shown}");
                    assert!(!one.contains("\"secret\"") && !one.contains("silver\""), "leaks: {shown}");
                    assert!(!one.contains("the way to the gold"), "leaks: {shown}");
                }
            }
        }
    }
}

#[test]
fn a_hidden_field_is_hidden_at_every_door() {
    let vault = Vault::new();
    let hidden = [
        "vault/records?filter=pin='1234'",
        "vault/records?filter=pin:lower='1234'",
        "vault/records?sort=pin",
        "posts/records?filter=vault.pin='1234'",
        "posts/records?sort=-vault.pin",
        "owners/records?filter=vault_via_by.pin?='1234'",
    ];
    for (caller, token) in CALLERS.iter().zip(&vault.tokens) {
        let is_superuser = *caller == "superuser";
        for target in hidden {
            let answer = vault.ask(target, token);
            assert_eq!(answer.starts_with("200"), is_superuser, "{caller} {target}: {answer}");
        }
        for target in ["vault/records", "posts/records?expand=vault", "owners/records?expand=vault_via_by"] {
            assert_eq!(vault.ask(target, token).contains("1234"), is_superuser, "{caller} {target}");
        }
        let body = json!({"requests": [{"method": "PATCH", "url": "/api/collections/vault/records/goldgoldgoldgol",
            "body": {"pin": "0000"}}]});
        let answer = vault.app.post("/api/batch").token(token).json(body).ok();
        assert_eq!(answer[0]["body"].get("pin").is_some(), is_superuser, "{caller}");
        let pin: Vec<Value> = vault.app.rows("SELECT pin FROM vault WHERE id = 'goldgoldgoldgol'");
        assert_eq!(pin[0][0], if is_superuser { "0000" } else { "1234" }, "{caller}");
    }
}

#[test]
fn a_tag_tells_nothing_of_a_hidden_value() {
    let vault = Vault::new();
    let tag = || {
        let answer = vault.app.get("/api/collections/owners/records/ownerownerowner").expect(200);
        answer.header("etag").expect("a tag").to_owned()
    };
    // The same row has another tag under another key: without the server's a guess can't be tried.
    let before = tag();
    assert_eq!(tag(), before);
    vault.app.update_collection("_superusers", json!({"authToken": {"secret": "x".repeat(50)}}));
    assert_ne!(tag(), before);
}
