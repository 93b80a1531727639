//! Whether the account named in an extrinsic signed it: the one thing about an anchor that no node of the chain can forge.
//!
//! What is signed is the call, what the extrinsic says about itself, and what it only implies: the versions of the
//! runtime, the chain's first block and the block its era begins with. All but the last is known here; a wrong word of
//! the node about that one makes the signature fail.

use ed25519_dalek::VerifyingKey;
use subxt::client::{ClientAtBlock, OfflineClientAtBlockT};
use subxt::config::Hasher as _;
use subxt::config::substrate::{BlakeTwo256, H256, SubstrateConfig};
use subxt::ext::codec::{Decode as _, Encode as _};
use subxt::ext::scale_decode::visitor::{IgnoreVisitor, decode_with_visitor};
use subxt::extrinsics::Extrinsic;
use subxt::metadata::Metadata;
use subxt::utils::Era;

use ganglion_types::Hotkey;

/// Longest payload that is signed as it is; a longer one is hashed first.
const PLAIN_BYTES: usize = 256;

/// The version of the extensions of an extrinsic that names none.
const EXTENSIONS: u8 = 0;

/// What can be said of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    /// The account's key made it over this call for this chain.
    Holds,
    /// It did not.
    Fails,
    /// Of another scheme than ed25519, or over something that is not known here.
    Unknown,
}

/// Height of the block whose hash the era of an extrinsic in block `height` implies; `None` if it has no end.
pub(super) fn birth<C: OfflineClientAtBlockT<SubstrateConfig>>(
    extrinsic: &Extrinsic<'_, SubstrateConfig, C>,
    height: u64,
) -> Option<u64> {
    let extensions = extrinsic.transaction_extensions()?;
    let era = extensions.iter().find(|one| is_mortality(one.name()))?;
    match Era::decode(&mut era.bytes()).ok()? {
        Era::Immortal => None,
        Era::Mortal { period, phase } => {
            let since = height.max(phase).checked_sub(phase)?.checked_rem(period)?;
            height.max(phase).checked_sub(since)
        }
    }
}

fn is_mortality(name: &str) -> bool {
    name == "CheckMortality" || name == "CheckEra"
}

/// Checks the signature of `extrinsic`, whose account is `signer`. `birth` is the hash of the block that [`birth`] names, or of the
/// chain's first one.
pub(super) fn check<C: OfflineClientAtBlockT<SubstrateConfig>>(
    at: &ClientAtBlock<SubstrateConfig, C>,
    extrinsic: &Extrinsic<'_, SubstrateConfig, C>,
    signer: &Hotkey,
    birth: H256,
) -> Signed {
    let Some((0, signature)) = extrinsic
        .signature_bytes()
        .and_then(<[u8]>::split_first)
        .map(|(scheme, rest)| (*scheme, rest))
    else {
        return Signed::Unknown;
    };
    let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else {
        return Signed::Unknown;
    };
    let Some(message) = message(at, extrinsic, birth) else { return Signed::Unknown };
    let key = VerifyingKey::from_bytes(signer.as_bytes());
    match key.map(|key| key.verify_strict(&message, &signature)) {
        Ok(Ok(())) => Signed::Holds,
        _ => Signed::Fails,
    }
}

/// The bytes that the account signed; `None` if an extension implies something that is not known here.
fn message<C: OfflineClientAtBlockT<SubstrateConfig>>(
    at: &ClientAtBlock<SubstrateConfig, C>,
    extrinsic: &Extrinsic<'_, SubstrateConfig, C>,
    birth: H256,
) -> Option<Vec<u8>> {
    let metadata = at.metadata_ref();
    let mut message = extrinsic.call_data_bytes().to_vec();
    message.extend_from_slice(extrinsic.transaction_extensions_bytes()?);
    for extension in metadata.extrinsic().transaction_extensions_by_version(EXTENSIONS)? {
        match extension.identifier() {
            "CheckSpecVersion" => message.extend(at.spec_version().encode()),
            "CheckTxVersion" => message.extend(at.transaction_version().encode()),
            "CheckGenesis" => message.extend(at.genesis_hash()?.0),
            name if is_mortality(name) => message.extend(birth.0),
            // No hash of the metadata was signed; one that was is not known here.
            "CheckMetadataHash" => message.push(0),
            _ if is_empty(metadata, extension.additional_ty()) => {}
            _ => return None,
        }
    }
    if message.len() > PLAIN_BYTES {
        message = BlakeTwo256::new(metadata).hash(&message).0.to_vec();
    }
    Some(message)
}

/// Whether values of a type have no bytes.
fn is_empty(metadata: &Metadata, type_id: u32) -> bool {
    decode_with_visitor(&mut [].as_slice(), type_id, metadata.types(), IgnoreVisitor::new()).is_ok()
}
