//! Answers of an EVM chain's node: whatever it says, a question ends, in an answer that fits it or an error with a reason.
//!
//! ```text
//! input = question u8 ‖ height u64 BE ‖ block 32 ‖ place u32 BE ‖ transaction 32 ‖ answers, one a line
//! ```

use std::sync::LazyLock;

use ganglion_chain::evm::{Evm, EvmFinality, EvmKey, EvmSettings};
use ganglion_chain::{Anchor, AnchorError, AnchorPayload, ChainPoint, Prepared, Status, limits};

/// Of the first account of every development chain, which makes its first contract at [`CONTRACT`].
const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const CONTRACT: [u8; 20] = [
    0x5f, 0xbd, 0xb2, 0x31, 0x56, 0x78, 0xaf, 0xec, 0xb3, 0x67, 0xf0, 0x32, 0xd9, 0x3f, 0x64, 0x2f,
    0x64, 0x18, 0x0a, 0xa3,
];

/// What the recorded node anchored.
static PAYLOAD: LazyLock<AnchorPayload> = LazyLock::new(|| {
    let frozen = include_str!("../../../chain/frozen/encodings.txt");
    let line = frozen.lines().find_map(|line| line.strip_prefix("anchor_payload_five_epochs "));
    let bytes = hex::decode(line.and_then(|line| line.split(' ').next()).unwrap_or_default());
    AnchorPayload::from_bytes(&bytes.unwrap_or_default()).expect("a frozen payload")
});

fn settings() -> EvmSettings {
    EvmSettings {
        rpc: String::new(),
        chain_id: 31_337,
        contract: CONTRACT,
        from_block: 0,
        fee_cap: 100_000_000_000,
        finality: EvmFinality::Finalized,
    }
}

/// Where the input says that something is, and the answers behind it.
fn place(input: &[u8]) -> Option<(ChainPoint, &[u8])> {
    let (height, rest) = input.split_first_chunk()?;
    let (block, rest) = rest.split_first_chunk()?;
    let (index, rest) = rest.split_first_chunk()?;
    let (transaction, answers) = rest.split_first_chunk()?;
    let (height, index) = (u64::from_be_bytes(*height), u32::from_be_bytes(*index));
    Some((ChainPoint { height, block: *block, index, transaction: *transaction }, answers))
}

pub(super) fn evm_answers(bytes: &[u8]) {
    let Some((question, rest)) = bytes.split_first() else { return };
    let Some((point, answers)) = place(rest) else { return };
    let answers = answers.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let key = EvmKey::from_hex(KEY);
    let evm = Evm::recorded(settings(), key, answers).expect("the settings are sound");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    if let Err(error) = runtime.block_on(ask(&evm, *question, &point)) {
        let text = error.to_string();
        assert!(!text.is_empty() && text.len() < 4 * limits::REASON_BYTES, "{text}");
    }
}

async fn ask(evm: &Evm, question: u8, point: &ChainPoint) -> Result<(), AnchorError> {
    let payload = &*PAYLOAD;
    let (id, nonce) = (point.transaction, u64::from(point.index));
    let given = Prepared { id, nonce, expires: None, fee_max: 7, bytes: vec![2, 0xc0] };
    match question % 6 {
        0 => {
            let survey = evm.survey().await?;
            assert!(survey.finalized <= survey.height && survey.balance.is_some());
        }
        1 => {
            let found = evm.find(payload.subnet(), payload.first()..=payload.last()).await?;
            assert!(found.len() <= limits::FOUND);
            for found in found {
                assert_eq!(found.payload.subnet(), payload.subnet());
                assert!(found.payload.last() >= payload.first(), "{found:?}");
                assert!(found.payload.first() <= payload.last(), "{found:?}");
            }
        }
        2 => assert_eq!(evm.verify(payload, point).await?.publisher.as_bytes().len(), 20),
        3 => {
            let status = evm.status(payload, &[given]).await?;
            assert!(status != Status::Absent || nonce < u64::MAX);
        }
        4 => {
            let prepared = Anchor::prepare(evm, payload, &[], Some(nonce)).await?;
            assert!(prepared.nonce > nonce && prepared.bytes.len() <= limits::TRANSACTION_BYTES);
            assert!(prepared.fee_max > 0);
        }
        _ => Anchor::submit(evm, &given).await?,
    }
    Ok(())
}
