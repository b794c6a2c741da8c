//! Paths with doubled slashes or dot segments are redirected to the cleaned path (contract/00 §1). Encoded dots and
//! slashes are part of a segment and stay.

/// Where to send the client instead, with the query; `None` for a clean path.
pub(super) fn redirect(path: &str, query: &str) -> Option<String> {
    let cleaned = if path == "/_" {
        "/_/".to_owned()
    } else if is_clean(path) {
        return None;
    } else {
        clean(path)
    };
    Some(if query.is_empty() { cleaned } else { format!("{cleaned}?{query}") })
}

/// Whether no segment but the last is empty, and none is `.` or `..`. The quick look: only a `/` before `/` or `.` needs
/// the closer one.
fn is_clean(path: &str) -> bool {
    let bytes = path.as_bytes();
    let suspicious =
        bytes.first() != Some(&b'/') || bytes.windows(2).any(|pair| pair[0] == b'/' && matches!(pair[1], b'/' | b'.'));
    if !suspicious {
        return true;
    }
    let Some(rest) = path.strip_prefix('/') else { return path == "*" };
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if segment == "." || segment == ".." || (segment.is_empty() && !is_last) {
            return false;
        }
    }
    true
}

fn clean(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut cleaned = String::with_capacity(path.len() + 1);
    for segment in &kept {
        cleaned.push('/');
        // A browser reads `/\\` as `//`, which would begin another server's address.
        cleaned.push_str(&segment.replace('\\', "%5C"));
    }
    if cleaned.is_empty() || path.ends_with('/') {
        cleaned.push('/');
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unclean_paths_are_redirected() {
        for (path, query, expected) in [
            ("/", "", None),
            ("/a/b", "x=1", None),
            ("/a/b/", "", None),
            ("/.well-known/a", "", None),
            ("/a/..b/c.", "", None),
            ("/a/%2e%2e/b", "", None),
            ("*", "", None),
            ("//", "", Some("/")),
            ("//a//b", "x=1&y", Some("/a/b?x=1&y")),
            ("/a/./b", "", Some("/a/b")),
            ("/../x", "", Some("/x")),
            ("/a/../../b/", "", Some("/b/")),
            ("/a/..", "", Some("/")),
            ("/a/.", "", Some("/a")),
            ("/_", "", Some("/_/")),
            ("/_/", "", None),
            ("", "", Some("/")),
            ("/.//\\evil.example.com", "", Some("/%5Cevil.example.com")),
        ] {
            assert_eq!(redirect(path, query).as_deref(), expected, "{path}");
        }
    }
}
