//! Directories that this user may not write (contract 01, 22): one clear line, code 1, nothing changed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::{DataDir, binary};

/// `nobody` of every Debian.
const OTHER_USER: &str = "65534";

/// Runs the program as a user without rights. Root may write everywhere, so a root's child gives its rights up; its copy
/// of the program lies where that user can reach it, which a home folder with the sources may not be.
fn run_without_rights(program: &Path, arguments: &[&str]) -> Output {
    let is_root = fs::metadata("/proc/self").map(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0);
    let mut command = if is_root.expect("Linux has /proc") {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", OTHER_USER, "--regid", OTHER_USER, "--clear-groups", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.args(arguments).stdin(Stdio::null()).output().expect("setpriv belongs to util-linux, which Debian has")
}

/// Every file below `dir` with its bytes.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        }
        let bytes = if path.is_dir() { Vec::new() } else { fs::read(&path).unwrap() };
        found.insert(path, bytes);
    }
    found
}

fn set_rights(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_directory_that_cannot_be_written_is_refused_and_left_alone() {
    let programs = tempfile::tempdir().unwrap();
    set_rights(programs.path(), 0o755);
    let program = programs.path().join("monobase");
    fs::copy(binary(), &program).unwrap();
    let dir = DataDir::Fresh.make();
    for path in contents(dir.path()).keys() {
        set_rights(path, if path.is_dir() { 0o555 } else { 0o444 });
    }
    set_rights(dir.path(), 0o555);
    let before = contents(dir.path());

    let missing = dir.path().join("missing");
    for (served, wrong) in [(dir.path(), dir.path()), (&missing, &missing)] {
        let served = served.to_str().unwrap();
        for command in [
            vec!["serve", "--http", "127.0.0.1:0", "--dir", served],
            vec!["superuser", "upsert", "a@example.com", "a-good-password", "--dir", served],
        ] {
            let output = run_without_rights(&program, &command);
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{command:?}: {told}");
            let start = format!("Error: {} can't be written (", wrong.display());
            assert!(told.starts_with(&start), "{command:?}: {told}");
            assert!(told.contains("give this user write permission"), "{command:?}: {told}");
            assert_eq!(told.trim_end().lines().count(), 1, "{command:?}: {told}");
        }
    }
    assert_eq!(contents(dir.path()), before, "a refused directory changed");
    set_rights(dir.path(), 0o755);
}
