//! Every rule through every door: what a caller may not see leaks by no answer, no count, no order, no error.
//!
//! A door is a way to ask about the records of `vault`; a new one (realtime, files, export) is a line in [`DOORS`].

use serde_json::{Value, json};
use support::TestApp;

const GOLD: &str = "gold";

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

const DOORS: [Door; 8] = [
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
];

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
                {"type": "text", "name": "secret"}, {"type": "text", "name": "pin", "hidden": true}]),
        );
        let link = json!([{"type": "relation", "name": "vault", "collectionId": vault["id"]}]);
        app.create_open_collection("posts", link);
        app.create("owners", json!({"id": "ownerownerowner"}));
        for (id, secret) in [("goldgoldgoldgol", GOLD), ("silversilversil", "silver")] {
            let record =
                json!({"id": id, "owner": owner["id"], "by": "ownerownerowner", "secret": secret, "pin": "1234"});
            app.create("vault", record);
        }
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
