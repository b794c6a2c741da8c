//! The local sendmail program (contract/20 §4): takes over when SMTP is off.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::send::MailError;

const USUAL_PATHS: [&str; 2] = ["/usr/sbin/sendmail", "/usr/bin/sendmail"];
const NAME: &str = "sendmail";
/// How often a running sendmail is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Where sendmail is, if it is.
pub fn find() -> Option<PathBuf> {
    let usual = USUAL_PATHS.iter().map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::split_paths(&path).map(|folder| folder.join(NAME)).collect::<Vec<_>>();
    usual.chain(named).find(|path| path.is_file())
}

/// Hands a message to sendmail, which reads the recipients out of it. Blocks, at most for `time_max`.
pub fn deliver(program: PathBuf, message: &[u8], time_max: Duration) -> Result<(), MailError> {
    let failed = |error: std::io::Error| MailError::Again(format!("sendmail: {error}"));
    let mut child = Command::new(program)
        .args(["-i", "-t"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let deadline = Instant::now() + time_max;
    // Messages of ours are smaller than a pipe's buffer or read at once; what isn't taken ends with the child.
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(message));
    loop {
        match child.try_wait().map_err(failed)? {
            Some(status) if status.success() => return written.map_err(failed),
            Some(status) => return Err(MailError::Again(format!("sendmail ended with {status}"))),
            None if Instant::now() > deadline => {
                child.kill().and_then(|()| child.wait()).map_err(failed)?;
                return Err(MailError::Again("sendmail took too long".to_owned()));
            }
            None => std::thread::sleep(LOOK_EVERY),
        }
    }
}
