//! Chains outside of this node, by the settings that name them. Each is a feature of the build.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use ganglion_chain::Anchor;

use super::StartError;
use crate::config::{AnchorBackend, EvmConfig, SubstrateConfig};

/// The chain that the settings name. Asks nobody. `hotkey` signs where an account of the chain can be a hotkey; without it anchors
/// there are looked for and not made.
///
/// # Errors
/// A key or an address that is none, or a chain that this program was built without.
pub(crate) fn open(
    backend: &AnchorBackend,
    hotkey: Option<&SigningKey>,
) -> Result<Arc<dyn Anchor>, StartError> {
    match backend {
        AnchorBackend::Evm(config) => on_evm(config),
        AnchorBackend::Substrate(config) => on_substrate(config, hotkey),
        AnchorBackend::None | AnchorBackend::Embedded => {
            Err(StartError::Key("the settings name no chain".into()))
        }
    }
}

/// What the operator should know of the way to a chain's node, if anything.
pub(crate) fn warning(backend: &AnchorBackend) -> Option<&'static str> {
    match backend {
        #[cfg(feature = "evm")]
        AnchorBackend::Evm(config) => open_rpc(&config.rpc),
        _ => None,
    }
}

#[cfg(feature = "evm")]
fn on_evm(config: &EvmConfig) -> Result<Arc<dyn Anchor>, StartError> {
    Ok(Arc::new(evm(config)?))
}

#[cfg(not(feature = "evm"))]
const fn on_evm(_: &EvmConfig) -> Result<Arc<dyn Anchor>, StartError> {
    Err(StartError::NotBuilt("evm"))
}

#[cfg(feature = "substrate")]
fn on_substrate(
    config: &SubstrateConfig,
    hotkey: Option<&SigningKey>,
) -> Result<Arc<dyn Anchor>, StartError> {
    Ok(Arc::new(substrate(config, hotkey)?))
}

#[cfg(not(feature = "substrate"))]
const fn on_substrate(
    _: &SubstrateConfig,
    _: Option<&SigningKey>,
) -> Result<Arc<dyn Anchor>, StartError> {
    Err(StartError::NotBuilt("substrate"))
}

/// The backend of an EVM chain.
#[cfg(feature = "evm")]
pub(crate) fn evm(config: &EvmConfig) -> Result<ganglion_chain::evm::Evm, StartError> {
    use ganglion_chain::evm::{Evm, EvmFinality, EvmKey, EvmSettings};
    let key = match &config.key_file {
        None => None,
        Some(path) => {
            let text = crate::keys::read_secret(path)
                .map_err(|error| StartError::Key(error.to_string()))?;
            let key = EvmKey::from_hex(&text).ok_or_else(|| {
                StartError::Key(format!("{} holds no secp256k1 key in hexadecimal", path.display()))
            })?;
            Some(key)
        }
    };
    let settings = EvmSettings {
        rpc: config.rpc.clone(),
        chain_id: config.chain_id,
        contract: config.contract,
        from_block: config.from_block,
        fee_cap: u128::from(config.fee_cap_gwei) * 1_000_000_000,
        finality: config.final_after.map_or(EvmFinality::Finalized, EvmFinality::Blocks),
    };
    Ok(Evm::new(settings, key)?)
}

/// The backend of a Substrate chain. It signs with the hotkey of the node, if with any.
#[cfg(feature = "substrate")]
fn substrate(
    config: &SubstrateConfig,
    key: Option<&SigningKey>,
) -> Result<ganglion_chain::substrate::Substrate, StartError> {
    use crate::config::SubstratePlace;
    use ganglion_chain::substrate::{ERA, Place, Settings, Substrate};
    let place = match config.place {
        SubstratePlace::Remark => Place::Remark,
        SubstratePlace::Commitment(netuid) => Place::Commitment { netuid },
        SubstratePlace::Both(netuid) => Place::Both { netuid },
    };
    let settings = Settings {
        url: config.rpc.clone(),
        genesis: config.genesis,
        place,
        era: ERA,
        lookback: ganglion_chain::limits::LOOKBACK_BLOCKS,
    };
    Ok(Substrate::new(&settings, key.cloned())?)
}

/// What the operator should know of the way to a chain's node, if anything. Without the address: it often holds a secret.
#[cfg(feature = "evm")]
fn open_rpc(rpc: &str) -> Option<&'static str> {
    ganglion_chain::evm::is_open(rpc)?.then_some(
        "the chain's node is asked without encryption and is not on this machine: anybody on the way can read and \
         change what it says; give its address with https://",
    )
}
