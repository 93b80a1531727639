//! What an epoch reads, and which inputs are refused.

use thiserror::Error;

/// A row as the ledger stores it: `(uid, value)`, in the order in which it was set.
///
/// Entries for uids outside the subnet are ignored. Explicit zeros are meaningful.
pub type SparseRow = Vec<(u16, u16)>;

/// The parameters of a subnet that shape an epoch, by Bittensor's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hyperparameters {
    /// Blocks per epoch. Only matters for the bonds of the first epoch.
    pub tempo: u16,
    /// Blocks after which a uid that has set no weights counts as inactive.
    pub activity_cutoff: u64,
    /// Stake weight below which a uid counts as having none.
    pub stake_threshold: u64,
    /// How many permits are given out, not counting the owner's.
    pub max_allowed_validators: u16,
    /// Majority of stake that consensus needs, over 65535.
    pub kappa: u16,
    /// How far bonds follow clipped instead of raw weights, over 65535.
    pub bonds_penalty: u16,
    /// Share of the old bonds that is kept, in millionths; above a million it is extrapolated.
    pub bonds_moving_average: u64,
    /// Yuma3 bonds instead of Yuma2.
    pub yuma3: bool,
    /// Adapts the bond rate to consensus. Only has an effect with `yuma3`.
    pub liquid_alpha: bool,
    /// Slowest liquid rate, over 65535.
    pub alpha_low: u16,
    /// Fastest liquid rate, over 65535.
    pub alpha_high: u16,
    /// Steepness of the liquid rate, in hundredths.
    pub alpha_sigmoid_steepness: i16,
}

/// The state of a subnet at the end of an epoch. Slices have one element per uid.
#[derive(Clone, Copy, Debug)]
pub struct EpochInput<'a> {
    /// Number of uids; zero gives an empty result.
    pub n: u16,
    /// Block at which the epoch runs.
    pub current_block: u64,
    /// Block of the epoch before, zero if there was none.
    pub last_mechanism_step_block: u64,
    /// Block at which each uid last set weights.
    pub last_update: &'a [u64],
    /// Block at which each uid was registered.
    pub block_at_registration: &'a [u64],
    /// Whole part of each uid's stake weight. 2^63 and above counts as just below 2^63.
    pub stake: &'a [u64],
    /// Fraction of each uid's stake weight in units of 2^-64; `None` is zero for all.
    pub stake_frac: Option<&'a [u64]>,
    /// Uid of the subnet's owner. One outside the subnet has no effect.
    pub owner_uid: Option<u16>,
    /// Permits decided by the epoch before.
    pub validator_permit: &'a [bool],
    /// Weights set by each uid.
    pub weights: &'a [SparseRow],
    /// Bonds stored by the epoch before.
    pub bonds: &'a [SparseRow],
    /// With commit-reveal, the block of each uid's oldest open commit, `u64::MAX` for none;
    /// `None` turns the commit-reveal mask off.
    pub commit_blocks: Option<&'a [u64]>,
    /// Amount to distribute, in rao.
    pub rao_emission: u64,
    /// The subnet's parameters.
    pub parameters: Hyperparameters,
}

/// Why an epoch was refused. All of these are properties of the input alone.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum YumaError {
    /// A vector does not have one element per uid.
    #[error("`{field}` has {length} elements, but n is {n}")]
    Length {
        /// Name of the field in [`EpochInput`].
        field: &'static str,
        /// Its length.
        length: usize,
        /// The length it must have.
        n: u16,
    },
    /// A row has two entries for one uid, so it has no single meaning.
    #[error("row {row} of `{field}` has more than one entry for uid {uid}")]
    DuplicateUid {
        /// `weights` or `bonds`.
        field: &'static str,
        /// Uid that owns the row.
        row: u16,
        /// Uid named twice.
        uid: u16,
    },
    /// The stake weights above the threshold add up to 2^63 or more.
    #[error("the sum of `stake` is 2^63 or more, beyond the range of stake arithmetic")]
    StakeOverflow,
    /// The moving average is beyond what a 32-bit whole part can hold.
    #[error("`bonds_moving_average` is {0}, but must be below 2147483648000000")]
    BondsMovingAverage(u64),
    /// The bonds on one uid add up to 2^31 or more; takes a moving average far above a million.
    #[error("the new bonds on uid {uid} add up to 2^31 or more, beyond the range of bonds")]
    BondsOverflow {
        /// The uid bonded to.
        uid: u16,
    },
}

/// First `bonds_moving_average` whose quotient by a million does not fit 31 bits.
const BONDS_MOVING_AVERAGE_END: u64 = 1_000_000 << 31;

impl EpochInput<'_> {
    pub(super) fn is_owner(&self, uid: u16) -> bool {
        self.owner_uid == Some(uid)
    }

    pub(super) fn validate(&self) -> Result<(), YumaError> {
        let lengths = [
            ("last_update", Some(self.last_update.len())),
            ("block_at_registration", Some(self.block_at_registration.len())),
            ("stake", Some(self.stake.len())),
            ("stake_frac", self.stake_frac.map(<[u64]>::len)),
            ("validator_permit", Some(self.validator_permit.len())),
            ("weights", Some(self.weights.len())),
            ("bonds", Some(self.bonds.len())),
            ("commit_blocks", self.commit_blocks.map(<[u64]>::len)),
        ];
        for (field, length) in lengths {
            if let Some(length) = length.filter(|length| *length != usize::from(self.n)) {
                return Err(YumaError::Length { field, length, n: self.n });
            }
        }
        if self.parameters.bonds_moving_average >= BONDS_MOVING_AVERAGE_END {
            return Err(YumaError::BondsMovingAverage(self.parameters.bonds_moving_average));
        }
        refuse_duplicates("weights", self.n, self.weights)?;
        refuse_duplicates("bonds", self.n, self.bonds)
    }
}

fn refuse_duplicates(field: &'static str, n: u16, rows: &[SparseRow]) -> Result<(), YumaError> {
    let mut uids = Vec::new();
    for (row, entries) in (0..n).zip(rows) {
        // Rising uids, the usual case, need no copy.
        if entries.is_sorted_by(|(before, _), (after, _)| before < after) {
            continue;
        }
        uids.clear();
        uids.extend(entries.iter().map(|(uid, _)| *uid).filter(|uid| *uid < n));
        uids.sort_unstable();
        for pair in uids.windows(2) {
            if let [first, second] = pair
                && first == second
            {
                return Err(YumaError::DuplicateUid { field, row, uid: *first });
            }
        }
    }
    Ok(())
}
