//! `import`: files of every form into collections, beside a server and without one, whole or in part.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use support::{DataDir, TestApp, binary, run, wait_until};
use tempfile::TempDir;

/// A folder for the files of a test.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// Exit code and both outputs of `import`.
fn import(dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    shown(&run(dir, &[&["import"], arguments].concat()))
}

fn shown(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// An import in the background.
fn start_import(dir: &Path, arguments: &[&str]) -> Child {
    Command::new(binary())
        .arg("import")
        .args(arguments)
        .arg("--dir")
        .arg(dir)
        .env("MONOBASE_FAULT_RETRY", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[track_caller]
fn assert_code(ended: &(Option<i32>, String, String), code: i32, last_line: &str) {
    let (found, out, error) = ended;
    assert_eq!((*found, out.trim_end().lines().last().unwrap_or_default()), (Some(code), last_line), "{out}\n{error}");
}

/// The lines of a report in JSON lines.
fn report(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_file_becomes_a_collection_and_a_running_server_notices() {
    let app = TestApp::new();
    let files = Files::new();
    let file = files.write(
        "our people.csv",
        "name,born,height,active,mail,site,extra,zip\n\
         Zoë,1990-01-02,1.70,true,zoe@example.com,https://example.com/z,\"{\"\"a\"\": [1]}\",01234\n\
         \"Lee, Ann\",,-2,false,,,,99999\n",
    );
    let ended = import(app.dir(), &[&file, "--yes"]);
    assert_code(&ended, 0, "Done: 2 created, 0 updated, 0 refused.");
    assert!(
        ended.1.contains("zip     zip     text    no number: \"01234\" in line 2 has a leading zero"),
        "{}",
        ended.1
    );

    wait_until(|| app.get("/api/collections/our_people").superuser().send().status == 200);
    let collection = app.get("/api/collections/our_people").superuser().ok();
    let kinds: Vec<(&str, &str)> = collection["fields"].as_array().unwrap()[1..]
        .iter()
        .map(|field| (field["name"].as_str().unwrap(), field["type"].as_str().unwrap()))
        .collect();
    let expected = [
        ("name", "text"),
        ("born", "date"),
        ("height", "number"),
        ("active", "bool"),
        ("mail", "email"),
        ("site", "url"),
        ("extra", "json"),
        ("zip", "text"),
    ];
    assert_eq!(kinds, expected);
    let fields = "name,born,height,active,mail,site,extra,zip";
    let list = format!("/api/collections/our_people/records?sort=-height&fields={fields}");
    let items = app.get(&list).superuser().ok()["items"].clone();
    assert_eq!(
        items,
        json!([
            {"name": "Zoë", "born": "1990-01-02 00:00:00.000Z", "height": 1.7, "active": true, "mail": "zoe@example.com",
             "site": "https://example.com/z", "extra": {"a": [1]}, "zip": "01234"},
            {"name": "Lee, Ann", "born": "", "height": -2, "active": false, "mail": "", "site": "", "extra": null,
             "zip": "99999"},
        ])
    );
}

#[test]
fn encodings_delimiters_and_json_lines_are_read() {
    let dir = DataDir::Fresh.make();
    let files = Files::new();
    let utf16: Vec<u8> = "\u{feff}city;n\r\nKraków;1\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let tabs = "city\tn\nSão \"Paulo\t2\n\"Köln\t3\n";
    for (name, content, file_flags) in [
        ("utf16.csv", utf16, &[][..]),
        ("latin1.csv", b"city,n\nM\xfcnchen,4\n".to_vec(), &[]),
        ("tabs.tsv", tabs.as_bytes().to_vec(), &[]),
        ("lines.jsonl", "{\"n\": 5, \"city\": \"Ōsaka\"}\n{\"city\": \"12\"}\n".as_bytes().to_vec(), &[]),
        ("bare.txt", b"Oslo|6\nRome|7\n".to_vec(), &["--format", "csv", "--map", "column1=city", "--map", "column2=n"]),
    ] {
        let file = files.write(name, content);
        let into: &[&str] = if name == "utf16.csv" { &["--name", "places"] } else { &["--into", "places"] };
        let ended = import(dir.path(), &[&[&file, "--yes"], into, file_flags].concat());
        assert_eq!(ended.0, Some(0), "{name}: {}{}", ended.1, ended.2);
    }
    let app = TestApp::setup().data(DataDir::CopyOf(dir.path().to_path_buf())).start();
    assert_eq!(
        app.rows("SELECT city, n FROM places ORDER BY n, city"),
        [
            json!(["12", 0]),
            json!(["Kraków", 1]),
            json!(["São \"Paulo", 2]),
            json!(["\"Köln", 3]),
            json!(["München", 4]),
            json!(["Ōsaka", 5]),
            json!(["Oslo", 6]),
            json!(["Rome", 7]),
        ]
    );
}

/// A collection with a field for each kind of fault.
fn goods() -> Value {
    json!({
        "name": "goods", "type": "base",
        "fields": [
            {"name": "code", "type": "text", "required": true, "max": 20},
            {"name": "made", "type": "date"},
            {"name": "price", "type": "number", "max": 1000},
            {"name": "color", "type": "select", "maxSelect": 1, "values": ["red", "green"]},
            {"name": "data", "type": "json"},
            {"name": "sold", "type": "bool"},
            {"name": "note", "type": "text"},
        ],
        "indexes": ["CREATE UNIQUE INDEX idx_goods_code ON goods (code)"],
    })
}

/// A broken row, the field that is to blame, and the reason.
type Fault = (Vec<u8>, &'static str, &'static str);

fn faults() -> Vec<Fault> {
    let row = |text: &str| text.as_bytes().to_vec();
    vec![
        (row("f1,2024-01-01,1,red,1,true,x,more"), "", "too many columns: 8 instead of 7"),
        (row("f2,2024-01-01,1"), "", "too few columns: 3 instead of 7"),
        (row("f3,2024-02-30,1,red,1,true,x"), "made", "isn't a date"),
        (b"f4,2024-01-01,1,red,1,true,\xff\xfe".to_vec(), "note", "isn't in the encoding of the file"),
        (b"f5,2024-01-01,1,red,1,true,a\0b".to_vec(), "note", "holds a NUL character"),
        (row(&format!("f6,2024-01-01,1,red,1,true,{}", "x".repeat(5 << 20))), "note", "longer than 4 MiB"),
        (row("good7,2024-01-01,1,red,1,true,x"), "code", "Value must be unique."),
        (row("f8,2024-01-01,1.2.3,red,1,true,x"), "price", "isn't a number"),
        (
            row("f9-is-longer-than-20-characters,2024-01-01,1,red,1,true,x"),
            "code",
            "Must be no more than 20 character(s).",
        ),
        (row("f10,2024-01-01,1,blue,1,true,x"), "color", "Invalid value blue."),
        (row("f11,2024-01-01,1,red,1,true,\"never closed"), "", "the quotes don't fit"),
        (row("f12,2024-01-01,1,red,{\"\"a,true,x"), "data", "isn't JSON"),
        (row("f13,2024-01-01,1001,red,1,true,x"), "price", "Must be less or equal than 1000."),
        (row(",2024-01-01,1,red,1,true,x"), "code", "Cannot be blank."),
        (row("f15,2024-01-01,1,red,1,maybe,x"), "sold", "is neither true nor false"),
    ]
}

/// 100 good rows around each broken one. Gives the file's content and the lines of the broken ones.
fn goods_file() -> (Vec<u8>, Vec<u64>) {
    let mut content = b"code,made,price,color,data,sold,note\n".to_vec();
    let (mut line, mut bad_lines) = (2, Vec::new());
    for (number, (fault, _, _)) in faults().into_iter().enumerate() {
        for good in 0..100 {
            let code = number * 100 + good;
            // Some records span two lines.
            let note = if good % 10 == 3 { "\"two\nlines, é\"" } else { "plain é" };
            let row = format!("good{code},2024-01-01,{good}.5,green,\"{{\"\"n\"\": {code}}}\",false,{note}\n");
            line += row.matches('\n').count() as u64;
            content.extend(row.into_bytes());
        }
        bad_lines.push(line);
        content.extend(fault);
        content.push(b'\n');
        line += 1;
    }
    (content, bad_lines)
}

#[test]
fn every_broken_row_is_reported_with_its_line_and_nothing_else_is_lost() {
    let app = TestApp::new();
    app.create_collection(goods());
    let files = Files::new();
    let (content, bad_lines) = goods_file();
    let file = files.write("goods.csv", content);
    let refused = files.path("bad.jsonl");
    let ended = import(app.dir(), &[&file, "--into", "goods", "--yes", "--report", refused.to_str().unwrap()]);
    let count = faults().len();
    let done = format!("Done: {} created, 0 updated, {count} refused.", count * 100);
    assert_eq!(ended.0, Some(3), "{}{}", ended.1, ended.2);
    assert!(ended.1.contains(&done), "{}", ended.1);
    let expected: Vec<Value> =
        bad_lines.iter().zip(faults()).map(|(line, (_, field, reason))| json!([line, field, reason])).collect();
    let found: Vec<Value> =
        report(&refused).iter().map(|entry| json!([entry["line"], entry["field"], entry["reason"]])).collect();
    assert_eq!(found, expected);
    // Each good row is there, once, as it was.
    let rows = app.rows("SELECT code, made, price, color, data, sold, note FROM goods ORDER BY length(code), code");
    assert_eq!(rows.len(), count * 100);
    for (code, row) in rows.iter().enumerate() {
        let good = code % 100;
        let note = if good % 10 == 3 { "two\nlines, é" } else { "plain é" };
        let (price, data) = (good as f64 + 0.5, format!("{{\"n\": {code}}}"));
        assert_eq!(*row, json!([format!("good{code}"), "2024-01-01 00:00:00.000Z", price, "green", data, 0, note]));
    }
}

#[test]
fn strict_keeps_all_rows_or_none() {
    let app = TestApp::new();
    let files = Files::new();
    let many: String = (0..1500).map(|n| format!("{{\"n\": {n}}}\n")).collect();
    let bad = files.write("bad.jsonl", format!("{many}{{\"n\": }}\n"));
    let (code, _, error) = import(app.dir(), &[&bad, "--strict", "--yes", "--name", "numbers"]);
    assert_eq!(code, Some(1));
    let told = "Error: nothing was imported, because of line 1501: \"{\\\"n\\\": }\" no JSON object: ";
    assert!(error.starts_with(told), "{error}");
    assert_eq!(app.rows("SELECT count(*) FROM _collections WHERE name = 'numbers'"), [json!([0])]);
    assert_eq!(app.rows("SELECT count(*) FROM _mb_imports"), [json!([0])]);
    let good = files.write("good.jsonl", many);
    let ended = import(app.dir(), &[&good, "--strict", "--yes", "--name", "numbers"]);
    assert_code(&ended, 0, "Done: 1500 created, 0 updated, 0 refused.");
    assert_eq!(app.rows("SELECT count(*), sum(n) FROM numbers"), [json!([1500, 1_124_250])]);
}

#[test]
fn a_dry_run_reads_everything_and_writes_nothing() {
    let dir = DataDir::Fresh.make();
    let files = Files::new();
    let file = files.write("x.csv", "a,b\n1,2\n3\n");
    let ended = import(dir.path(), &[&file, "--dry-run"]);
    assert_eq!(ended.0, Some(3), "{}{}", ended.1, ended.2);
    assert!(ended.1.contains("Would be: 1 created, 0 updated, 1 refused."), "{}", ended.1);
    let app = TestApp::setup().data(DataDir::CopyOf(dir.path().to_path_buf())).start();
    assert_eq!(app.rows("SELECT count(*) FROM _collections WHERE name = 'x'"), [json!([0])]);
    assert_eq!(app.rows("SELECT count(*) FROM _mb_imports"), [json!([0])]);
}

#[test]
fn a_key_changes_the_records_that_are_there() {
    let app = TestApp::new();
    app.create_collection(goods());
    let old = app.create("goods", json!({"code": "a", "price": 1, "note": "kept"}));
    let files = Files::new();
    let file = files.write("new.csv", "article,price\na,2\nb,3\n,4\n");
    let arguments = [&file, "--into", "goods", "--map", "article=code", "--key", "code", "--yes"];
    let ended = import(app.dir(), &arguments);
    assert_eq!(ended.0, Some(3), "{}{}", ended.1, ended.2);
    assert!(ended.1.contains("Done: 1 created, 1 updated, 1 refused."), "{}", ended.1);
    let rows = app.rows("SELECT code, price, note FROM goods ORDER BY code");
    assert_eq!(rows, [json!(["a", 2, "kept"]), json!(["b", 3, ""])]);
    assert_eq!(app.view("goods", old["id"].as_str().unwrap())["price"], 2);
    // The same once more is noticed, unless it is meant.
    let ended = import(app.dir(), &arguments);
    assert_code(&ended, 3, "This file was imported before; --again imports it once more.");
    let ended = import(app.dir(), &[&arguments[..], &["--again"]].concat());
    assert!(ended.1.contains("Done: 0 created, 2 updated, 1 refused."), "{}", ended.1);
}

#[test]
fn what_cannot_be_done_is_told_in_a_line_and_changes_nothing() {
    let app = TestApp::new();
    app.create_collection(goods());
    let files = Files::new();
    let file = files.write("x.csv", "code,what\na,b\n");
    let json = files.write("x.json", "[]");
    let path = file.clone();
    for (arguments, code, error) in [
        (
            vec![file.as_str()],
            2,
            "nobody is there to say yes: give --yes, or look at the plan first with --dry-run".to_owned(),
        ),
        (
            vec![&file, "--yes", "--into", "goods"],
            1,
            "\"goods\" has no field for the column \"what\": name one by --map what=FIELD, or leave it out by --map what="
                .to_owned(),
        ),
        (vec![&file, "--yes", "--into", "nosuch"], 1, "there is no collection \"nosuch\"".to_owned()),
        (
            vec![&file, "--yes", "--into", "goods", "--map", "what=note", "--key", "note"],
            1,
            "the key \"note\" needs a unique index of its own, or rows couldn't be told apart by it".to_owned(),
        ),
        (
            vec![&file, "--yes", "--name", "goods"],
            1,
            "the collection \"goods\" exists already: fill it by --into goods, or name another one by --name".to_owned(),
        ),
        (
            vec![&json, "--yes"],
            1,
            format!("{json} can't be read: it is one JSON document: give one object a line instead (.jsonl)"),
        ),
        (vec![&path, "--yes", "--map", "x"], 2, "--map takes COLUMN=FIELD".to_owned()),
    ] {
        let ended = import(app.dir(), &arguments);
        assert_eq!((ended.0, ended.2), (Some(code), format!("Error: {error}\n")), "{arguments:?}");
    }
    assert_eq!(app.rows("SELECT count(*) FROM goods"), [json!([0])]);
}

#[test]
fn accounts_are_imported_with_passwords_that_work() {
    let app = TestApp::new();
    let files = Files::new();
    let file = files.write("users.csv", "email,password,name\na@example.com,12345678,Ann\nb@example.com,short,Bob\n");
    let ended = import(app.dir(), &[&file, "--into", "users", "--yes"]);
    assert_eq!(ended.0, Some(3), "{}{}", ended.1, ended.2);
    let entries = report(&files.path("users.csv.refused.jsonl"));
    assert_eq!(
        entries,
        [json!({"line": 3, "field": "password", "value": "", "reason": "Must be at least 8 character(s)."})]
    );
    let body = json!({"identity": "a@example.com", "password": "12345678"});
    let signed_in = app.post("/api/collections/users/auth-with-password").json(body).ok();
    assert_eq!(signed_in["record"]["name"], "Ann");
}

#[test]
fn an_interrupted_import_says_so_and_goes_on() {
    let app = TestApp::new();
    let files = Files::new();
    let rows: String = (0..20_000).map(|n| format!("{n},{}\n", if n % 100 == 7 { "?" } else { "1" })).collect();
    let file = files.write("n.csv", format!("n,one\n{rows}"));
    app.create_collection(json!({"name": "n", "type": "base", "fields": [
        {"name": "n", "type": "number"}, {"name": "one", "type": "number"}]}));
    let arguments = [file.as_str(), "--into", "n", "--yes"];
    let child = start_import(app.dir(), &arguments);
    let done = || app.rows("SELECT coalesce(max(records), 0) FROM _mb_imports")[0][0].as_u64().unwrap();
    wait_until(|| done() > 0);
    let sent = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(sent.success());
    let (code, out, error) = shown(&child.wait_with_output().unwrap());
    assert_eq!(code, Some(130), "{out}{error}");
    assert!(out.contains("Interrupted: ") && out.ends_with("The same command goes on.\n"), "{out}");
    let before = done();
    assert!((1..20_000).contains(&before), "{before}");
    let ended = import(app.dir(), &arguments);
    assert_eq!(ended.0, Some(3), "{}{}", ended.1, ended.2);
    assert!(ended.1.contains(&format!("Goes on behind the {before} rows that are done.")), "{}", ended.1);
    assert_eq!(app.rows("SELECT count(*), count(DISTINCT n) FROM n"), [json!([19_800, 19_800])]);
    let lines: Vec<u64> =
        report(&files.path("n.csv.refused.jsonl")).iter().map(|entry| entry["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, (0..200).map(|n| n * 100 + 9).collect::<Vec<u64>>());
}
