//! Every field of the manifest: key, unit, bounds, default, meaning, origin. The file that
//! `ganglion subnet new` writes and `docs/spec/manifest.md` both tell exactly this.

use crate::document::Field;

macro_rules! field {
    ($key:literal, $unit:literal, $bounds:literal, $default:literal, $about:literal, $origin:literal) => {
        Field {
            key: $key,
            unit: $unit,
            bounds: $bounds,
            default: $default,
            about: $about,
            origin: $origin,
        }
    };
}

pub(super) const NAME: Field = field!(
    "name",
    "text",
    "1 to 64 printable ASCII characters",
    "",
    "What people call the subnet. Machines use its id.",
    ""
);
pub(super) const SALT: Field = field!(
    "salt",
    "16 bytes, hexadecimal",
    "32 digits",
    "",
    "Random, so that two subnets with equal settings have different ids.",
    ""
);
pub(super) const GENESIS_TIME: Field = field!(
    "genesis_time",
    "RFC 3339, or unix milliseconds",
    "before the year 2200",
    "",
    "When the first epoch begins. Every validator should be running by then.",
    ""
);
pub(super) const EPOCH_LENGTH: Field = field!(
    "epoch_length",
    "duration",
    "2s to 24h",
    "\"10s\"",
    "Time from one epoch close to the next. The block of every Bittensor rule is the epoch here.",
    "tempo, 360 blocks of 12 s"
);
pub(super) const OWNER: Field = field!(
    "owner",
    "address",
    "SS58, or 0x and 64 hexadecimal digits",
    "none",
    "Coldkey that receives the owner part (11796/65535, 18 %) of each emission. Without one nobody \
     does and miners and validators share it.",
    "SubnetOwner, subnet_owner_cut"
);
pub(super) const PARENT: Field = field!(
    "parent",
    "cut id, hexadecimal",
    "64 digits",
    "none",
    "The cut of the subnet that this one restarts after a halt.",
    ""
);

/// Fields above all tables.
pub const TOP: [Field; 6] = [NAME, SALT, GENESIS_TIME, EPOCH_LENGTH, OWNER, PARENT];

pub(super) const COMMIT_DEADLINE: Field = field!(
    "commit_deadline",
    "thousandths of the epoch",
    "50 to 1000",
    "350",
    "Miners' output commitments count until here.",
    ""
);
pub(super) const MARGIN: Field = field!(
    "margin",
    "thousandths of the epoch",
    "10 to 1000",
    "50",
    "Miners show their outputs this much after commit_deadline.",
    ""
);
pub(super) const WEIGHTS: Field = field!(
    "weights",
    "thousandths of the epoch",
    "after commit_deadline + margin",
    "600",
    "Validators publish their weights here; between this and the margin they score.",
    ""
);
pub(super) const LEAST_WINDOW: Field = field!(
    "least_window",
    "thousandths of the epoch",
    "after weights, at most 950",
    "650",
    "An epoch lasts at least this long, also when the one before was decided late.",
    ""
);
pub(super) const GRACE: Field = field!(
    "grace",
    "thousandths of the epoch",
    "0 to 200",
    "20",
    "How long a validator waits for further lists once it holds those of 2/3 of the stake.",
    ""
);
pub(super) const PROPOSE: Field = field!(
    "propose",
    "thousandths of the epoch",
    "5 to 500",
    "100",
    "How long a proposer may be silent before the others go on without it.",
    ""
);
pub(super) const VOTE: Field = field!(
    "vote",
    "thousandths of the epoch",
    "5 to 500",
    "50",
    "How long a split vote is waited for, at prevote and at precommit.",
    ""
);
pub(super) const DELTA: Field = field!(
    "delta",
    "thousandths of the epoch",
    "5 to 500",
    "50",
    "Each further round of agreement waits this much longer.",
    ""
);

/// Fields of `[phases]`.
pub const PHASES: [Field; 8] =
    [COMMIT_DEADLINE, MARGIN, WEIGHTS, LEAST_WINDOW, GRACE, PROPOSE, VOTE, DELTA];

pub(super) const TYPE: Field = field!(
    "type",
    "name",
    "1 to 64 of a-z, 0-9 and -",
    "\"digits\"",
    "What miners are asked. Built in: digits, images of handwritten digits.",
    ""
);
pub(super) const SCORER: Field = field!(
    "scorer",
    "name",
    "1 to 64 of a-z, 0-9 and -",
    "\"digits-scorer\"",
    "How validators draw tasks and score answers.",
    ""
);
pub(super) const BATCH_SIZE: Field = field!(
    "batch_size",
    "tasks",
    "1 to 1024",
    "64",
    "Tasks that one validator sets every miner in one round.",
    ""
);
pub(super) const ALPHA: Field = field!(
    "alpha",
    "millionths",
    "1 to 1000000",
    "100000",
    "Share of the newest score in a miner's moving average.",
    "moving_average_alpha 0.1 of validator templates"
);
pub(super) const SCORE_POWER: Field = field!(
    "score_power",
    "exponent",
    "1 to 8",
    "2",
    "Weights are proportional to score to this power: higher rewards the best more.",
    ""
);
pub(super) const EQUAL_ANSWERS_EXPECTED: Field = field!(
    "equal_answers_expected",
    "true or false",
    "true or false",
    "true",
    "Whether honest miners give equal answers. If not, miners with equal outputs share one score.",
    ""
);

/// Fields of `[task]`.
pub const TASK: [Field; 6] = [TYPE, SCORER, BATCH_SIZE, ALPHA, SCORE_POWER, EQUAL_ANSWERS_EXPECTED];

pub(super) const EMISSION: Field = field!(
    "emission",
    "units, 1 unit = 10^9 rao",
    "0 to 1000000",
    "100",
    "Paid out per epoch, all of it or nothing.",
    "block emission of the subnet's alpha"
);
pub(super) const KAPPA: Field = field!(
    "kappa",
    "u16 fraction, 32767 = 0.5",
    "0 to 65535",
    "32767",
    "Stake that must agree on a weight before it counts: Yuma's majority.",
    "kappa 32767"
);
pub(super) const YUMA3_ENABLED: Field = field!(
    "yuma3_enabled",
    "true or false",
    "true or false",
    "true",
    "Bonds per validator and miner that rise and fall on their own (Yuma3), else normalised ones \
     (Yuma2).",
    "yuma3_enabled, true on new subnets"
);
pub(super) const LIQUID_ALPHA_ENABLED: Field = field!(
    "liquid_alpha_enabled",
    "true or false",
    "true or false",
    "false",
    "Let the speed of bonds depend on how far a validator is from consensus. Needs yuma3_enabled.",
    "liquid_alpha_enabled false"
);
pub(super) const ALPHA_LOW: Field = field!(
    "alpha_low",
    "u16 fraction, 45875 = 0.7",
    "0 to alpha_high",
    "45875",
    "Slowest bonds under liquid alpha.",
    "alpha_low 45875"
);
pub(super) const ALPHA_HIGH: Field = field!(
    "alpha_high",
    "u16 fraction, 58982 = 0.9",
    "alpha_low to 65535",
    "58982",
    "Fastest bonds under liquid alpha.",
    "alpha_high 58982"
);
pub(super) const ALPHA_SIGMOID_STEEPNESS: Field = field!(
    "alpha_sigmoid_steepness",
    "hundredths",
    "0 to 32767",
    "1000",
    "How sharply liquid alpha turns from slow to fast.",
    "alpha_sigmoid_steepness 1000"
);
pub(super) const BONDS_MOVING_AVG: Field = field!(
    "bonds_moving_avg",
    "millionths",
    "0 to 975000",
    "900000",
    "Share of the old bonds that an epoch keeps.",
    "bonds_moving_avg 900000"
);
pub(super) const BONDS_PENALTY: Field = field!(
    "bonds_penalty",
    "u16 fraction, 65535 = 1",
    "0 to 65535",
    "65535",
    "How much bonds suffer from weights above consensus.",
    "bonds_penalty 65535"
);
pub(super) const ACTIVITY_CUTOFF: Field = field!(
    "activity_cutoff",
    "epochs",
    "1 and more",
    "14",
    "A validator without new weights for longer than this counts nothing.",
    "activity_cutoff 5000 blocks, / 360 rounded up"
);
pub(super) const STAKE_THRESHOLD: Field = field!(
    "stake_threshold",
    "units, 1 unit = 10^9 rao",
    "0 and more",
    "0",
    "Stake below this counts nothing in Yuma.",
    "stake_threshold 0"
);
pub(super) const MAX_VALIDATORS: Field = field!(
    "max_validators",
    "validators",
    "1 to 256, at most max_allowed_uids",
    "64",
    "How many permits there are; those with most stake hold them and form the committee.",
    "max_validators 64"
);
pub(super) const MAX_ALLOWED_UIDS: Field = field!(
    "max_allowed_uids",
    "participants",
    "1 to 4096",
    "256",
    "How many uids the subnet has in all.",
    "max_allowed_uids 256"
);
pub(super) const MIN_ALLOWED_WEIGHTS: Field = field!(
    "min_allowed_weights",
    "entries",
    "0 to 65535",
    "1",
    "Fewest miners one row of weights must name, or all if there are fewer.",
    "min_allowed_weights 1"
);
pub(super) const MAX_WEIGHTS_LIMIT: Field = field!(
    "max_weights_limit",
    "u16 fraction, 65535 = no limit",
    "1 to 65535",
    "65535",
    "Largest share that one miner may have of a row of weights.",
    "max_weights_limit 65535"
);
pub(super) const COMMIT_REVEAL_WEIGHTS_ENABLED: Field = field!(
    "commit_reveal_weights_enabled",
    "true or false",
    "true or false",
    "true",
    "Hide weights until they can no longer be copied.",
    "commit_reveal_weights_enabled true"
);
pub(super) const REGISTRATION_ALLOWED: Field = field!(
    "registration_allowed",
    "true or false",
    "true or false",
    "true",
    "Whether others may join after genesis.",
    "registration_allowed true"
);
pub(super) const MAX_REGISTRATIONS_PER_EPOCH: Field = field!(
    "max_registrations_per_epoch",
    "registrations",
    "0 to 64",
    "8",
    "How many may join in one epoch.",
    "max_regs_per_block 1"
);
pub(super) const MIN_DIFFICULTY: Field = field!(
    "min_difficulty",
    "expected hashes",
    "1 to 2^62",
    "10000000",
    "Proof of work of a registration when few join. Ten million take one core about 2 s.",
    "min_difficulty 10000000"
);
pub(super) const MAX_DIFFICULTY: Field = field!(
    "max_difficulty",
    "expected hashes",
    "min_difficulty to 2^62",
    "4611686018427387904",
    "Proof of work of a registration at most, however many join.",
    "max_difficulty 2^62"
);
pub(super) const MIN_BALANCE: Field = field!(
    "min_balance",
    "units, 1 unit = 10^9 rao",
    "0 and more",
    "0.001",
    "An account with less balance and stake may not send operations.",
    "existential deposit"
);
pub(super) const REVEAL_GRACE: Field = field!(
    "reveal_grace",
    "epochs",
    "1 to 3",
    "1",
    "How long after the epoch that follows it a hidden row may still be shown.",
    "reveal_period 1 tempo"
);
pub(super) const WEIGHTS_RATE_LIMIT: Field = field!(
    "weights_rate_limit",
    "epochs",
    "1 to 1000",
    "1",
    "How long a validator waits from one row or commit to its next.",
    "weights_rate_limit 100 blocks, / 360 rounded up"
);

pub(super) const IMMUNITY_PERIOD: Field = field!(
    "immunity_period",
    "epochs",
    "0 to 100000",
    "14",
    "A newcomer is replaced this long only if nobody else can be.",
    "immunity_period 5000 blocks, / 360 rounded up"
);
pub(super) const MIN_NON_IMMUNE_UIDS: Field = field!(
    "min_non_immune_uids",
    "participants",
    "0 to 4096",
    "10",
    "With no more non-immune participants than this, the worst immune one is replaced instead.",
    "min_non_immune_uids 10"
);
pub(super) const MIN_BURN: Field = field!(
    "min_burn",
    "units, 1 unit = 10^9 rao",
    "0.000000001 to 1000000",
    "0.0005",
    "What a registration by burn costs when few join.",
    "min_burn 0.0005"
);
pub(super) const MAX_BURN: Field = field!(
    "max_burn",
    "units, 1 unit = 10^9 rao",
    "min_burn to 1000000",
    "100",
    "What a registration by burn costs at most, however many join.",
    "max_burn 100"
);
pub(super) const UNBONDING_EPOCHS: Field = field!(
    "unbonding_epochs",
    "epochs",
    "0 to 100000",
    "100",
    "Unstaked amounts wait this long, still slashable, before they are balance.",
    ""
);
pub(super) const SLASH_FRACTION: Field = field!(
    "slash_fraction",
    "u16 fraction, 3277 = 0.05",
    "0 to 65535",
    "3277",
    "Share of its stake that a validator loses for two votes or proposals in one place.",
    ""
);
pub(super) const REVISION_DELAY: Field = field!(
    "revision_delay",
    "epochs",
    "2 to 100000",
    "10",
    "A revision that the committee approved takes effect this much later at the earliest.",
    ""
);

/// Fields of `[hyperparameters]`.
pub const HYPERPARAMETERS: [Field; 30] = [
    EMISSION,
    KAPPA,
    YUMA3_ENABLED,
    LIQUID_ALPHA_ENABLED,
    ALPHA_LOW,
    ALPHA_HIGH,
    ALPHA_SIGMOID_STEEPNESS,
    BONDS_MOVING_AVG,
    BONDS_PENALTY,
    ACTIVITY_CUTOFF,
    STAKE_THRESHOLD,
    MAX_VALIDATORS,
    MAX_ALLOWED_UIDS,
    MIN_ALLOWED_WEIGHTS,
    MAX_WEIGHTS_LIMIT,
    COMMIT_REVEAL_WEIGHTS_ENABLED,
    REGISTRATION_ALLOWED,
    MAX_REGISTRATIONS_PER_EPOCH,
    MIN_DIFFICULTY,
    MAX_DIFFICULTY,
    MIN_BALANCE,
    REVEAL_GRACE,
    WEIGHTS_RATE_LIMIT,
    IMMUNITY_PERIOD,
    MIN_NON_IMMUNE_UIDS,
    MIN_BURN,
    MAX_BURN,
    UNBONDING_EPOCHS,
    SLASH_FRACTION,
    REVISION_DELAY,
];

pub(super) const REGISTRY_SOURCE: Field = field!(
    "source",
    "text",
    "substrate",
    "",
    "The kind of chain that registers participants: subtensor, read by its runtime API.",
    ""
);
pub(super) const REGISTRY_GENESIS: Field = field!(
    "genesis",
    "32 bytes, hexadecimal",
    "64 digits",
    "",
    "Hash of that chain's first block, so that no other chain is taken for it.",
    ""
);
pub(super) const REGISTRY_NETUID: Field = field!(
    "netuid",
    "number",
    "0 to 65535",
    "",
    "Number of the subnet there whose hotkeys, stake and permits hold here.",
    "netuid"
);
pub(super) const REGISTRY_EVERY: Field = field!(
    "every",
    "blocks",
    "1 to 200",
    "100",
    "Final blocks of these heights are read. A cut takes a snapshot that members of more than 1/3 of stake read alike.",
    ""
);

/// Fields of `[registry]`.
pub const REGISTRY: [Field; 4] =
    [REGISTRY_SOURCE, REGISTRY_GENESIS, REGISTRY_NETUID, REGISTRY_EVERY];

pub(super) const HOTKEY: Field = field!(
    "hotkey",
    "address",
    "SS58, or 0x and 64 hexadecimal digits; a sound ed25519 key, once only",
    "",
    "Key that signs the participant's work.",
    "hotkey"
);
pub(super) const COLDKEY: Field = field!(
    "coldkey",
    "address",
    "SS58, or 0x and 64 hexadecimal digits; a sound ed25519 key",
    "",
    "Key that owns the stake and receives the rewards.",
    "coldkey"
);
pub(super) const STAKE: Field = field!(
    "stake",
    "units, 1 unit = 10^9 rao",
    "above 0",
    "",
    "The validator's weight in agreement and in Yuma.",
    "stake"
);
pub(super) const SEED_TAIL: Field = field!(
    "seed_tail",
    "32 bytes, hexadecimal",
    "64 digits",
    "",
    "Tail of the validator's task-seed chain, from `ganglion keys seed-tail`.",
    ""
);

/// Fields of `[[validator]]`; a `[[miner]]` has the first two.
pub const PARTICIPANT: [Field; 4] = [HOTKEY, COLDKEY, STAKE, SEED_TAIL];

pub(super) const BALANCE: Field = field!(
    "balance",
    "units, 1 unit = 10^9 rao",
    "0 and more",
    "",
    "Units the account holds at genesis.",
    ""
);

/// Fields of `[[account]]`.
pub const ACCOUNT: [Field; 2] = [COLDKEY, BALANCE];
