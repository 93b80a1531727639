//! BIP-39 phrases, read the way Substrate reads them.

use bip39::{Language, Mnemonic};
use hmac::Hmac;
use sha2::Sha512;
use zeroize::{Zeroize as _, Zeroizing};

use super::KeyError;

/// Rounds of PBKDF2 that BIP-39 prescribes.
const ROUNDS: u32 = 2048;

/// How many words a new phrase gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordCount {
    /// 128 bits, the strength of ed25519 itself.
    Twelve,
    /// 256 bits.
    TwentyFour,
}

/// A phrase of English words that stands for a secret.
#[derive(Clone)]
pub struct Phrase(Mnemonic);

impl Phrase {
    /// A new phrase from the operating system's randomness.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn generate(words: WordCount) -> Result<Self, KeyError> {
        let mut entropy = Zeroizing::new([0; 32]);
        let bytes = match words {
            WordCount::Twelve => &mut entropy[..16],
            WordCount::TwentyFour => &mut entropy[..],
        };
        getrandom::fill(bytes).map_err(|error| KeyError::Entropy { reason: error.to_string() })?;
        let mnemonic = Mnemonic::from_entropy_in(Language::English, bytes)
            .expect("16 and 32 bytes are lengths that BIP-39 knows");
        Ok(Self(mnemonic))
    }

    /// Reads a phrase; case and the kind of white space do not matter.
    ///
    /// # Errors
    /// Names what is wrong without repeating any word.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let lower = Zeroizing::new(text.to_lowercase());
        let mnemonic =
            Mnemonic::parse_in(Language::English, lower.as_str()).map_err(|error| match error {
                bip39::Error::BadWordCount(words) => KeyError::WordCount { words },
                bip39::Error::UnknownWord(index) => KeyError::UnknownWord { position: index + 1 },
                _ => KeyError::PhraseChecksum,
            })?;
        Ok(Self(mnemonic))
    }

    /// The words, to be shown once.
    #[must_use]
    pub fn words(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_string())
    }

    /// The secret seed of the ed25519 pair.
    ///
    /// Substrate stretches the *entropy* of the phrase, where BIP-39 stretches its words, and keeps
    /// the first half: `PBKDF2-HMAC-SHA512(entropy, "mnemonic" + passphrase, 2048)[..32]`.
    #[must_use]
    pub fn seed(&self, passphrase: &str) -> Zeroizing<[u8; 32]> {
        let (mut entropy, length) = self.0.to_entropy_array();
        let salt = Zeroizing::new(format!("mnemonic{passphrase}"));
        let mut stretched = Zeroizing::new([0; 64]);
        pbkdf2::pbkdf2::<Hmac<Sha512>>(
            &entropy[..length],
            salt.as_bytes(),
            ROUNDS,
            stretched.as_mut_slice(),
        )
        .expect("HMAC takes a key of any length");
        entropy.zeroize();
        let mut seed = Zeroizing::new([0; 32]);
        seed.copy_from_slice(&stretched[..32]);
        seed
    }
}

impl Drop for Phrase {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for Phrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Phrase({} words, hidden)", self.0.word_count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_phrases_read_back_and_never_repeat() {
        for (words, count) in [(WordCount::Twelve, 12), (WordCount::TwentyFour, 24)] {
            let phrase = Phrase::generate(words).unwrap();
            assert_eq!(phrase.words().split(' ').count(), count);
            let again = Phrase::parse(&phrase.words()).unwrap();
            assert_eq!(again.seed("")[..], phrase.seed("")[..]);
            assert_ne!(Phrase::generate(words).unwrap().words(), phrase.words());
        }
    }

    #[test]
    fn a_passphrase_gives_another_account() {
        let phrase = Phrase::generate(WordCount::Twelve).unwrap();
        assert_ne!(phrase.seed("")[..], phrase.seed("x")[..]);
    }

    #[test]
    fn bad_phrases_are_named_without_showing_a_word() {
        let zoo = "abandon ".repeat(11);
        for (text, sentence) in [
            ("abandon abandon", "the phrase has 2 words".to_owned()),
            ("", "the phrase has 0 words".to_owned()),
            (
                &format!("{zoo}secretword"),
                "word 12 of the phrase is not in the English BIP-39 list".to_owned(),
            ),
            (&format!("{zoo}abandon"), KeyError::PhraseChecksum.to_string()),
        ] {
            let error = Phrase::parse(text).unwrap_err();
            assert_eq!(error.to_string(), sentence);
        }
        assert!(Phrase::parse(&format!("\n {} \tABOUT\n", zoo.to_uppercase())).is_ok());
    }
}
