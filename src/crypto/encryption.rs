//! Encryption of the settings row (contract/20 §5): `base64(nonce ‖ ciphertext ‖ tag)`, AES-GCM without additional
//! data, nonce of 12 random bytes, tag of 16 bytes. The key's length decides between AES-128, -192 and -256.

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const TAG_BYTES: usize = 16;

/// Why a text couldn't be encrypted or decrypted. The texts are those a failed start prints.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionError {
    #[error("crypto/aes: invalid key size {0}")]
    KeySize(usize),
    #[error("cipher: message authentication failed")]
    WrongKey,
    #[error("the encrypted text is not base64 or too short")]
    Malformed,
}

/// Encrypts with a fresh random nonce.
pub fn seal(key: &[u8], plain: &[u8]) -> Result<String, EncryptionError> {
    let key = new_key(key)?;
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).expect("the system's random generator is there; without it nothing may be encrypted");
    let mut sealed = plain.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
        .expect("a settings document is far below the 64 GiB that a nonce may encrypt");
    Ok(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
}

/// Decrypts what [`seal`] or the reference wrote.
pub fn open(key: &[u8], text: &[u8]) -> Result<Vec<u8>, EncryptionError> {
    let key = new_key(key)?;
    let bytes = STANDARD.decode(text.trim_ascii()).map_err(|_| EncryptionError::Malformed)?;
    let Some((nonce, sealed)) = bytes.split_first_chunk::<NONCE_LEN>() else { return Err(EncryptionError::Malformed) };
    if sealed.len() < TAG_BYTES {
        return Err(EncryptionError::Malformed);
    }
    let mut sealed = sealed.to_vec();
    let plain = key
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut sealed)
        .map_err(|_| EncryptionError::WrongKey)?;
    Ok(plain.to_vec())
}

/// The key for the algorithm of its length. "Less safe" is that the caller chooses the nonce; [`seal`] draws it.
fn new_key(key: &[u8]) -> Result<LessSafeKey, EncryptionError> {
    let algorithm = match key.len() {
        16 => &AES_128_GCM,
        24 => &AES_192_GCM,
        32 => &AES_256_GCM,
        other => return Err(EncryptionError::KeySize(other)),
    };
    let key = UnboundKey::new(algorithm, key).map_err(|_| EncryptionError::KeySize(key.len()))?;
    Ok(LessSafeKey::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

    #[test]
    fn the_row_of_the_reference_is_read() {
        let row: String = include_str!("../../tests/data/settings_encrypted.txt").split_whitespace().collect();
        let plain = open(KEY, row.as_bytes()).expect("the key fits");
        assert_eq!(plain.len(), 1056);
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &plain);
        let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "236bb72f0c6bde16cdcf95dc86a0a457318abdabb1ad7bf8248a4250dd9fff97");
    }

    #[test]
    fn what_is_sealed_opens_with_every_key_length_and_no_other_key() {
        for length in [16, 24, 32] {
            let key = &KEY[..length];
            let sealed = seal(key, b"{}").unwrap();
            assert_eq!(open(key, sealed.as_bytes()).unwrap(), b"{}");
            let mut other = key.to_vec();
            other[0] ^= 1;
            assert_eq!(open(&other, sealed.as_bytes()), Err(EncryptionError::WrongKey));
        }
    }

    #[test]
    fn bad_keys_and_texts_are_told_apart() {
        assert_eq!(seal(b"short", b"{}"), Err(EncryptionError::KeySize(5)));
        assert_eq!(open(KEY, b"%%%"), Err(EncryptionError::Malformed));
        assert_eq!(open(KEY, b"YWJj"), Err(EncryptionError::Malformed));
        assert_ne!(seal(KEY, b"{}"), seal(KEY, b"{}"), "nonces are random");
    }
}
