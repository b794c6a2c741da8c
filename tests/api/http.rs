//! Paths, methods, bodies and answers in general (contract/00 §1–2).

use serde_json::json;
use support::{DataDir, Multipart, TestApp};

fn app() -> TestApp {
    TestApp::setup().data(DataDir::Base).start()
}

#[test]
fn unclean_paths_are_redirected_by_a_bare_answer() {
    let app = app();
    for (target, location) in [
        ("//api//health?x=1", "/api/health?x=1"),
        ("/api/../api/./health", "/api/health"),
        ("/_", "/_/"),
        ("/../x", "/x"),
    ] {
        let answer = app.get(target).expect(307);
        assert_eq!(answer.header("location"), Some(location), "{target}");
        let names: Vec<_> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["content-length", "location", "date"], "{target}");
    }
}

#[test]
fn an_unknown_path_or_method_is_a_404() {
    let app = app();
    for (method, target, message) in [
        ("GET", "/api/unknown", "File not found."),
        ("GET", "/api/health/", "File not found."),
        ("GET", "/API/health", "File not found."),
        ("GET", "/unknown", "File not found."),
        ("POST", "/api/health", "The requested resource wasn't found."),
        ("DELETE", "/", "The requested resource wasn't found."),
        ("BREW", "/api/health", "The requested resource wasn't found."),
    ] {
        assert_eq!(app.request(method, target).refused(404, message), json!({}), "{method} {target}");
    }
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let app = app();
    for target in ["/api/health", "/api/unknown", "/api/_faults/text?bytes=5000"] {
        let stable = |answer: &support::Answer| {
            let mut headers = answer.headers.clone();
            headers.retain(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"));
            headers.sort();
            headers
        };
        let (get, head) = (app.get(target).send(), app.head(target).send());
        assert_eq!((head.status, stable(&head)), (get.status, stable(&get)), "{target}");
        assert!(head.body.is_empty());
    }
}

#[test]
fn path_parameters_and_the_query_are_decoded() {
    let app = app();
    let answer = app.get("/api/_faults/params/a%2Fb/%41c?x=1&x=2&y=%zz&z=a+b%21&w=a;b").ok();
    assert_eq!(answer, json!({"a": "a/b", "b": "Ac", "query": [["x", "1"], ["z", "a b!"]]}));
}

#[test]
fn every_body_type_is_read_as_record_data() {
    let app = app();
    let post = || app.post("/api/_faults/record");
    let values = |request: support::Request| request.ok()["values"].clone();
    assert_eq!(values(post()), json!({}));
    assert_eq!(values(post().body("application/json", "{\"a\":1,\"a\":[2]} rest")), json!({"a": [2]}));
    assert_eq!(values(post().body("application/json; charset=utf-8", "null")), json!({}));
    assert_eq!(values(post().body("text/xml", "")), json!({}), "no body is an empty document whatever the type");
    let form = [("a", "1"), ("b", "x"), ("b", "true"), ("c", "007"), ("@jsonPayload", "{\"c\":null}")];
    let expected = json!({"a": 1, "b": ["x", true], "c": null});
    assert_eq!(values(post().form(&form)), expected);
    let multipart = form.iter().fold(Multipart::new(), |parts, (name, value)| parts.text(name, value));
    assert_eq!(values(post().multipart(multipart)), expected);
}

#[test]
fn a_body_that_cannot_be_read_is_refused_with_the_text_of_its_fault() {
    let app = app();
    let default = "Something went wrong while processing your request.";
    for (content_type, body, message) in [
        ("application/json", "[]", default),
        ("application/json", "{\"a\":", default),
        ("application/json", "{\"a\":\"x\\u0000\"}", default),
        ("application/json", "{\"a\":1e999}", default),
        ("application/x-www-form-urlencoded", "@jsonPayload=%7B", default),
        ("application/x-www-form-urlencoded", "a=%00", default),
        ("multipart/form-data", "x", default),
        ("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx", default),
        ("text/xml", "<a/>", default),
        ("text/plain", "x", "Unsupported Content-Type."),
        ("", "x", "Unsupported Content-Type."),
    ] {
        let request = app.post("/api/_faults/record").body(content_type, body);
        assert_eq!(request.refused(400, message), json!({}), "{content_type} {body}");
    }
}

#[test]
fn uploads_are_streamed_to_temporary_files_that_go_with_the_request() {
    let app = app();
    let large = "0123456789".repeat(100_000);
    let parts = Multipart::new()
        .text("title", "a")
        .file("docs+", "dir/ä name.txt", "text/plain", large.as_bytes())
        .file("docs+", "b.txt", "text/plain", b"")
        .file("empty", "", "text/plain", b"a value");
    let answer = app.post("/api/_faults/record").multipart(parts).ok();
    let expected = json!({
        "values": {"title": "a", "empty": "a value"},
        "uploads": [
            {"key": "docs+", "fileName": "ä name.txt", "size": 1_000_000, "stored": 1_000_000, "head": "0123456789"},
            {"key": "docs+", "fileName": "b.txt", "size": 0, "stored": 0, "head": ""},
        ],
    });
    assert_eq!(answer, expected);
    let left = std::fs::read_dir(app.path(".pb_temp_to_delete")).expect("the folder was made").count();
    assert_eq!(left, 0, "temporary files left behind");
}

#[test]
fn a_typed_document_is_read_from_json_and_forms() {
    let app = app();
    let post = || app.post("/api/_faults/document");
    let empty = json!({"name": "", "count": 0, "on": false, "list": []});
    let full = json!({"name": "7", "count": 5, "on": true, "list": ["x"]});
    assert_eq!(post().ok(), empty);
    assert_eq!(post().json(json!({"name": null, "other": 1})).ok(), empty);
    assert_eq!(post().json(json!({"name": "7", "count": 5, "on": true, "list": ["x"]})).ok(), full);
    assert_eq!(post().form(&[("name", "7"), ("count", "5"), ("on", "1"), ("list", "x")]).ok(), full);
    let failed = "An error occurred while loading the submitted data.";
    post().json(json!({"name": 7})).refused(400, failed);
    post().form(&[("count", "x")]).refused(400, failed);
    post().body("text/plain", "x").refused(400, "Unsupported Content-Type.");
}

#[test]
fn fields_picks_from_any_json_answer() {
    let app = app();
    let get = |fields: &str| app.get("/api/_faults/text?bytes=3").query("fields", fields).send();
    assert_eq!(get("").text(), r#"{"text":"xxx","nested":{"b":1,"a":2}}"#);
    assert_eq!(get("nested").text(), r#"{"nested":{"a":2,"b":1}}"#);
    assert_eq!(get("nested.a,text:excerpt(2,true)").text(), r#"{"nested":{"a":2},"text":"xx..."}"#);
    assert_eq!(get("nope").text(), "{}");
    get("text:nope()").refused(400, "Something went wrong while processing your request.");
    app.get("/api/unknown?fields=status").refused(404, "File not found.");
}
