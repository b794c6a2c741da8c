//! A real S3 store (versitygw, which checks signatures) over a temporary folder.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Part, Printed, project};

const HINT: &str = "run `make tools`, which installs versitygw into target/tools/bin (make test does)";
const START_MAX: Duration = Duration::from_secs(20);
const BUCKET: &str = "files";
const ACCESS_KEY: &str = "test-access";
const SECRET_KEY: &str = "test-secret";

/// A running store with one empty bucket.
pub struct S3 {
    port: u16,
    root: TempDir,
    _part: Part,
    /// Held open: it ends when nobody could read what it prints.
    _printed: Printed,
}

impl S3 {
    #[track_caller]
    pub fn start() -> Self {
        let root = TempDir::new().expect("a temporary directory");
        // A bucket of the posix back end is a folder.
        std::fs::create_dir(root.path().join(BUCKET)).expect("the folder is ours");
        let port = free_port();
        let mut command = Command::new(project().join("target/tools/bin/versitygw"));
        command.args([
            "--access",
            ACCESS_KEY,
            "--secret",
            SECRET_KEY,
            "--port",
            &format!("127.0.0.1:{port}"),
            "--quiet",
        ]);
        command.arg("posix").arg(root.path());
        let (mut part, printed) = Part::start(&mut command, HINT);
        let deadline = Instant::now() + START_MAX;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(!part.is_gone(), "versitygw ended: {HINT}");
            assert!(Instant::now() < deadline, "versitygw doesn't listen on {port}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { port, root, _part: part, _printed: printed }
    }

    /// The `s3` part of the settings that keeps files here.
    pub fn settings(&self) -> Value {
        json!({
            "enabled": true, "bucket": BUCKET, "region": "us-east-1", "endpoint": format!("http://127.0.0.1:{}", self.port),
            "accessKey": ACCESS_KEY, "secret": SECRET_KEY, "forcePathStyle": true,
        })
    }

    /// Where the bucket's objects lie.
    pub fn bucket(&self) -> PathBuf {
        self.root.path().join(BUCKET)
    }
}

/// A port that was free a moment ago, for programs that can't choose one themselves.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}
