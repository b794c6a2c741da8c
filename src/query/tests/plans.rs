//! Statements keep to indexes: what the engine says it will do (`EXPLAIN QUERY PLAN`).

use serde_json::json;

use super::world::{World, collection, record};
use crate::query::{Caller, Compiled, Outcome, Part, Purpose, Request};

/// Posts with an index on `n`, teams, and users in teams.
fn world() -> World {
    let relation = |name: &str, to: &str| json!({"name": name, "type": "relation", "collectionId": to, "maxSelect": 1});
    let id = json!({"name": "id", "type": "text", "primaryKey": true});
    let collections = vec![
        collection(&json!({"id": "c_posts", "name": "posts", "type": "base", "listRule": "",
            "indexes": ["CREATE INDEX `i_n` ON `posts` (`n`)", "CREATE INDEX `i_team` ON `posts` (`team`)",
                "CREATE INDEX `i_kind_n` ON `posts` (`kind`, `n` DESC)"],
            "fields": [id, {"name": "title", "type": "text"}, {"name": "kind", "type": "text"},
                {"name": "n", "type": "number"}, relation("author", "c_users"), relation("team", "c_teams")]})),
        collection(&json!({"id": "c_teams", "name": "teams", "type": "base", "listRule": "",
            "fields": [id, {"name": "name", "type": "text"}]})),
        collection(&json!({"id": "c_users", "name": "users", "type": "auth", "listRule": "",
            "fields": [id, {"name": "name", "type": "text"}, relation("team", "c_teams"),
                {"name": "teams", "type": "relation", "collectionId": "c_teams", "maxSelect": 9}]})),
    ];
    let records = [
        record(&collections[1], &json!({"id": "t1", "name": "one"})),
        record(&collections[2], &json!({"id": "u1", "name": "Uma", "team": "t1", "teams": ["t1"], "email": "u@x.io"})),
        record(&collections[0], &json!({"id": "p1", "title": "a", "n": 1, "author": "u1", "team": "t1"})),
    ];
    World::new(collections, &records)
}

fn user(world: &World) -> Request {
    Request::of(world.caller("users", "u1"))
}

fn compiled(world: &World, rule: &str, sort: &str, request: &Request, purpose: Purpose) -> Compiled {
    let parts = [Part::Rule(rule)];
    world.compile(world.collection("posts"), &parts, sort, request, purpose).unwrap()
}

/// The plan of a list, or of one record by its id.
fn plan(world: &World, compiled: &Compiled, purpose: Purpose) -> String {
    let mut sql = format!("SELECT * FROM {} WHERE ", compiled.from_sql());
    let mut params = compiled.params().to_vec();
    if purpose == Purpose::One {
        sql += &format!("`posts`.`id` = {} AND ", world.store.dialect().parameter(compiled.next_parameter()));
        params.push("p1".into());
    }
    sql += if compiled.outcome() == Outcome::Always { "TRUE" } else { compiled.where_sql() };
    let order: Vec<String> = compiled
        .order()
        .iter()
        .map(|term| format!("{}{}", term.sql, if term.descending { " DESC" } else { "" }))
        .collect();
    if !order.is_empty() {
        sql += &format!(" ORDER BY {} LIMIT 20", order.join(", "));
    }
    world.explain(&sql, &params)
}

#[test]
fn conditions_over_indexed_fields_use_the_index() {
    let world = world();
    let user = user(&world);
    for (rule, index) in [
        ("n = 5", "i_n"),
        ("n > 5 && n < 9 && title ~ 'x'", "i_n"),
        ("@request.auth.id != '' && n = 5", "i_n"),
        ("(n = 5 && @request.auth.name = 'Uma') || 1 = 2", "i_n"),
        ("team = @request.auth.team", "i_team"),
        ("@request.auth.team = team", "i_team"),
        ("team = 't1'", "i_team"),
        ("team.name = 'one'", "i_team"),
        ("team.users_via_team.id ?= @request.auth.id", "i_team"),
        ("@request.auth.teams:each ?= team", "i_team"),
        ("@request.auth.teams.id ?= team", "i_team"),
        ("@collection.users.id ?= @request.auth.id && @collection.users.team ?= team", "i_team"),
    ] {
        let compiled = compiled(&world, rule, "", &user, Purpose::List);
        let plan = plan(&world, &compiled, Purpose::List);
        assert!(
            plan.contains(&format!("SEARCH posts USING INDEX {index}")),
            "{rule}\n{}\n{plan}",
            compiled.where_sql()
        );
    }
}

#[test]
fn what_the_request_decides_costs_no_sql() {
    let world = world();
    let (user, guest) = (user(&world), Request::of(Caller::Guest));
    for (rule, request, outcome) in [
        ("@request.auth.id != ''", &user, Outcome::Always),
        ("@request.auth.id != ''", &guest, Outcome::Never),
        ("n = 1 || @request.auth.name = 'Uma'", &user, Outcome::Always),
        ("n = 1 && @request.auth.id = 'x'", &user, Outcome::Never),
        ("n = 1 || @request.auth.id = 'x'", &user, Outcome::Depends),
        ("", &guest, Outcome::Always),
    ] {
        assert_eq!(compiled(&world, rule, "", request, Purpose::One).outcome(), outcome, "{rule}");
    }
    let rule = "n = 1 || @request.auth.id = 'x'";
    assert_eq!(compiled(&world, rule, "", &user, Purpose::One).where_sql(), "`posts`.`n` = ?1");
}

#[test]
fn requests_of_one_shape_share_their_text() {
    let world = world();
    let mut other = user(&world);
    let rule = "title = @request.query.q && author = @request.auth.id";
    other.query.push(("q".to_owned(), "a".to_owned()));
    let mut another = other.clone();
    another.query[0].1 = "quite another 'text'".to_owned();
    let one = compiled(&world, rule, "", &other, Purpose::List);
    let two = compiled(&world, rule, "", &another, Purpose::List);
    assert_eq!(one.where_sql(), two.where_sql());
    assert_ne!(one.params(), two.params());
}

#[test]
fn the_first_page_in_the_order_of_an_index_never_sorts() {
    let world = world();
    let user = user(&world);
    for (sort, is_indexed) in [
        ("n", true),
        ("-n", true),
        ("id", true),
        ("@rowid", true),
        ("kind,-n", true),
        ("-kind,n", true),
        ("kind,n", false),
        ("title", false),
        ("team.name", false),
    ] {
        let compiled = compiled(&world, "@request.auth.id != ''", sort, &user, Purpose::List);
        assert_eq!(compiled.is_order_indexed(), is_indexed, "{sort}");
        let plan = plan(&world, &compiled, Purpose::List);
        assert_eq!(!plan.contains("TEMP B-TREE"), is_indexed, "{sort}\n{plan}");
    }
}

#[test]
fn deciding_about_one_record_takes_look_ups_by_key() {
    let world = world();
    let user = user(&world);
    for (rule, is_bounded) in [
        ("author.name = 'Uma'", true),
        ("team.name != 'x' && @request.auth.teams.id ?= team", true),
        ("@collection.teams.id ?= team", false),
        // Nothing finds users by their team.
        ("team.users_via_team.id ?= @request.auth.id", false),
    ] {
        let compiled = compiled(&world, rule, "", &user, Purpose::One);
        assert_eq!(compiled.is_bounded(), is_bounded, "{rule}");
        let plan = plan(&world, &compiled, Purpose::One);
        assert!(!plan.contains("SCAN posts"), "{rule}\n{plan}");
        // Scans of the request's own lists and of single made-up rows are fine.
        let is_fine =
            |line: &str| ["VIRTUAL TABLE", "CONSTANT ROW", "(subquery"].iter().any(|part| line.contains(part));
        let scans = plan.lines().any(|line| line.starts_with("SCAN") && !is_fine(line));
        assert!(!is_bounded || !scans, "{rule}\n{plan}");
    }
}
