//! Operations: what becomes of them, and every rule of the ledger that may refuse one.

use crate::fault::code::{Area, Code, area};

area! { OPERATIONS "Operations"
    OPERATION_EXPIRED "operation-expired" "No cut took the operation before its last epoch."
        "Run the command again; if it goes the same way, see `ganglion status` and `ganglion peers`.";
    EPOCH_STALLED "epoch-stalled" "No epoch has been certified for a long time, so the operation waits."
        "See `ganglion status`: validators with more than two thirds of the stake must be online. The operation \
         stays; ask for it at /v1/ops later.";
    OUTCOME_UNKNOWN "outcome-unknown" "The operation was decided, and the node no longer knows how."
        "Compare `ganglion metagraph` and `ganglion wallet`, or ask another node.";
    NOT_DONE "not-done" "The operation was decided and did nothing."
        "Repeat the same command with --dry-run, which says how it stands now: something else came before it.";
    NONCES_TAKEN "nonces-taken" "The account has sent as many operations as may wait at a time."
        "Try again after the next epoch, or name the nonce of one to replace with --nonce.";
    WORK_OVERTAKEN "work-overtaken" "Newer cuts came before a proof of work was taken."
        "Give it more cores with --threads, or try when fewer others register.";
}

area! { RULES "Rules of the ledger"
    RULE_SUBNET "rule-subnet" "It is signed for another subnet."
        "Ask a node of that subnet with --api.";
    RULE_KIND "rule-kind" "It is of a kind that no cut holds."
        "Send operations only; docs/spec/operations.md lists them.";
    RULE_EPOCH "rule-epoch" "It is for another epoch than the one being closed."
        "Send it again for the epoch that `ganglion status` shows.";
    RULE_MECHANISM "rule-mechanism" "It names a mechanism that the subnet does not have."
        "Name mechanism 0, the only one.";
    RULE_NOT_REGISTERED "rule-not-registered" "The hotkey holds no uid."
        "See the hotkeys with `ganglion metagraph --long`; one joins with `ganglion register`.";
    RULE_NOT_VALIDATOR "rule-not-validator" "The hotkey is a miner's."
        "Name a validator's hotkey; a miner becomes one with `ganglion serve --role validator`.";
    RULE_NO_PERMIT "rule-no-permit" "The validator has too little stake for a permit."
        "Put more stake on it with `ganglion stake` or `ganglion delegate`, and wait for the next epoch.";
    RULE_STAKE_THRESHOLD "rule-stake-threshold" "The validator has less stake than the subnet asks for."
        "Put more stake on it with `ganglion stake` or `ganglion delegate`.";
    RULE_TOO_FEW_WEIGHTS "rule-too-few-weights" "A row of weights names fewer uids than the subnet asks for."
        "Weigh more uids; `ganglion subnet parameters` shows min_allowed_weights.";
    RULE_NOT_RISING "rule-not-rising" "The entries of a row of weights do not rise by uid."
        "Sort the row by uid, with one entry for each.";
    RULE_UID_OUT_OF_RANGE "rule-uid-out-of-range" "A row weighs a uid that there is not."
        "Weigh uids that `ganglion metagraph` shows.";
    RULE_SELF_WEIGHT "rule-self-weight" "A validator weighs itself."
        "Leave the entry out.";
    RULE_NOT_UPSCALED "rule-not-upscaled" "The largest weight of a row is not 65535."
        "Scale the row so that its largest weight is 65535.";
    RULE_MAX_WEIGHT "rule-max-weight" "One weight has more of its row than the subnet allows."
        "Spread the weights; `ganglion subnet parameters` shows max_weights_limit.";
    RULE_PREIMAGE "rule-preimage" "The task seed does not lead to the one shown before."
        "Run one node with that hotkey, on the key that it registered with; `ganglion serve` gives it a new \
         seed chain.";
    RULE_WEIGHTS_MODE "rule-weights-mode"
        "The subnet hides weights until they are revealed, and these are plain, or the other way round."
        "Send weights as `ganglion subnet parameters` shows under commit_reveal_weights_enabled.";
    RULE_RATE_LIMIT "rule-rate-limit" "The validator set weights too lately."
        "Wait for the epochs that `ganglion subnet parameters` shows as weights_rate_limit.";
    RULE_NO_COMMIT "rule-no-commit" "A reveal has no open commit."
        "Commit first, and reveal before the grace ends: `ganglion subnet parameters` shows reveal_grace.";
    RULE_COMMITTER "rule-committer" "A reveal names another hotkey than the one that committed."
        "Name the hotkey that signed the commit.";
    RULE_COMMITMENT "rule-commitment" "A reveal is of another row than the one committed to."
        "Reveal the row, score root and salt that the commit was made of.";
    RULE_EVIDENCE_EPOCH "rule-evidence-epoch" "Evidence is of an epoch that is too old or to come."
        "Show offences while what was at stake still unbonds: `ganglion subnet parameters` shows \
         unbonding_epochs.";
    RULE_NOT_SLASHABLE "rule-not-slashable" "Evidence is against somebody who has nothing at stake."
        "Leave it: there is nothing to slash.";
    RULE_ALREADY_SLASHED "rule-already-slashed" "Evidence is against somebody who was slashed already."
        "Leave it: one offence is slashed once.";
    RULE_NOTHING_TO_LOSE "rule-nothing-to-lose" "Evidence is about weights that stand no more."
        "Leave it: nothing that the offence brought is left.";
    RULE_EXPIRED "rule-expired" "The operation was valid until an epoch that has ended."
        "Run the command again.";
    RULE_TOO_FAR_AHEAD "rule-too-far-ahead" "The operation is valid for longer than may be asked."
        "Run the command again.";
    RULE_NO_ACCOUNT "rule-no-account" "The coldkey has no account."
        "Let somebody send it a transfer, or register a hotkey for it.";
    RULE_NONCE "rule-nonce" "The nonce is used up or too far ahead."
        "Leave --nonce out: the next one is taken then.";
    RULE_MIN_BALANCE "rule-min-balance" "The account holds less than it needs to send operations."
        "Let somebody send it a transfer.";
    RULE_REGISTRATION_CLOSED "rule-registration-closed" "The subnet takes no newcomers."
        "Stand behind one that takes part: `ganglion delegate`.";
    RULE_FULL "rule-full" "Every uid is held, and none may be replaced."
        "Wait until a uid falls vacant, or choose another subnet.";
    RULE_ALREADY_REGISTERED "rule-already-registered" "The hotkey holds a uid already."
        "Register another hotkey: another uid takes another one.";
    RULE_FORMER_HOTKEY "rule-former-hotkey" "The hotkey gave its uid to another one, or was slashed."
        "Take a fresh hotkey: `ganglion keys new --role hotkey --name NAME`.";
    RULE_TAKE "rule-take" "The take is above what any owner may keep."
        "Ask for 18 % or less.";
    RULE_CHANGE "rule-change"
        "A revision changes what no revision may, or to a value that the parameter cannot have."
        "See names, units and what is in force now with `ganglion subnet parameters`.";
    RULE_EFFECTIVE "rule-effective" "A revision is for an epoch too far ahead."
        "Name an earlier epoch with --effective.";
    RULE_NO_VOICE "rule-no-voice" "The coldkey has no say in revisions."
        "Sign with the coldkey of a committee member; `ganglion subnet revisions` lists them.";
    RULE_REGISTRATION_NONCE "rule-registration-nonce" "A registration has another nonce than 0."
        "Leave --nonce out: a registration has none.";
    RULE_REGISTERED_ELSEWHERE "rule-registered-elsewhere"
        "Another chain registers the participants of this subnet."
        "Register, stake and delegate on that chain; `ganglion registry show` reads what it lists.";
    RULE_NO_REGISTRY "rule-no-registry"
        "The subnet keeps its own registry, and the word is about another chain's."
        "Leave `registry_rpc` out of the node's settings.";
    RULE_OTHER_REGISTRY "rule-other-registry"
        "A word is about another registry than the one that the subnet follows."
        "Compare the node's registry_rpc with the chain that `ganglion subnet show` names.";
    RULE_OLD_REGISTRY "rule-old-registry" "A word is about a block whose registry was taken already."
        "Leave it: a newer block is taken by itself.";
    RULE_NO_SEAT "rule-no-seat" "The hotkey does not sit on the committee."
        "See the committee with `ganglion metagraph`, and leave this to its members.";
    RULE_WEAK_KEY "rule-weak-key" "Signatures of the key could be forged."
        "Use a key that `ganglion keys new` made.";
    RULE_SEED_TAIL "rule-seed-tail" "A validator registers without a task-seed chain, or a miner with one."
        "Repeat the registration with `ganglion register --role`, which makes what the role needs.";
    RULE_STALE_WORK "rule-stale-work" "The proof of work is bound to a cut that is not recent."
        "Run the command again: it works anew.";
    RULE_LITTLE_WORK "rule-little-work" "The proof of work does not reach the difficulty."
        "Run the command again: it works anew.";
    RULE_NOT_OWNED "rule-not-owned" "The hotkey belongs to another coldkey."
        "Name its owner with --coldkey, or stand behind it with `ganglion delegate`.";
    RULE_BALANCE "rule-balance" "The balance is smaller than the amount."
        "Give a smaller amount; `ganglion wallet` shows what is there and what is on its way.";
    RULE_STAKE "rule-stake" "Less stake may leave than was asked."
        "Give a smaller amount; `ganglion wallet` shows what may leave.";
    RULE_RECEIVER "rule-receiver" "The transfer would open an account with less than one needs."
        "Send at least that much, or check the address.";
    RULE_LAST_MEMBER "rule-last-member" "Nobody would be left to close the next epoch."
        "Leave some stake, or wait until another validator has a permit.";
    RULE_HOTKEY_TAKEN "rule-hotkey-taken"
        "The hotkey holds a uid, maybe by an earlier operation of the same cut."
        "Take another hotkey: another uid takes another one.";
    RULE_EPOCH_LIMIT "rule-epoch-limit" "The registrations of this epoch went to others."
        "Send it again in the next epoch.";
    RULE_PRICE "rule-price" "A registration costs more now than was allowed."
        "Raise --max-price, or wait: the price halves each epoch that nobody pays it.";
    RULE_OWN "rule-own" "The hotkey belongs to the signer, who does not delegate to it."
        "Use `ganglion stake` and `ganglion unstake` for your own hotkeys.";
    RULE_SMALL_DELEGATION "rule-small-delegation" "The delegation is too small to keep."
        "Delegate more.";
    RULE_DELEGATORS "rule-delegators" "As many coldkeys delegate to the hotkey as may."
        "Choose another validator: `ganglion metagraph`.";
    RULE_TAKE_RAISE "rule-take-raise" "The take was raised lately."
        "Wait for that epoch; a take may be lowered at any time.";
    RULE_RULES "rule-rules" "With these changes the parameters would break a rule of the manifest."
        "See names, units and what is in force now with `ganglion subnet parameters`.";
    RULE_OWN_REVISIONS "rule-own-revisions" "As many revisions of the proposer wait as may."
        "See those that wait with `ganglion subnet revisions`.";
    RULE_REVISIONS "rule-revisions" "As many revisions wait as may, each with as much support."
        "See those that wait with `ganglion subnet revisions`.";
    RULE_NO_REVISION "rule-no-revision" "No revision of that number waits."
        "See those that wait with `ganglion subnet revisions`.";
    RULE_APPROVED "rule-approved" "The revision is approved, by the signer or by enough others."
        "See those that wait with `ganglion subnet revisions`.";
    RULE_GAP "rule-gap" "An operation of the same account that comes first is missing."
        "Wait for the operations that were sent before, or send the one with that nonce: --nonce.";
    RULE_UNKNOWN "rule-unknown" "A rule refused that this version of the program does not know."
        "Read docs/spec/operations.md of the node's version; --force sends it all the same.";
}
