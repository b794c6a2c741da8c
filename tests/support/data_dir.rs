//! Data directories to start from: one with a superuser and nothing else, made once per build of the program, and the
//! copy of a PocketBase directory in `tests/data/base`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::process::{binary, run, target_dir};
use crate::{PASSWORD, SUPERUSER_EMAIL};

/// What a data directory holds at first.
#[derive(Clone, Debug)]
pub enum DataDir {
    /// Nothing: the program makes it.
    Empty,
    /// A fresh directory and one superuser, [`SUPERUSER_EMAIL`].
    Fresh,
    /// A copy of the directory that a PocketBase left (`tests/data/base`).
    Base,
    /// A copy of some other directory.
    CopyOf(PathBuf),
}

impl DataDir {
    /// Makes it, as a temporary directory of its own.
    pub fn make(&self) -> TempDir {
        self.make_in(&std::env::temp_dir())
    }

    pub(crate) fn make_in(&self, folder: &Path) -> TempDir {
        let dir = tempfile::Builder::new().prefix("monobase-test-").tempdir_in(folder).expect("a temporary directory");
        match self {
            DataDir::Empty => {}
            DataDir::Fresh => copy(fresh(), dir.path()),
            DataDir::Base => copy(&base_dir(), dir.path()),
            DataDir::CopyOf(source) => copy(source, dir.path()),
        }
        dir
    }
}

/// The PocketBase directory that tests copy. Never started on itself.
pub fn base_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/base")
}

/// A fresh directory with its superuser costs a password hash and some commits; so it is made once for each build of
/// the program and copied from then on.
fn fresh() -> &'static Path {
    static FRESH: OnceLock<PathBuf> = OnceLock::new();
    FRESH.get_or_init(|| {
        let built = fs::metadata(binary()).and_then(|meta| meta.modified()).expect("the program is built before tests");
        let stamp = built.duration_since(std::time::UNIX_EPOCH).expect("files are younger than 1970").as_nanos();
        let templates = target_dir().join("test-dirs");
        let wanted = templates.join(format!("fresh-{stamp}"));
        if !wanted.exists() {
            make_fresh(&templates, &wanted);
        }
        wanted
    })
}

fn make_fresh(templates: &Path, wanted: &Path) {
    fs::create_dir_all(templates).expect("target is ours to write");
    let half = TempDir::new_in(templates).expect("target is ours to write");
    let made = run(half.path(), &["superuser", "upsert", SUPERUSER_EMAIL, PASSWORD]);
    assert!(made.status.success(), "superuser upsert: {}\n{}", made.status, String::from_utf8_lossy(&made.stderr));
    // Another test process may have been faster: then its directory is as good.
    let _ = fs::rename(half.path(), wanted);
    assert!(wanted.exists(), "{} is neither ours nor anybody's", wanted.display());
}

/// Copies files and folders; the copy is writable whatever the source was.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the copy's folder");
    for entry in fs::read_dir(from).expect("a readable folder") {
        let entry = entry.expect("a readable entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            let bytes = fs::read(entry.path()).expect("a readable file");
            fs::write(target, bytes).expect("a writable copy");
        }
    }
}
