//! What a machine can check of the house's rules (`docs/ARCHITECTURE.md`, `CONTRIBUTING.md`). Each test walks the tree,
//! gathers every breach and names them all with file and line. A reasoned exception is an entry in a table here.

use std::fs;
use std::path::{Path, PathBuf};

/// Who may use whom: a room, and the rooms below it. A room that isn't listed doesn't exist yet.
const ROOMS: &[(&str, &[&str])] = &[
    // Leaves use one another at most.
    ("error", &[]),
    ("clock", &[]),
    ("ids", &[]),
    ("cron", &[]),
    ("crypto", &["error", "ids"]),
    ("formats", &[]),
    ("input", &["ids"]),
    ("mime", &[]),
    ("outbound", &[]),
    ("picker", &["error"]),
    ("windows", &[]),
    // Floors.
    ("store", &[]),
    ("schema", &["store"]),
    ("settings", &["store"]),
    ("storage", &["schema", "settings", "store"]),
    ("query", &["schema", "store"]),
    ("rows", &["query", "storage", "schema", "store"]),
    ("access", &["rows", "query", "schema", "store"]),
    // Features.
    ("auth", FLOORS),
    ("collections", FLOORS),
    ("files", FLOORS),
    ("import", FLOORS),
    ("jobs", FLOORS),
    ("logs", FLOORS),
    ("mail", FLOORS),
    ("realtime", FLOORS),
    ("records", FLOORS),
];

const LEAVES: &[&str] =
    &["clock", "cron", "crypto", "error", "formats", "ids", "input", "mime", "outbound", "picker", "windows"];
const FLOORS: &[&str] = &["store", "settings", "schema", "storage", "query", "rows", "access"];

/// Edges from feature to feature, each with its reason.
const FEATURE_EDGES: &[(&str, &str, &str)] = &[
    ("auth", "mail", "accounts send mails; `mail` knows nothing of them"),
    ("files", "auth", "a file token names the caller of a download"),
];

/// Spellings of one engine, which only `store` and `migrations` may use (a PostgreSQL-compatible engine comes later).
const ENGINE_SPELLINGS: &[&str] = &[
    "rusqlite",
    "json_each",
    "json_extract",
    "json_array_length",
    "PRAGMA",
    "COLLATE NOCASE",
    "sqlite_master",
    "strftime('",
    "randomblob",
    "INSERT OR ",
    "last_insert_rowid",
    "AUTOINCREMENT",
];

/// What never stands in shipped code.
const FORBIDDEN: &[(&str, &str)] = &[
    (".unwrap()", "say why it can't fail: expect(\"…\")"),
    ("println!(", "only `cli` talks to the terminal; the rest uses tracing"),
];

/// What never stands anywhere, tests included.
const FORBIDDEN_EVERYWHERE: &[(&str, &str)] = &[
    ("todo!(", "what isn't real isn't shipped"),
    ("unimplemented!(", "what isn't real isn't shipped"),
    ("dbg!(", "a leftover of a search"),
    ("#[ignore", "a test that doesn't run proves nothing"),
    ("#[allow(", "mend the cause"),
    ("#![allow(", "mend the cause"),
];

/// A file of more lines is split, unless it is one coherent thing and stands in [`LONG_FILES`].
const LINES_MAX: usize = 400;
/// No reason reaches further.
const LINES_LIMIT: usize = 700;
const LONG_FILES: &[(&str, &str)] = &[("src/schema/oauth2/table.rs", "one list of data, an entry a provider")];

/// A room's head is read in one look.
const ROOM_DOC_LINES_MAX: usize = 25;

#[test]
fn rooms_use_only_what_lies_below_them() {
    let mut breaches = Breaches::default();
    for file in sources("src") {
        let room = file.room();
        if ["main", "lib", "app", "cli", "http"].contains(&room) {
            continue;
        }
        let Some((_, below)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            breaches.add(&file, 1, format!("the room {room} isn't in the table of tests/tidy.rs"));
            continue;
        };
        for (line, used) in file.rooms_used() {
            let allowed = used == room
                || below.contains(&used.as_str())
                || (LEAVES.contains(&used.as_str()) && !LEAVES.contains(&room))
                || FEATURE_EDGES.iter().any(|(from, to, _)| *from == room && *to == used);
            if !allowed {
                breaches.add(&file, line, format!("{room} may not use {used}"));
            }
        }
    }
    breaches.assert_none();
}

#[test]
fn only_the_command_line_knows_http_and_only_doors_know_the_app() {
    let mut breaches = Breaches::default();
    for file in sources("src") {
        for (line, used) in file.rooms_used() {
            let allowed = match used.as_str() {
                "http" => ["http", "cli"].contains(&file.room()),
                "cli" => ["cli", "main"].contains(&file.room()),
                "app" => ["app", "http", "cli"].contains(&file.room()),
                _ => true,
            };
            if !allowed {
                breaches.add(&file, line, format!("{} may not use {used}", file.room()));
            }
        }
    }
    breaches.assert_none();
}

#[test]
fn an_engines_spellings_stand_only_in_the_store() {
    let mut breaches = Breaches::default();
    for file in sources("src") {
        if file.room() == "store" {
            continue;
        }
        for (line, text) in file.shipped_code() {
            for spelling in ENGINE_SPELLINGS.iter().filter(|spelling| text.contains(*spelling)) {
                breaches.add(&file, line, format!("{spelling} is the store's to say"));
            }
            // `@rowid` is a word of the query language (contract/04 §10).
            if words(text).any(|(before, word)| word.eq_ignore_ascii_case("rowid") && before != Some('@')) {
                breaches.add(&file, line, "rowid is the store's to say".into());
            }
        }
    }
    breaches.assert_none();
}

#[test]
fn shipped_code_has_no_shortcuts() {
    let mut breaches = Breaches::default();
    for file in sources("src") {
        for (line, text) in file.shipped_code() {
            for (shortcut, why) in FORBIDDEN {
                let excused = *shortcut == "println!(" && file.room() == "cli";
                if text.contains(shortcut) && !excused {
                    breaches.add(&file, line, format!("{shortcut} {why}"));
                }
            }
        }
    }
    breaches.assert_none();
}

#[test]
fn no_code_at_all_has_leftovers() {
    let mut breaches = Breaches::default();
    for file in rust_files() {
        for (line, text) in file.code() {
            for (leftover, why) in FORBIDDEN_EVERYWHERE.iter().filter(|(leftover, _)| text.contains(leftover)) {
                breaches.add(&file, line, format!("{leftover} {why}"));
            }
            if text.contains("#[expect(") && !text.contains("reason = ") {
                breaches.add(&file, line, "an exception needs its reason".into());
            }
        }
    }
    breaches.assert_none();
}

#[test]
fn api_tests_wait_for_conditions_instead_of_sleeping() {
    let mut breaches = Breaches::default();
    for file in sources("tests/api") {
        for (line, _) in file.code().filter(|(_, text)| text.contains("thread::sleep(")) {
            breaches.add(&file, line, "wait for the condition, with a bound".into());
        }
    }
    breaches.assert_none();
}

#[test]
fn files_stay_short() {
    let mut breaches = Breaches::default();
    for file in rust_files() {
        let lines = file.text.lines().count();
        let excused = LONG_FILES.iter().any(|(path, _)| Path::new(path) == file.path);
        if lines > LINES_LIMIT || (lines > LINES_MAX && !excused) {
            breaches.add(&file, lines, format!("{lines} lines: is it one room or several?"));
        }
    }
    for (path, _) in LONG_FILES {
        let lines = fs::read_to_string(root().join(path)).map_or(0, |text| text.lines().count());
        assert!(lines > LINES_MAX, "{path} has {lines} lines and needs no exception any more");
    }
    breaches.assert_none();
}

#[test]
fn every_file_says_what_it_is_for() {
    let mut breaches = Breaches::default();
    for file in rust_files() {
        let doc = file.text.lines().take_while(|line| line.starts_with("//!")).count();
        // A file of unit tests speaks for the file beside it.
        if doc == 0 && !file.path.ends_with("tests.rs") {
            breaches.add(&file, 1, "begins without a module doc".into());
        }
        if file.path.ends_with("mod.rs") && doc > ROOM_DOC_LINES_MAX {
            breaches.add(&file, 1, format!("a head of {doc} lines; {ROOM_DOC_LINES_MAX} at most"));
        }
    }
    breaches.assert_none();
}

#[test]
fn a_release_has_no_faults() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest is there");
    let features = manifest.split("[features]").nth(1).expect("the feature `faults` is declared");
    let features = features.split("\n[").next().unwrap_or_default();
    assert!(features.lines().any(|line| line.starts_with("faults")), "the feature `faults` is declared");
    assert!(!features.lines().any(|line| line.starts_with("default")), "no feature is on by default");
}

#[test]
fn the_project_names_no_machine_and_leaves_no_unfiled_work() {
    let marks = ["TODO", "FIXME", "XXX", "HACK"];
    let machine = ["/work/", "/root/", "/home/"];
    let mut breaches = Breaches::default();
    for file in all_files() {
        for (number, line) in file.text.lines().enumerate() {
            if machine.iter().any(|path| line.contains(path)) {
                breaches.add(&file, number + 1, "a path of one machine".into());
            }
            if words(line).any(|(_, word)| marks.contains(&word)) && !line.contains('#') {
                breaches.add(&file, number + 1, "left to do, without an issue's number".into());
            }
        }
    }
    breaches.assert_none();
}

// ---------------------------------------------------------------- the tree

/// One text file of the project.
struct File {
    /// Relative to the root.
    path: PathBuf,
    text: String,
}

impl File {
    /// The room of a file below `src`: the first part of its path, without `.rs`.
    fn room(&self) -> &str {
        let first = self.path.components().nth(1).expect("a path below src has a second part");
        first.as_os_str().to_str().expect("paths of the project are ASCII").trim_end_matches(".rs")
    }

    /// Lines with their numbers, comments left out.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(number, line)| (number + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// As [`File::code`], without unit tests.
    fn shipped_code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test_file =
            self.path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
        let tests = self.text.lines().position(|line| line == "mod tests {").unwrap_or(usize::MAX);
        self.code().take_while(move |(number, _)| !is_test_file && *number <= tests)
    }

    /// Which rooms the shipped code names by `crate::room`, `crate::{a, b}` included.
    fn rooms_used(&self) -> Vec<(usize, String)> {
        let mut used = Vec::new();
        for (line, text) in self.shipped_code() {
            for after in text.split("crate::").skip(1).filter(|_| !text.contains("$crate::")) {
                let names = after.strip_prefix('{').map_or(after, |list| list.split('}').next().unwrap_or(list));
                let many = after.starts_with('{');
                let firsts = names.split(',').take(if many { usize::MAX } else { 1 });
                used.extend(
                    firsts
                        .map(|name| (line, leading_word(name.trim()).to_owned()))
                        .filter(|(_, name)| name.starts_with(|c: char| c.is_ascii_lowercase())),
                );
            }
            if let Some((_, after)) = text.split_once("monobase::") {
                used.push((line, leading_word(after).to_owned()));
            }
        }
        used
    }
}

/// Every breach of a rule, to be shown at once.
#[derive(Default)]
struct Breaches(Vec<String>);

impl Breaches {
    fn add(&mut self, file: &File, line: usize, what: String) {
        self.0.push(format!("{}:{line}: {what}", file.path.display()));
    }

    #[track_caller]
    fn assert_none(&self) {
        assert!(self.0.is_empty(), "\n{}\n", self.0.join("\n"));
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn each_published_flaw_names_tests_that_exist() {
    let (mut breaches, files) = (Breaches::default(), all_files());
    let page = files.iter().find(|file| file.path == Path::new("docs/reliability.md")).expect("the page is there");
    for (index, line) in page.text.lines().enumerate() {
        let names = line.split('`').skip(1).step_by(2).filter(|name| name.matches('_').count() > 1);
        for name in names.filter(|name| !name.contains(['/', '.', ' '])) {
            let head = format!("fn {name}(");
            if !files.iter().any(|file| is_rust(&file.path) && file.text.contains(&head)) {
                breaches.add(page, index + 1, format!("no test is called {name}"));
            }
        }
    }
    breaches.assert_none();
}

/// The Rust files below a folder.
fn sources(folder: &str) -> Vec<File> {
    all_files().into_iter().filter(|file| file.path.starts_with(folder) && is_rust(&file.path)).collect()
}

/// Every Rust file but this one, whose tables hold all that it looks for.
fn rust_files() -> Vec<File> {
    all_files().into_iter().filter(|file| is_rust(&file.path)).collect()
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// Every text file of the project but this one.
fn all_files() -> Vec<File> {
    let mut files = Vec::new();
    walk(root(), &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn walk(folder: &Path, files: &mut Vec<File>) {
    const LEFT_OUT: &[&str] = &["target", "node_modules", ".git", "pb_data", "corpus", "artifacts", "results", "dist"];
    for entry in fs::read_dir(folder).expect("the project is readable").map(|entry| entry.expect("a readable entry")) {
        let path = entry.path();
        let name = entry.file_name();
        if LEFT_OUT.iter().any(|left_out| name == *left_out) || path == root().join("tests/tidy.rs") {
            continue;
        }
        if path.is_dir() {
            walk(&path, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root()).expect("it was found below the root").to_path_buf();
            files.push(File { path, text });
        }
    }
}

/// The words of a line, each with the character before it.
fn words(line: &str) -> impl Iterator<Item = (Option<char>, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.split(move |c| !is_word(c)).filter(|word| !word.is_empty()).map(move |word| {
        let start = word.as_ptr() as usize - line.as_ptr() as usize;
        (line[..start].chars().next_back(), word)
    })
}

fn leading_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}
