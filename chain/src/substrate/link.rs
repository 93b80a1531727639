//! The connection to a node of the chain, made when it is needed and anew when it is lost.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use subxt::OnlineClient;
use subxt::backend::LegacyBackend;
use subxt::client::OnlineClientAtBlock;
use subxt::config::substrate::{H256, SubstrateConfig, SubstrateConfigBuilder};
use subxt::config::{Header as _, RpcConfigFor};
use subxt::error::OnlineClientAtBlockError;
use subxt::ext::jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use subxt::rpcs::client::{RpcClient, rpc_params};
use subxt::rpcs::methods::LegacyRpcMethods;
use subxt::rpcs::utils::url_is_secure;
use tokio::sync::Mutex;

use super::refusal::{self, unreachable};
use crate::{AnchorError, Reason};

/// Longest that one question to the node may take, the connection included.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Bytes of one answer. The metadata of subtensor has 0.4 MB, a full block 5 MB of extrinsics in hexadecimal.
const ANSWER_BYTES: u32 = 16 * 1024 * 1024;

/// Questions that may be on their way at once.
const QUESTIONS: usize = 64;

/// How to reach the chain.
pub(super) struct Link {
    url: String,
    genesis: H256,
    /// The connection in use. Replaced when it is found broken; its absence means nothing.
    open: Mutex<Option<Arc<Chain>>>,
}

/// A connection to a node of the right chain.
pub(super) struct Chain {
    /// What the questions go through, if it can break.
    socket: Option<Arc<WsClient>>,
    pub(super) rpc: LegacyRpcMethods<RpcConfigFor<SubstrateConfig>>,
    raw: RpcClient,
    api: OnlineClient<SubstrateConfig>,
}

/// A block of the canonical chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) height: u64,
    pub(super) hash: H256,
}

/// The client at one block: metadata, calls and state there.
pub(super) type At = OnlineClientAtBlock<SubstrateConfig>;

impl Link {
    /// # Errors
    /// [`AnchorError::Refused`] for an address that is none, or that crosses a network in clear text.
    pub(super) fn new(url: &str, genesis: [u8; 32]) -> Result<Self, AnchorError> {
        let refused = |text: String| AnchorError::Refused(Reason::new(text));
        if !url.starts_with("ws://") && !url.starts_with("wss://") {
            return Err(refused(format!("{url} does not begin with ws:// or wss://")));
        }
        match url_is_secure(url) {
            Ok(true) => {}
            Ok(false) => {
                let text = format!(
                    "{url} is neither wss:// nor on this machine: answers could be forged on the way"
                );
                return Err(refused(text));
            }
            Err(error) => return Err(refused(format!("{url}: {error}"))),
        }
        Ok(Self { url: url.to_owned(), genesis: H256(genesis), open: Mutex::new(None) })
    }

    /// A connection that was not known to be broken a moment ago.
    ///
    /// # Errors
    /// [`AnchorError::Unreachable`], or [`AnchorError::WrongChain`] if the node's first block is another one.
    pub(super) async fn chain(&self) -> Result<Arc<Chain>, AnchorError> {
        let mut open = self.open.lock().await;
        if let Some(chain) = open.as_ref().filter(|chain| chain.is_connected()) {
            return Ok(Arc::clone(chain));
        }
        let chain = Arc::new(self.connect().await?);
        *open = Some(Arc::clone(&chain));
        Ok(chain)
    }

    async fn connect(&self) -> Result<Chain, AnchorError> {
        let socket = WsClientBuilder::default()
            .connection_timeout(ANSWER_WITHIN)
            .request_timeout(ANSWER_WITHIN)
            .max_response_size(ANSWER_BYTES)
            .max_concurrent_requests(QUESTIONS)
            .build(&self.url)
            .await
            .map_err(|error| unreachable(&error))?;
        let socket = Arc::new(socket);
        let raw = RpcClient::new(Arc::clone(&socket));
        Chain::over(raw, Some(socket), self.genesis).await
    }

    /// A link over an open connection.
    #[cfg(test)]
    pub(super) async fn over(raw: RpcClient, genesis: [u8; 32]) -> Result<Self, AnchorError> {
        let chain = Chain::over(raw, None, H256(genesis)).await?;
        let open = Mutex::new(Some(Arc::new(chain)));
        Ok(Self { url: String::new(), genesis: H256(genesis), open })
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.url)
    }
}

impl Chain {
    /// A connection to a node, if its first block is the one named.
    async fn over(
        raw: RpcClient,
        socket: Option<Arc<WsClient>>,
        genesis: H256,
    ) -> Result<Self, AnchorError> {
        let rpc = LegacyRpcMethods::new(raw.clone());
        let found = rpc.genesis_hash().await.map_err(|error| unreachable(&error))?;
        if found != genesis {
            let (expected, found) = (format!("{genesis:?}"), format!("{found:?}"));
            return Err(AnchorError::WrongChain { expected, found });
        }
        // The default backend would try three sets of methods and tell the error of the last.
        let backend = Arc::new(LegacyBackend::builder().build(raw.clone()));
        let config = SubstrateConfigBuilder::new().set_genesis_hash(genesis).build();
        let api = OnlineClient::from_backend_with_config(config, backend)
            .await
            .map_err(|error| unreachable(&error))?;
        Ok(Self { socket, rpc, raw, api })
    }

    fn is_connected(&self) -> bool {
        self.socket.as_ref().is_none_or(|socket| socket.is_connected())
    }

    /// The newest block that the chain does not undo.
    pub(super) async fn finalized(&self) -> Result<Head, AnchorError> {
        let hash =
            self.rpc.chain_get_finalized_head().await.map_err(|error| unreachable(&error))?;
        let height = self.height(Some(hash)).await?;
        Ok(Head { height, hash })
    }

    /// The newest block.
    pub(super) async fn best(&self) -> Result<Head, AnchorError> {
        // The header does not carry its hash, so it is asked for by number.
        let height = self.height(None).await?;
        let hash = self.hash_at(height).await?.ok_or_else(|| {
            AnchorError::Unreachable(Reason::new(format!("the node has no block {height}")))
        })?;
        Ok(Head { height, hash })
    }

    async fn height(&self, hash: Option<H256>) -> Result<u64, AnchorError> {
        let header = self.rpc.chain_get_header(hash).await.map_err(|error| unreachable(&error))?;
        let header = header.ok_or_else(|| {
            AnchorError::Unreachable(Reason::new(format!("the node does not know block {hash:?}")))
        })?;
        Ok(header.number())
    }

    /// Hash of the canonical block of this height.
    pub(super) async fn hash_at(&self, height: u64) -> Result<Option<H256>, AnchorError> {
        let hash = self.rpc.chain_get_block_hash(Some(height.into())).await;
        hash.map_err(|error| unreachable(&error))
    }

    /// The extrinsics of a block.
    pub(super) async fn body(&self, hash: H256) -> Result<Vec<Vec<u8>>, AnchorError> {
        let block = self.rpc.chain_get_block(Some(hash)).await;
        let block = block.map_err(|error| unreachable(&error))?.ok_or_else(|| {
            AnchorError::Unreachable(Reason::new(format!("the node has no body of block {hash:?}")))
        })?;
        Ok(block.block.extrinsics.into_iter().map(|bytes| bytes.0).collect())
    }

    /// What the runtime of a block knows and says.
    pub(super) async fn at(&self, head: Head) -> Result<At, AnchorError> {
        let at = self.api.at_block_hash_and_number(head.hash, head.height).await;
        at.map_err(|error| unreachable(&error))
    }

    /// What knows the form of a block's content, and whether it is the runtime of that block itself. A node that has dropped the
    /// block's state cannot tell which runtime that was; its content is then read by that of the final block.
    pub(super) async fn reading(&self, head: Head) -> Result<(At, bool), AnchorError> {
        match self.api.at_block_hash_and_number(head.hash, head.height).await {
            Ok(at) => Ok((at, true)),
            Err(OnlineClientAtBlockError::CannotGetSpecVersion { reason, .. })
                if refusal::is_told(&reason) =>
            {
                let at = self.at(self.finalized().await?).await?;
                Ok((at, false))
            }
            Err(error) => Err(unreachable(&error)),
        }
    }

    /// Whether the node holds a transaction; `false` too where it does not tell, as public nodes do not.
    pub(super) async fn holds(&self, bytes: &[u8]) -> bool {
        let wanted = format!("0x{}", ganglion_types::hex(bytes));
        let pool: Result<Vec<String>, _> =
            self.raw.request("author_pendingExtrinsics", rpc_params![]).await;
        pool.is_ok_and(|pool| pool.contains(&wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_text_stays_on_this_machine() {
        let made = |url| Link::new(url, [0; 32]).map(|_| ()).map_err(|error| error.kind());
        for good in
            ["wss://node.example", "ws://127.0.0.1:9944", "ws://localhost:9944", "ws://[::1]:9944"]
        {
            assert_eq!(made(good), Ok(()), "{good}");
        }
        for bad in ["ws://node.example", "ws://10.0.0.1:9944", "http://127.0.0.1", "", "wss://"] {
            assert_eq!(made(bad), Err("refused"), "{bad}");
        }
    }
}
