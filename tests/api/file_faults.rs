//! Files and what goes wrong with them: stores that are ill, clients that lie or die, crowds, leftovers.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{FromRawFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

use support::parts::{Answering, IllS3};
use support::{TestApp, raw};

use crate::files::{Ground, TEXT, png, text, upload};

const BUSY: &str = "The file storage doesn't answer, please try again.";
const RECORDS: &str = "/api/collections/docs/records";

/// Switches the files of an application to a store that answers so.
fn make_ill(app: &TestApp, answering: Answering) -> IllS3 {
    let store = IllS3::start(answering);
    app.update_settings(serde_json::json!({ "s3": store.settings() }));
    store
}

/// Asserts that nothing of a refused upload is left: no record, no temporary file.
#[track_caller]
fn assert_nothing_stored(app: &TestApp) {
    assert_eq!(app.get(RECORDS).ok()["totalItems"], 0);
    support::wait_until(|| fs::read_dir(app.path(".pb_temp_to_delete")).map_or(0, Iterator::count) == 0);
}

#[test]
fn a_store_that_is_not_there_or_ill_is_told_and_leaves_no_record() {
    let ground = Ground::local();
    let app = &ground.app;
    let record = ground.create(upload("one", "a.txt", TEXT));
    let url = Ground::url(&record, text(&record, "one"));
    app.delete(&format!("{RECORDS}/{}", text(&record, "id"))).expect(204);
    app.update_settings(serde_json::json!({ "s3": {
        "enabled": true, "bucket": "files", "region": "us-east-1", "accessKey": "a", "secret": "s",
        "forcePathStyle": true, "endpoint": "http://127.0.0.1:9", // nothing listens there
    } }));
    let refused = |status: u16, message: &str| {
        let answer = app.post(RECORDS).multipart(upload("one", "a.txt", TEXT)).send();
        assert_eq!(answer.header("retry-after"), Some("5"));
        answer.refused(status, message);
        assert_nothing_stored(app);
    };
    let puts = |store: &IllS3| store.seen().iter().filter(|line| line.starts_with("put")).count();
    refused(503, BUSY);
    let broken = make_ill(app, |_| Some((500, "")));
    refused(503, BUSY);
    assert_eq!(puts(&broken), 3, "a request is tried three times");
    let strict = make_ill(app, |_| Some((403, "")));
    refused(503, "The file storage refused the request.");
    assert_eq!(puts(&strict), 1, "what is refused isn't tried again");
    app.get(&url).expect(404);
}

#[test]
fn a_store_that_hangs_is_given_up() {
    let ground = Ground::local();
    let _store = make_ill(&ground.app, |_| None);
    let answer = ground.app.post(RECORDS).multipart(upload("one", "a.txt", TEXT)).send();
    answer.refused(503, BUSY);
    assert_nothing_stored(&ground.app);
}

#[test]
fn a_download_from_an_ill_store_is_refused_in_the_envelope() {
    let ground = Ground::local();
    let record = ground.create(upload("one", "a.txt", TEXT));
    let url = Ground::url(&record, text(&record, "one"));
    let _store = make_ill(&ground.app, |_| Some((502, "")));
    ground.app.get(&url).refused(503, BUSY);
}

#[test]
fn a_big_file_goes_in_parts_and_comes_back_whole() {
    let [_, ground] = Ground::each();
    let bytes: Vec<u8> =
        (0..20_000_000_u32).flat_map(|number| (number % 251).to_le_bytes().into_iter().take(1)).collect();
    let record = ground.create(upload("one", "big.bin", &bytes));
    let url = Ground::url(&record, text(&record, "one"));
    let served = ground.app.get(&url).expect(200);
    assert!(served.body == bytes, "{} bytes", served.body.len());
    let part = ground.app.get(&url).header("Range", "bytes=16777210-16777225").expect(206);
    assert_eq!(part.body, &bytes[16_777_210..16_777_226]);
}

#[test]
fn an_upload_in_parts_that_fails_is_given_up() {
    let ground = Ground::local();
    let store = make_ill(&ground.app, |line| {
        Some(match line {
            line if line.starts_with("post") => (
                200,
                "<InitiateMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>files</Bucket>\
                 <Key>k</Key><UploadId>u1</UploadId></InitiateMultipartUploadResult>",
            ),
            line if line.starts_with("delete") => (204, ""),
            _ => (500, ""),
        })
    });
    let big = vec![7; 7 << 20];
    ground.app.post(RECORDS).multipart(upload("one", "big.bin", &big)).send().refused(503, BUSY);
    support::wait_until(|| store.seen().iter().any(|line| line.starts_with("delete") && line.contains("uploadid=u1")));
    assert_nothing_stored(&ground.app);
}

#[test]
fn an_upload_beyond_the_limit_is_cut_off() {
    let ground = Ground::local();
    let address = ground.app.address();
    let head = |rest: &str| {
        format!(
            "POST {RECORDS} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n{rest}\r\n\r\n\
             --b\r\nContent-Disposition: form-data; name=\"one\"; filename=\"a.bin\"\r\n\r\n"
        )
    };
    // Ten gibibytes that are announced.
    let announced = raw(address, head("Content-Length: 10737418240").replace("--b", "").as_bytes()).expect("an answer");
    announced.refused(413, "Request entity too large.");
    // As many that just come.
    let unannounced = head("Transfer-Encoding: chunked");
    let (top, part) = unannounced.split_once("\r\n\r\n").expect("a head and a body");
    let mut connection = TcpStream::connect(address).expect("it listens");
    write!(connection, "{top}\r\n\r\n{:x}\r\n{part}\r\n", part.len()).expect("it reads");
    let chunk = [format!("{:x}\r\n", 1 << 20).as_bytes(), &vec![7; 1 << 20], b"\r\n"].concat();
    let (mut sent, began) = (0_u64, Instant::now());
    while connection.write_all(&chunk).is_ok() {
        sent += 1 << 20;
        assert!(began.elapsed() < Duration::from_secs(30), "{sent} bytes were taken");
    }
    assert_nothing_stored(&ground.app);
    assert_eq!(ground.stored(), [""; 0]);
}

#[test]
fn an_upload_whose_connection_dies_leaves_nothing() {
    for ground in Ground::each() {
        let part = "--b\r\nContent-Disposition: form-data; name=\"one\"; filename=\"a.bin\"\r\n\r\n";
        let mut connection = TcpStream::connect(ground.app.address()).expect("it listens");
        write!(
            connection,
            "POST {RECORDS} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n\
             Content-Length: 9000000\r\n\r\n{part}"
        )
        .expect("it reads");
        connection.write_all(&vec![7; 3_000_000]).expect("it reads");
        support::wait_until(|| fs::read_dir(ground.app.path(".pb_temp_to_delete")).map_or(0, Iterator::count) == 1);
        connection.shutdown(Shutdown::Both).expect("it is open");
        assert_nothing_stored(&ground.app);
        assert_eq!(ground.stored(), [""; 0]);
    }
}

#[test]
fn a_crowd_that_asks_for_a_missing_thumb_has_it_made_once() {
    let ground = Ground::local();
    let record = ground.create(upload("one", "p.png", &png(800, 600)));
    let url = format!("{}?thumb=60x40", Ground::url(&record, text(&record, "one")));
    // A thumb is written through this directory: one file for itself, one for what is known of it.
    let made = Creations::watch(&ground.app.path("storage/.mb_new"));
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| assert_eq!(ground.app.get(&url).expect(200).header("content-type"), Some("image/png")));
        }
    });
    assert_eq!(made.count(), 2);
}

/// Counts the files that are created in a directory.
struct Creations(fs::File);

impl Creations {
    fn watch(dir: &std::path::Path) -> Self {
        let path = std::ffi::CString::new(dir.to_str().expect("a path of ours")).expect("no NUL in it");
        // SAFETY: plain system calls; the descriptor is new and nobody else's.
        let descriptor = unsafe {
            let descriptor = libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC);
            assert!(descriptor >= 0 && libc::inotify_add_watch(descriptor, path.as_ptr(), libc::IN_CREATE) >= 0);
            OwnedFd::from_raw_fd(descriptor)
        };
        Self(descriptor.into())
    }

    fn count(mut self) -> usize {
        // An event is sixteen bytes and the padded name, whose length is the fourth number.
        let mut events = vec![0; 64 * 1024];
        let length = self.0.read(&mut events).unwrap_or(0);
        let (mut at, mut count) = (0, 0);
        while at < length {
            let name = u32::from_ne_bytes(events[at + 12..at + 16].try_into().expect("four bytes"));
            at += 16 + name as usize;
            count += 1;
        }
        count
    }
}

#[test]
fn the_sweep_removes_what_no_row_names_once_it_is_old() {
    let ground = Ground::local();
    let record = ground.create(upload("one", "p.png", &png(20, 10)));
    let name = text(&record, "one");
    ground.app.get(&format!("{}?thumb=60x40", Ground::url(&record, name))).expect(200);
    let place = format!("{}/{}", text(&record, "collectionId"), text(&record, "id"));
    let leave = |path: &str, is_old: bool| {
        let path = ground.app.path("storage").join(path);
        fs::create_dir_all(path.parent().expect("it lies in a directory")).expect("the directory is ours");
        let file = fs::File::create(&path).expect("the directory is ours");
        let age = Duration::from_secs(if is_old { 25 * 3600 } else { 0 });
        file.set_modified(SystemTime::now() - age).expect("a file of ours");
    };
    let kept = ["unknown/r1/old.txt".to_owned(), format!("{place}/young.txt"), format!("{place}/{name}")];
    leave(&kept[0], true);
    leave(&kept[1], false);
    leave(&kept[2], true); // the record's own, which is overwritten but not removed
    let orphans = [format!("{place}/old.txt"), format!("{place}/thumbs_old.txt/60x40_old.txt")];
    orphans.iter().for_each(|path| leave(path, true));
    support::move_clock_to_minute_of_day(&ground.app, 3, 40);
    let storage = ground.app.path("storage");
    support::wait_until(|| orphans.iter().all(|path| !storage.join(path).exists()));
    assert!(kept.iter().all(|path| storage.join(path).exists()));
    assert!(storage.join(format!("{place}/thumbs_{name}/60x40_{name}")).exists());
}
