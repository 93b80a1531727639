//! Epochs, proofs, snapshots, archives and anchors.

use crate::fault::code::{Area, Code, area};

area! { EPOCHS "Epochs, proofs and snapshots"
    EPOCH_NOT_HERE "epoch-not-here" "The epoch is not decided here."
        "List the epochs with `ganglion epoch list`.";
    EPOCH_PRUNED "epoch-pruned" "What the epoch was made of is not kept here any more."
        "Ask an archive node, which has the items of every epoch: `ganglion peers` shows which are, and --api \
         asks one.";
    EPOCH_UNREADABLE "epoch-unreadable" "An epoch in the store cannot be read."
        "Compare this epoch with another node's: `ganglion epoch diff EPOCH --with API`; `ganglion recover` \
         mends what is damaged.";
    EPOCH_NOT_EXECUTABLE "epoch-not-executable"
        "The items of an epoch cannot be executed on the state before it."
        "Compare this epoch with another node's: `ganglion epoch diff EPOCH --with API`.";
    EPOCH_UNSIGNED "epoch-unsigned" "A stored epoch is not what its committee signed."
        "Compare this epoch with another node's: `ganglion epoch diff EPOCH --with API`.";
    EPOCH_DIVERGED "epoch-diverged" "An epoch executes to another result than it was certified with."
        "See which row with `ganglion epoch replay` of that epoch, and compare it with another node's: \
         `ganglion epoch diff EPOCH --with API`.";
    REPLAY_DIFFERS "replay-differs" "The epoch that was replayed is something else than is stored."
        "Keep the data directory, and compare this epoch with another node's: `ganglion epoch diff`.";
    EPOCHS_DIFFER "epochs-differ" "An epoch here and there is not the same."
        "Find which side is wrong with `ganglion epoch replay` on both machines, and keep their data \
         directories.";
    DUMP_FORM "dump-form" "A file is no epoch taken apart, or its rows do not belong to its cut."
        "Write one with `ganglion epoch export EPOCH`.";
    DUMP_EPOCH "dump-epoch" "A file is of another epoch than the one named."
        "Name the epoch of the file.";
    WEIGHTS_PRUNED "weights-pruned" "The weights of that epoch are not kept by this node."
        "Ask an archive node, which has the items of every epoch: `ganglion peers` shows which are, and --api \
         asks one.";
    CHECKPOINT_FORM "checkpoint-form" "A text is no checkpoint."
        "Give the epoch, a colon and the 64 hex characters of its cut id.";
    PROOF_TOO_FAR "proof-too-far" "Checkpoint and epoch are further apart than one proof may reach."
        "Start from a later checkpoint with --from-checkpoint.";
    PROOF_NO_ROW "proof-no-row" "The hotkey has no row in that epoch."
        "See who had a row with `ganglion epoch show`.";
    PROOF_FORM "proof-form" "A file is no proof, or cannot be read."
        "Write a proof with `ganglion epoch prove`.";
    PROOF_REFUSED "proof-refused" "A proof does not prove its row to whoever believes the checkpoint."
        "Take the proof and the checkpoint again from somebody you trust; the word in brackets names the step \
         that fails, see docs/spec/proofs.md.";
    SNAPSHOT_MISSING "snapshot-missing" "There is no such snapshot."
        "List them with `ganglion snapshot list`; a node keeps one every `snapshot_every` epochs.";
    SNAPSHOT_REFUSED "snapshot-refused" "A snapshot is damaged, or is not of the cut that is trusted."
        "Take it again, from another node: `ganglion snapshot export`.";
    SNAPSHOT_TRUST "snapshot-trust" "A snapshot from a file needs a cut that is trusted."
        "Add --checkpoint EPOCH:CUTID; `ganglion snapshot export` prints it, and a node's /v1/epochs shows it.";
    FORK_UNKNOWN "fork-unknown" "No fork of that epoch is known here."
        "Leave --clear-fork out.";
    VOTES_LOST "votes-lost" "What the node signed before is not all there."
        "Do nothing but run the node: it stays silent for as long as it must, and then signs again.";
}

area! { ARCHIVES "Archives"
    ARCHIVE_FILE "archive-file" "The file of an archive cannot be read or written."
        "See that the file can be read or written.";
    ARCHIVE_EMPTY "archive-empty" "The node has no epoch to put into an archive."
        "Run the node until an epoch is certified.";
    ARCHIVE_NO_SNAPSHOT "archive-no-snapshot"
        "The node keeps neither all items nor a snapshot that an archive could begin with."
        "Export from an archive node (`archive = true`), or copy a snapshot with `ganglion snapshot`.";
    ARCHIVE_FORM "archive-form" "A file is no archive."
        "Name a file of `ganglion db export`.";
    ARCHIVE_NEWER "archive-newer" "An archive was written by a newer release."
        "Run the newer release.";
    ARCHIVE_SUBNET "archive-subnet" "An archive is of another subnet than the node."
        "Name a node of that subnet with --node.";
    ARCHIVE_DAMAGED "archive-damaged" "An archive is damaged or cut short."
        "Repeat this with a whole copy of the file, or start the node: it fetches the rest from its peers. What \
         came before the damage is kept.";
    ARCHIVE_UNTRUSTED "archive-untrusted" "An archive begins with a cut that nobody vouched for."
        "If that is the cut that was certified (ask somebody you trust, or another node's /v1/epochs), name it \
         with --checkpoint EPOCH:CUTID.";
    ARCHIVE_WRONG "archive-wrong" "An archive holds a snapshot or epoch that does not hold."
        "Take the archive from another node, and keep this one for a report.";
    ARCHIVE_GAP "archive-gap" "An archive begins after the last epoch of the node."
        "Import into a new data directory, or take an archive that begins earlier.";
    ARCHIVE_SIGNED_LATER "archive-signed-later" "The node signed later epochs than an archive has."
        "Start the node: it fetches what it lacks from its peers. To begin anew, take a new data directory and \
         move the signing history: `ganglion keys history --help`.";
}

area! { ANCHORS "Anchors and other chains"
    ANCHOR_KEY "anchor-key" "The node's settings of anchors cannot be used, such as the key that pays."
        "Check anchor_key_file, a file with mode 0600 and 64 hexadecimal digits, and anchor_rpc, the address of a \
         node.";
    ANCHOR_CHAIN "anchor-chain" "The chain of anchors does not answer as it should."
        "Check anchor_rpc, anchor_chain_id and anchor_contract; docs/ANCHORS.md shows the way. The subnet goes \
         on meanwhile, and epochs wait to be anchored.";
    ANCHOR_POOR "anchor-poor" "The account that pays for anchors holds little."
        "Send it some; a hundred times the price lasts a while.";
    ANCHOR_FORM "anchor-form" "A file holds no anchors."
        "Write it with `ganglion anchor find EPOCH --json`.";
    ANCHOR_REFUSED "anchor-refused" "A row is proven, and its anchor does not hold."
        "Find the anchors of that epoch again with `ganglion anchor find EPOCH --json`, and check which chain \
         and contract the subnet uses.";
    CHAIN_VALUE "chain-value" "A value that names a chain or contract is none."
        "Take it from the chain's documentation.";
    CHAIN_UNNAMED "chain-unnamed" "The chain of an anchor is not named."
        "Give --anchor-chain-id and --anchor-contract, or --anchor-genesis.";
    CHAIN_ADDRESS "chain-address" "An address of a chain's node cannot be used."
        "Give the address like https://HOST, http://127.0.0.1:8545 or wss://HOST, to a program that was built \
         with --features chains.";
    CHAIN_UNREACHABLE "chain-unreachable" "The node of a chain does not answer."
        "Check the address, and whether the node keeps that block's state.";
    CHAIN_OTHER "chain-other" "The node is one of another chain."
        "Give the genesis hash of that chain.";
    CHAIN_MISMATCH "chain-mismatch" "The node of a chain says what cannot be."
        "Ask another node of the chain.";
    CHAIN_REFUSED "chain-refused" "The chain has no such registry or block."
        "Check the address, the netuid and the height.";
    DEPLOY_FAILED "deploy-failed" "The contract could not be put on the chain."
        "Check that the chain's node answers, and that the key's account holds money.";
}
