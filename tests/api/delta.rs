//! Delta sync (contract/12 §9): `GET /api/collections/{c}/changes` tells a client that was away what changed, as far as it
//! may know.

use serde_json::{Value, json};
use support::{EventStream, TestApp};

/// A collection whose records guests see while they are public.
fn app_with_posts() -> TestApp {
    let app = TestApp::new();
    app.create_open_collection(
        "posts",
        json!([{ "name": "title", "type": "text" }, { "name": "public", "type": "bool" }]),
    );
    app.update_collection("posts", json!({ "listRule": "public = true" }));
    app
}

fn post(app: &TestApp, title: &str) -> String {
    let post = app.create("posts", json!({ "title": title, "public": true }));
    post["id"].as_str().expect("an id").to_owned()
}

fn remove(app: &TestApp, id: &str) {
    app.delete(&format!("/api/collections/posts/records/{id}")).superuser().expect(204);
}

/// A page for guests.
fn changes(app: &TestApp, query: &[(&str, &str)]) -> Value {
    let request = app.get("/api/collections/posts/changes");
    query.iter().fold(request, |request, (name, value)| request.query(name, value)).ok()
}

/// The cursor to begin with.
fn here(app: &TestApp) -> String {
    let page = changes(app, &[]);
    assert_eq!((&page["items"], &page["hasMore"]), (&json!([]), &json!(false)));
    cursor_of(&page)
}

fn cursor_of(page: &Value) -> String {
    page["cursor"].as_str().expect("a cursor").to_owned()
}

/// Each item as its action and the record's title, or its id where no title is told.
fn told(page: &Value) -> Vec<(String, String)> {
    let items = page["items"].as_array().expect("items");
    let text = |item: &Value| {
        let record = &item["record"];
        record["title"].as_str().or(record["id"].as_str()).unwrap_or_default().to_owned()
    };
    items.iter().map(|item| (item["action"].as_str().unwrap_or_default().to_owned(), text(item))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(action, text)| ((*action).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn a_record_comes_once_with_its_newest_state_in_the_order_of_last_changes() {
    let app = app_with_posts();
    let [kept, gone] = ["kept 1", "gone"].map(|title| post(&app, title));
    let since = here(&app);
    let passing = post(&app, "passing");
    app.update("posts", &kept, json!({ "title": "kept 2" }));
    post(&app, "new");
    remove(&app, &gone);
    remove(&app, &passing);
    app.update("posts", &kept, json!({ "title": "kept 3" }));
    let page = changes(&app, &[("since", &since)]);
    assert_eq!(told(&page), pairs(&[("create", "new"), ("delete", &gone), ("update", "kept 3")]));
    assert_eq!(page["items"][2]["record"], app.view("posts", &kept));
    let collection = &app.get("/api/collections/posts").superuser().ok()["id"];
    let tombstone = json!({ "id": gone, "collectionId": collection, "collectionName": "posts" });
    assert_eq!(page["items"][1]["record"], tombstone);
    assert_eq!(told(&changes(&app, &[("since", &cursor_of(&page))])), []);
}

#[test]
fn what_leaves_the_rule_is_deleted_and_what_was_never_shown_is_not_told() {
    let app = app_with_posts();
    let [hidden, shown, always] = ["hidden", "shown", "always"].map(|title| post(&app, title));
    app.update("posts", &shown, json!({ "public": false }));
    let secret = app.create("posts", json!({ "title": "secret" }));
    let since = here(&app);
    app.update("posts", &hidden, json!({ "public": false, "title": "not for guests" }));
    app.update("posts", &shown, json!({ "public": true }));
    app.update("posts", &always, json!({ "title": "always 2" }));
    app.update("posts", secret["id"].as_str().expect("an id"), json!({ "title": "secret 2" }));
    app.create("posts", json!({ "title": "another secret" }));
    let page = changes(&app, &[("since", &since)]);
    assert_eq!(told(&page), pairs(&[("delete", &hidden), ("create", "shown"), ("update", "always 2")]));
    assert!(!page.to_string().contains("not for guests") && !page.to_string().contains("secret"), "{page}");
}

#[test]
fn a_filter_is_part_of_what_is_shown() {
    let app = app_with_posts();
    let [other, matching] = ["b", "a"].map(|title| post(&app, title));
    let since = here(&app);
    app.update("posts", &other, json!({ "title": "b 2" }));
    app.update("posts", &matching, json!({ "title": "x" }));
    post(&app, "a 2");
    let page = changes(&app, &[("since", &since), ("filter", "title ~ 'a'")]);
    assert_eq!(told(&page), pairs(&[("delete", &matching), ("create", "a 2")]));
}

#[test]
fn fields_are_picked_from_each_record() {
    let app = app_with_posts();
    let since = here(&app);
    let id = post(&app, "a");
    let page = changes(&app, &[("since", &since), ("fields", "id,title")]);
    assert_eq!(page["items"], json!([{ "action": "create", "record": { "id": id, "title": "a" } }]));
    assert!(page["cursor"].is_string() && page["hasMore"] == false);
}

#[test]
fn pages_follow_one_another_without_gap_or_double() {
    let app = app_with_posts();
    let since = here(&app);
    let ids: Vec<String> = (0..5).map(|number| post(&app, &format!("p{number}"))).collect();
    app.update("posts", &ids[0], json!({ "title": "p0 again" }));
    let mut seen = Vec::new();
    let mut cursor = since;
    loop {
        let page = changes(&app, &[("since", &cursor), ("perPage", "2")]);
        let items = told(&page);
        assert!(items.len() <= 2, "{page}");
        seen.extend(items.into_iter().map(|(_, title)| title));
        cursor = cursor_of(&page);
        if page["hasMore"] == false {
            break;
        }
    }
    // The first is told where it was created, with what it is now, and where it was changed.
    assert_eq!(seen, ["p0 again", "p1", "p2", "p3", "p4", "p0 again"]);
}

#[test]
fn a_cursor_of_realtime_and_one_of_delta_are_the_same() {
    let app = app_with_posts();
    let stream = EventStream::open(&app);
    let since = here(&app);
    assert_eq!(stream.cursor.len(), since.len());
    post(&app, "a");
    assert_eq!(told(&changes(&app, &[("since", &stream.cursor)])), told(&changes(&app, &[("since", &since)])));
}

/// Turns the server's clock ahead to a moment when the job runs that prunes the log: every tenth minute.
fn move_to_the_next_pruning(app: &TestApp, at_least_ms: i64) {
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis() as i64;
    let ten_minutes = 600_000;
    let at = (now + at_least_ms).div_euclid(ten_minutes) * ten_minutes + ten_minutes;
    app.move_clock(at + 500 - now);
}

#[test]
fn a_cursor_that_the_log_has_forgotten_asks_to_read_the_list_again() {
    let app = app_with_posts();
    let since = here(&app);
    for number in 0..5 {
        post(&app, &format!("p{number}"));
    }
    let newest = here(&app);
    app.update_settings(json!({ "monobase": { "changes": { "maxRows": 2 } } }));
    assert_eq!(changes(&app, &[("since", &since)])["reset"], Value::Null, "nothing is pruned yet");
    move_to_the_next_pruning(&app, 0);
    let began = std::time::Instant::now();
    let page = loop {
        let page = changes(&app, &[("since", &since)]);
        if page["reset"] == true || began.elapsed().as_secs() > 20 {
            break page;
        }
        std::thread::yield_now();
    };
    assert_eq!((&page["items"], &page["reset"]), (&json!([]), &json!(true)));
    assert_eq!(app.rows("SELECT count(*) FROM _mb_changes"), [json!([2])]);
    let page = changes(&app, &[("since", &newest)]);
    assert_eq!((&page["items"], &page["reset"]), (&json!([]), &Value::Null), "nothing of this one is lost");
    // And by age.
    app.update_settings(json!({ "monobase": { "changes": { "maxHours": 1, "maxRows": 1000 } } }));
    post(&app, "young");
    move_to_the_next_pruning(&app, 3 * 60 * 60 * 1000);
    let began = std::time::Instant::now();
    while app.rows("SELECT count(*) FROM _mb_changes") != [json!([0])] && began.elapsed().as_secs() < 20 {
        std::thread::yield_now();
    }
    assert_eq!(app.rows("SELECT count(*) FROM _mb_changes"), [json!([0])]);
    // An emptied log still knows where it stands.
    let since = here(&app);
    let id = post(&app, "after");
    assert_eq!(told(&changes(&app, &[("since", &since)])), pairs(&[("create", "after")]));
    remove(&app, &id);
}

#[test]
fn a_cursor_of_another_database_asks_to_read_the_list_again() {
    let app = app_with_posts();
    let foreign = "AAAAAAAAAAAAAAAAAAAAAA"; // 16 zero bytes: the form of a cursor, of no log
    let page = changes(&app, &[("since", foreign)]);
    assert_eq!((&page["items"], &page["reset"]), (&json!([]), &json!(true)));
    assert_eq!(told(&changes(&app, &[("since", &cursor_of(&page))])), []);
}

#[test]
fn bad_questions_are_refused() {
    let app = app_with_posts();
    app.create_collection(json!({ "name": "locked", "type": "base" }));
    app.create_collection(
        json!({ "name": "looking", "type": "view", "listRule": "", "viewQuery": "SELECT id FROM posts" }),
    );
    let ask = |path: &str| app.get(&format!("/api/collections/{path}"));
    let default = "Something went wrong while processing your request.";
    ask("posts/changes?since=nonsense").refused(400, default);
    ask("posts/changes?perPage=many").refused(400, default);
    ask("posts/changes?filter=nothing%20%3D").expect(400);
    ask("posts/changes?filter=@collection.locked.id%20!%3D%20''").expect(403);
    ask("locked/changes").refused(403, "Only superusers can perform this action.");
    ask("locked/changes").superuser().expect(200);
    ask("looking/changes").refused(400, "Unsupported collection type.");
    ask("missing/changes").refused(404, "Missing or invalid collection context.");
    ask("_superusers/changes").refused(403, "Only superusers can perform this action.");
}

#[test]
fn accounts_are_told_without_what_is_private() {
    let app = TestApp::new();
    app.update_collection("users", json!({ "listRule": "" }));
    let ask = |since: &str| app.get("/api/collections/users/changes").query("since", since);
    let since = cursor_of(&ask("").ok());
    let (user, token) = app.create_user("users", "ann@example.com");
    let id = user["id"].as_str().expect("an id");
    let guest = ask(&since).ok();
    let own = ask(&since).token(&token).ok();
    assert_eq!(guest["items"][0]["record"]["id"], id);
    assert_eq!(guest["items"][0]["record"].get("email"), None);
    assert_eq!(own["items"][0]["record"]["email"], "ann@example.com");
    app.delete(&format!("/api/collections/users/records/{id}")).superuser().expect(204);
    for page in [guest, own, ask(&since).superuser().ok(), ask(&cursor_of(&ask(&since).ok())).superuser().ok()] {
        assert!(!page.to_string().contains("tokenKey") && !page.to_string().contains("password"), "{page}");
    }
}
