//! The key file: one secret seed, encrypted, beside the address it belongs to.
//!
//! ```text
//! key        = Argon2id(password, salt, memory, passes, 1 lane), 32 bytes
//! associated = "ganglion/1 key file" ‖ kind ‖ 0x00 ‖ public key
//! ciphertext = XChaCha20-Poly1305(key, nonce, seed, associated)
//! ```
//! The associated data makes a file whose address or kind was edited fail to open.

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::password::PasswordSource;
use super::{KeyError, KeyKind, KeyPair, Password};
use crate::files::{self, Access};

/// The one version there is.
const VERSION: u32 = 1;
/// A key file is below 1 KiB.
const BYTES_MAX: u64 = 16 * 1024;
/// What a stranger's file may make us spend before its password is known to be wrong.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 16;

const ASSOCIATED: &[u8] = b"ganglion/1 key file";

/// A key file as it stands on disk: readable without its password, except for the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    version: u32,
    #[serde(rename = "type")]
    kind: KeyKind,
    address: String,
    public: String,
    crypto: Crypto,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kdf", rename_all = "lowercase", deny_unknown_fields)]
enum Crypto {
    Argon2id {
        memory_kib: u32,
        passes: u32,
        salt: String,
        aead: AeadName,
        nonce: String,
        ciphertext: String,
    },
    /// Written only on `--no-password`: the file's permissions are all that protects the seed.
    None { seed: Seed },
}

/// Text of a secret: shown by nothing but the file itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Seed(String);

impl Drop for Seed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hidden")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum AeadName {
    #[serde(rename = "xchacha20poly1305")]
    XChaCha20Poly1305,
}

/// What one guess of the password costs.
///
/// A coldkey is opened by hand and rarely. A hotkey is opened by every start of a node, and many
/// nodes may start on one machine at once, so it gets the least that OWASP recommends.
const fn cost(kind: KeyKind) -> (u32, u32) {
    match kind {
        KeyKind::Coldkey => (64 * 1024, 3),
        KeyKind::Hotkey => (19 * 1024, 2),
    }
}

impl KeyFile {
    /// Seals a pair; [`Password::none`] leaves it unencrypted.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn seal(kind: KeyKind, pair: &KeyPair, password: &Password) -> Result<Self, KeyError> {
        let public = pair.public();
        let crypto = match password.bytes() {
            None => Crypto::None { seed: Seed(hex::encode(pair.seed().as_slice())) },
            Some(password) => {
                let (memory_kib, passes) = cost(kind);
                let (mut salt, mut nonce) = ([0; 16], [0; 24]);
                for bytes in [&mut salt[..], &mut nonce[..]] {
                    getrandom::fill(bytes)
                        .map_err(|error| KeyError::Entropy { reason: error.to_string() })?;
                }
                let key = stretch(password, &salt, memory_kib, passes)
                    .expect("our own costs and salt length are within Argon2's bounds");
                let ciphertext = XChaCha20Poly1305::new(key.as_slice().into())
                    .encrypt(
                        &XNonce::from(nonce),
                        Payload { msg: pair.seed().as_slice(), aad: &associated(kind, &public) },
                    )
                    .expect("32 bytes are within the cipher's bounds");
                Crypto::Argon2id {
                    memory_kib,
                    passes,
                    salt: hex::encode(salt),
                    aead: AeadName::XChaCha20Poly1305,
                    nonce: hex::encode(nonce),
                    ciphertext: hex::encode(ciphertext),
                }
            }
        };
        let (address, public) = (pair.hotkey().to_string(), pair.hotkey().to_hex());
        Ok(Self { version: VERSION, kind, address, public, crypto })
    }

    /// Writes the file with mode 0600, whole or not at all.
    ///
    /// # Errors
    /// When it exists and is not to be replaced, or cannot be written.
    pub fn write(&self, path: &Path, replace: bool) -> Result<(), KeyError> {
        let mut text =
            Zeroizing::new(serde_json::to_string_pretty(self).expect("a key file is plain JSON"));
        text.push('\n');
        Ok(files::write_whole(path, text.as_bytes(), Access::Private, replace)?)
    }

    /// Reads a key file. Nothing in it is proven until [`Self::open`].
    ///
    /// # Errors
    /// When it is missing, open to others, or no key file of this version.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        files::require_private(path)?;
        let text = Zeroizing::new(files::read_text(path, BYTES_MAX)?);
        Self::parse(path, &text)
    }

    /// The text of a key file; `path` is what errors call it.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, KeyError> {
        let format = |reason: String| KeyError::Format { path: path.into(), reason };

        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } =
            serde_json::from_str(text).map_err(|error| format(error.to_string()))?;
        if version != VERSION {
            return Err(KeyError::Version { path: path.into(), version });
        }
        let file: Self = serde_json::from_str(text).map_err(|error| format(error.to_string()))?;
        if file.address.parse() != Ok(file.hotkey_of(path)?) {
            return Err(format("its address and its public key differ".into()));
        }
        Ok(file)
    }

    /// What the key is for.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The SS58 address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The public key in hexadecimal.
    #[must_use]
    pub fn public_hex(&self) -> &str {
        &self.public
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> Option<[u8; 32]> {
        ganglion_types::Hotkey::from_hex(&self.public).map(|key| *key.as_bytes())
    }

    /// Whether a password protects the secret.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        matches!(self.crypto, Crypto::Argon2id { .. })
    }

    /// Decrypts the pair and proves that it is that of the address.
    ///
    /// # Errors
    /// When the password is wrong or anything in the file was changed.
    pub fn open(&self, path: &Path, password: &Password) -> Result<KeyPair, KeyError> {
        let format = |reason: &str| KeyError::Format { path: path.into(), reason: reason.into() };
        let public = *self.hotkey_of(path)?.as_bytes();
        let mut seed = Zeroizing::new([0; 32]);
        match &self.crypto {
            Crypto::None { seed: secret } => {
                hex::decode_to_slice(&secret.0, seed.as_mut_slice())
                    .map_err(|_| format("its seed is not 64 hexadecimal digits"))?;
            }
            Crypto::Argon2id { memory_kib, passes, salt, aead: _, nonce, ciphertext } => {
                if *memory_kib > MEMORY_KIB_MAX || *passes > PASSES_MAX {
                    return Err(format("its key derivation costs more than 1 GiB or 16 passes"));
                }
                let (mut salt_bytes, mut nonce_bytes) = ([0; 16], [0; 24]);
                hex::decode_to_slice(salt, &mut salt_bytes)
                    .map_err(|_| format("its salt is not 32 hexadecimal digits"))?;
                hex::decode_to_slice(nonce, &mut nonce_bytes)
                    .map_err(|_| format("its nonce is not 48 hexadecimal digits"))?;
                let ciphertext = hex::decode(ciphertext)
                    .map_err(|_| format("its ciphertext is not hexadecimal"))?;
                let wrong = || KeyError::WrongPassword { path: path.into() };
                let password = password.bytes().ok_or_else(wrong)?;
                let key = stretch(password, &salt_bytes, *memory_kib, *passes)
                    .ok_or_else(|| format("its key derivation has impossible costs"))?;
                let opened = XChaCha20Poly1305::new(key.as_slice().into())
                    .decrypt(
                        &XNonce::from(nonce_bytes),
                        Payload { msg: &ciphertext, aad: &associated(self.kind, &public) },
                    )
                    .map(Zeroizing::new)
                    .map_err(|_| wrong())?;
                if opened.len() != seed.len() {
                    return Err(wrong());
                }
                seed.copy_from_slice(&opened);
            }
        }
        let pair = KeyPair::from_seed(&seed);
        if pair.public() != public {
            return Err(KeyError::Mismatch { path: path.into() });
        }
        Ok(pair)
    }

    /// Reads, asks for a password if one is needed, and opens a key of the expected kind.
    ///
    /// # Errors
    /// Whatever [`Self::read`], the password source and [`Self::open`] refuse, and a wrong kind.
    pub fn load(
        path: &Path,
        expected: KeyKind,
        passwords: &PasswordSource,
    ) -> Result<KeyPair, KeyError> {
        let file = Self::read(path)?;
        if file.kind != expected {
            return Err(KeyError::WrongKind { path: path.into(), found: file.kind, expected });
        }
        let password =
            if file.is_encrypted() { passwords.existing(path)? } else { Password::none() };
        file.open(path, &password)
    }

    fn hotkey_of(&self, path: &Path) -> Result<ganglion_types::Hotkey, KeyError> {
        ganglion_types::Hotkey::from_hex(&self.public).ok_or_else(|| KeyError::Format {
            path: path.into(),
            reason: "its public key is not 64 hexadecimal digits".into(),
        })
    }
}

/// The encryption key, or `None` for costs that Argon2 does not know.
fn stretch(
    password: &[u8],
    salt: &[u8; 16],
    memory_kib: u32,
    passes: u32,
) -> Option<Zeroizing<[u8; 32]>> {
    let params = Params::new(memory_kib, passes, 1, Some(32)).ok()?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, salt, key.as_mut_slice())
        .ok()?;
    Some(key)
}

fn associated(kind: KeyKind, public: &[u8; 32]) -> Vec<u8> {
    [ASSOCIATED, kind.name().as_bytes(), &[0], public].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> KeyPair {
        KeyPair::from_seed(&[7; 32])
    }

    fn sealed() -> KeyFile {
        KeyFile::seal(KeyKind::Hotkey, &pair(), &Password::new("correct horse").unwrap()).unwrap()
    }

    fn open(file: &KeyFile, password: &str) -> Result<KeyPair, KeyError> {
        file.open(Path::new("k.json"), &Password::new(password).unwrap())
    }

    #[test]
    fn only_the_right_password_opens() {
        let file = sealed();
        assert_eq!(open(&file, "correct horse").unwrap().public(), pair().public());
        assert!(matches!(open(&file, "correct horsE"), Err(KeyError::WrongPassword { .. })));
        let unasked = file.open(Path::new("k.json"), &Password::none());
        assert!(matches!(unasked, Err(KeyError::WrongPassword { .. })));
    }

    #[test]
    fn the_secret_is_nowhere_in_an_encrypted_file_and_never_in_debug_output() {
        let secret = "07".repeat(32);
        assert!(!serde_json::to_string(&sealed()).unwrap().contains(&secret));
        let plain = KeyFile::seal(KeyKind::Hotkey, &pair(), &Password::none()).unwrap();
        assert!(serde_json::to_string(&plain).unwrap().contains(&secret));
        assert!(!format!("{plain:?}").contains(&secret));
    }

    #[test]
    fn a_file_with_another_address_or_kind_does_not_open() {
        let other = KeyPair::from_seed(&[8; 32]);
        let mut readdressed = sealed();
        readdressed.public = other.hotkey().to_hex();
        readdressed.address = other.hotkey().to_string();
        assert!(matches!(open(&readdressed, "correct horse"), Err(KeyError::WrongPassword { .. })));

        let mut rekinded = sealed();
        rekinded.kind = KeyKind::Coldkey;
        assert!(matches!(open(&rekinded, "correct horse"), Err(KeyError::WrongPassword { .. })));

        let mut plain = KeyFile::seal(KeyKind::Hotkey, &pair(), &Password::none()).unwrap();
        plain.public = other.hotkey().to_hex();
        assert!(matches!(open(&plain, "x"), Err(KeyError::Mismatch { .. })));
    }

    #[test]
    fn two_files_of_one_key_share_neither_salt_nor_nonce() {
        let parts = |file: KeyFile| match file.crypto {
            Crypto::Argon2id { salt, nonce, .. } => (salt, nonce),
            Crypto::None { .. } => unreachable!("sealed with a password"),
        };
        let (one, two) = (parts(sealed()), parts(sealed()));
        assert_ne!(one.0, two.0);
        assert_ne!(one.1, two.1);
    }

    #[test]
    fn a_coldkey_costs_more_to_guess() {
        let (cold, hot) = (cost(KeyKind::Coldkey), cost(KeyKind::Hotkey));
        assert_eq!((cold, hot), ((65_536, 3), (19_456, 2)));
    }

    #[test]
    fn files_that_are_none_of_ours_are_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.json");
        let good = serde_json::to_value(sealed()).unwrap();
        let edit = |at: &str, value: serde_json::Value| {
            let mut file = good.clone();
            *file.pointer_mut(at).unwrap() = value;
            file.to_string()
        };
        let mut extra = good.clone();
        extra["note"] = "x".into();
        for (text, part) in [
            ("not json".to_owned(), "is not a key file"),
            ("{}".to_owned(), "missing field `version`"),
            (edit("/version", 2.into()), "has version 2"),
            (edit("/type", "warmkey".into()), "unknown variant `warmkey`"),
            (edit("/address", "5F".into()), "its address and its public key differ"),
            (edit("/public", "12".into()), "its public key is not 64 hexadecimal digits"),
            (edit("/crypto/kdf", "md5".into()), "unknown variant `md5`"),
            (extra.to_string(), "unknown field `note`"),
        ] {
            files::write_whole(&path, text.as_bytes(), Access::Private, true).unwrap();
            let error = KeyFile::read(&path).unwrap_err();
            assert!(error.to_string().contains(part), "{error} lacks {part:?}");
        }
        for (text, part) in [
            (edit("/crypto/memory_kib", u32::MAX.into()), "costs more than 1 GiB"),
            (edit("/crypto/memory_kib", 0.into()), "impossible costs"),
            (edit("/crypto/salt", "00".into()), "its salt"),
            (edit("/crypto/nonce", "zz".into()), "its nonce"),
            (edit("/crypto/ciphertext", "z".into()), "its ciphertext"),
            (edit("/crypto/ciphertext", "".into()), "the password does not open"),
        ] {
            files::write_whole(&path, text.as_bytes(), Access::Private, true).unwrap();
            let error = open(&KeyFile::read(&path).unwrap(), "correct horse").unwrap_err();
            assert!(error.to_string().contains(part), "{error} lacks {part:?}");
        }
    }
}
