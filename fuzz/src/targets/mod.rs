//! The targets by where their bytes come from.

mod anchor;
mod canonical;
pub(crate) mod chain;
mod disk;
mod evm;
mod http;
mod ledger;
mod life;
mod lists;
mod text;
mod whole;
mod wire;
mod yuma;

use crate::Target;

/// The answer that [`wire::certified_cuts`] changes.
pub(crate) fn cuts() -> Vec<u8> {
    wire::CUTS.clone()
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// What a decoder of one message may hold: the input, its message, its value and its bytes again.
const DECODER: usize = 8 * MIB;

macro_rules! target {
    ($name:literal, $source:literal, $run:expr, $memory:expr) => {
        Target { name: $name, source: $source, run: $run, memory: $memory }
    };
}

/// All of them.
pub const TARGETS: &[Target] = &[
    // Gossip, requests and the store: the canonical messages.
    target!("item", "gossip, requests, store", canonical::item, DECODER),
    target!("item_body", "the body of an item, by kind", canonical::item_body, DECODER),
    target!("evidence", "gossip, cuts", canonical::evidence, DECODER),
    target!("registry_op", "gossip, HTTP", canonical::registry_op, DECODER),
    target!("list_body", "requests", canonical::list_body, DECODER),
    target!("cut", "requests, store", canonical::cut, DECODER),
    target!("certificate", "requests, store", canonical::certificate, DECODER),
    target!("epoch_bundle", "requests, certificate log", canonical::epoch_bundle, DECODER),
    target!("agreement_message", "gossip, agreement log", canonical::agreement_message, DECODER),
    target!("agreement_part", "gossip, agreement log", canonical::agreement_part, DECODER),
    target!("manifest", "the store", canonical::manifest, DECODER),
    target!("merkle_proof", "proof files", canonical::merkle_proof, DECODER),
    target!("external_registry", "a chain's registry", canonical::external_registry, DECODER),
    target!("committee_members", "requests, store", canonical::committee_members, DECODER),
    target!("epoch_link", "proof files", canonical::epoch_link, DECODER),
    target!("epoch_proof", "proof files", canonical::epoch_proof, DECODER),
    target!("fork", "requests, fork files", canonical::fork, DECODER),
    target!("snapshot_header", "requests, snapshot files", canonical::snapshot_header, DECODER),
    target!("snapshot_chunk", "requests, snapshot files", canonical::snapshot_chunk, DECODER),
    target!("result_rows", "requests, store, proof files", canonical::result_rows, DECODER),
    target!("address", "SS58 of every command and file", canonical::address, 256 * KIB),
    // Connections.
    target!("request", "a stream of a peer", wire::request, DECODER),
    target!("response", "a stream of a peer", wire::response, 16 * MIB),
    target!("peer_record", "gossip, requests, store", wire::peer_record, DECODER),
    target!("multiaddress", "peer records, settings", wire::multiaddress, MIB),
    target!("gossip", "every topic, as the participant takes it", wire::gossip, DECODER),
    target!("certified_cuts", "answers to one who joins", wire::certified_cuts, 16 * MIB),
    target!("participant", "a peer's messages, answers and silence", life::participant, 64 * MIB),
    // Files.
    target!("agreement_log", "agreement-*.log", disk::agreement_log, DECODER),
    target!("agreement_log_edited", "agreement-*.log", disk::agreement_log_edited, DECODER),
    target!("agreement_records", "agreement-*.log", life::agreement_records, 64 * MIB),
    target!("certificate_log", "certificates.log", disk::certificate_log, DECODER),
    target!("certificate_log_edited", "certificates.log", disk::certificate_log_edited, DECODER),
    target!("watermark", "watermark", disk::watermark, DECODER),
    target!("fork_file", "fork-*", disk::fork_file, 16 * MIB),
    target!("snapshot_file", "*.snapshot", disk::snapshot_file, DECODER),
    target!("joining_file", "snapshots/joining", disk::joining_file, 24 * MIB),
    target!("snapshot_edited", "*.snapshot of a state", disk::snapshot_edited, 16 * MIB),
    target!("state_rows", "the rows of a state", disk::state_rows, 16 * MIB),
    target!(
        "directory_edited",
        "every file of a data directory",
        whole::directory_edited,
        64 * MIB
    ),
    target!("old_directory", "a data directory of format 1", disk::old_directory, 16 * MIB),
    target!("archive", "files of `ganglion db export`", whole::archive, 64 * MIB),
    target!("archive_edited", "files of `ganglion db export`", whole::archive_edited, 64 * MIB),
    target!("signing_history", "`ganglion keys history import`", text::signing_history, DECODER),
    target!(
        "signing_history_edited",
        "`ganglion keys history import`",
        text::signing_history_edited,
        DECODER
    ),
    target!("local_values", "scores and sealed rows", disk::local_values, DECODER),
    target!("manifest_toml", "subnet.toml", text::manifest_toml, 32 * MIB),
    target!("genesis_toml", "participants of a new subnet", text::genesis_toml, 32 * MIB),
    target!("config_toml", "config.toml", text::config_toml, 32 * MIB),
    target!("testnet_toml", "the file of a testnet", text::testnet_toml, 32 * MIB),
    target!("testnet_control", "testnet.json, its socket", text::testnet_control, 16 * MIB),
    target!("key_file", "keys/*.json", text::key_file, DECODER),
    target!("secret_uri", "the phrase or URI of a key", text::secret_uri, DECODER),
    target!("proof_file", "proofs for `ganglion verify`", text::proof_file, 16 * MIB),
    target!("epoch_dump", "dumps for `ganglion epoch diff`", text::epoch_dump, 16 * MIB),
    target!("yuma_file", "vectors for `ganglion yuma`", text::yuma_file, 64 * MIB),
    target!("digits_data", "gzipped rows, saved lessons", text::digits_data, 128 * MIB),
    // Anchors.
    target!("anchor_payload", "what stands on a chain", anchor::anchor_payload, MIB),
    target!("anchor_entry", "logs of witnesses", anchor::anchor_entry, MIB),
    target!("anchor_outbox", "the file of anchors under way", anchor::anchor_outbox, 16 * MIB),
    target!("evm_answers", "the node of an EVM chain", evm::evm_answers, 64 * MIB),
    // HTTP and workers.
    target!("http_request", "paths, queries, headers, bodies", http::http_request, 64 * MIB),
    target!("http_body", "POST bodies", text::http_body, 16 * MIB),
    target!("api_answer", "what a node answers to a command", text::api_answer, 16 * MIB),
    target!("worker_answer", "a worker's stdout", text::worker_answer, 16 * MIB),
    target!("task_values", "inputs of tasks, answers of miners", text::task_values, 16 * MIB),
    target!("worker_call", "a worker's stdin", text::worker_call, 16 * MIB),
    // What is made of it.
    target!("yuma", "any state of a subnet, two implementations", yuma::agrees, 16 * MIB),
    target!("execute", "any items in a cut", ledger::execute, 64 * MIB),
    target!("inclusion", "any lists and cuts, a second opinion", lists::inclusion, 16 * MIB),
];
