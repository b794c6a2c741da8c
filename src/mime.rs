//! What kind of data bytes are, told from the bytes alone: names and declared types don't matter (contract/13 §4).

/// Whether `listed`, an entry of a field's `mimeTypes`, names the type `sniffed`: parameters are ignored, aliases count.
pub fn is_same_type(sniffed: &str, listed: &str) -> bool {
    canonical(sniffed) == canonical(listed)
}

fn canonical(name: &str) -> String {
    name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
