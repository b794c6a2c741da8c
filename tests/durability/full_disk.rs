//! A full disk: the write is refused with a clear text, reads go on, writes go on when there is room, nothing is lost.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use support::{DataDir, Multipart, TestApp};
use tempfile::TempDir;

use crate::ledger::{Ledger, create_notes, notes_path};

const FULL: &str = "The disk is full, nothing was saved.";
/// Some pages a note: a few megabytes are soon full.
const TITLE_BYTES: usize = 4000;
const NOTES_MAX: u32 = 5000;

#[test]
fn a_file_that_may_not_grow_refuses_writes_until_it_may() {
    let app = TestApp::new();
    create_notes(&app);
    let mut ledger = Ledger::default();
    limit_file_size(app.server().process_id(), 2 << 20);
    fill(&mut ledger, &app);
    limit_file_size(app.server().process_id(), libc::RLIM_INFINITY);
    go_on(&mut ledger, app);
}

#[test]
fn a_full_file_system_refuses_writes_until_there_is_room() {
    let Some(disk) = SmallDisk::mount() else {
        // Mounting takes root; the other test fills a disk without it.
        return;
    };
    let app = TestApp::setup().data(DataDir::Fresh).on(disk.path()).start();
    create_notes(&app);
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![0; 4 << 20]).unwrap();
    let mut ledger = Ledger::default();
    fill(&mut ledger, &app);
    std::fs::remove_file(ballast).unwrap();
    go_on(&mut ledger, app);
}

#[test]
fn an_upload_for_which_there_is_no_room_is_refused_until_there_is() {
    let app = TestApp::new();
    app.create_open_collection("papers", json!([{"name": "page", "type": "file", "maxSelect": 1}]));
    let upload = || {
        let form = Multipart::new().file("page", "page.txt", "text/plain", vec![b'x'; 3 << 20]);
        app.post("/api/collections/papers/records").multipart(form).send()
    };
    limit_file_size(app.server().process_id(), 2 << 20);
    upload().refused(503, FULL);
    limit_file_size(app.server().process_id(), libc::RLIM_INFINITY);
    let stored = upload().ok();
    let url = format!("/api/files/papers/{}/{}", stored["id"].as_str().unwrap(), stored["page"].as_str().unwrap());
    assert_eq!(app.get(&url).expect(200).body.len(), 3 << 20);
}

#[test]
fn an_upload_that_fills_the_disk_is_refused_and_leaves_nothing() {
    let disk = SmallDisk::mount();
    let app = match &disk {
        Some(disk) => TestApp::setup().data(DataDir::Fresh).on(disk.path()).start(),
        None => {
            let app = TestApp::new();
            limit_file_size(app.server().process_id(), 2 << 20);
            app
        }
    };
    app.create_open_collection("papers", json!([{ "name": "paper", "type": "file", "maxSize": 100 << 20 }]));
    let send = |bytes: usize| {
        let parts = Multipart::new().file("paper", "p.bin", "", vec![7; bytes]);
        app.post("/api/collections/papers/records").multipart(parts).send()
    };
    send(20 << 20).refused(503, FULL);
    assert_eq!(app.get("/api/collections/papers/records").ok()["totalItems"], 0);
    support::wait_until(|| std::fs::read_dir(app.path(".pb_temp_to_delete")).map_or(0, Iterator::count) == 0);
    send(1000).expect(200);
}

/// Writes until the disk is full.
fn fill(ledger: &mut Ledger, app: &TestApp) {
    let title = "x".repeat(TITLE_BYTES);
    for _ in 0..NOTES_MAX {
        if let Err(answer) = ledger.create(app, &title).unwrap() {
            answer.refused(503, FULL);
            return;
        }
    }
    panic!("{NOTES_MAX} notes and the disk isn't full");
}

/// There is room again.
fn go_on(ledger: &mut Ledger, mut app: TestApp) {
    // It was no failed sync: the server is healthy, and has been all the time.
    app.get("/api/health").expect(200);
    app.get(&notes_path()).query("perPage", "5").expect(200);
    let id = ledger.create(&app, "there is room").unwrap().expect("there is room");
    ledger.update(&app, &id).unwrap().expect("there is room");
    ledger.check(app.dir(), 0);
    app.restart();
    ledger.check(app.dir(), 0);
}

/// Bounds the size of the files that a running process writes, bytes.
fn limit_file_size(process_id: u32, bytes: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: a valid limit that outlives the call; the process is our child.
    let limited = unsafe { libc::prlimit(process_id.cast_signed(), libc::RLIMIT_FSIZE, &limit, std::ptr::null_mut()) };
    assert_eq!(limited, 0, "{}", std::io::Error::last_os_error());
}

/// A file system of 8 MiB in memory.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(dir.path()).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the server's directory on it may still be going.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
