//! What is expensive has a bound, whoever asks: texts that a parser could choke on, and work that could lock another out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Request, TestApp};

/// A debug build on a busy machine needs a fraction of it; what grows with the square of the input far more.
const PROMPT: Duration = Duration::from_secs(5);

#[test]
fn the_most_hostile_filter_is_answered_at_once() {
    let app = TestApp::new();
    let posts = app
        .create_open_collection("posts", json!([{"name": "title", "type": "text"}, {"name": "data", "type": "json"}]));
    let fields = json!([{"name": "title", "type": "text"}, {"name": "data", "type": "json"},
        {"name": "up", "type": "relation", "collectionId": posts["id"], "maxSelect": 9}]);
    app.update_collection("posts", json!({ "fields": fields }));
    for _ in 0..20 {
        app.create("posts", json!({"title": "a".repeat(5000)}));
    }
    let path = "up.".repeat(30);
    let filters = [
        "(".repeat(3500),
        format!("{}title='a'{}", "(".repeat(1700), ")".repeat(1700)),
        "title='a'&&".repeat(300),
        "title='a'||".repeat(300) + "title='b'",
        format!("title~'{}'", "%a_".repeat(1000)),
        format!("title~'{}b'", "%a".repeat(1500)),
        format!("data.{}='x'", "a.".repeat(1500)),
        format!("{path}title='a'"),
        format!("up.up.up.title?='a'{}", "&&up.up.up.title?='b'".repeat(150)),
        format!("{}'", "\\'".repeat(1700)),
        "'".repeat(3500),
        "@".repeat(3500),
        "-".repeat(3500),
        "strftime(".repeat(380),
        "geoDistance(1,1,1,geoDistance(1,1,1,".repeat(90),
        format!("title = '{}'", "x".repeat(1 << 20)),
    ];
    for filter in filters {
        let begun = Instant::now();
        let head = filter.chars().take(40).collect::<String>();
        for name in ["filter", "sort", "expand", "fields"] {
            let request = app.get("/api/collections/posts/records").query(name, &filter);
            let answer = request.send();
            assert!(answer.status < 500, "{name} {head}: {answer}");
        }
        assert!(begun.elapsed() < PROMPT, "{head}: {:?}", begun.elapsed());
    }
}

#[test]
fn a_plan_ends_with_the_schema_that_it_was_made_for() {
    let app = TestApp::new();
    let posts = app
        .create_open_collection("posts", json!([{"name": "title", "type": "text"}, {"name": "other", "type": "text"}]));
    app.create("posts", json!({"title": "a", "other": "b"}));
    let count = |filter: &str| -> Option<u64> {
        let answer =
            app.get("/api/collections/posts/records").query("filter", filter).query("fields", "totalItems").send();
        (answer.status == 200).then(|| answer.json()["totalItems"].as_u64().expect("a number"))
    };
    for _ in 0..3 {
        assert_eq!((count("title='a'"), count("other='a'")), (Some(1), Some(0)));
    }
    // The two fields change names: the same text means the other column now.
    let mut fields = posts["fields"].clone();
    for field in fields.as_array_mut().expect("a list") {
        field["name"] = match field["name"].as_str() {
            Some("title") => json!("other"),
            Some("other") => json!("title"),
            _ => continue,
        };
    }
    app.update_collection("posts", json!({ "fields": fields }));
    assert_eq!((count("title='a'"), count("other='a'")), (Some(0), Some(1)));
    let gone = fields.as_array().expect("a list").iter().filter(|field| field["name"] != "other").cloned();
    app.update_collection("posts", json!({"fields": gone.collect::<Value>()}));
    assert_eq!((count("title='a'"), count("other='a'")), (Some(0), None));
}

#[test]
fn requests_and_their_log_rows_go_on_while_schemas_change() {
    let app = TestApp::new();
    app.create_open_collection("posts", json!([{"name": "title", "type": "text"}]));
    let (is_over, address) = (AtomicBool::new(false), app.address());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        let target = "/api/collections/posts/records";
                        Request::to(address, "POST", target).json(json!({"title": "a"})).expect(200);
                        Request::to(address, "GET", target).expect(200);
                        Request::to(address, "GET", "/api/unknown").expect(404); // an error is a row of the log, too
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        for number in 0..15 {
            let fields = json!([{"name": format!("f{number}"), "type": "text"}]);
            app.create_collection(json!({"name": format!("c{number}"), "type": "base", "fields": fields}));
        }
        is_over.store(true, Ordering::Relaxed);
        for client in clients {
            assert!(client.join().expect("no request failed") > 0);
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn a_secret_is_reached_by_no_path() {
    let app = TestApp::new();
    let fields = json!([{"name": "card", "type": "json", "hidden": true},
        {"name": "owner", "type": "relation", "collectionId": "_pb_users_auth_"}]);
    let vault = app.create_open_collection("vault", fields);
    let link = json!([{"name": "vault", "type": "relation", "collectionId": vault["id"]}]);
    app.create_open_collection("posts", link);
    app.update_collection("users", json!({"listRule": "", "viewRule": ""}));
    let (user, token) = app.create_user("users", "a@example.com");
    let secret = app.create("vault", json!({"card": {"number": [4, {"x": "4711"}]}, "owner": user["id"]}));
    app.create("posts", json!({"vault": secret["id"]}));
    let paths = [
        "card",
        "card.number",
        "card.number.1.x",
        "card.number:length",
        "card:each",
        "card:lower",
        "card.x:isset",
        "owner.tokenKey",
        "owner.password",
        "owner.tokenKey:lower",
        "owner.vault_via_owner.card.number",
    ];
    let own = ["tokenKey", "password", "tokenKey:lower", "vault_via_owner.card", "vault_via_owner.owner.tokenKey"];
    let through: Vec<String> = paths.iter().map(|path| format!("vault.{path}")).collect();
    let named = |collection: &'static str, paths: Vec<String>| paths.into_iter().map(move |path| (collection, path));
    let all = named("vault", paths.iter().map(|path| (*path).to_owned()).collect())
        .chain(named("users", own.iter().map(|path| (*path).to_owned()).collect()))
        .chain(named("posts", through));
    for (collection, path) in all {
        let list = |name: &str, text: &str| {
            app.get(&format!("/api/collections/{collection}/records")).token(&token).query(name, text).send()
        };
        let filters = ["!= ''", "~ '4'", "?= '4711'", "> 1"].map(|rest| list("filter", &format!("{path} {rest}")));
        for answer in filters {
            assert_eq!(answer.status, 400, "{collection} {path}: {answer}");
        }
        for answer in [list("sort", &path), list("sort", &format!("-{path}"))] {
            assert_eq!(answer.status, 400, "{collection} sorted by {path}: {answer}");
        }
        for answer in
            [list("fields", &path), list("fields", "*,expand.*"), list("expand", "vault,owner,vault_via_owner")]
        {
            let text = answer.text();
            assert!(!text.contains("4711") && !text.contains("tokenKey") && !text.contains("$2a$"), "{path}: {answer}");
        }
    }
    // No more can be done with them in a body than a stranger could guess.
    let answer = app.patch(&format!("/api/collections/vault/records/{}", secret["id"].as_str().unwrap()));
    answer.token(&token).json(json!({"card": 1, "card+": 1, "card.number": 1})).expect(200);
    assert_eq!(app.rows("SELECT card FROM vault"), [json!([r#"{"number":[4,{"x":"4711"}]}"#])]);
}
