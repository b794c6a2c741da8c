//! A part's process: started, asked for its first line, killed by its own process id.

use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

pub(super) type Printed = Lines<BufReader<ChildStdout>>;

/// A child that is killed when it is dropped.
pub(super) struct Part(Child);

impl Part {
    /// Starts it; a missing program ends the test with `hint`, which says how to install it. Gives what it prints, too.
    #[track_caller]
    pub fn start(command: &mut Command, hint: &str) -> (Self, Printed) {
        let program = command.get_program().to_owned();
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{program:?} doesn't start ({error}): {hint}"));
        let printed = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        (Self(child), printed)
    }

    /// Whether it has ended by itself.
    pub fn is_gone(&mut self) -> bool {
        self.0.try_wait().expect("the child is ours to wait for").is_some()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The project's root.
pub(super) fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
