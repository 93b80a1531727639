//! A node of subtensor's spec version 461 for tests: it answers what it was given to answer, and nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use subxt::ext::codec::{Compact, Encode as _};
use subxt::rpcs::client::{RawRpcFuture, RawRpcSubscription, RawValue, RpcClientT};
use subxt::rpcs::{Error, UserError};

use super::golden;

/// What the node knows. Its first block is that of the recording.
#[derive(Default)]
pub(super) struct Node {
    pub(super) finalized: u64,
    pub(super) metagraph: Vec<u8>,
    /// Arguments and blocks of the questions for a metagraph.
    pub(super) asked: Arc<Mutex<Vec<(String, String)>>>,
    /// The extrinsics of blocks; others have none.
    pub(super) bodies: BTreeMap<u64, Vec<Vec<u8>>>,
    /// The first block whose state it keeps.
    pub(super) states_from: u64,
}

/// Hash of the block of a height on that node's chain.
pub(super) fn block(height: u64) -> [u8; 32] {
    if height == 0 {
        return golden::genesis();
    }
    let mut hash = [0xb0; 32];
    hash[24..].copy_from_slice(&height.to_be_bytes());
    hash
}

fn height(hash: &str) -> u64 {
    u64::from_str_radix(&hash[hash.len() - 16..], 16).unwrap()
}

fn quoted(bytes: &[u8]) -> String {
    format!("\"0x{}\"", ganglion_types::hex(bytes))
}

fn header(height: u64) -> String {
    let zero = format!("0x{}", "00".repeat(32));
    format!(
        r#"{{"number":"0x{height:x}","parentHash":"{zero}","stateRoot":"{zero}","extrinsicsRoot":"{zero}","digest":{{"logs":[]}}}}"#
    )
}

impl Node {
    fn answer(&self, method: &str, params: &serde_json::Value) -> Result<String, UserError> {
        let text = |place: usize| params[place].as_str().unwrap_or_default();
        if method == "state_call" && height(text(2)) < self.states_from {
            let said =
                r#"{"code":4003,"message":"Client error: UnknownBlock: State already discarded"}"#;
            return Err(serde_json::from_str(said).unwrap());
        }
        Ok(match (method, text(0)) {
            ("chain_getBlockHash", _) => quoted(&block(params[0].as_u64().unwrap())),
            ("chain_getFinalizedHead", _) => quoted(&block(self.finalized)),
            ("chain_getHeader", "") => header(self.finalized),
            ("chain_getHeader", hash) => header(height(hash)),
            ("chain_getBlock", hash) => {
                let body = self.bodies.get(&height(hash)).map_or(&[][..], Vec::as_slice);
                let body: Vec<String> = body.iter().map(|bytes| quoted(bytes)).collect();
                let (header, body) = (header(height(hash)), body.join(","));
                format!(
                    r#"{{"block":{{"header":{header},"extrinsics":[{body}]}},"justifications":null}}"#
                )
            }
            ("state_call", "Core_version") => {
                let apis: Vec<([u8; 8], u32)> = Vec::new();
                let names = ("node-subtensor", "node-subtensor");
                quoted(&(names, 1_u32, 461_u32, 1_u32, apis, 1_u32).encode())
            }
            ("state_call", "Metadata_metadata_versions") => quoted(&vec![14_u32, 15].encode()),
            ("state_call", "Metadata_metadata_at_version") => {
                let metadata = golden::metadata_bytes();
                let length = Compact(u32::try_from(metadata.len()).unwrap()).encode();
                quoted(&[&[1], length.as_slice(), &metadata].concat())
            }
            ("state_call", "SubnetInfoRuntimeApi_get_metagraph") => {
                self.asked.lock().unwrap().push((text(1).to_owned(), text(2).to_owned()));
                quoted(&self.metagraph)
            }
            other => panic!("{other:?} was not to be asked"),
        })
    }
}

impl RpcClientT for Node {
    fn request_raw<'a>(
        &'a self,
        method: &'a str,
        params: Option<Box<RawValue>>,
    ) -> RawRpcFuture<'a, Box<RawValue>> {
        let params = params.map(|params| serde_json::from_str(params.get()).unwrap());
        let answer = self.answer(method, &params.unwrap_or_default());
        let answer = answer.map(|answer| RawValue::from_string(answer).unwrap());
        Box::pin(async move { answer.map_err(Error::User) })
    }

    fn subscribe_raw<'a>(
        &'a self,
        sub: &'a str,
        _: Option<Box<RawValue>>,
        _: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        panic!("{sub} was not to be asked")
    }
}

mod tests {
    use subxt::config::substrate::H256;
    use subxt::rpcs::client::RpcClient;

    use super::*;
    use crate::ChainPoint;
    use crate::substrate::call::Place;
    use crate::substrate::history::{self, Outcome};
    use crate::substrate::link::{Head, Link};
    use crate::substrate::verify;

    /// Nodes keep all blocks and the states of the last 256. An anchor in an older block is found and verified, and the
    /// report says what could not be looked at.
    #[tokio::test]
    async fn an_anchor_in_a_block_whose_state_is_gone_is_found_and_verified() {
        let bodies = [(100, Place::Remark), (101, Place::Both { netuid: 11 })]
            .map(|(height, place)| (height, vec![golden::anchored(place)]))
            .into();
        let node = Node { finalized: 4_200, states_from: 4_000, bodies, ..Node::default() };
        let link = Link::over(RpcClient::new(node), block(0)).await.unwrap();
        let chain = link.chain().await.unwrap();
        let mut outcomes = Vec::new();
        for height in [100, 101] {
            let head = Head { height, hash: H256(block(height)) };
            let found = history::block(&chain, head).await.unwrap();
            assert_eq!((found.len(), found[0].payload), (1, golden::payload()));
            outcomes.push(found[0].outcome.clone());
            let ChainPoint { height: at, index, .. } = found[0].point;
            assert_eq!((at, index), (height, 0));
            let verified =
                verify::verify(&link, &golden::payload(), &found[0].point).await.unwrap();
            assert!(verified.checked.iter().any(|held| held.contains("its account signed it")));
            assert!(
                verified.not_checked.iter().any(|one| one.contains("dropped that block's state"))
            );
        }
        // A remark does what it says wherever it is included; of a batch only events tell.
        assert_eq!(outcomes, [Outcome::Done, Outcome::Unknown]);
    }
}
