//! `Upload-Checksum` of tus: a digest of the bytes of one request.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};

/// The algorithms, as `Tus-Checksum-Algorithm` names them. They find accidents, not forgers.
pub const ALGORITHMS: &str = "sha1,sha256,md5,crc32";

/// What the bytes must come to, and what they have come to so far.
pub struct Checksum {
    expected: Vec<u8>,
    running: Running,
}

enum Running {
    Sha(Context),
    Md5(Md5),
    Crc32(crc32fast::Hasher),
}

impl Checksum {
    /// From `sha1 BASE64`; `None` for another algorithm, or what is no base64.
    pub fn parse(header: &str) -> Option<Self> {
        let (algorithm, digest) = header.trim().split_once(' ')?;
        let running = match algorithm {
            "sha1" => Running::Sha(Context::new(&SHA1_FOR_LEGACY_USE_ONLY)),
            "sha256" => Running::Sha(Context::new(&SHA256)),
            "md5" => Running::Md5(Md5::new()),
            "crc32" => Running::Crc32(crc32fast::Hasher::new()),
            _ => return None,
        };
        Some(Self { expected: BASE64_STANDARD.decode(digest.trim()).ok()?, running })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.running {
            Running::Sha(context) => context.update(bytes),
            Running::Md5(digest) => digest.update(bytes),
            Running::Crc32(hasher) => hasher.update(bytes),
        }
    }

    pub(super) fn holds(self) -> bool {
        match self.running {
            Running::Sha(context) => context.finish().as_ref() == self.expected,
            Running::Md5(digest) => digest.finalize()[..] == self.expected[..],
            Running::Crc32(hasher) => hasher.finalize().to_be_bytes()[..] == self.expected[..],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_bytes_in_any_pieces() {
        for (header, holds) in [
            ("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", true),
            ("sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=", true),
            ("md5 XrY7u+Ae7tCTyyK7j1rNww==", true),
            ("crc32 DUoRhQ==", true),
            ("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu4=", false),
            ("sha1 Kq5s", false),
        ] {
            let mut checksum = Checksum::parse(header).unwrap();
            checksum.update(b"hello ");
            checksum.update(b"world");
            assert_eq!(checksum.holds(), holds, "{header}");
        }
        for header in ["", "sha1", "sha1 ", "sha512 AAAA", "sha1 !"] {
            assert!(Checksum::parse(header).is_none(), "{header}");
        }
    }
}
