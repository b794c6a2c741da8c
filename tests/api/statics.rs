//! Static files (contract/22 §2).

use std::fs;

use serde_json::json;
use support::{Answer, DataDir, TestApp};
use tempfile::TempDir;

/// A server with a public directory: `index.html`, `a.txt`, `noext`, `big.bin`, `.well-known/x`, `sub/index.html`, `empty/`.
fn app(flags: &[&str]) -> (TestApp, TempDir) {
    let public = TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = public.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    write("index.html", b"<p>root</p>");
    write("a.txt", b"0123456789");
    write("noext", b"plain");
    write("big.bin", &[7; 300_000]);
    write("sub/index.html", b"<p>sub</p>");
    write("sub/b c.css", b"p{}");
    write(".well-known/x", b"dot");
    fs::create_dir(public.path().join("empty")).unwrap();
    let mut setup = TestApp::setup().data(DataDir::Base).flag("--publicDir").flag(public.path().display().to_string());
    for flag in flags {
        setup = setup.flag(*flag);
    }
    (setup.start(), public)
}

fn shown(answer: &Answer) -> (u16, String, String) {
    let detail = answer.header("location").or(answer.header("content-type")).unwrap_or("").to_owned();
    let text = if answer.body.len() > 100 { format!("{} bytes", answer.body.len()) } else { answer.text() };
    (answer.status, detail, text)
}

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const NOT_FOUND: &str = r#"{"data":{},"message":"File not found.","status":404}"#;

#[test]
fn paths_find_files_indexes_and_redirects() {
    let (app, _public) = app(&[]);
    for (target, status, detail, text) in [
        ("/", 200, HTML, "<p>root</p>"),
        ("/a.txt", 200, TEXT, "0123456789"),
        ("/noext", 200, TEXT, "plain"),
        ("/big.bin", 200, "application/octet-stream", "300000 bytes"),
        ("/sub/b%20c.css", 200, "text/css; charset=utf-8", "p{}"),
        ("/.well-known/x", 200, TEXT, "dot"),
        ("/sub/", 200, HTML, "<p>sub</p>"),
        ("/sub", 301, "/sub/", ""),
        ("/sub?x=1", 301, "/sub/?x=1", ""),
        ("/a.txt/", 301, "/a.txt", ""),
        ("/index.html", 301, "/", ""),
        ("/sub/index.html", 301, "/sub/", ""),
        ("/missing", 200, HTML, "<p>root</p>"),
        ("/missing/deep/", 200, HTML, "<p>root</p>"),
        ("/empty/", 200, HTML, "<p>root</p>"),
        ("/%2e%2e/%2e%2e/etc/passwd", 200, HTML, "<p>root</p>"),
        ("/..%2f..%2fetc/passwd", 200, HTML, "<p>root</p>"),
        ("/a.txt%00", 200, HTML, "<p>root</p>"),
        ("/a.txt/x", 200, HTML, "<p>root</p>"),
        ("/api/unknown", 404, JSON, NOT_FOUND),
    ] {
        let expected = (status, detail.to_owned(), text.to_owned());
        assert_eq!(shown(&app.get(target).send()), expected, "{target}");
    }
}

#[test]
fn without_the_fallback_a_missing_path_is_a_404() {
    let (app, _public) = app(&["--indexFallback=false"]);
    for target in ["/missing", "/empty/", "/missing/deep/"] {
        app.get(target).refused(404, "File not found.");
    }
    assert_eq!(app.get("/sub/").expect(200).text(), "<p>sub</p>");
}

#[test]
fn a_file_is_served_by_date_and_in_parts() {
    let (app, _public) = app(&[]);
    let whole = app.get("/a.txt").expect(200);
    let modified = whole.header("last-modified").expect("a date").to_owned();
    assert_eq!((whole.header("cache-control"), whole.header("etag")), (None, None));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let unchanged = app.get("/a.txt").header("If-Modified-Since", &modified).expect(304);
    assert_eq!((unchanged.text(), unchanged.header("content-type")), (String::new(), None));
    let part = |range: &str| app.get("/a.txt").header("Range", range).send();
    for (range, status, content_range, text) in [
        ("bytes=2-4", 206, Some("bytes 2-4/10"), "234"),
        ("bytes=-3", 206, Some("bytes 7-9/10"), "789"),
        ("bytes=20-", 416, Some("bytes */10"), "invalid range: failed to overlap\n"),
    ] {
        let answer = part(range);
        assert_eq!(
            (answer.status, answer.header("content-range"), answer.text().as_str()),
            (status, content_range, text)
        );
    }
    let several = part("bytes=0-1,3-4").expect(206).text();
    assert!(several.contains("Content-Range: bytes 3-4/10\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n34\r\n"));
    let big = app.get("/big.bin").header("Range", "bytes=100000-299998").expect(206);
    assert_eq!((big.body.len(), big.header("content-range")), (199_999, Some("bytes 100000-299998/300000")));
    for target in ["/a.txt", "/big.bin"] {
        let (get, head) = (app.get(target).send(), app.head(target).send());
        assert_eq!(head.header("content-length"), get.header("content-length"), "{target}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{target}");
        assert_eq!((head.status, head.body.len()), (200, 0), "{target}");
    }
    assert_eq!(app.get("/api/health").ok()["code"], json!(200), "the connection goes on after HEAD");
}
