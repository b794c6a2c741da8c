//! Files of records (contract/13): one set of tests, run against a directory and against a real S3 store.

use std::path::Path;

use serde_json::{Value, json};
use support::{Answer, Multipart, TestApp};

pub const TEXT: &[u8] = b"hello world, this is a text\n";

/// An application whose files lie in a directory or in a bucket.
pub struct Ground {
    pub app: TestApp,
    s3: Option<support::parts::S3>,
}

impl Ground {
    /// One of each kind of store.
    pub fn each() -> [Self; 2] {
        let local = Self { app: TestApp::new(), s3: None };
        let remote = Self { app: TestApp::new(), s3: Some(support::parts::S3::start()) };
        let settings = remote.s3.as_ref().map(support::parts::S3::settings);
        remote.app.update_settings(json!({ "s3": settings }));
        let grounds = [local, remote];
        grounds.iter().for_each(Self::create_docs);
        grounds
    }

    /// One with a directory.
    pub fn local() -> Self {
        let ground = Self { app: TestApp::new(), s3: None };
        ground.create_docs();
        ground
    }

    fn create_docs(&self) {
        self.app.create_open_collection(
            "docs",
            json!([
                { "name": "one", "type": "file", "thumbs": ["60x40", "30x0"], "maxSize": 40_000_000 },
                { "name": "many", "type": "file", "maxSelect": 5, "maxSize": 2000 },
                { "name": "secret", "type": "file", "protected": true },
                { "name": "pictures", "type": "file", "mimeTypes": ["image/png"] },
            ]),
        );
    }

    /// A record made with these parts.
    #[track_caller]
    pub fn create(&self, parts: Multipart) -> Value {
        self.app.post("/api/collections/docs/records").multipart(parts).expect(200).json()
    }

    fn update(&self, record: &Value, parts: Multipart) -> Answer {
        self.app.patch(&format!("/api/collections/docs/records/{}", text(record, "id"))).multipart(parts).send()
    }

    pub fn url(record: &Value, name: &str) -> String {
        format!("/api/files/docs/{}/{name}", text(record, "id"))
    }

    /// The files that are stored, without side files; paths from the collection's id on.
    pub fn stored(&self) -> Vec<String> {
        let root = match &self.s3 {
            Some(s3) => s3.bucket(),
            None => self.app.path("storage"),
        };
        let mut found = Vec::new();
        walk(&root, &root, &mut found);
        found.sort();
        found
    }

    /// Asserts that so many files are left by an answer that removed some. A bucket may lag behind.
    #[track_caller]
    pub fn expect_left(&self, count: usize) {
        match self.s3 {
            Some(_) => self.await_stored(count),
            None => assert_eq!(self.stored().len(), count, "{:?}", self.stored()),
        }
    }

    /// Waits until so many files are stored.
    #[track_caller]
    pub fn await_stored(&self, count: usize) {
        support::wait_until(|| self.stored().len() == count);
    }
}

fn walk(at: &Path, root: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(at).into_iter().flatten().flatten() {
        let path = entry.path();
        let relative = path.strip_prefix(root).expect("it lies below").to_string_lossy().into_owned();
        if relative.starts_with('.') || relative.ends_with(".attrs") {
            continue;
        }
        if path.is_dir() {
            walk(&path, root, found);
        } else {
            found.push(relative);
        }
    }
}

#[track_caller]
pub fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value} is a text"))
}

pub fn upload(field: &str, name: &str, bytes: &[u8]) -> Multipart {
    Multipart::new().file(field, name, "application/x-forged", bytes)
}

/// A picture of this size, its upper half red and its lower half blue.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    fn chunk(kind: &[u8; 4], data: &[u8], out: &mut Vec<u8>) {
        out.extend((data.len() as u32).to_be_bytes());
        let body = [kind.as_slice(), data].concat();
        out.extend(&body);
        out.extend(crc32(&body).to_be_bytes());
    }
    let mut rows = Vec::new();
    for y in 0..height {
        rows.push(0);
        for _ in 0..width {
            rows.extend(if y < height / 2 { [255, 0, 0] } else { [0, 0, 255] });
        }
    }
    // zlib with stored blocks.
    let mut data = vec![0x78, 0x01];
    let blocks: Vec<&[u8]> = rows.chunks(60_000).collect();
    for (index, block) in blocks.iter().enumerate() {
        data.push(u8::from(index + 1 == blocks.len()));
        data.extend((block.len() as u16).to_le_bytes());
        data.extend((!(block.len() as u16)).to_le_bytes());
        data.extend(*block);
    }
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in &rows {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    data.extend(((b << 16) | a).to_be_bytes());
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    chunk(b"IHDR", &head, &mut out);
    chunk(b"IDAT", &data, &mut out);
    chunk(b"IEND", &[], &mut out);
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(u32::MAX, step)
}

fn size_of_png(bytes: &[u8]) -> (u32, u32) {
    let side = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    (side(16), side(20))
}

#[test]
fn an_upload_is_served_as_it_was_sent() {
    for ground in Ground::each() {
        let record = ground.create(upload("one", "Test File.TXT", TEXT));
        let name = text(&record, "one");
        assert!(name.starts_with("test_file_") && name.ends_with(".TXT"), "{name}");
        let answer = ground.app.get(&Ground::url(&record, name)).expect(200);
        assert_eq!(answer.body, TEXT);
        for (header, value) in [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", "28"),
            ("accept-ranges", "bytes"),
            ("cache-control", "max-age=2592000, stale-while-revalidate=86400"),
            ("content-security-policy", "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(answer.header(header), Some(value), "{header}");
        }
        assert_eq!(answer.header("content-disposition"), Some(format!("attachment; filename=\"{name}\"").as_str()));
        assert_eq!(answer.header("x-frame-options"), None);
        let head = ground.app.head(&Ground::url(&record, name)).expect(200);
        assert_eq!((head.header("content-length"), head.body.len()), (Some("28"), 0));
    }
}

#[test]
fn parts_of_a_file_and_conditions() {
    for ground in Ground::each() {
        let record = ground.create(upload("one", "a.txt", TEXT));
        let url = Ground::url(&record, text(&record, "one"));
        let whole = ground.app.get(&url).expect(200);
        let (etag, modified) = (whole.header("etag").expect("a tag"), whole.header("last-modified").expect("a date"));
        let part = ground.app.get(&url).header("Range", "bytes=6-10").expect(206);
        assert_eq!((part.body.as_slice(), part.header("content-range")), (&b"world"[..], Some("bytes 6-10/28")));
        let several = ground.app.get(&url).header("Range", "bytes=0-4,6-10").expect(206);
        assert!(several.header("content-type").is_some_and(|kind| kind.starts_with("multipart/byteranges; boundary=")));
        assert!(several.text().contains("Content-Range: bytes 6-10/28") && several.text().contains("\r\nworld\r\n--"));
        assert_eq!(several.header("content-length"), Some(several.body.len().to_string().as_str()));
        let beyond = ground.app.get(&url).header("Range", "bytes=99-").expect(416);
        assert_eq!(beyond.text(), "invalid range: failed to overlap\n");
        assert_eq!((beyond.header("content-range"), beyond.header("cache-control")), (Some("bytes */28"), None));
        for (header, value, status) in [
            ("If-None-Match", etag, 304),
            ("If-None-Match", "\"other\"", 200),
            ("If-Modified-Since", modified, 304),
            ("If-Modified-Since", "Mon, 01 Jan 2001 00:00:00 GMT", 200),
            ("If-Unmodified-Since", "Mon, 01 Jan 2001 00:00:00 GMT", 412),
        ] {
            let answer = ground.app.get(&url).header(header, value).expect(status);
            assert_eq!(answer.header("content-type").is_some(), status == 200, "{header}");
        }
        let stale = ground.app.get(&url).header("Range", "bytes=0-1").header("If-Range", "\"other\"").expect(200);
        assert_eq!(stale.body, TEXT);
    }
}

#[test]
fn what_a_write_drops_is_removed_and_what_it_refuses_leaves_nothing() {
    for ground in Ground::each() {
        let record = ground.create(upload("many", "a.txt", b"a").file("many", "b.txt", "", b"b"));
        let first = record["many"][0].as_str().expect("a name").to_owned();
        ground.await_stored(2);
        let appended = ground.update(&record, upload("many+", "c.txt", b"c")).ok();
        assert_eq!(appended["many"].as_array().map(Vec::len), Some(3));
        ground.await_stored(3);
        let removed = ground.update(&record, Multipart::new().text("many-", &first)).ok();
        assert_eq!(removed["many"].as_array().map(Vec::len), Some(2));
        ground.expect_left(2);
        let refused = ground.update(&record, upload("many+", "big.txt", &[b'x'; 2001])).expect(400).json();
        assert_eq!(refused["data"]["many"]["code"], "validation_file_size_limit");
        let forged = ground.update(&record, upload("pictures", "p.png", b"no picture")).expect(400).json();
        assert_eq!(forged["data"]["pictures"]["code"], "validation_invalid_mime_type");
        let unknown = ground.update(&record, Multipart::new().text("one", "nope.txt")).expect(400).json();
        assert_eq!(unknown["data"]["one"]["message"], "Invalid new files: [nope.txt].");
        ground.await_stored(2);
        ground.app.delete(&format!("/api/collections/docs/records/{}", text(&record, "id"))).expect(204);
        ground.expect_left(0);
    }
}

#[test]
fn an_answer_that_deletes_comes_when_the_files_are_gone() {
    let ground = Ground::local();
    let app = &ground.app;
    let target = app.get("/api/collections/docs").superuser().ok();
    app.create_open_collection(
        "notes",
        json!([
            { "name": "file", "type": "file" },
            { "name": "doc", "type": "relation", "collectionId": target["id"], "cascadeDelete": true },
        ]),
    );
    let doc = ground.create(upload("one", "a.txt", TEXT));
    for _ in 0..20 {
        let note = upload("file", "n.txt", TEXT).text("doc", text(&doc, "id"));
        app.post("/api/collections/notes/records").multipart(note).expect(200);
    }
    ground.await_stored(21);
    app.delete(&format!("/api/collections/docs/records/{}", text(&doc, "id"))).expect(204);
    let left: Vec<_> = std::fs::read_dir(app.path("storage")).expect("it was made").flatten().collect();
    assert!(left.iter().all(|entry| entry.file_name() == ".mb_new"), "{left:?}");
    let batched = ground.create(upload("one", "b.txt", TEXT));
    app.update_settings(json!({ "batch": { "enabled": true } }));
    let url = format!("/api/collections/docs/records/{}", text(&batched, "id"));
    app.post("/api/batch").json(json!({ "requests": [{ "method": "DELETE", "url": url }] })).expect(200);
    ground.expect_left(0);
    ground.create(upload("one", "c.txt", TEXT));
    app.delete("/api/collections/docs/truncate").superuser().expect(204);
    ground.expect_left(0);
}

#[test]
fn thumbs_are_made_in_the_sizes_that_are_listed() {
    for ground in Ground::each() {
        let record = ground.create(upload("one", "p.png", &png(200, 100)));
        let url = Ground::url(&record, text(&record, "one"));
        for (size, pixels) in [("60x40", (60, 40)), ("30x0", (30, 15)), ("100x100", (100, 100)), ("7x7", (200, 100))] {
            let answer = ground.app.get(&format!("{url}?thumb={size}")).expect(200);
            assert_eq!(
                (size_of_png(&answer.body), answer.header("content-type")),
                (pixels, Some("image/png")),
                "{size}"
            );
        }
        ground.await_stored(4);
        ground.update(&record, Multipart::new().text("one", "")).ok();
        ground.expect_left(0);
        let broken = ground.create(upload("one", "p.png", &png(200, 100)[..60]));
        let url = Ground::url(&broken, text(&broken, "one"));
        assert_eq!(ground.app.get(&format!("{url}?thumb=60x40")).expect(200).body, &png(200, 100)[..60]);
    }
}

#[test]
fn a_picture_that_claims_too_many_pixels_is_served_as_it_is() {
    for ground in Ground::each() {
        let mut bomb = png(2, 2);
        bomb[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
        let checksum = crc32(&bomb[12..29]).to_be_bytes();
        bomb[29..33].copy_from_slice(&checksum);
        let record = ground.create(upload("one", "bomb.png", &bomb));
        let url = Ground::url(&record, text(&record, "one"));
        assert_eq!(ground.app.get(&format!("{url}?thumb=60x40")).expect(200).body, bomb);
    }
}

#[test]
fn a_protected_file_needs_the_token_of_somebody_whom_the_view_rule_lets_in() {
    for ground in Ground::each() {
        let record = ground.create(upload("secret", "s.txt", TEXT));
        ground.app.update_collection("docs", json!({ "viewRule": null }));
        let url = Ground::url(&record, text(&record, "secret"));
        ground.app.get(&url).expect(404);
        ground.app.get(&url).superuser().expect(404);
        let token = ground.app.post("/api/files/token").superuser().ok();
        let token = text(&token, "token");
        assert_eq!(ground.app.get(&format!("{url}?token={token}")).expect(200).body, TEXT);
        ground.app.get(&format!("{url}?token={}", ground.app.superuser_token())).expect(404);
        ground.app.post("/api/files/token").expect(401);
    }
}

#[test]
fn no_path_leads_out_of_the_storage() {
    for ground in Ground::each() {
        let record = ground.create(upload("one", "a.txt", TEXT));
        let (id, name) = (text(&record, "id"), text(&record, "one"));
        for path in [
            format!("docs/{id}/..%2F..%2F..%2Fdata.db"),
            format!("docs/{id}/%252e%252e%252f{name}"),
            format!("docs/..%2F{id}/{name}"),
            format!("docs/{id}/{name}%00"),
            format!("docs/{id}/{name}.attrs"),
            format!("..%2Fdocs/{id}/{name}"),
            format!("docs/{id}/%2e%2e"),
            format!("docs/{id}/thumbs_{name}"),
        ] {
            let status = ground.app.get(&format!("/api/files/{path}")).send().status;
            assert!(matches!(status, 404 | 307), "{path}: {status}");
        }
        let thumb = format!("{}?thumb=..%2F..%2Fx", Ground::url(&record, name));
        assert_eq!(ground.app.get(&thumb).expect(200).body, TEXT);
        let traversal = ground.create(upload("one", "../../etc/passwd", TEXT));
        assert!(text(&traversal, "one").starts_with("passwd_"));
    }
}

#[test]
fn an_empty_file_is_a_file() {
    for ground in Ground::each() {
        let record = ground.create(upload("one", "none", b""));
        let answer = ground.app.get(&Ground::url(&record, text(&record, "one"))).expect(200);
        assert_eq!((answer.body.len(), answer.header("content-length")), (0, Some("0")));
    }
}

#[test]
fn dropping_a_field_or_a_collection_takes_its_files_along() {
    for ground in Ground::each() {
        ground.create(upload("one", "a.txt", TEXT).file("many", "b.txt", "", TEXT));
        ground.await_stored(2);
        let stored = ground.app.get("/api/collections/docs").superuser().ok();
        let fields: Vec<&Value> = stored["fields"].as_array().expect("a list").iter().collect();
        let kept: Vec<&Value> = fields.into_iter().filter(|field| field["name"] != "many").collect();
        ground.app.update_collection("docs", json!({ "fields": kept }));
        ground.expect_left(1);
        ground.app.delete("/api/collections/docs").superuser().expect(204);
        ground.expect_left(0);
    }
}

#[test]
fn the_route_that_tries_the_bucket() {
    let [local, remote] = Ground::each();
    let try_it = |app: &TestApp, filesystem: &str| {
        app.post("/api/settings/test/s3").superuser().json(json!({ "filesystem": filesystem })).send()
    };
    assert_eq!(try_it(&remote.app, "storage").status, 204);
    assert_eq!(remote.stored(), [""; 0]);
    let off = try_it(&local.app, "storage").expect(400).json();
    assert_eq!(off["message"], "Failed to test the S3 filesystem. Raw error: \nS3 storage filesystem is not enabled.");
    for (filesystem, code) in [("", "validation_required"), ("x", "validation_in_invalid")] {
        assert_eq!(try_it(&local.app, filesystem).expect(400).json()["data"]["filesystem"]["code"], code);
    }
    remote.app.update_settings(json!({ "s3": { "secret": "wrong" } }));
    let wrong = try_it(&remote.app, "storage").expect(400).json();
    let message = text(&wrong, "message");
    assert!(message.contains("failed to upload a test file: "), "{message}");
    assert!(!message.contains("Signature"), "{message}");
}
