//! Texts: what language they are in, and in which charset.

use std::borrow::Cow;

use super::Sniffed;

/// Tags that HTML begins with, as browsers sniff it (WHATWG MIME Sniffing, §7.1).
const HTML_TAGS: [&str; 16] = [
    "<!DOCTYPE HTML",
    "<HTML",
    "<HEAD",
    "<SCRIPT",
    "<IFRAME",
    "<H1",
    "<DIV",
    "<FONT",
    "<TABLE",
    "<A",
    "<STYLE",
    "<TITLE",
    "<B",
    "<BODY",
    "<BR",
    "<P",
];

/// Root element, what must stand in the text too, type, extension. The first row that fits wins.
const XML_KINDS: &[(&str, &str, &str, &str)] = &[
    ("<svg", "", "image/svg+xml", ".svg"),
    ("<rss", "", "application/rss+xml", ".rss"),
    ("<feed", "http://www.w3.org/2005/Atom", "application/atom+xml", ".atom"),
    ("<X3D", "http://www.w3.org/2001/XMLSchema-instance", "model/x3d+xml", ".x3d"),
    ("<kml", "opengis.net/kml/", "application/vnd.google-earth.kml+xml", ".kml"),
    ("<xliff", "urn:oasis:names:tc:xliff:document:", "application/x-xliff+xml", ".xlf"),
    ("<COLLADA", "http://www.collada.org/", "model/vnd.collada+xml", ".dae"),
    ("", "http://www.opengis.net/gml", "application/gml+xml", ".gml"),
    ("<gpx", "http://www.topografix.com/GPX/", "application/gpx+xml", ".gpx"),
    ("<TrainingCenterDatabase", "", "application/vnd.garmin.tcx+xml", ".tcx"),
    ("<amf", "", "application/x-amf", ".amf"),
    ("<model", "/3dmanufacturing/", "application/vnd.ms-package.3dmanufacturing-3dmodel+xml", ".3mf"),
    ("<Ontology", "http://www.w3.org/2002/07/owl#", "application/owl+xml", ".owl"),
    ("<html", "http://www.w3.org/1999/xhtml", "application/xhtml+xml", ".html"),
];

/// The last word of a script's interpreter, type, extension.
const INTERPRETERS: &[(&str, &str, &str)] = &[
    ("node", "text/javascript", ".js"),
    ("nodejs", "text/javascript", ".js"),
    ("python", "text/x-python", ".py"),
    ("perl", "text/x-perl", ".pl"),
    ("lua", "text/x-lua", ".lua"),
    ("tclsh", "text/x-tcl", ".tcl"),
    ("wish", "text/x-tcl", ".tcl"),
    ("ruby", "text/x-ruby", ".rb"),
    ("sh", "text/x-shellscript", ".sh"),
    ("bash", "text/x-shellscript", ".sh"),
    ("dash", "text/x-shellscript", ".sh"),
    ("ksh", "text/x-shellscript", ".sh"),
    ("zsh", "text/x-shellscript", ".sh"),
    ("csh", "text/x-shellscript", ".sh"),
    ("tcsh", "text/x-shellscript", ".sh"),
    ("ash", "text/x-shellscript", ".sh"),
];

/// Headers that a stored mail begins with.
const MAIL_HEADERS: [&str; 12] = [
    "From:",
    "To:",
    "Subject:",
    "Date:",
    "Message-ID:",
    "MIME-Version:",
    "Received:",
    "Return-Path:",
    "Delivered-To:",
    "Reply-To:",
    "Cc:",
    "X-Received:",
];

const GEOJSON_TYPES: [&str; 9] = [
    "Feature",
    "FeatureCollection",
    "Point",
    "LineString",
    "Polygon",
    "MultiPoint",
    "MultiLineString",
    "MultiPolygon",
    "GeometryCollection",
];

/// The kind of text, `None` for bytes that are none. `is_whole`: the head is all there is.
pub(super) fn find(head: &[u8], is_whole: bool) -> Option<Sniffed> {
    if let Some(charset) = charset_of_mark(head) {
        let marked = head.strip_prefix(b"\xef\xbb\xbf");
        return Some(marked.and_then(markup).unwrap_or_else(|| plain(charset)));
    }
    if head.iter().any(|&byte| is_binary(byte)) {
        return None;
    }
    let text = String::from_utf8_lossy(head);
    let told = markup(head)
        .or_else(|| by_beginning(&text))
        .or_else(|| script(&text))
        .or_else(|| json(&text, is_whole))
        .or_else(|| mail(&text))
        .or_else(|| table(&text, is_whole));
    Some(told.unwrap_or_else(|| plain(charset_of(head, is_whole))))
}

fn plain(charset: &str) -> Sniffed {
    match charset {
        "" => Sniffed::of("text/plain", ".txt"),
        "utf-8" => Sniffed::of("text/plain; charset=utf-8", ".txt"),
        other => Sniffed { name: format!("text/plain; charset={other}").into(), extension: ".txt" },
    }
}

/// Bytes that no text has (WHATWG MIME Sniffing, §7.2).
fn is_binary(byte: u8) -> bool {
    matches!(byte, 0x00..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f)
}

fn charset_of_mark(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xef, 0xbb, 0xbf, ..] => Some("utf-8"),
        [0xff, 0xfe, 0, 0, ..] => Some("utf-32le"),
        [0, 0, 0xfe, 0xff, ..] => Some("utf-32be"),
        [0xff, 0xfe, ..] => Some("utf-16le"),
        [0xfe, 0xff, ..] => Some("utf-16be"),
        _ => None,
    }
}

/// The charset of a text without a mark; `""` when there is nothing to tell it from.
fn charset_of(head: &[u8], is_whole: bool) -> &'static str {
    if head.is_empty() || head.contains(&0x7f) {
        return "";
    }
    match std::str::from_utf8(head) {
        Ok(_) => "utf-8",
        // The head may end within a character.
        Err(error) if !is_whole && error.error_len().is_none() => "utf-8",
        Err(_) if head.iter().any(|byte| matches!(byte, 0x80..=0x9f)) => "windows-1252",
        Err(_) => "iso-8859-1",
    }
}

fn markup(head: &[u8]) -> Option<Sniffed> {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
    if text.starts_with("<svg") {
        return Some(Sniffed::of("image/svg+xml", ".svg"));
    }
    if text.starts_with("<?xml") {
        return Some(xml(text));
    }
    is_html(text).then(|| {
        let charset = html_charset(text).unwrap_or(Cow::Borrowed("utf-8"));
        Sniffed { name: format!("text/html; charset={charset}").into(), extension: ".html" }
    })
}

fn is_html(text: &str) -> bool {
    let begins = |tag: &&str| {
        let ends_tag = text.as_bytes().get(tag.len()).is_some_and(|byte| matches!(byte, b' ' | b'>'));
        ends_tag && text.get(..tag.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(tag))
    };
    text.starts_with("<!--") || HTML_TAGS.iter().any(begins)
}

/// What `<meta charset=…>` or its older form says.
fn html_charset(text: &str) -> Option<Cow<'_, str>> {
    let lower = text.to_ascii_lowercase();
    let meta = lower.find("<meta")?;
    let at = meta + lower[meta..].find("charset=")? + "charset=".len();
    let value = text.get(at..)?.trim_start_matches(['"', '\'']);
    let end = value.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:.".contains(c)).unwrap_or(value.len());
    (end > 0).then(|| Cow::Borrowed(&value[..end]))
}

fn xml(text: &str) -> Sniffed {
    let fits =
        |(root, word, ..): &&(&str, &str, &'static str, &'static str)| text.contains(root) && text.contains(word);
    if let Some((_, _, name, extension)) = XML_KINDS.iter().find(fits) {
        return Sniffed::of(name, extension);
    }
    let declaration = text.split("?>").next().unwrap_or_default();
    let encoding = declaration.split_once("encoding=").map(|(_, value)| value.trim_start_matches(['"', '\'']));
    let encoding = encoding.and_then(|value| value.split(['"', '\'']).next()).filter(|name| !name.is_empty());
    Sniffed { name: format!("text/xml; charset={}", encoding.unwrap_or("utf-8")).into(), extension: ".xml" }
}

fn by_beginning(text: &str) -> Option<Sniffed> {
    let begins_line =
        |word: &str| text.strip_prefix(word).is_some_and(|rest| rest.starts_with('\n') || rest.starts_with("\r\n"));
    if ["<?php", "<?=", "<?\n", "<?\r", "<? "].iter().any(|tag| text.starts_with(tag)) {
        return Some(Sniffed::of("text/x-php", ".php"));
    }
    if begins_line("BEGIN:VCARD") {
        return Some(Sniffed::of("text/vcard", ".vcf"));
    }
    if begins_line("BEGIN:VCALENDAR") {
        return Some(Sniffed::of("text/calendar", ".ics"));
    }
    let captions =
        text.strip_prefix("WEBVTT").is_some_and(|rest| rest.is_empty() || rest.starts_with(['\n', '\r', ' ', '\t']));
    if captions {
        return Some(Sniffed::of("text/vtt", ".vtt"));
    }
    let mut lines = text.lines();
    let is_subtitle = lines.next() == Some("1") && lines.next().is_some_and(|line| line.contains(" --> "));
    is_subtitle.then(|| Sniffed::of("application/x-subrip", ".srt"))
}

fn script(text: &str) -> Option<Sniffed> {
    let line = text.strip_prefix("#!")?.lines().next()?;
    let mut words = line.split_ascii_whitespace();
    let program = words.next()?.rsplit('/').next()?;
    let program = if program == "env" { words.find(|word| !word.starts_with('-'))? } else { program };
    let bare = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let found = INTERPRETERS.iter().find(|(name, ..)| *name == bare);
    found.map(|(_, name, extension)| Sniffed::of(name, extension))
}

fn json(text: &str, is_whole: bool) -> Option<Sniffed> {
    let trimmed = text.trim_matches([' ', '\t', '\n', '\r']);
    if !trimmed.starts_with(['{', '[']) {
        return None;
    }
    match serde_json::from_str::<serde_json::Value>(trimmed) {
        Ok(value) => Some(json_kind(&value)),
        // Cut off, but right so far.
        Err(error) if !is_whole && error.is_eof() => Some(Sniffed::of("application/json", ".json")),
        Err(_) => is_json_lines(trimmed, is_whole).then(|| Sniffed::of("application/x-ndjson", ".ndjson")),
    }
}

fn json_kind(value: &serde_json::Value) -> Sniffed {
    let kind = value.get("type").and_then(serde_json::Value::as_str).unwrap_or_default();
    if GEOJSON_TYPES.contains(&kind) {
        return Sniffed::of("application/geo+json", ".geojson");
    }
    let log = value.get("log");
    if log.is_some_and(|log| ["version", "creator", "entries"].iter().any(|key| log.get(key).is_some())) {
        return Sniffed::of("application/json", ".har");
    }
    match value.pointer("/asset/version").and_then(serde_json::Value::as_str) {
        Some("1.0" | "2.0") => Sniffed::of("model/gltf+json", ".gltf"),
        _ => Sniffed::of("application/json", ".json"),
    }
}

/// Two or more lines, each a JSON value; of a text that goes on, the last line may be cut off.
fn is_json_lines(text: &str, is_whole: bool) -> bool {
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if !is_whole {
        lines.pop();
    }
    lines.len() >= 2 && lines.iter().all(|line| serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok())
}

fn mail(text: &str) -> Option<Sniffed> {
    let begins = |header: &&str| text.get(..header.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(header));
    MAIL_HEADERS.iter().any(begins).then(|| Sniffed::of("message/rfc822", ".eml"))
}

/// Two or more lines of equally many columns, two at least.
fn table(text: &str, is_whole: bool) -> Option<Sniffed> {
    let is_table = |separator: char| {
        let mut counts = column_counts(text, separator);
        if !is_whole {
            counts.pop();
        }
        counts.len() >= 2 && counts[0] >= 2 && counts.iter().all(|count| *count == counts[0])
    };
    if is_table(',') {
        return Some(Sniffed::of("text/csv", ".csv"));
    }
    is_table('\t').then(|| Sniffed::of("text/tab-separated-values", ".tsv"))
}

/// The number of columns in each line that isn't empty; separators and line ends in quotes don't count.
fn column_counts(text: &str, separator: char) -> Vec<usize> {
    let mut counts = Vec::new();
    let (mut columns, mut is_quoted, mut is_empty) = (1, false, true);
    for c in text.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            '\n' if !is_quoted => {
                if !is_empty {
                    counts.push(columns);
                }
                (columns, is_empty) = (1, true);
                continue;
            }
            c if c == separator && !is_quoted => columns += 1,
            _ => {}
        }
        is_empty = is_empty && c == '\r';
    }
    if !is_empty {
        counts.push(columns);
    }
    counts
}
