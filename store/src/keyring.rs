//! Fernet: how secrets are encrypted at rest. Keys and tokens are those of Airflow, which has them from Python's
//! `cryptography`, so that either reads what the other wrote.
//!
//! A key is 32 bytes: 16 that sign and 16 that encrypt. A token is `0x80`, the time in 8 bytes, 16 random bytes, the
//! text in AES-128-CBC with PKCS#7, and the HMAC-SHA256 of all that, as URL-safe base64. That is composed here of
//! `RustCrypto`'s parts, because the one crate that does it is not under a licence that this project takes.

use aes::Aes128;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

const VERSION: u8 = 0x80;
/// Version, time and random bytes.
const HEAD: usize = 1 + 8 + 16;
const SIGNATURE: usize = 32;

/// Why a secret is not encrypted or not decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no key.
    #[error(
        "there is no key for secrets: set FLOWCTL_FERNET_KEY (secrets.fernet_key); docs/secrets.md says how to make one"
    )]
    NoKey,
    /// It was encrypted with another key, or is damaged.
    #[error(
        "none of the keys decrypts it; add the key that it was encrypted with to FLOWCTL_FERNET_KEY, or set it anew"
    )]
    Undecryptable,
    /// A key is not one.
    #[error("key {0} is not a Fernet key: 32 bytes in URL-safe base64")]
    NotAKey(usize),
}

#[derive(Clone)]
struct Key {
    signing: [u8; 16],
    encryption: [u8; 16],
}

/// The keys: the first encrypts, all decrypt.
#[derive(Clone, Default)]
pub struct Keyring {
    keys: Vec<Key>,
}

impl std::fmt::Debug for Keyring {
    /// Without the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({} keys)", self.keys.len())
    }
}

impl std::str::FromStr for Keyring {
    type Err = KeyError;

    /// Keys separated by commas, as Airflow's `fernet_key` has them.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        let keys = texts.enumerate().map(|(at, text)| Key::read(text).ok_or(KeyError::NotAKey(at + 1)));
        Ok(Self { keys: keys.collect::<Result<_, _>>()? })
    }
}

impl Keyring {
    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Encrypts with the first key.
    pub fn encrypt(&self, text: &str, now: Timestamp) -> Result<String, KeyError> {
        let key = self.keys.first().ok_or(KeyError::NoKey)?;
        Ok(key.encrypt(text.as_bytes(), now, rand::random()))
    }

    /// Decrypts with whichever key does.
    pub fn decrypt(&self, token: &str) -> Result<String, KeyError> {
        if self.is_empty() {
            return Err(KeyError::NoKey);
        }
        let bytes = decoded(token).ok_or(KeyError::Undecryptable)?;
        let plain = self.keys.iter().find_map(|key| key.decrypt(&bytes)).ok_or(KeyError::Undecryptable)?;
        String::from_utf8(plain).map_err(|_| KeyError::Undecryptable)
    }

    /// A new key, as text.
    pub fn generate() -> String {
        URL_SAFE.encode(rand::random::<[u8; 32]>())
    }
}

impl Key {
    fn read(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = decoded(text)?.try_into().ok()?;
        let (signing, encryption) = bytes.split_at(16);
        Some(Self { signing: signing.try_into().ok()?, encryption: encryption.try_into().ok()? })
    }

    fn encrypt(&self, plain: &[u8], now: Timestamp, iv: [u8; 16]) -> String {
        let mut token = vec![VERSION];
        token.extend_from_slice(&u64::try_from(now.as_second()).unwrap_or(0).to_be_bytes());
        token.extend_from_slice(&iv);
        let cipher = cbc::Encryptor::<Aes128>::new(&self.encryption.into(), &iv.into());
        token.extend_from_slice(&cipher.encrypt_padded_vec::<Pkcs7>(plain));
        let signature = self.mac(&token).finalize().into_bytes();
        token.extend_from_slice(&signature);
        URL_SAFE.encode(token)
    }

    fn decrypt(&self, token: &[u8]) -> Option<Vec<u8>> {
        let (signed, signature) = token.split_at_checked(token.len().checked_sub(SIGNATURE)?)?;
        let (head, encrypted) = signed.split_at_checked(HEAD)?;
        if head[0] != VERSION {
            return None;
        }
        self.mac(signed).verify_slice(signature).ok()?;
        let iv: [u8; 16] = head[9..].try_into().ok()?;
        let cipher = cbc::Decryptor::<Aes128>::new(&self.encryption.into(), &iv.into());
        cipher.decrypt_padded_vec::<Pkcs7>(encrypted).ok()
    }

    fn mac(&self, bytes: &[u8]) -> Hmac<Sha256> {
        // HMAC fills a shorter key up with zeros itself.
        let mut block = [0; 64];
        block[..16].copy_from_slice(&self.signing);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(bytes);
        mac
    }
}

/// Base64 as people have it: of either alphabet, padded or not.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let bare = text.trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(bare).or_else(|_| STANDARD.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `cryptography` 50: the keys, and "hunter2 🔑" under each.
    const KEYS: [&str; 2] =
        ["WaaVcCYZyiVIew06jCdCzDdogZnhxjoD17rRBIgdKmQ=", "L2C30iNvROQxfu0t9LrzFYPj2JUFnmaAi5Cj8xppVVQ="];
    const TOKENS: [&str; 2] = [
        "gAAAAABrCccPKQSfeTeBo0Oz45qKJ17ASFNoqHaBgd4bTtUdjI-ULuCDv-fSttRUzgLA0OlY2nhcEqNcXEvAr1nNro1FBmmZOw==",
        "gAAAAABrCccPDV887sFlMrsmpWPID3ylXf_gVW6IGLsGdrtj9ScMfsP7QlBhjv34E2pJG7zD5XAxqVLobdEocIFXjHxs07PKng==",
    ];

    fn keyring(text: &str) -> Keyring {
        text.parse().unwrap()
    }

    #[test]
    fn tokens_of_pythons_cryptography_are_read() {
        for (key, token) in KEYS.into_iter().zip(TOKENS) {
            assert_eq!(keyring(key).decrypt(token).as_deref(), Ok("hunter2 🔑"));
        }
    }

    #[test]
    fn tokens_are_those_of_the_specification() {
        let key = Key::read("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=").unwrap();
        let iv: [u8; 16] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let token = key.encrypt(b"hello", "1985-10-26T01:20:00-07:00".parse().unwrap(), iv);
        assert_eq!(
            token,
            "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=="
        );
    }

    #[test]
    fn the_first_key_encrypts_and_all_decrypt() {
        let now = Timestamp::UNIX_EPOCH;
        let both = keyring(&KEYS.join(","));
        let token = both.encrypt("secret", now).unwrap();
        assert_eq!(keyring(KEYS[0]).decrypt(&token).as_deref(), Ok("secret"));
        assert_eq!(keyring(KEYS[1]).decrypt(&token), Err(KeyError::Undecryptable));
        let older = keyring(KEYS[1]).encrypt("secret", now).unwrap();
        assert_eq!(both.decrypt(&older).as_deref(), Ok("secret"));
        assert_ne!(
            both.encrypt("secret", now),
            both.encrypt("secret", now),
            "no token says that two texts are the same"
        );
    }

    #[test]
    fn what_was_changed_is_not_read() {
        let keys = keyring(&Keyring::generate());
        let token = keys.encrypt("secret", Timestamp::UNIX_EPOCH).unwrap();
        for at in [0, 20, token.len() / 2, token.len() - 3] {
            let mut changed: Vec<char> = token.chars().collect();
            changed[at] = if changed[at] == 'A' { 'B' } else { 'A' };
            let changed: String = changed.into_iter().collect();
            assert_eq!(keys.decrypt(&changed), Err(KeyError::Undecryptable), "{at}");
        }
        for token in ["", "plain text", "gAAAAA=="] {
            assert_eq!(keys.decrypt(token), Err(KeyError::Undecryptable), "{token}");
        }
    }

    #[test]
    fn without_a_key_nothing_is_written_or_read() {
        let none = keyring("");
        assert_eq!(none.encrypt("secret", Timestamp::UNIX_EPOCH), Err(KeyError::NoKey));
        assert_eq!(none.decrypt("x"), Err(KeyError::NoKey));
    }

    #[test]
    fn what_is_no_key_is_told_by_its_place_and_not_repeated() {
        let error = format!("{},tooshort", KEYS[0]).parse::<Keyring>().unwrap_err();
        assert_eq!(error.to_string(), "key 2 is not a Fernet key: 32 bytes in URL-safe base64");
        assert_eq!(format!("{:?}", keyring(KEYS[0])), "Keyring(1 keys)");
    }
}
