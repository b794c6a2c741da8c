//! Commands, flags, exit codes, start and stop (contract/22).

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Output;

use serde_json::json;
use support::{DataDir, TestApp, run};
use tempfile::TempDir;

/// Exit code, stdout, stderr.
fn shown(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn wrong_use_is_told_on_stderr_with_code_2() {
    let dir = TempDir::new().unwrap();
    let hint = "Run 'monobase --help' for usage.\n";
    for (arguments, error) in [
        (&["nosuch"][..], "unknown command \"nosuch\" for \"monobase\""),
        (&["serve", "--nosuchflag"], "unknown flag: --nosuchflag"),
        (
            &["serve", "--indexFallback=maybe"],
            "invalid value 'maybe' for '--indexFallback[=<BOOL>]': \"maybe\" is neither true nor false",
        ),
    ] {
        let expected = (Some(2), String::new(), format!("Error: {error}\n{hint}"));
        assert_eq!(shown(&run(dir.path(), arguments)), expected, "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let dir = TempDir::new().unwrap();
    let version = format!("monobase version {}\n", env!("CARGO_PKG_VERSION"));
    for flag in ["--version", "-v"] {
        assert_eq!(shown(&run(dir.path(), &[flag])), (Some(0), version.clone(), String::new()), "{flag}");
    }
    for arguments in [&[][..], &["--help"], &["-h"], &["serve", "--help"]] {
        let (code, out, error) = shown(&run(dir.path(), arguments));
        assert_eq!((code, error.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(out.contains("Usage: monobase"), "{arguments:?}: {out}");
    }
}

#[test]
fn a_busy_port_ends_the_start_with_code_1() {
    let dir = DataDir::Base.make();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, out, error) = shown(&run(dir.path(), &["serve", "--http", &address]));
    let expected = format!("Error: listen tcp {address}: bind: address already in use\n");
    assert_eq!((code, out.as_str(), error), (Some(1), "", expected));
}

#[test]
fn the_start_lines_name_the_real_port() {
    let app = TestApp::setup().data(DataDir::Base).start();
    let address = app.address();
    let log = app.server().log();
    let lines: Vec<&str> = log.lines().collect();
    let (stamp, rest) = lines[0].split_at("2006/01/02 15:04:05".len());
    assert!(stamp.bytes().all(|byte| byte.is_ascii_digit() || b"/ :".contains(&byte)), "{stamp}");
    assert_eq!(rest, format!(" Server started at http://{address}"));
    app.server().wait_for_log(&format!("├─ REST API:  http://{address}/api/\n└─ Dashboard: http://{address}/_/\n"));
}

#[test]
fn without_a_superuser_the_start_names_a_link_that_makes_one() {
    let app = TestApp::setup().data(DataDir::Empty).start();
    app.server().wait_for_log("superuser upsert EMAIL PASS)");
    let log = app.server().log();
    let link = log.lines().find_map(|line| line.split_once("/_/#/pbinstall/")).expect("a link");
    assert_eq!(link.0, format!("http://{}", app.address()));
    let me = app.get("/api/_faults/superuser").token(link.1).ok();
    assert_eq!(me, json!({"ok": true}));
    assert_eq!(app.rows("SELECT email FROM _superusers"), [json!(["__pbinstaller@example.com"])]);
}

#[test]
fn with_a_superuser_there_is_no_such_link() {
    let app = TestApp::new();
    app.get("/api/health").expect(200);
    assert!(!app.server().log().contains("pbinstall"), "{}", app.server().log());
}

#[test]
fn a_stop_ends_streams_at_once_and_lets_running_requests_finish() {
    let mut app = TestApp::setup().data(DataDir::Base).start();
    let open = |target: &str| {
        let mut connection = TcpStream::connect(app.address()).unwrap();
        connection.write_all(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
        connection
    };
    let mut stream = open("/api/_faults/stream");
    let mut begin = vec![0; 512];
    let read = stream.read(&mut begin).unwrap();
    assert!(read > 0);
    let idle = TcpStream::connect(app.address()).unwrap();
    let mut slow = open("/api/_faults/slow?ms=2000");
    // The server has read the request before it is told to stop.
    assert_eq!(app.get("/api/_faults/slow?ms=100").ok(), json!({"slept": 100}));
    let (status, log) = app.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"slept":2000}"#), "{answer}");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("last\n"), "{rest}");
    drop(idle);
}

#[test]
fn an_interrupt_stops_like_a_termination() {
    let app = TestApp::setup().data(DataDir::Base).start();
    app.server().signal("INT");
    app.server().wait_for_log("stopping on SIGINT");
}
