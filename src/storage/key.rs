//! The names of stored files: `collection/record/name` (contract/01 §8).

use std::fmt;

/// Bytes of one part of a key: what file systems take for a name, less room for `thumbs_`, a size and `.attrs`.
const PART_BYTES_MAX: usize = 220;
/// What a store keeps beside a file under the file's name.
const SIDECAR: &str = ".attrs";

/// A file of a record, or a thumb of one.
///
/// Invariant: every part is a plain name, so that the key can't lead out of the storage.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileKey {
    collection_id: String,
    record_id: String,
    name: String,
    /// `100x50t` of a thumb.
    size: Option<String>,
}

impl FileKey {
    /// The key of a record's file; `None` if a part can't be a file's name (rows of adopted directories may hold
    /// anything).
    pub fn new(collection_id: &str, record_id: &str, name: &str) -> Option<Self> {
        let is_fine = [collection_id, record_id, name].into_iter().all(is_plain_name) && !name.ends_with(SIDECAR);
        is_fine.then(|| Self {
            collection_id: collection_id.to_owned(),
            record_id: record_id.to_owned(),
            name: name.to_owned(),
            size: None,
        })
    }

    /// The key of this file's thumb. `size` is one that a field lists, thus letters and digits.
    pub fn thumb(&self, size: &str) -> Self {
        debug_assert!(size.bytes().all(|b| b.is_ascii_alphanumeric()), "{size:?} is no thumb size");
        Self { size: Some(size.to_owned()), ..self.clone() }
    }

    /// The key that a store lists under this path; `None` for what isn't one of ours.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.split('/');
        let (collection_id, record_id, third) = (parts.next()?, parts.next()?, parts.next()?);
        let Some(last) = parts.next() else { return Self::new(collection_id, record_id, third) };
        let name = third.strip_prefix("thumbs_")?;
        let size = last.strip_suffix(name)?.strip_suffix('_')?;
        let is_size = !size.is_empty() && size.bytes().all(|b| b.is_ascii_alphanumeric());
        if parts.next().is_some() || !is_size {
            return None;
        }
        Some(Self::new(collection_id, record_id, name)?.thumb(size))
    }

    /// The key of the file itself, also of its thumb.
    pub fn original(&self) -> Self {
        Self { size: None, ..self.clone() }
    }

    pub fn collection_id(&self) -> &str {
        &self.collection_id
    }

    pub fn record_id(&self) -> &str {
        &self.record_id
    }

    /// The name that the record's value holds, also of a thumb.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a client is told as the file's name: a thumb has its size in front.
    pub fn served_name(&self) -> String {
        match &self.size {
            Some(size) => format!("{size}_{}", self.name),
            None => self.name.clone(),
        }
    }

    /// The path in the storage.
    pub fn path(&self) -> String {
        let Self { collection_id, record_id, name, size } = self;
        match size {
            Some(size) => format!("{collection_id}/{record_id}/thumbs_{name}/{size}_{name}"),
            None => format!("{collection_id}/{record_id}/{name}"),
        }
    }

    /// What the paths of this file's thumbs begin with.
    pub fn thumbs_prefix(&self) -> String {
        format!("{}/{}/thumbs_{}/", self.collection_id, self.record_id, self.name)
    }
}

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// What the paths of a record's files begin with; `None` if a part can't stand in a path.
pub(super) fn record_prefix(collection_id: &str, record_id: &str) -> Option<String> {
    [collection_id, record_id].into_iter().all(is_plain_name).then(|| format!("{collection_id}/{record_id}/"))
}

/// What the paths of a collection's files begin with; `None` if it can't stand in a path.
pub(super) fn collection_prefix(collection_id: &str) -> Option<String> {
    is_plain_name(collection_id).then(|| format!("{collection_id}/"))
}

fn is_plain_name(part: &str) -> bool {
    !matches!(part, "" | "." | "..")
        && part.len() <= PART_BYTES_MAX
        && !part.contains(|c: char| matches!(c, '/' | '\\') || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_its_path() {
        let file = FileKey::new("pbc_1", "r1", "a_b.png").unwrap();
        let thumb = file.thumb("100x50t");
        for key in [&file, &thumb] {
            assert_eq!(FileKey::parse(&key.path()).as_ref(), Some(key));
        }
        assert_eq!(thumb.path(), "pbc_1/r1/thumbs_a_b.png/100x50t_a_b.png");
        assert_eq!((file.served_name().as_str(), thumb.served_name().as_str()), ("a_b.png", "100x50t_a_b.png"));
        for path in
            ["", "a/b", "a/b/c/d", "a/b/thumbs_c/x_d", "a/b/thumbs_c/_c", "a/b/thumbs_c/1_c/e", "a//c", "a/b/c.attrs"]
        {
            assert_eq!(FileKey::parse(path), None, "{path}");
        }
    }

    #[test]
    fn no_part_leads_out_of_the_storage() {
        let long = "x".repeat(221);
        for part in ["", ".", "..", "a/b", "../a", "a\\b", "a\0", "a\nb", "/", &long] {
            assert_eq!(FileKey::new(part, "r", "n"), None, "{part:?}");
            assert_eq!(FileKey::new("c", part, "n"), None, "{part:?}");
            assert_eq!(FileKey::new("c", "r", part), None, "{part:?}");
        }
        assert!(FileKey::new("c", "r", "..a..").is_some());
        assert!(FileKey::new("c", "r%2F..", "ü n.txt").is_some());
    }

    proptest::proptest! {
        #[test]
        fn a_path_has_only_plain_parts(parts in proptest::collection::vec("[a./\\\\]{0,4}|\\PC{0,4}", 3)) {
            if let Some(key) = FileKey::new(&parts[0], &parts[1], &parts[2]) {
                let path = key.path();
                proptest::prop_assert_eq!(path.split('/').count(), 3);
                proptest::prop_assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")));
            }
        }
    }
}
