//! JavaScript beside a data directory, which isn't run: hooks and migrations.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Finding;

/// What a hook file calls to bind itself, beside `on…` (contract/23).
const BINDINGS: [&str; 4] = ["routerAdd", "routerUse", "cronAdd", "cronRemove"];

/// Every binding in the files `*.pb.js`.
pub fn hooks(dir: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in files(dir, ".pb.js")? {
        let text = read(&path)?;
        let bound = (1..).zip(text.lines()).filter_map(|(line, text)| Some((line, binding(text)?)));
        let mut bound: Vec<(usize, &str)> = bound.collect();
        if bound.is_empty() {
            bound.push((1, "the file"));
        }
        findings.extend(bound.into_iter().map(|(line, name)| Finding {
            place: format!("{}:{line}", path.display()),
            what: format!("{name}: JavaScript hooks don't run"),
        }));
    }
    Ok(findings)
}

/// The migrations that were never run. What the others did stands in the database.
pub fn migrations(dir: &Path, applied: &[String]) -> anyhow::Result<Vec<Finding>> {
    let paths = files(dir, ".js")?;
    let is_open = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !applied.iter().any(|file| *file == name)
    };
    let open = paths.into_iter().filter(is_open).map(|path| {
        let text = read(&path)?;
        let line = text.lines().position(|line| line.trim_start().starts_with("migrate(")).map_or(1, |line| line + 1);
        Ok(Finding {
            place: format!("{}:{line}", path.display()),
            what: "JavaScript migrations don't run: let PocketBase run it first".to_owned(),
        })
    });
    open.collect()
}

/// The files of a folder whose name ends so, sorted; none if there is no such folder.
fn files(dir: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("{} can't be read", dir.display()))?,
    };
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.with_context(|| format!("{} can't be read", dir.display()))?;
    paths.retain(|path| path.is_file() && path.to_string_lossy().ends_with(ending));
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The function by which a line binds a hook, if it does.
fn binding(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("$app.").unwrap_or(line);
    let (name, _) = line.split_once('(')?;
    let name = name.trim_end();
    let is_event = name.strip_prefix("on").is_some_and(|event| {
        event.starts_with(|c: char| c.is_ascii_uppercase()) && event.chars().all(|c| c.is_ascii_alphanumeric())
    });
    (is_event || BINDINGS.contains(&name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_are_told_from_other_lines() {
        for (line, name) in [
            ("onRecordCreate((e) => {", Some("onRecordCreate")),
            ("  routerAdd(\"GET\", \"/x\", (e) => e.next())", Some("routerAdd")),
            ("cronAdd(\"x\", \"* * * * *\", () => {})", Some("cronAdd")),
            ("// onRecordCreate((e) => {", None),
            ("one(1)", None),
            ("const x = onRecordCreate", None),
        ] {
            assert_eq!(binding(line), name, "{line}");
        }
    }
}
