//! A real mail server (npm `smtp-server`) that keeps what it gets.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::process::{Part, Printed, project};

const HINT: &str = "run `npm ci --prefix tests/support` (make test does)";
/// Mail is sent after the answer, by a job.
const ARRIVAL_MAX: Duration = Duration::from_secs(20);

/// How the mail server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Accepts,
    /// Wants the user `user` with the password `secret`.
    WantsLogin,
    /// Takes the connection and says nothing: what a dead relay looks like.
    FallsSilent,
    /// Refuses every recipient for good.
    Refuses,
    /// A server on another machine, as far as the program can tell, that offers STARTTLS.
    OffersStartTls,
    /// The same with TLS from the first byte.
    WantsTls,
    /// The same without any encryption.
    NeverEncrypts,
}

impl Behaviour {
    fn name(self) -> &'static str {
        match self {
            Self::Accepts => "accepts",
            Self::WantsLogin => "wants-login",
            Self::FallsSilent => "falls-silent",
            Self::Refuses => "refuses",
            Self::OffersStartTls => "offers-starttls",
            Self::WantsTls => "wants-tls",
            Self::NeverEncrypts => "never-encrypts",
        }
    }

    /// Where it listens. The program counts 127.0.0.1 as this machine, the rest of the network as elsewhere.
    fn host(self) -> &'static str {
        match self {
            Self::Accepts | Self::WantsLogin | Self::FallsSilent | Self::Refuses => "127.0.0.1",
            Self::OffersStartTls | Self::WantsTls | Self::NeverEncrypts => "127.0.0.2",
        }
    }
}

/// A mail as it arrived.
#[derive(Clone, Debug)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    /// Who signed in; empty without a login.
    pub user: String,
    /// How: `PLAIN` or `LOGIN`.
    pub mechanism: String,
    /// Whether the connection was encrypted by then.
    pub encrypted: bool,
    /// Headers and body, as sent.
    pub message: String,
}

impl Mail {
    /// The first header of this name, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let (head, _) = self.message.split_once("\r\n\r\n")?;
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        unfolded.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    fn from_line(line: &str) -> Self {
        let json: Value = serde_json::from_str(line).expect("the mail server prints a JSON line a mail");
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        let to = json["to"].as_array().map(Vec::as_slice).unwrap_or_default();
        Self {
            from: text("from"),
            to: to.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            user: text("user"),
            mechanism: text("mechanism"),
            encrypted: json["encrypted"] == true,
            message: text("message"),
        }
    }
}

/// A running mail server on a port of its own.
pub struct Smtp {
    behaviour: Behaviour,
    port: u16,
    inbox: Arc<Inbox>,
    _part: Part,
}

#[derive(Default)]
struct Inbox {
    mails: Mutex<Vec<Mail>>,
    grown: Condvar,
}

impl Smtp {
    #[track_caller]
    pub fn start(behaviour: Behaviour) -> Self {
        let script = project().join("tests/support/smtp.mjs");
        let mut command = Command::new("node");
        command.arg(script).args([behaviour.name(), behaviour.host()]);
        let (part, mut printed) = Part::start(&mut command, HINT);
        let first = printed.next().and_then(Result::ok).unwrap_or_else(|| panic!("the mail server ended: {HINT}"));
        let port = first.parse().unwrap_or_else(|_| panic!("not a port: {first:?}"));
        let inbox = Arc::new(Inbox::default());
        fill(Arc::clone(&inbox), printed);
        Self { behaviour, port, inbox, _part: part }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The `smtp` part of the settings that sends mail here.
    pub fn settings(&self) -> Value {
        let is_tls = self.behaviour == Behaviour::WantsTls;
        serde_json::json!({"enabled": true, "host": self.behaviour.host(), "port": self.port, "tls": is_tls})
    }

    /// The certificate of the authority that vouches for the server, for `SSL_CERT_FILE`.
    pub fn authority() -> PathBuf {
        project().join("tests/support/certificates/authority.pem")
    }

    /// Waits for that many mails and gives all that have come.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Mail> {
        let deadline = Instant::now() + ARRIVAL_MAX;
        let mut mails = self.inbox.mails.lock().expect("no holder panics");
        while mails.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} of {count} mails came: {mails:#?}", mails.len());
            mails = self.inbox.grown.wait_timeout(mails, left).expect("no holder panics").0;
        }
        mails.clone()
    }

    /// What has come so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.inbox.mails.lock().expect("no holder panics").clone()
    }
}

/// Reads mails until the server ends.
fn fill(inbox: Arc<Inbox>, printed: Printed) {
    std::thread::spawn(move || {
        for line in printed.map_while(Result::ok) {
            inbox.mails.lock().expect("no holder panics").push(Mail::from_line(&line));
            inbox.grown.notify_all();
        }
    });
}
