//! Formats that share a container: what lies inside tells them apart.

use super::Sniffed;

pub(super) fn find(head: &[u8]) -> Option<Sniffed> {
    match head {
        [b'P', b'K', 3, 4, ..] => Some(zip(head)),
        [b'P', b'K', 5, 6, ..] => Some(Sniffed::of("application/zip", ".zip")),
        [b'R', b'I', b'F', b'F', ..] => riff(head.get(8..12)?),
        [b'F', b'O', b'R', b'M', ..] if head.get(8..12) == Some(b"AIFF") => Some(Sniffed::of("audio/aiff", ".aiff")),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Some(matroska(head)),
        [0x7f, b'E', b'L', b'F', ..] => Some(elf(head)),
        // A fat Mach-O begins alike, but counts its parts here, which are few; Java counts its versions from 45 on.
        [0xca, 0xfe, 0xba, 0xbe, _, _, _, version, ..] if *version >= 45 => {
            Some(Sniffed::of("application/x-java-applet", ".class"))
        }
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => media(head.get(8..12)?),
        _ => None,
    }
}

fn riff(kind: &[u8]) -> Option<Sniffed> {
    Some(match kind {
        b"WEBP" => Sniffed::of("image/webp", ".webp"),
        b"WAVE" => Sniffed::of("audio/wav", ".wav"),
        b"AVI " => Sniffed::of("video/x-msvideo", ".avi"),
        b"QLCM" => Sniffed::of("audio/qcelp", ".qcp"),
        _ => return None,
    })
}

/// MP4 and its relatives, by their brand.
fn media(brand: &[u8]) -> Option<Sniffed> {
    Some(match brand {
        b"qt  " | b"moov" => Sniffed::of("video/quicktime", ".mov"),
        b"M4A " => Sniffed::of("audio/x-m4a", ".m4a"),
        b"M4B " | b"F4A " | b"F4B " | b"M4P " | b"MSNV" | b"NDAS" => Sniffed::of("audio/mp4", ".mp4"),
        b"M4V " | b"M4VH" | b"M4VP" => Sniffed::of("video/x-m4v", ".m4v"),
        b"heic" | b"heix" => Sniffed::of("image/heic", ".heic"),
        b"hevc" | b"hevx" => Sniffed::of("image/heic-sequence", ".heic"),
        b"mif1" => Sniffed::of("image/heif", ".heif"),
        b"msf1" => Sniffed::of("image/heif-sequence", ".heif"),
        b"avif" | b"avis" => Sniffed::of("image/avif", ".avif"),
        _ if brand.starts_with(b"3gp") || brand.starts_with(b"3gs") || brand.starts_with(b"3gr") => {
            Sniffed::of("video/3gpp", ".3gp")
        }
        _ if brand.starts_with(b"3g2") => Sniffed::of("video/3gpp2", ".3g2"),
        _ => Sniffed::of("video/mp4", ".mp4"),
    })
}

fn matroska(head: &[u8]) -> Sniffed {
    let begin = &head[..head.len().min(64)];
    if begin.windows(4).any(|window| window == b"webm") {
        Sniffed::of("video/webm", ".webm")
    } else {
        Sniffed::of("video/x-matroska", ".mkv")
    }
}

fn elf(head: &[u8]) -> Sniffed {
    // The type of the file, in the byte order that the sixth byte tells.
    let kind = if head.get(5) == Some(&2) { head.get(17) } else { head.get(16) };
    match kind {
        Some(1) => Sniffed::of("application/x-object", ""),
        Some(2) => Sniffed::of("application/x-executable", ""),
        Some(3) => Sniffed::of("application/x-sharedlib", ".so"),
        Some(4) => Sniffed::of("application/x-coredump", ""),
        _ => Sniffed::of("application/x-elf", ""),
    }
}

/// By the names of its first entries; an entry `mimetype` says it itself.
fn zip(head: &[u8]) -> Sniffed {
    for (name, rest) in entries(head) {
        let told = match name {
            b"mimetype" => open_document(rest),
            b"META-INF/MANIFEST.MF" => Some(Sniffed::of("application/java-archive", ".jar")),
            b"AndroidManifest.xml" | b"classes.dex" | b"resources.arsc" => {
                Some(Sniffed::of("application/vnd.android.package-archive", ".apk"))
            }
            b"doc.kml" => Some(Sniffed::of("application/vnd.google-earth.kmz", ".kmz")),
            _ if name.starts_with(b"word/") => {
                Some(Sniffed::of("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"))
            }
            _ if name.starts_with(b"xl/") => {
                Some(Sniffed::of("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"))
            }
            _ if name.starts_with(b"ppt/") => {
                Some(Sniffed::of("application/vnd.openxmlformats-officedocument.presentationml.presentation", ".pptx"))
            }
            _ => None,
        };
        if let Some(told) = told {
            return told;
        }
    }
    Sniffed::of("application/zip", ".zip")
}

/// Names of the entries whose headers lie in the head, each with the bytes behind it. Sizes in headers may be missing,
/// so the headers are searched for.
fn entries(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let starts = head.windows(4).enumerate().filter(|(_, window)| *window == b"PK\x03\x04").map(|(at, _)| at);
    starts.filter_map(move |at| {
        let length = |from: usize| Some(usize::from(u16::from_le_bytes(head.get(from..from + 2)?.try_into().ok()?)));
        let (name_length, extra_length) = (length(at + 26)?, length(at + 28)?);
        let name = head.get(at + 30..at + 30 + name_length)?;
        Some((name, head.get(at + 30 + name_length + extra_length..).unwrap_or_default()))
    })
}

/// What the entry `mimetype`, which isn't compressed, holds.
fn open_document(content: &[u8]) -> Option<Sniffed> {
    const KNOWN: &[(&str, &str)] = &[
        ("application/epub+zip", ".epub"),
        ("application/vnd.oasis.opendocument.text-template", ".ott"),
        ("application/vnd.oasis.opendocument.text", ".odt"),
        ("application/vnd.oasis.opendocument.spreadsheet-template", ".ots"),
        ("application/vnd.oasis.opendocument.spreadsheet", ".ods"),
        ("application/vnd.oasis.opendocument.presentation-template", ".otp"),
        ("application/vnd.oasis.opendocument.presentation", ".odp"),
        ("application/vnd.oasis.opendocument.graphics-template", ".otg"),
        ("application/vnd.oasis.opendocument.graphics", ".odg"),
        ("application/vnd.oasis.opendocument.formula", ".odf"),
        ("application/vnd.oasis.opendocument.chart", ".odc"),
        ("application/vnd.sun.xml.calc", ".sxc"),
    ];
    let known = KNOWN.iter().find(|(name, _)| content.starts_with(name.as_bytes()));
    known.map(|(name, extension)| Sniffed::of(name, extension))
}
