//! A big upload and its download pass through: the process doesn't grow with the file. 256 MiB by default,
//! `MONOBASE_UPLOAD_MIB=2048` in `make soak`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use support::TestApp;

const UPLOAD_MIB: u64 = 256;
/// What the process may grow by.
const GROWTH_MIB_MAX: u64 = 32;

#[test]
fn a_big_upload_and_its_download_take_no_memory() {
    let mib = std::env::var("MONOBASE_UPLOAD_MIB").map_or(UPLOAD_MIB, |mib| mib.parse().expect("a number"));
    let app = TestApp::new();
    app.create_open_collection("films", json!([{ "name": "film", "type": "file", "maxSize": 4_u64 << 30 }]));
    let before = reset_peak(&app);
    let film = upload(&app, mib);
    let uploaded = peak_kib(&app).saturating_sub(before) / 1024;
    let before = reset_peak(&app);
    assert_eq!(download(&app, &film), mib << 20);
    let downloaded = peak_kib(&app).saturating_sub(before) / 1024;
    println!("{mib} MiB: the upload raised RSS by {uploaded} MiB, the download by {downloaded} MiB");
    assert!(uploaded < GROWTH_MIB_MAX && downloaded < GROWTH_MIB_MAX);
}

/// Sends a file of so many mebibytes; gives the record.
fn upload(app: &TestApp, mib: u64) -> Value {
    let begin = "--b\r\nContent-Disposition: form-data; name=\"film\"; filename=\"film.bin\"\r\n\r\n";
    let end = "\r\n--b--\r\n";
    let length = (mib << 20) + (begin.len() + end.len()) as u64;
    let mut connection = TcpStream::connect(app.address()).expect("it listens");
    write!(
        connection,
        "POST /api/collections/films/records HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\n\r\n{begin}"
    )
    .expect("it reads");
    let piece = vec![7; 1 << 20];
    for _ in 0..mib {
        connection.write_all(&piece).expect("it reads");
    }
    connection.write_all(end.as_bytes()).expect("it reads");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    serde_json::from_str(body).expect("JSON")
}

/// Gives the number of bytes that came.
fn download(app: &TestApp, film: &Value) -> u64 {
    let part = |key: &str| film[key].as_str().expect("a text").to_owned();
    let mut connection = TcpStream::connect(app.address()).expect("it listens");
    let target = format!("/api/files/films/{}/{}", part("id"), part("film"));
    write!(connection, "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).expect("a head");
        head.extend(byte);
    }
    std::io::copy(&mut connection, &mut std::io::sink()).expect("a body")
}

/// Forgets the peak of the process's memory so far; gives what it holds now, KiB.
fn reset_peak(app: &TestApp) -> u64 {
    fs::write(format!("/proc/{}/clear_refs", app.server().process_id()), "5").expect("our child");
    status_kib(app, "VmRSS:")
}

fn peak_kib(app: &TestApp) -> u64 {
    status_kib(app, "VmHWM:")
}

fn status_kib(app: &TestApp, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", app.server().process_id())).expect("our child");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("the kernel tells");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
