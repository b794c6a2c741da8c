//! Formats that their first bytes tell.

use super::Sniffed;

/// Offset, bytes there, type, extension. The first row that fits wins.
type Signature = (usize, &'static [u8], &'static str, &'static str);

const SIGNATURES: &[Signature] = &[
    // images
    (0, b"\x89PNG\r\n\x1a\n", "image/png", ".png"),
    (0, b"\xff\xd8\xff", "image/jpeg", ".jpg"),
    (0, b"GIF87a", "image/gif", ".gif"),
    (0, b"GIF89a", "image/gif", ".gif"),
    (0, b"\0\0\x01\0", "image/x-icon", ".ico"),
    (0, b"\0\0\x02\0", "image/x-icon", ".ico"),
    (0, b"II*\0", "image/tiff", ".tiff"),
    (0, b"MM\0*", "image/tiff", ".tiff"),
    (0, b"II\xbc\x01", "image/jxr", ".jxr"),
    (0, b"8BPS", "image/vnd.adobe.photoshop", ".psd"),
    (16, b"ftypjp2 ", "image/jp2", ".jp2"),
    (20, b"jp2 ", "image/jp2", ".jp2"),
    (20, b"jpx ", "image/jpx", ".jpf"),
    (20, b"jpm ", "image/jpm", ".jpm"),
    (0, b"\xff\x0a", "image/jxl", ".jxl"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl", ".jxl"),
    (0, b"icns", "image/x-icns", ".icns"),
    (0, b"gimp xcf", "image/x-xcf", ".xcf"),
    (0, b"#?RADIANCE\n", "image/vnd.radiance", ".hdr"),
    (0, b"BPG\xfb", "image/bpg", ".bpg"),
    (0, b"AT&TFORM", "image/vnd.djvu", ".djvu"),
    (0, b"AC10", "image/vnd.dwg", ".dwg"),
    // documents
    (0, b"%FDF", "application/vnd.fdf", ".fdf"),
    (0, b"%!PS-Adobe-", "application/postscript", ".ps"),
    (0, b"{\\rtf", "text/rtf", ".rtf"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage", ""),
    (60, b"BOOKMOBI", "application/x-mobipocket-ebook", ".mobi"),
    (0, b"ITOLITLS", "application/x-ms-reader", ".lit"),
    (4, b"Standard Jet DB", "application/x-msaccess", ".mdb"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3", ".sqlite"),
    (0, b"PAR1", "application/vnd.apache.parquet", ".parquet"),
    (128, b"DICM", "application/dicom", ".dcm"),
    (0, b"SIMPLE  =                    T", "application/fits", ".fits"),
    (0, b"\0\0\x27\x0a", "application/vnd.shx", ".shx"),
    (0, b"-----BEGIN PKCS7", "application/pkcs7-signature", ".p7s"),
    (0, b"WARC/", "application/warc", ".warc"),
    (0, b"  0\nSECTION\n", "image/vnd.dxf", ".dxf"),
    (0, b"L\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut", ".lnk"),
    (0, b"d8:announce", "application/x-bittorrent", ".torrent"),
    // archives
    (0, b"\x1f\x8b", "application/gzip", ".gz"),
    (0, b"BZh", "application/x-bzip2", ".bz2"),
    (0, b"\xfd7zXZ\0", "application/x-xz", ".xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd", ".zst"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed", ".7z"),
    (0, b"Rar!\x1a\x07\0", "application/x-rar-compressed", ".rar"),
    (0, b"Rar!\x1a\x07\x01\0", "application/x-rar-compressed", ".rar"),
    (257, b"ustar", "application/x-tar", ".tar"),
    (0, b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed", ".cab"),
    (0, b"!<arch>\ndebian-binary", "application/vnd.debian.binary-package", ".deb"),
    (0, b"!<arch>", "application/x-archive", ".a"),
    (0, b"\xed\xab\xee\xdb", "application/x-rpm", ".rpm"),
    (0, b"LZIP", "application/lzip", ".lz"),
    (0, b"xar!", "application/x-xar", ".xar"),
    (0, b"070707", "application/x-cpio", ".cpio"),
    (0, b"070701", "application/x-cpio", ".cpio"),
    (0, b"070702", "application/x-cpio", ".cpio"),
    (0, b"\x78\x9c", "application/zlib", ""),
    // sound and pictures that move
    (0, b"ID3", "audio/mpeg", ".mp3"),
    (0, b"\xff\xf1", "audio/aac", ".aac"),
    (0, b"\xff\xf9", "audio/aac", ".aac"),
    (0, b"\xff\xfb", "audio/mpeg", ".mp3"),
    (0, b"\xff\xf3", "audio/mpeg", ".mp3"),
    (0, b"\xff\xf2", "audio/mpeg", ".mp3"),
    (0, b"fLaC\0\0\0\x22", "audio/flac", ".flac"),
    (0, b"OggS", "application/ogg", ".ogg"),
    (0, b"MThd", "audio/midi", ".midi"),
    (0, b".snd", "audio/basic", ".au"),
    (0, b"#!AMR", "audio/amr", ".amr"),
    (0, b"FLV\x01", "video/x-flv", ".flv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c", "video/x-ms-asf", ".asf"),
    (0, b"FWS", "application/x-shockwave-flash", ".swf"),
    (0, b"CWS", "application/x-shockwave-flash", ".swf"),
    (0, b"ZWS", "application/x-shockwave-flash", ".swf"),
    (0, b"\0\0\x01\xba", "video/mpeg", ".mpeg"),
    (0, b"\0\0\x01\xb3", "video/mpeg", ".mpeg"),
    (0, b"#EXTM3U", "application/vnd.apple.mpegurl", ".m3u"),
    // programs, fonts, models
    (0, b"\0asm", "application/wasm", ".wasm"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable", ".exe"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary", ".macho"),
    (0, b"\xfe\xed\xfa\xcf", "application/x-mach-binary", ".macho"),
    (0, b"\xce\xfa\xed\xfe", "application/x-mach-binary", ".macho"),
    (0, b"\xfe\xed\xfa\xce", "application/x-mach-binary", ".macho"),
    (0, b"NES\x1a", "application/vnd.nintendo.snes.rom", ".nes"),
    (0, b"wOFF", "font/woff", ".woff"),
    (0, b"wOF2", "font/woff2", ".woff2"),
    (0, b"ttcf", "font/collection", ".ttc"),
    (0, b"glTF\x02\0\0\0", "model/gltf-binary", ".glb"),
    (0, b"glTF\x01\0\0\0", "model/gltf-binary", ".glb"),
];

/// A PDF may have some bytes in front of its mark.
const PDF_MARK_WITHIN: usize = 1024;
/// Sizes of the second header of a bitmap: without one of them, `BM` is two letters.
const BMP_HEADER_SIZES: [u8; 7] = [12, 16, 40, 52, 56, 108, 124];

pub(super) fn find(head: &[u8]) -> Option<Sniffed> {
    let fits = |(offset, bytes, ..): &&Signature| head.get(*offset..).is_some_and(|rest| rest.starts_with(bytes));
    let found = SIGNATURES.iter().find(fits).map(|(_, _, name, extension)| Sniffed::of(name, extension));
    found.or_else(|| pdf(head)).or_else(|| bitmap(head)).or_else(|| font(head))
}

fn pdf(head: &[u8]) -> Option<Sniffed> {
    let begin = &head[..head.len().min(PDF_MARK_WITHIN)];
    begin.windows(5).any(|window| window == b"%PDF-").then(|| Sniffed::of("application/pdf", ".pdf"))
}

fn bitmap(head: &[u8]) -> Option<Sniffed> {
    let is_bitmap = head.starts_with(b"BM")
        && head.get(14).is_some_and(|size| BMP_HEADER_SIZES.contains(size))
        && head.get(15..18) == Some(&[0, 0, 0]);
    is_bitmap.then(|| Sniffed::of("image/bmp", ".bmp"))
}

/// A font's first table stands right behind its header.
fn font(head: &[u8]) -> Option<Sniffed> {
    let table = head.get(12..16)?;
    let is_tag = table.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b' '));
    match head.get(..4)? {
        b"\0\x01\0\0" if is_tag => Some(Sniffed::of("font/ttf", ".ttf")),
        b"OTTO" if is_tag => Some(Sniffed::of("font/otf", ".otf")),
        _ => None,
    }
}
