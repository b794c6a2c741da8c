//! The type of a file by its name, or else by its first bytes.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use file_format::FileFormat;

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
/// How much of a file tells what it is.
const HEAD_BYTES: u64 = 512;

/// By the extension, lower-cased. Text types carry their charset (contract/22 §2).
pub fn by_extension(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match extension.as_str() {
        "html" | "htm" => HTML,
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "txt" | "text" | "log" => PLAIN_TEXT,
        "md" => "text/markdown; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "xml" => "text/xml; charset=utf-8",
        "ics" => "text/calendar; charset=utf-8",
        "vcf" => "text/vcard; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "tar" => "application/x-tar",
        "xhtml" => "application/xhtml+xml",
        "rss" => "application/rss+xml",
        "atom" => "application/atom+xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/vnd.microsoft.icon",
        "bmp" => "image/bmp",
        "tif" | "tiff" => "image/tiff",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "mp3" => "audio/mpeg",
        "ogg" | "oga" => "audio/ogg",
        "wav" => "audio/wav",
        "m4a" => "audio/mp4",
        "flac" => "audio/flac",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        _ => return None,
    })
}

/// By the first bytes; leaves the file at its beginning.
pub fn sniff(file: &mut File) -> io::Result<Cow<'static, str>> {
    let mut head = Vec::new();
    file.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(of_bytes(&head))
}

fn of_bytes(head: &[u8]) -> Cow<'static, str> {
    let begin = head.trim_ascii_start();
    let begins_with = |tag: &[u8]| begin.len() >= tag.len() && begin[..tag.len()].eq_ignore_ascii_case(tag);
    if begins_with(b"<!doctype html") || begins_with(b"<html") {
        return HTML.into();
    }
    if is_text(head) {
        return PLAIN_TEXT.into();
    }
    match FileFormat::from_bytes(head) {
        FileFormat::Empty => PLAIN_TEXT.into(),
        format => format.media_type().to_owned().into(),
    }
}

/// Whether these bytes are text in UTF-8, perhaps cut in a character.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    valid && !head.iter().any(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_known_extension_is_told_by_its_bytes() {
        for (bytes, expected) in [
            (&b""[..], PLAIN_TEXT),
            (b"plain\n", PLAIN_TEXT),
            (b"  <!DOCTYPE html><p>", HTML),
            (b"caf\xc3", PLAIN_TEXT),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "image/png"),
            (b"\0\x01\x02", "application/octet-stream"),
        ] {
            assert_eq!(of_bytes(bytes), expected, "{bytes:?}");
        }
    }
}
