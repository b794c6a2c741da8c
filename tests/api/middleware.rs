//! What every request passes (contract/14).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use support::{Answer, DataDir, TestApp};

fn app() -> TestApp {
    TestApp::setup().data(DataDir::Base).start()
}

/// Headers but for those that differ from answer to answer, sorted.
fn headers(answer: &Answer) -> Vec<String> {
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .map(|(name, value)| match name.as_str() {
            "date" | "x-request-id" => format!("{name}: …"),
            _ => format!("{name}: {value}"),
        })
        .collect();
    headers.sort();
    headers
}

#[test]
fn every_answer_has_the_common_headers() {
    let app = app();
    let common = [
        "content-type: application/json",
        "cross-origin-opener-policy: same-origin",
        "date: …",
        "vary: Origin",
        "x-content-type-options: nosniff",
        "x-frame-options: SAMEORIGIN",
        "x-request-id: …",
        "x-xss-protection: 1; mode=block",
    ];
    for (target, length) in [("/api/health", 50), ("/api/unknown", 52), ("/api/_faults/panic", 88)] {
        let mut expected = vec![format!("content-length: {length}")];
        expected.extend(common.map(str::to_owned));
        assert_eq!(headers(&app.get(target).send()), expected, "{target}");
    }
}

#[test]
fn each_request_has_an_id_of_its_own() {
    let app = app();
    let id = || app.get("/api/health").send().header("x-request-id").expect("an id").to_owned();
    let (first, second) = (id(), id());
    assert_eq!((first.len(), second.len()), (16, 16));
    assert_ne!(first, second);
}

#[test]
fn a_preflight_is_answered_on_any_path() {
    let app = app();
    for target in ["/api/health", "/unknown/path", "/_/x"] {
        assert_eq!(headers(&app.request("OPTIONS", target).expect(204)), ["date: …", "vary: Origin"], "{target}");
        let asked = app
            .request("OPTIONS", target)
            .header("Origin", "https://a.b")
            .header("Access-Control-Request-Headers", "authorization,x-a");
        let expected = [
            "access-control-allow-headers: authorization,x-a",
            "access-control-allow-methods: GET,HEAD,PUT,PATCH,POST,DELETE",
            "access-control-allow-origin: *",
            "date: …",
            "vary: Access-Control-Request-Headers",
            "vary: Access-Control-Request-Method",
            "vary: Origin",
        ];
        assert_eq!(headers(&asked.expect(204)), expected, "{target}");
    }
}

#[test]
fn origins_are_allowed_by_pattern() {
    let app = TestApp::setup().data(DataDir::Base).flag("--origins=https://a.b,https://*.c.com").start();
    for (origin, allowed) in [
        ("https://a.b", Some("https://a.b")),
        ("https://x.c.com", Some("https://x.c.com")),
        ("https://c.com", None),
        ("null", None),
    ] {
        let answer = app.get("/api/health").header("Origin", origin).expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{origin}");
        let preflight = app.request("OPTIONS", "/api/health").header("Origin", origin).expect(204);
        assert_eq!(preflight.header("access-control-allow-origin"), allowed, "{origin}");
        assert_eq!(preflight.header("access-control-allow-methods").is_some(), allowed.is_some(), "{origin}");
    }
    assert_eq!(app.get("/api/health").expect(200).header("access-control-allow-origin"), None);
}

#[test]
fn json_above_a_kibibyte_is_compressed_for_who_takes_it() {
    let app = app();
    let get = |bytes: usize, accept: &str| {
        app.get(&format!("/api/_faults/text?bytes={bytes}")).header("Accept-Encoding", accept).expect(200)
    };
    for (bytes, accept, compressed) in [
        (2000, "gzip", true),
        (500_000, "br, gzip;q=0.8", true),
        (2000, "br", false),
        (2000, "gzip;q=0", false),
        (500, "gzip", false),
    ] {
        let answer = get(bytes, accept);
        assert_eq!(answer.header("content-encoding").is_some(), compressed, "{bytes} {accept}");
        let varies = answer.headers.iter().any(|(name, value)| name == "vary" && value == "Accept-Encoding");
        assert_eq!(varies, compressed, "{bytes} {accept}");
        assert_eq!(answer.body.len() < bytes, compressed, "{bytes} {accept}");
    }
    let client = reqwest::blocking::Client::builder().gzip(true).build().unwrap();
    let url = format!("http://{}/api/_faults/text?bytes=500000", app.address());
    let whole: serde_json::Value = client.get(url).send().unwrap().json().unwrap();
    assert_eq!(whole["text"].as_str().unwrap().len(), 500_000);
}

#[test]
fn the_dashboard_has_a_policy_with_a_fresh_nonce_and_isnt_kept() {
    let app = app();
    let nonce_of = |page: &support::Answer| {
        let policy = page.header("content-security-policy").expect("the page has a policy");
        let (_, after) = policy.split_once("style-src-elem 'self' 'nonce-").expect("the policy names a nonce");
        let (nonce, _) = after.split_once('\'').expect("the nonce has an end");
        let expected = format!(
            "default-src 'self'; script-src 'self'; style-src-elem 'self' 'nonce-{nonce}'; \
             style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; \
             base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        );
        assert_eq!(policy, expected);
        assert!(String::from_utf8_lossy(&page.body).contains(&format!("nonce=\"{nonce}\"")));
        nonce.to_owned()
    };
    let page = app.get("/_/").expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_ne!(nonce_of(&page), nonce_of(&app.get("/_/").expect(200)));
    for path in ["/_/missing.js", "/_/index.html", "/_/assets/missing.js", "/_/assets/%2e%2e/index.html"] {
        let missing = app.get(path).expect(404);
        let policy = missing.header("content-security-policy").expect("a policy");
        let kept = missing.header("cache-control");
        if path.starts_with("/_/assets/") {
            assert_eq!((policy, kept), ("default-src 'none'; frame-ancestors 'none'", Some("no-store")), "{path}");
        } else {
            assert!(
                policy.starts_with("default-src 'self'; style-src 'self' 'unsafe-inline'; img-src"),
                "{path}: {policy}"
            );
            assert_eq!(kept, Some("max-age=1209600, stale-while-revalidate=86400"), "{path}");
        }
        missing.refused(404, "File not found.");
    }
    assert_eq!(app.get("/api/health").expect(200).header("content-security-policy"), None);
}

#[test]
fn a_panic_is_a_logged_500_and_the_server_goes_on() {
    let app = app();
    app.get("/api/_faults/panic").refused(500, "Something went wrong while processing your request.");
    app.server().wait_for_log("asked for by a test");
    app.server().wait_for_log("src/http/routes/faults.rs");
    app.get("/api/health").expect(200);
}

#[test]
fn a_body_over_the_limit_is_refused_however_it_is_sent() {
    let app = app();
    let too_large = "Request entity too large.";
    let json = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes));
    app.post("/api/_faults/small").body("application/json", json(900)).expect(200);
    app.post("/api/_faults/small").body("application/json", json(1000)).refused(413, too_large);
    let chunked = |target: &str, body: &str| {
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        app.raw(format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes())
    };
    chunked("/api/_faults/small", &json(900)).expect(200);
    chunked("/api/_faults/small", &json(1000)).refused(413, too_large);
    let claims = |target: &str, length: u64| {
        let head = format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
        app.raw(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes())
    };
    // Before any guard, and on any path.
    let limit = 32 << 20;
    claims("/api/_faults/record", limit + 1).refused(413, too_large);
    claims("/api/unknown", limit + 1).refused(413, too_large);
    let refused = claims("/api/_faults/record", u64::MAX);
    assert_eq!((refused.status, refused.header("connection")), (413, Some("close")));
}

#[test]
fn guards_tell_who_may_pass() {
    let app = app();
    let superuser = app.superuser_token().to_owned();
    let user = app.token("users", "test@example.com");
    let other = app.token("clients", "test@example.com");
    let users_id = app.rows("SELECT id FROM users WHERE email = 'test@example.com'")[0][0].as_str().unwrap().to_owned();
    let t1 = "The request requires valid record authorization token.";
    let not_allowed = "The authorized record is not allowed to perform this action.";
    let other_collection = "The request requires auth record from clients collection.";
    let from_superusers = "The request requires auth record from _superusers collection.";
    let owner_only = "The request requires superuser or record authorization token.";
    let guests = "The request can be accessed only by guests.";
    let default = "You are not allowed to perform this request.";
    let own = format!("owner/{users_id}");
    for (path, token, refusal) in [
        ("superuser", "", Some((401, t1))),
        ("superuser", "nonsense", Some((401, t1))),
        ("superuser", &user, Some((403, not_allowed))),
        ("superuser", &superuser, None),
        ("any_auth", "", Some((401, t1))),
        ("any_auth", &user, None),
        ("any_auth", &superuser, None),
        ("same/users", "", Some((401, t1))),
        ("same/users", &user, None),
        ("same/users", &other, Some((403, other_collection))),
        ("same/users", &superuser, Some((403, from_superusers))),
        ("same/nope", &user, Some((404, "Missing or invalid collection context."))),
        (&own, "", Some((401, owner_only))),
        (&own, &user, None),
        (&own, &other, Some((403, default))),
        (&own, &superuser, None),
        ("guest", "", None),
        ("guest", &user, Some((400, guests))),
    ] {
        let request = app.get(&format!("/api/_faults/{path}")).token(token);
        match refusal {
            None => assert_eq!(request.ok(), json!({"ok": true}), "{path}"),
            Some((status, message)) => assert_eq!(request.refused(status, message), json!({}), "{path}"),
        }
    }
}

/// A server whose time limits are 1.5 s instead of minutes.
fn impatient() -> TestApp {
    TestApp::setup().data(DataDir::Base).environment("MONOBASE_FAULT_TIME_LIMIT_MS", "1500").start()
}

/// How long the server keeps a connection on which `bytes` were sent and then one more byte every 100 ms.
fn kept_open(app: &TestApp, bytes: &str) -> Duration {
    let mut connection = TcpStream::connect(app.address()).unwrap();
    connection.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    connection.write_all(bytes.as_bytes()).unwrap();
    let began = Instant::now();
    let mut buffer = [0; 1024];
    while began.elapsed() < Duration::from_secs(20) {
        match connection.read(&mut buffer) {
            Ok(0) => return began.elapsed(),
            Err(error) if !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                return began.elapsed();
            }
            Ok(_) | Err(_) => {}
        }
        if connection.write_all(b"x").is_err() {
            return began.elapsed();
        }
    }
    panic!("still open after {:?}", began.elapsed());
}

#[test]
fn a_client_that_trickles_is_cut_off() {
    let app = impatient();
    let limit = Duration::from_millis(1500);
    for bytes in [
        "GET /api/health HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        "POST /api/_faults/record HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{",
        "GET /api/health HTTP/1.1\r\nHost: x\r\n\r\nGET /api/health HTTP/1.1\r\nX-Slow: ",
    ] {
        let open = kept_open(&app, bytes);
        assert!(open >= limit - Duration::from_millis(200) && open < limit * 5, "{bytes:?} was kept for {open:?}");
    }
    app.get("/api/health").expect(200);
}

#[test]
fn a_client_that_goes_away_frees_its_request() {
    let app = app();
    let mut connection = TcpStream::connect(app.address()).unwrap();
    connection.write_all(b"GET /api/_faults/stream HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut head = [0; 12];
    connection.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    let port = connection.local_addr().unwrap().port();
    assert!(server_has_connection_from(port));
    drop(connection);
    let deadline = Instant::now() + Duration::from_secs(10);
    while server_has_connection_from(port) {
        assert!(Instant::now() < deadline, "the server still holds a connection whose client has left");
        std::thread::yield_now();
    }
    app.get("/api/health").expect(200);
}

/// Whether this machine has an open TCP connection whose remote end is this local port: the server's end of ours.
fn server_has_connection_from(port: u16) -> bool {
    const TIME_WAIT: &str = "06";
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().skip(1).any(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        columns[2].ends_with(&format!(":{port:04X}")) && columns[3] != TIME_WAIT
    })
}
