//! The binary as a child process: started, waited for, stopped or killed by its own process id.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A debug build on a machine full of tests may take its time; a start that hangs is found all the same.
const START_MAX: Duration = Duration::from_secs(60);
/// More than the ten seconds that the program gives running requests.
const STOP_MAX: Duration = Duration::from_secs(30);
const LISTENING: &str = "Server started at http://";

/// The program under test. Cargo builds it before the tests and puts it two folders above them.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("MONOBASE_TEST_BINARY") {
        return PathBuf::from(path);
    }
    target_dir().join(format!("monobase{}", std::env::consts::EXE_SUFFIX))
}

/// The folder of this profile, `target/debug` mostly.
pub(crate) fn target_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    test.ancestors().nth(2).expect("tests are built into target/<profile>/deps").to_path_buf()
}

/// Runs a command of the program to its end: `run(dir, &["superuser", "upsert", …])`.
pub fn run(dir: &Path, arguments: &[&str]) -> Output {
    command(dir, arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{} doesn't start: {error}", binary().display()))
}

fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).arg("--dir").arg(dir).env("MONOBASE_FAULT_RETRY", "1");
    // The static files' default folder lies beside the executable, which all tests share: give each its own.
    if !arguments.contains(&"--publicDir") {
        command.arg("--publicDir").arg(dir.join("no_public_dir"));
    }
    command
}

/// A running `serve`.
pub struct Server {
    child: Child,
    address: SocketAddr,
    log: Arc<Log>,
    readers: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts `serve` on a free port and waits until it listens; the error is what it printed instead.
    pub fn start(dir: &Path, flags: &[String], environment: &[(String, String)]) -> Result<Self, String> {
        let mut arguments = vec!["serve", "--http", "127.0.0.1:0"];
        arguments.extend(flags.iter().map(String::as_str));
        let mut child = command(dir, &arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} doesn't start: {error}", binary().display()))?;
        let log = Arc::new(Log::default());
        let readers = vec![
            log.follow(child.stdout.take().expect("stdout is piped")),
            log.follow(child.stderr.take().expect("stderr is piped")),
        ];
        match log.wait_for_address(&mut child) {
            Some(address) => Ok(Self { child, address, log, readers }),
            None => {
                // Dead or hung: either way nobody needs it any more.
                let _ = child.kill();
                let status = child.wait();
                readers.into_iter().for_each(|reader| reader.join().expect("a log reader doesn't panic"));
                Err(format!("serve didn't come up ({status:?}); it printed:\n{}", log.text()))
            }
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// What it printed so far, both streams.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until it printed `text`; panics after a while.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        let found = self.log.wait(Instant::now() + STOP_MAX, |log| log.contains(text).then_some(()));
        assert!(found.is_some(), "never printed {text:?}; the log:\n{}", self.log());
    }

    /// SIGKILL: what a power cut leaves, but for the disk's own cache.
    pub fn kill(mut self) {
        self.end();
    }

    /// SIGTERM, then waits: the orderly stop. Gives the exit status and everything that was printed.
    #[track_caller]
    pub fn stop(mut self) -> (ExitStatus, String) {
        self.signal("TERM");
        let deadline = Instant::now() + STOP_MAX;
        let status = loop {
            match self.child.try_wait().expect("the child is ours to wait for") {
                Some(status) => break status,
                None if Instant::now() > deadline => panic!("still there after SIGTERM; the log:\n{}", self.log()),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        self.end();
        (status, self.log())
    }

    /// Sends a signal by name (`TERM`, `INT`, `STOP`, `CONT`) to this process alone.
    pub fn signal(&self, name: &str) {
        // The shell has `kill` built in; a machine may lack the program.
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.process_id())]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{name} failed");
    }

    fn end(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            eprintln!("--- what the server printed\n{}---", self.log.text());
        }
    }
}

/// Lines of both streams in the order of their arrival.
#[derive(Default)]
struct Log {
    text: Mutex<String>,
    grown: Condvar,
}

impl Log {
    fn follow(self: &Arc<Self>, stream: impl Read + Send + 'static) -> JoinHandle<()> {
        let log = Arc::clone(self);
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stream);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                log.text.lock().expect("no holder panics").push_str(&String::from_utf8_lossy(&line));
                log.grown.notify_all();
                line.clear();
            }
            log.grown.notify_all();
        })
    }

    fn text(&self) -> String {
        self.text.lock().expect("no holder panics").clone()
    }

    /// The first `Some` that `look` gives of the text, until the deadline.
    fn wait<T>(&self, deadline: Instant, look: impl Fn(&str) -> Option<T>) -> Option<T> {
        let mut text = self.text.lock().expect("no holder panics");
        loop {
            if let Some(found) = look(&text) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            text = self.grown.wait_timeout(text, left).expect("no holder panics").0;
        }
    }

    /// The address of the start line; `None` when the process ended or took too long.
    fn wait_for_address(&self, child: &mut Child) -> Option<SocketAddr> {
        let deadline = Instant::now() + START_MAX;
        while Instant::now() < deadline {
            let soon = Instant::now() + Duration::from_millis(200);
            if let Some(address) = self.wait(soon, address_in) {
                return address.to_socket_addrs().ok()?.next();
            }
            if child.try_wait().expect("the child is ours to wait for").is_some() {
                return None;
            }
        }
        None
    }
}

fn address_in(log: &str) -> Option<String> {
    let (_, after) = log.split_once(LISTENING)?;
    let (line, _) = after.split_once('\n')?;
    Some(line.chars().take_while(|c| c.is_ascii_alphanumeric() || ".:-[]".contains(*c)).collect())
}
