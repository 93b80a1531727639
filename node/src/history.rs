//! A hotkey's signing history as a file: how far it signed in one subnet, so that another machine goes on after it.
//!
//! ```text
//! {"schema": "ganglion/signing-history/1", "subnet", "hotkey", "epoch", "round", "step", "locked", "valid",
//!  "item_numbers_reserved", "checksum", "signature"}
//! ```
//! `checksum` = tagged hash over every other field, `signature` = the hotkey's over it: see `docs/spec/storage.md`, section 7.

use ganglion_storage::{RoundCut, Watermark};
use ganglion_types::sign::{self, tagged_hash};
use ganglion_types::{Digest, Hotkey, Signature, SubnetId};
use serde::{Deserialize, Serialize};

use crate::fault::{Code, Curable, Fault};
use crate::keys::KeyPair;

/// What the file says it is.
pub const SCHEMA: &str = "ganglion/signing-history/1";
/// Bytes of the largest file that is read.
pub const FILE_BYTES_MAX: u64 = 16 << 10;
const TAG: &str = "ganglion signing history";

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryFile {
    schema: String,
    subnet: String,
    hotkey: String,
    epoch: u64,
    round: u32,
    step: u8,
    locked: Option<Value>,
    valid: Option<Value>,
    item_numbers_reserved: u64,
    checksum: String,
    signature: String,
}

/// A cut, and the round in which it was locked or found valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Value {
    round: u32,
    cut: String,
}

impl From<RoundCut> for Value {
    fn from(value: RoundCut) -> Self {
        Self { round: value.round, cut: hex::encode(value.cut) }
    }
}

impl Value {
    fn read(&self) -> Option<RoundCut> {
        let cut = Digest::from_hex(&self.cut)?;
        Some(RoundCut { round: self.round, cut: *cut.as_bytes() })
    }
}

/// Why a file is not a signing history of this node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// It is no such file.
    #[error("the file is no signing history: {0}")]
    Form(String),
    /// Written by a newer release.
    #[error("the file is a {0:?}, which this release does not know")]
    Newer(String),
    /// A byte was changed.
    #[error("the checksum of the file does not hold")]
    Checksum,
    /// Somebody else wrote it.
    #[error("the file is not signed by its hotkey")]
    Signature,
    /// Another subnet's.
    #[error("the history is of subnet {found}, this node is of {expected}")]
    Subnet {
        /// In the file.
        found: String,
        /// Of this node.
        expected: SubnetId,
    },
    /// Another key's.
    #[error("the history is of hotkey {found}, this node signs with {expected}")]
    Hotkey {
        /// In the file.
        found: String,
        /// Of this node.
        expected: Hotkey,
    },
}

impl Curable for HistoryError {
    fn code(&self) -> Code {
        match self {
            Self::Form(_) => Code::HISTORY_FORM,
            Self::Checksum | Self::Signature => Code::HISTORY_CHANGED,
            Self::Newer(_) => Code::HISTORY_NEWER,
            Self::Subnet { .. } => Code::HISTORY_SUBNET,
            Self::Hotkey { .. } => Code::HISTORY_KEY,
        }
    }

    fn fault(&self) -> Fault {
        Fault::Input
    }
}

impl HistoryFile {
    /// The history up to a watermark, signed.
    #[must_use]
    pub fn new(subnet: SubnetId, key: &KeyPair, watermark: &Watermark) -> Self {
        let mut file = Self {
            schema: SCHEMA.into(),
            subnet: subnet.to_hex(),
            hotkey: key.hotkey().to_string(),
            epoch: watermark.epoch,
            round: watermark.round,
            step: watermark.step,
            locked: watermark.locked.map(Value::from),
            valid: watermark.valid.map(Value::from),
            item_numbers_reserved: watermark.item_seq_reserved,
            checksum: String::new(),
            signature: String::new(),
        };
        let digest = file.digest();
        file.checksum = digest.to_hex();
        let signature = sign::sign(key.signing_key(), digest.as_bytes());
        file.signature = hex::encode(signature.as_bytes());
        file
    }

    /// Covers every field but itself and the signature, each with its length.
    fn digest(&self) -> Digest {
        let value = |value: &Option<Value>| {
            value.as_ref().map_or_else(String::new, |one| format!("{} {}", one.round, one.cut))
        };
        let fields = [
            self.schema.clone(),
            self.subnet.clone(),
            self.hotkey.clone(),
            self.epoch.to_string(),
            self.round.to_string(),
            self.step.to_string(),
            value(&self.locked),
            value(&self.valid),
            self.item_numbers_reserved.to_string(),
        ];
        let parts: Vec<&[u8]> = fields.iter().map(String::as_bytes).collect();
        tagged_hash(TAG, &parts)
    }

    /// Reads a file and checks all that can be checked without a node.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub fn parse(text: &str) -> Result<Self, HistoryError> {
        let form = |error: serde_json::Error| HistoryError::Form(error.to_string());
        let value: serde_json::Value = serde_json::from_str(text).map_err(form)?;
        let schema = value.get("schema").and_then(serde_json::Value::as_str).unwrap_or_default();
        if schema != SCHEMA && schema.starts_with("ganglion/signing-history/") {
            return Err(HistoryError::Newer(schema.into()));
        }
        let file: Self = serde_json::from_value(value).map_err(form)?;
        if file.schema != SCHEMA {
            return Err(HistoryError::Form(format!("its schema is {:?}", file.schema)));
        }
        let digest = file.digest();
        if digest.to_hex() != file.checksum {
            return Err(HistoryError::Checksum);
        }
        let signer: Hotkey = file.hotkey.parse().map_err(|_| HistoryError::Signature)?;
        let mut signature = [0; 64];
        hex::decode_to_slice(&file.signature, &mut signature)
            .map_err(|_| HistoryError::Signature)?;
        let signature = Signature::new(signature);
        if !sign::verify(signer.as_bytes(), digest.as_bytes(), &signature) {
            return Err(HistoryError::Signature);
        }
        Ok(file)
    }

    /// The watermark, for a node of this subnet with this key.
    ///
    /// # Errors
    /// [`HistoryError::Subnet`], [`HistoryError::Hotkey`], and [`HistoryError::Form`] for a cut that is none.
    pub fn watermark(&self, subnet: SubnetId, hotkey: Hotkey) -> Result<Watermark, HistoryError> {
        if self.subnet != subnet.to_hex() {
            return Err(HistoryError::Subnet { found: self.subnet.clone(), expected: subnet });
        }
        if self.hotkey != hotkey.to_string() {
            return Err(HistoryError::Hotkey { found: self.hotkey.clone(), expected: hotkey });
        }
        let read = |value: &Option<Value>| {
            let read = value.as_ref().map(|value| {
                value.read().ok_or_else(|| HistoryError::Form("a cut id does not hold".into()))
            });
            read.transpose()
        };
        Ok(Watermark {
            epoch: self.epoch,
            round: self.round,
            step: self.step,
            locked: read(&self.locked)?,
            valid: read(&self.valid)?,
            item_seq_reserved: self.item_numbers_reserved,
            ..Watermark::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watermark() -> Watermark {
        Watermark {
            epoch: 7,
            round: 2,
            step: 3,
            locked: Some(RoundCut { round: 1, cut: [9; 32] }),
            item_seq_reserved: 64,
            ..Watermark::default()
        }
    }

    fn subnet() -> SubnetId {
        SubnetId::new([5; 32])
    }

    fn text() -> (String, Hotkey) {
        let key = KeyPair::from_seed(&[3; 32]);
        let file = HistoryFile::new(subnet(), &key, &watermark());
        (serde_json::to_string_pretty(&file).unwrap(), key.hotkey())
    }

    #[test]
    fn what_is_written_reads_back_for_this_node_only() {
        let (text, hotkey) = text();
        let file = HistoryFile::parse(&text).unwrap();
        assert_eq!(file.watermark(subnet(), hotkey), Ok(watermark()));
        let other = file.watermark(SubnetId::new([6; 32]), hotkey);
        assert!(matches!(other, Err(HistoryError::Subnet { .. })));
        let other = file.watermark(subnet(), KeyPair::from_seed(&[4; 32]).hotkey());
        assert!(matches!(other, Err(HistoryError::Hotkey { .. })));
    }

    #[test]
    fn a_changed_digit_anywhere_is_refused() {
        let (text, _) = text();
        let mut changed = 0;
        for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if byte == b'7' { b'8' } else { b'7' };
            HistoryFile::parse(&String::from_utf8(bytes).unwrap()).unwrap_err();
            changed += 1;
        }
        assert!(changed > 100, "{changed}");
        let newer = text.replace("signing-history/1", "signing-history/2");
        assert!(matches!(HistoryFile::parse(&newer), Err(HistoryError::Newer(_))));
    }

    #[test]
    fn a_file_signed_by_another_key_is_refused() {
        let (text, _) = text();
        let mut file: HistoryFile = serde_json::from_str(&text).unwrap();
        file.epoch = 1;
        let digest = file.digest();
        file.checksum = digest.to_hex();
        let other = KeyPair::from_seed(&[4; 32]);
        file.signature = hex::encode(sign::sign(other.signing_key(), digest.as_bytes()).as_bytes());
        let forged = serde_json::to_string(&file).unwrap();
        assert_eq!(HistoryFile::parse(&forged), Err(HistoryError::Signature));
    }
}
