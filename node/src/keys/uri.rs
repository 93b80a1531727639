//! Secret URIs: `phrase//hard//steps///passphrase`, as Substrate's tools write them.

use blake2::Blake2b;
use blake2::digest::{Digest as _, consts::U32};
use zeroize::Zeroizing;

use super::{KeyError, KeyPair, Phrase};

/// The phrase whose accounts `//Alice`, `//Bob` … everybody can sign with.
pub const DEVELOPMENT_PHRASE: &str =
    "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

const SEPARATOR: &str = "///";

/// Where a pair comes from: a phrase or a raw seed, hard derivation steps, a passphrase.
pub struct SecretUri {
    root: Root,
    chain_codes: Vec<[u8; 32]>,
}

enum Root {
    Phrase(Phrase, Zeroizing<String>),
    Seed(Zeroizing<[u8; 32]>),
}

impl SecretUri {
    /// Reads a secret URI.
    ///
    /// An empty phrase means the development phrase, see [`Self::is_development`].
    ///
    /// # Errors
    /// Names what is wrong without repeating the secret.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let (text, passphrase) = text.split_once(SEPARATOR).map_or((text, ""), |parts| parts);
        let (phrase, path) = text.split_at(text.find('/').unwrap_or(text.len()));
        let chain_codes = junctions(path)?;
        let phrase = phrase.trim();
        let root = if let Some(hex) = phrase.strip_prefix("0x") {
            if !passphrase.is_empty() {
                return Err(KeyError::SeedPassphrase);
            }
            let mut seed = Zeroizing::new([0; 32]);
            hex::decode_to_slice(hex, seed.as_mut_slice()).map_err(|_| KeyError::Seed)?;
            Root::Seed(seed)
        } else {
            let phrase = if phrase.is_empty() { DEVELOPMENT_PHRASE } else { phrase };
            Root::Phrase(Phrase::parse(phrase)?, Zeroizing::new(passphrase.to_owned()))
        };
        Ok(Self { root, chain_codes })
    }

    /// The URI of a phrase without steps.
    #[must_use]
    pub fn of_phrase(phrase: Phrase) -> Self {
        Self { root: Root::Phrase(phrase, Zeroizing::default()), chain_codes: Vec::new() }
    }

    /// Adds hard steps, written like `//miner//0`.
    ///
    /// # Errors
    /// A soft or empty step.
    pub fn derive(mut self, path: &str) -> Result<Self, KeyError> {
        self.chain_codes.extend(junctions(path)?);
        Ok(self)
    }

    /// Whether this is an account of the public development phrase.
    #[must_use]
    pub fn is_development(&self) -> bool {
        match &self.root {
            Root::Phrase(phrase, _) => phrase.words().as_str() == DEVELOPMENT_PHRASE,
            Root::Seed(_) => false,
        }
    }

    /// The pair.
    #[must_use]
    pub fn pair(&self) -> KeyPair {
        let root = match &self.root {
            Root::Phrase(phrase, passphrase) => phrase.seed(passphrase),
            Root::Seed(seed) => seed.clone(),
        };
        let seed = self.chain_codes.iter().fold(root, |seed, code| hard_step(&seed, code));
        KeyPair::from_seed(&seed)
    }
}

impl std::fmt::Debug for SecretUri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretUri(hidden, {} steps)", self.chain_codes.len())
    }
}

/// `blake2b-256(SCALE("Ed25519HDKD", seed, chain code))`. A SCALE string is its length, doubled
/// twice, then its bytes; arrays stand as they are.
fn hard_step(seed: &[u8; 32], chain_code: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut hasher = Blake2b::<U32>::new();
    hasher.update([11 << 2]);
    hasher.update(b"Ed25519HDKD");
    hasher.update(seed);
    hasher.update(chain_code);
    Zeroizing::new(hasher.finalize().into())
}

/// The chain codes of a path of hard steps; none for an empty path.
fn junctions(path: &str) -> Result<Vec<[u8; 32]>, KeyError> {
    let mut codes = Vec::new();
    let mut rest = path.trim();
    while !rest.is_empty() {
        let hard = rest.strip_prefix("//");
        let body = hard.or_else(|| rest.strip_prefix('/')).unwrap_or(rest);
        let (junction, next) = body.split_at(body.find('/').unwrap_or(body.len()));
        if junction.is_empty() {
            return Err(KeyError::EmptyJunction);
        }
        if hard.is_none() {
            return Err(KeyError::SoftJunction { junction: junction.to_owned() });
        }
        codes.push(chain_code(junction));
        rest = next;
    }
    Ok(codes)
}

/// A number is its eight little-endian bytes, any other text its SCALE string; short codes are
/// padded with zeros, longer ones hashed.
fn chain_code(junction: &str) -> [u8; 32] {
    let scale = match junction.parse::<u64>() {
        Ok(number) => number.to_le_bytes().to_vec(),
        Err(_) => [&compact(junction.len())[..], junction.as_bytes()].concat(),
    };
    let mut code = [0; 32];
    match code.get_mut(..scale.len()) {
        Some(head) => head.copy_from_slice(&scale),
        None => code = Blake2b::<U32>::digest(&scale).into(),
    }
    code
}

/// SCALE's compact length, in its one-, two- and four-byte modes.
fn compact(length: usize) -> Vec<u8> {
    let length = u32::try_from(length).unwrap_or(u32::MAX >> 2);
    match length {
        0..=0x3f => vec![u8::try_from(length << 2).unwrap_or_default()],
        0x40..=0x3fff => {
            u16::try_from((length << 2) | 1).unwrap_or_default().to_le_bytes().to_vec()
        }
        _ => ((length << 2) | 2).to_le_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Public keys that polkadot.js (`@polkadot/keyring`, type ed25519) gives for the same secret;
    /// a leading `/` or nothing stands for the development phrase.
    const ACCOUNTS: [(&str, &str); 17] = [
        ("", "345071da55e5dccefaaa440339415ef9f2663338a38f7da0df21be5ab4e055ef"),
        ("//Alice", "88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee"),
        ("//Bob", "d17c2d7823ebf260fd138f2d7e27d114c0145d968b5ff5006125f2414fadae69"),
        ("//Charlie", "439660b36c6c03afafca027b910b4fecf99801834c62a5e6006f27d978de234f"),
        ("//Dave", "5e639b43e0052c47447dac87d6fd2b6ec50bdd4d0f614e4299c665249bbd09d9"),
        ("//Eve", "1dfe3e22cc0d45c70779c1095f7489a8ef3cf52d62fbd8c2fa38c9f1723502b5"),
        ("//Ferdie", "568cb4a574c6d178feb39c27dfc8b3f789e5f5423e19c71633c748b9acf086b5"),
        ("//miner//0", "09e42e32149635113befe3dceb8b92b6df50a3d41b4c7f93e4b45810e5db6782"),
        ("//4294967296", "3d122845994bb8ebb61f63ffc167edee0b26846279eb46603b1f4e54ed0cec20"),
        ("//a//b//c", "d8daac5484390f6619c415e5d9287bbb0a33de6f2eade517d8b7be61c95aa771"),
        ("//Alice///secret", "749359c2116a245efb1f224dcca5d4c72ec1d64d02537721a9c36e124894ad65"),
        ("///secret", "68af7ac0d61be8c7b40acee55aa6084af8f1b074f46f7a31b92e2761b28b02c8"),
        // 31 bytes just fit a chain code, 32 no longer do, and 70 need a two-byte length.
        (
            "//xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "47b678dade4ab8276d71591e9d358e3253fde8c3994addb495c90625f23068ec",
        ),
        (
            "//aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "7a4b8f6cb75140d1b2f391e78dfe1b3b2b611affcbc94f11a1e4a17cd97810f5",
        ),
        (
            "//bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
            "64044a7c52e8cabaa31aa0c5a98ee1b85d01bc235307bf58f2a296770a0d8e4c",
        ),
        (
            "legal winner thank year wave sausage worth useful legal winner thank year wave \
             sausage worth useful legal winner thank year wave sausage worth title",
            "05e9cad0f7398f1821aa3006cf88e38cca03912c5a323165d7434897de203c5f",
        ),
        // RFC 8032, section 7.1, test 1.
        (
            "0x9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        ),
    ];

    #[test]
    fn accounts_are_those_of_substrate_tools() {
        for (uri, public) in ACCOUNTS {
            let pair = SecretUri::parse(uri).unwrap().pair();
            assert_eq!(hex::encode(pair.public()), public, "{uri}");
        }
        let spelled = format!("{DEVELOPMENT_PHRASE}//Alice");
        let pair = SecretUri::parse(&spelled).unwrap().pair();
        assert_eq!(pair.hotkey().to_string(), "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu");
    }

    #[test]
    fn steps_may_come_apart_from_the_phrase() {
        let whole = SecretUri::parse("//miner//0").unwrap();
        let apart = SecretUri::parse("//miner").unwrap().derive("//0").unwrap();
        assert_eq!(whole.pair().public(), apart.pair().public());
    }

    #[test]
    fn development_accounts_are_recognised_however_they_are_written() {
        for uri in ["//Alice", "", "///secret", &format!("{DEVELOPMENT_PHRASE}//x")] {
            assert!(SecretUri::parse(uri).unwrap().is_development(), "{uri}");
        }
        for (uri, _) in &ACCOUNTS[15..] {
            assert!(!SecretUri::parse(uri).unwrap().is_development(), "{uri}");
        }
    }

    #[test]
    fn what_ed25519_cannot_derive_is_refused() {
        for (uri, sentence) in [
            ("/Alice", "'/Alice' is a soft derivation step, which ed25519 keys do not have"),
            ("//Alice/0", "'/0' is a soft derivation step, which ed25519 keys do not have"),
            ("//", "the derivation path has an empty step"),
            ("//a/", "the derivation path has an empty step"),
            ("0x12", "a secret seed is 0x and 64 hexadecimal digits"),
            (
                "0x9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60///x",
                "a secret seed takes no ///passphrase",
            ),
            ("Alice", "the phrase has 1 words"),
        ] {
            assert_eq!(SecretUri::parse(uri).unwrap_err().to_string(), sentence, "{uri}");
        }
    }
}
