//! Other names of types, which a field's list of allowed types may use.

/// Type and what it is called too.
const ALIASES: &[(&str, &[&str])] = &[
    ("application/fits", &["image/fits"]),
    (
        "application/gzip",
        &[
            "application/x-gzip",
            "application/x-gunzip",
            "application/gzipped",
            "application/gzip-compressed",
            "application/x-gzip-compressed",
            "gzip/document",
        ],
    ),
    ("application/java-archive", &["application/jar", "application/jar-archive", "application/x-java-archive"]),
    ("application/ogg", &["application/x-ogg"]),
    ("application/pdf", &["application/x-pdf"]),
    ("application/vnd.apple.mpegurl", &["application/x-mpegurl", "audio/mpegurl"]),
    ("application/vnd.oasis.opendocument.presentation", &["application/x-vnd.oasis.opendocument.presentation"]),
    ("application/vnd.oasis.opendocument.spreadsheet", &["application/x-vnd.oasis.opendocument.spreadsheet"]),
    ("application/vnd.oasis.opendocument.text", &["application/x-vnd.oasis.opendocument.text"]),
    ("application/vnd.sqlite3", &["application/x-sqlite3"]),
    ("application/x-rar-compressed", &["application/x-rar"]),
    ("application/x-subrip", &["application/x-srt", "text/x-srt"]),
    ("application/zip", &["application/x-zip", "application/x-zip-compressed"]),
    ("audio/aiff", &["audio/x-aiff"]),
    ("audio/amr", &["audio/amr-nb"]),
    ("audio/midi", &["audio/mid", "audio/sp-midi", "audio/x-mid", "audio/x-midi"]),
    ("audio/mp4", &["audio/x-mp4a"]),
    ("audio/mpeg", &["audio/mp3", "audio/x-mpeg"]),
    ("audio/wav", &["audio/vnd.wave", "audio/wave", "audio/x-wav"]),
    ("image/bmp", &["image/x-bmp", "image/x-ms-bmp"]),
    ("image/vnd.adobe.photoshop", &["application/photoshop", "image/x-psd"]),
    ("image/vnd.dwg", &["application/acad", "image/x-dwg"]),
    ("text/javascript", &["application/javascript", "application/x-javascript"]),
    ("text/rtf", &["application/rtf"]),
    ("text/x-python", &["application/x-python", "text/x-script.python"]),
    ("text/x-shellscript", &["application/x-sh", "application/x-shellscript", "text/x-sh"]),
    ("text/x-tcl", &["application/x-tcl"]),
    ("text/xml", &["application/xml"]),
    ("video/3gpp", &["audio/3gpp", "video/3gp"]),
    ("video/webm", &["audio/webm"]),
    ("video/x-ms-asf", &["video/asf", "video/x-ms-wmv"]),
    ("video/x-msvideo", &["video/avi", "video/msvideo"]),
];

/// Whether `listed`, an entry of a field's `mimeTypes`, names the type `sniffed`: parameters and case don't matter,
/// aliases count, parents don't (an SVG is no `text/plain`).
pub fn is_same_type(sniffed: &str, listed: &str) -> bool {
    let (sniffed, listed) = (bare(sniffed), bare(listed));
    if sniffed.eq_ignore_ascii_case(listed) {
        return true;
    }
    let aliases = ALIASES.iter().find(|(name, _)| name.eq_ignore_ascii_case(sniffed)).map(|(_, aliases)| *aliases);
    aliases.unwrap_or_default().iter().any(|alias| alias.eq_ignore_ascii_case(listed))
}

fn bare(name: &str) -> &str {
    name.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_case_and_aliases() {
        for (sniffed, listed, same) in [
            ("text/html; charset=utf-8", "text/html", true),
            ("text/html; charset=utf-8", "TEXT/HTML", true),
            ("text/html; charset=utf-8", "text/html; charset=x", true),
            ("audio/mpeg", "audio/mp3", true),
            ("text/xml; charset=utf-8", "application/xml", true),
            ("image/svg+xml", "text/plain", false),
            ("image/svg+xml", "text/xml", false),
            ("image/jpeg", "image/jpg", false),
            ("text/plain; charset=utf-8", "text/*", false),
            ("application/zip", "", false),
        ] {
            assert_eq!(is_same_type(sniffed, listed), same, "{sniffed} under {listed}");
        }
    }
}
