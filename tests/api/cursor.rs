//! Paging by cursor: `?after=`.

use std::collections::HashSet;

use serde_json::{Value, json};
use support::TestApp;

const DEFAULT: &str = "Something went wrong while processing your request.";
const LIST: &str = "/api/collections/items/records";

fn items(count: usize) -> TestApp {
    let app = TestApp::new();
    app.create_open_collection("items", json!([{"type": "number", "name": "n"}, {"type": "json", "name": "data"}]));
    app.execute(&format!(
        "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < {count}) \
         INSERT INTO items (id, n, data) SELECT printf('%015d', (i * 7919) % 100003), i % 5, \
         CASE i % 3 WHEN 0 THEN NULL ELSE i % 7 END FROM k"
    ));
    app
}

fn page(app: &TestApp, query: &str, after: &str) -> (Vec<Value>, String) {
    let page = app.get(&format!("{LIST}?{query}&after={after}")).ok();
    let cursor = page["nextCursor"].as_str().expect("a cursor").to_owned();
    (page["items"].as_array().expect("items").clone(), cursor)
}

fn ids(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

fn all_ids(app: &TestApp, query: &str) -> Vec<String> {
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let (items, next) = page(app, query, &after);
        seen.extend(ids(&items));
        if next.is_empty() {
            return seen;
        }
        after = next;
    }
}

#[test]
fn pages_by_cursor_are_the_list_whatever_the_sort() {
    let app = items(53);
    for sort in ["", "n", "-n", "data", "-data", "-n,data", "n,-data", "id", "-id", "-@rowid", "data,-id"] {
        let whole = app.get(&format!("{LIST}?sort={sort}&perPage=1000")).ok();
        let by_cursor = all_ids(&app, &format!("sort={sort}&perPage=10"));
        let whole = ids(whole["items"].as_array().expect("items"));
        assert_eq!(by_cursor.iter().collect::<HashSet<_>>().len(), 53, "{sort}");
        // Where the sort leaves rows equal, the list by number is in no order that was promised.
        if sort.contains("id") || sort.is_empty() {
            assert_eq!(by_cursor, whole, "{sort}");
        }
    }
    assert_eq!(all_ids(&app, "filter=n%3D2&sort=-data&perPage=4").len(), 11);
}

#[test]
fn each_row_that_stays_comes_once_while_others_come_and_go() {
    let app = items(60);
    let (mut seen, mut after) = (Vec::new(), String::new());
    let lasting: HashSet<String> =
        ids(app.get(&format!("{LIST}?perPage=1000")).ok()["items"].as_array().expect("items")).into_iter().collect();
    let mut gone = HashSet::new();
    loop {
        let (items, next) = page(&app, "sort=n&perPage=7", &after);
        seen.extend(ids(&items));
        if next.is_empty() {
            break;
        }
        after = next;
        let victim = seen[seen.len() - 2].clone();
        app.delete(&format!("{LIST}/{victim}")).expect(204);
        gone.insert(victim);
        app.create("items", json!({"n": 0}));
        app.create("items", json!({"n": 4}));
    }
    let once: HashSet<&String> = seen.iter().collect();
    assert_eq!(once.len(), seen.len(), "none came twice");
    assert!(lasting.difference(&gone).all(|id| once.contains(id)));
}

#[test]
fn a_cursor_belongs_to_its_query() {
    let app = items(20);
    app.create_open_collection("others", json!([{"type": "number", "name": "n"}]));
    let (_, cursor) = page(&app, "sort=n&perPage=5", "");
    page(&app, "sort=n&perPage=3", &cursor);
    for query in ["sort=-n", "sort=n&filter=n%3E0", "sort="] {
        app.get(&format!("{LIST}?{query}&after={cursor}")).refused(400, DEFAULT);
    }
    app.get(&format!("/api/collections/others/records?sort=n&after={cursor}")).refused(400, DEFAULT);
    let mut forged = cursor.clone().into_bytes();
    let last = forged.len() - 2;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    for made_up in [String::from_utf8(forged).expect("ASCII"), "x".into(), "%00".into(), cursor[..10].into()] {
        app.get(&format!("{LIST}?sort=n&after={made_up}")).refused(400, DEFAULT);
    }
    app.get(&format!("{LIST}?sort=@random&after=")).refused(400, DEFAULT);
}

#[test]
fn without_after_nothing_is_new_and_the_last_page_ends() {
    let app = items(10);
    assert_eq!(app.get(LIST).ok().get("nextCursor"), None);
    let (whole, cursor) = page(&app, "perPage=10", "");
    assert_eq!((whole.len(), cursor.as_str()), (10, ""));
    let mut app = app;
    let (_, cursor) = page(&app, "perPage=4&sort=n", "");
    app.restart();
    assert_eq!(page(&app, "perPage=4&sort=n", &cursor).0.len(), 4);
}
