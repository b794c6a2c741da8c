//! An S3 store that is ill: it answers what a test says, or nothing. For what the real one can't be made to do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value, json};

/// What it answers to a request line such as `PUT /files/a/b HTTP/1.1`: status and body. `None`: it hangs.
pub type Answering = fn(&str) -> Option<(u16, &'static str)>;

/// Such a store, on a port of its own.
pub struct IllS3 {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl IllS3 {
    pub fn start(answering: Answering) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let (seen, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (lines, stopped) = (seen.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            // Connections are kept to the end: closing one would be an answer.
            let mut open = Vec::new();
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(kept) = stream.try_clone() else { return };
                open.push(kept);
                let lines = lines.clone();
                std::thread::spawn(move || serve(&stream, answering, &lines));
            }
        });
        Self { port, seen, stop, thread: Some(thread) }
    }

    /// The `s3` part of the settings that keeps files there.
    pub fn settings(&self) -> Value {
        json!({
            "enabled": true, "bucket": "files", "region": "us-east-1", "endpoint": format!("http://127.0.0.1:{}", self.port),
            "accessKey": "a", "secret": "s", "forcePathStyle": true,
        })
    }

    /// The request lines so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no holder panics").clone()
    }
}

/// Answers the requests of one connection until it ends.
fn serve(stream: &TcpStream, answering: Answering, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if reader.read_until(b'\n', &mut head).is_ok_and(|count| count == 0) {
                return;
            }
        }
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let is_read = std::io::copy(&mut (&mut reader).take(length.unwrap_or(0)), &mut std::io::sink()).is_ok();
        let line = head.lines().next().unwrap_or_default().to_owned();
        seen.lock().expect("no holder panics").push(line.clone());
        let Some((status, body)) = answering(&line).filter(|_| is_read) else { return };
        let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if (&mut &*stream).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

impl Drop for IllS3 {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread, which then ends with its connections.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
