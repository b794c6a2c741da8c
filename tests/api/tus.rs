//! Uploads that may be resumed (tus 1.0.0), and the tokens they end in.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use support::{Answer, Request, TestApp, raw};

const UPLOADS: &str = "/api/files/tus";
const BYTES_TYPE: &str = "application/offset+octet-stream";

/// An application with a collection for files and two users.
struct Ground {
    app: TestApp,
    owner: String,
    stranger: String,
}

impl Ground {
    fn new() -> Self {
        let app = TestApp::new();
        app.create_open_collection(
            "docs",
            json!([
                { "name": "title", "type": "text", "required": true },
                { "name": "one", "type": "file", "maxSize": 30_000_000 },
                { "name": "many", "type": "file", "maxSelect": 3, "maxSize": 10 },
            ]),
        );
        let (_, owner) = app.create_user("users", "owner@b.co");
        let (_, stranger) = app.create_user("users", "stranger@b.co");
        Self { app, owner, stranger }
    }

    fn tus(&self, method: &str, target: &str) -> Request {
        self.app.request(method, target).header("Tus-Resumable", "1.0.0").token(&self.owner)
    }

    /// Begins an upload; gives its URL.
    #[track_caller]
    fn begin(&self, size: usize, name: &str) -> String {
        let encoded = BASE64_STANDARD.encode(name);
        let request = self.tus("POST", UPLOADS).header("Upload-Length", &size.to_string());
        let answer = request.header("Upload-Metadata", &format!("filename {encoded}")).expect(201);
        answer.header("location").expect("a URL").to_owned()
    }

    fn append(&self, url: &str, offset: usize, bytes: &[u8]) -> Answer {
        self.tus("PATCH", url).header("Upload-Offset", &offset.to_string()).body(BYTES_TYPE, bytes).send()
    }

    /// A whole upload's token.
    #[track_caller]
    fn upload(&self, name: &str, bytes: &[u8]) -> String {
        let url = self.begin(bytes.len(), name);
        let answer = self.append(&url, 0, bytes).expect(204);
        answer.header("upload-token").expect("a token").to_owned()
    }

    fn create(&self, token: &str, body: Value) -> Answer {
        self.app.post("/api/collections/docs/records").token(token).json(body).send()
    }

    /// How many files of unfinished uploads there are.
    fn kept(&self) -> usize {
        std::fs::read_dir(self.app.path(".mb_uploads")).map_or(0, Iterator::count)
    }
}

#[test]
fn a_server_says_what_it_can_do() {
    let ground = Ground::new();
    let answer = ground.app.request("OPTIONS", UPLOADS).expect(204);
    for (header, value) in [
        ("tus-resumable", "1.0.0"),
        ("tus-version", "1.0.0"),
        ("tus-extension", "creation,creation-with-upload,expiration,checksum,termination"),
        ("tus-checksum-algorithm", "sha1,sha256,md5,crc32"),
        ("tus-max-size", "30000000"),
    ] {
        assert_eq!(answer.header(header), Some(value), "{header}");
    }
    assert_eq!(ground.app.request("OPTIONS", "/api/health").expect(204).header("tus-version"), None);
}

#[test]
fn an_upload_grows_in_pieces_and_becomes_a_file() {
    let ground = Ground::new();
    let url = ground.begin(11, "Grüße (1).TXT");
    let first = ground.append(&url, 0, b"hello ").expect(204);
    assert_eq!((first.header("upload-offset"), first.header("upload-token")), (Some("6"), None));
    assert!(first.header("upload-expires").is_some_and(|date| date.ends_with("GMT")));
    let head = ground.tus("HEAD", &url).expect(200);
    assert_eq!((head.header("upload-offset"), head.header("upload-length")), (Some("6"), Some("11")));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    let last = ground.append(&url, 6, b"world").expect(204);
    let token = last.header("upload-token").expect("a token").to_owned();
    assert_eq!(token, format!("tus:{}", url.rsplit('/').next().expect("an id")));
    let record = ground.create(&ground.owner, json!({ "title": "a", "one": token })).ok();
    let name = record["one"].as_str().expect("a name");
    assert!(name.starts_with("gr_e_1_") && name.ends_with(".TXT"), "{name}");
    let file = format!("/api/files/docs/{}/{name}", record["id"].as_str().expect("an id"));
    let served = ground.app.get(&file).expect(200);
    assert_eq!(
        (served.text().as_str(), served.header("content-type")),
        ("hello world", Some("text/plain; charset=utf-8"))
    );
    assert_eq!(ground.kept(), 0);
    ground.tus("HEAD", &url).expect(404);
    let again = ground.create(&ground.owner, json!({ "title": "b", "one": token })).expect(400).json();
    assert_eq!(again["data"]["one"]["message"], format!("Invalid new files: [{token}]."));
}

#[test]
fn a_token_is_its_owners_and_outlives_a_refused_record() {
    let ground = Ground::new();
    let token = ground.upload("a.txt", b"abc");
    let url = format!("{UPLOADS}/{}", &token[4..]);
    let refused = ground.create(&ground.stranger, json!({ "title": "a", "one": token })).expect(400).json();
    assert_eq!(refused["data"]["one"]["code"], "validation_invalid_file");
    ground.create("", json!({ "title": "a", "one": token })).expect(400);
    for method in ["HEAD", "PATCH", "DELETE"] {
        let request = ground.app.request(method, &url).header("Tus-Resumable", "1.0.0").header("Upload-Offset", "3");
        let request = request.token(&ground.stranger).body(BYTES_TYPE, b"");
        request.expect(404);
    }
    // The title is missing.
    ground.create(&ground.owner, json!({ "one": token })).expect(400);
    let record = ground.create(&ground.owner, json!({ "title": "a", "one": token })).ok();
    assert!(record["one"].as_str().is_some_and(|name| name.ends_with(".txt")), "{record}");
    support::wait_until(|| ground.kept() == 0);
}

#[test]
fn a_token_is_checked_like_an_upload_and_may_be_appended() {
    let ground = Ground::new();
    let big = ground.upload("big.txt", b"more than ten bytes");
    let refused = ground.create(&ground.owner, json!({ "title": "a", "many": [big] })).expect(400).json();
    assert_eq!(refused["data"]["many"]["code"], "validation_file_size_limit");
    let (a, b) = (ground.upload("a.txt", b"a"), ground.upload("b.txt", b"b"));
    let record = ground.create(&ground.owner, json!({ "title": "a", "many": [a, a] })).ok();
    assert_eq!(record["many"].as_array().map(Vec::len), Some(1), "a token counts once");
    let id = record["id"].as_str().expect("an id");
    let updated = ground.app.patch(&format!("/api/collections/docs/records/{id}")).token(&ground.owner);
    let updated = updated.json(json!({ "many+": b })).ok();
    let names: Vec<_> = updated["many"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(names.len() == 2 && names[0].starts_with('a') && names[1].starts_with('b'), "{names:?}");
    let empty = ground.begin(0, "none");
    let token = ground.tus("HEAD", &empty).expect(200).header("upload-token").expect("a token").to_owned();
    ground.create(&ground.owner, json!({ "title": "b", "one": token })).ok();
}

#[test]
fn a_request_that_does_not_fit_changes_nothing() {
    let ground = Ground::new();
    let url = ground.begin(6, "a.txt");
    ground.append(&url, 0, b"abc").expect(204);
    let wrong = ground.append(&url, 2, b"cd");
    assert_eq!((wrong.status, wrong.header("upload-offset")), (409, Some("3")));
    ground.append(&url, 3, b"defg").expect(413);
    let unsized_body = format!(
        "PATCH {url} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nAuthorization: {}\r\nUpload-Offset: 3\r\n\
         Content-Type: {BYTES_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nfar too l\r\n0\r\n\r\n",
        ground.owner
    );
    assert_eq!(raw(ground.app.address(), unsized_body.as_bytes()).expect("an answer").status, 413);
    let other_type = ground.tus("PATCH", &url).header("Upload-Offset", "3").body("text/plain", b"def");
    other_type.expect(415);
    let version = ground.app.request("HEAD", &url).token(&ground.owner).header("Tus-Resumable", "0.2.2").expect(412);
    assert_eq!(version.header("tus-version"), Some("1.0.0"));
    ground.app.post(UPLOADS).header("Tus-Resumable", "1.0.0").header("Upload-Length", "1").expect(401);
    for (header, value, status) in [
        ("Upload-Length", "30000001", 413),
        ("Upload-Length", "-1", 400),
        ("Upload-Length", "99999999999999999999", 400),
        ("Upload-Defer-Length", "1", 400),
    ] {
        ground.tus("POST", UPLOADS).header(header, value).expect(status);
    }
    for id in ["..%2F..%2Fdata.db", "%252e%252e", "x", "%00"] {
        ground.tus("HEAD", &format!("{UPLOADS}/{id}")).expect(404);
    }
    assert_eq!(ground.tus("HEAD", &url).expect(200).header("upload-offset"), Some("3"));
    let incomplete = format!("tus:{}", url.rsplit('/').next().expect("an id"));
    ground.create(&ground.owner, json!({ "title": "a", "one": incomplete })).expect(400);
    let overridden = ground.tus("POST", &url).header("X-HTTP-Method-Override", "PATCH").header("Upload-Offset", "3");
    overridden.body(BYTES_TYPE, b"def").expect(204);
}

#[test]
fn bytes_that_do_not_have_their_checksum_are_dropped() {
    let ground = Ground::new();
    let url = ground.begin(11, "a.txt");
    let patch = |checksum: &str| {
        let request = ground.tus("PATCH", &url).header("Upload-Offset", "0").header("Upload-Checksum", checksum);
        request.body(BYTES_TYPE, b"hello world").send()
    };
    assert_eq!(patch("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu4=").status, 460);
    assert_eq!(patch("whirlpool AAAA").status, 400);
    assert_eq!(ground.tus("HEAD", &url).expect(200).header("upload-offset"), Some("0"));
    assert_eq!(patch("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=").header("upload-offset"), Some("11"));
}

#[test]
fn an_upload_may_begin_with_bytes_and_be_given_up() {
    let ground = Ground::new();
    let begun = ground.tus("POST", UPLOADS).header("Upload-Length", "6").body(BYTES_TYPE, b"abc").expect(201);
    assert_eq!(begun.header("upload-offset"), Some("3"));
    let url = begun.header("location").expect("a URL");
    assert_eq!(ground.kept(), 1);
    ground.tus("DELETE", url).expect(204);
    ground.tus("DELETE", url).expect(404);
    assert_eq!(ground.kept(), 0);
    for _ in 0..16 {
        ground.begin(1, "a");
    }
    let many = ground.tus("POST", UPLOADS).header("Upload-Length", "1").send();
    assert_eq!((many.status, many.header("retry-after")), (429, Some("60")));
    ground.app.post(UPLOADS).superuser().header("Tus-Resumable", "1.0.0").header("Upload-Length", "1").expect(201);
}

#[test]
fn an_upload_that_nobody_goes_on_with_expires() {
    let ground = Ground::new();
    let url = ground.begin(6, "a.txt");
    ground.append(&url, 0, b"abc").expect(204);
    support::move_clock_to_minute(&ground.app, 25 * 3_600_000, 25);
    support::wait_until(|| ground.kept() == 0);
    assert_eq!(ground.app.rows("SELECT id FROM _mb_uploads"), [Value::Null; 0]);
}

#[test]
fn what_is_stored_outlives_a_kill() {
    let mut ground = Ground::new();
    let size = 20 << 20;
    let url = ground.begin(size, "a.bin");
    ground.append(&url, 0, &vec![1; 1 << 20]).expect(204);
    // A connection that dies in the middle of a request: what came is kept, and counted by steps.
    let head = format!(
        "PATCH {url} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nAuthorization: {}\r\nUpload-Offset: {}\r\n\
         Content-Type: {BYTES_TYPE}\r\nContent-Length: {}\r\n\r\n",
        ground.owner,
        1 << 20,
        19 << 20,
    );
    let mut sent = head.into_bytes();
    sent.extend(vec![2; 10 << 20]);
    let mut connection = std::net::TcpStream::connect(ground.app.address()).expect("it listens");
    std::io::Write::write_all(&mut connection, &sent).expect("it reads");
    let offset = |ground: &Ground| {
        let head = ground.tus("HEAD", &url).expect(200);
        head.header("upload-offset").and_then(|offset| offset.parse::<usize>().ok()).expect("a number")
    };
    support::wait_until(|| offset(&ground) >= 9 << 20);
    ground.app.kill();
    ground.app.start();
    let at = offset(&ground);
    assert!(at >= 9 << 20, "{at}");
    let last = ground.append(&url, at, &vec![2; size - at]).expect(204);
    let token = last.header("upload-token").expect("a token");
    let record = ground.create(&ground.owner, json!({ "title": "a", "one": token })).ok();
    let file = format!("/api/files/docs/{}/{}", record["id"].as_str().unwrap(), record["one"].as_str().unwrap());
    let served = ground.app.get(&file).expect(200).body;
    assert!(served.len() == size && served[..1 << 20].iter().all(|byte| *byte == 1));
    assert!(served[1 << 20..].iter().all(|byte| *byte == 2));
}
