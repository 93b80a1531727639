//! Which items a cut may hold: a pure function of the item and of the state after the previous cut
//! (`docs/spec/operations.md`). When an item arrived, and from whom, plays no part.

use ganglion_types::op::PowChallenge;
use ganglion_types::sign::is_sound_key;
use ganglion_types::{
    Body, Coldkey, CutId, Digest, Epoch, Hotkey, Item, Kind, Operation, Rao, RegistryOp, Role,
    SubnetId, Uid, Weights, seed,
};

use super::state::{Participant, State};

/// Nonces of one account that may wait at the same time.
pub const NONCE_WINDOW: u64 = 16;
/// Epochs that an operation may be valid for, counted from the epoch being closed.
pub const VALID_AHEAD_MAX: u64 = 1_000;

/// Why no cut may hold an item now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inadmissible {
    /// Signed for another subnet.
    #[error("it was signed for subnet {subnet}, not for this one")]
    Subnet {
        /// The subnet it names.
        subnet: SubnetId,
    },
    /// A kind that cuts do not hold.
    #[error("items of kind {} never stand in a cut", kind.name())]
    Kind {
        /// Its kind.
        kind: Kind,
    },
    /// Weights of another epoch.
    #[error("the weights are for epoch {epoch}, but the next cut closes epoch {expected}")]
    Epoch {
        /// The epoch it names.
        epoch: Epoch,
        /// The epoch that the next cut closes.
        expected: Epoch,
    },
    /// A mechanism that the subnet does not have.
    #[error("the subnet has one mechanism, 0, but the weights are for mechanism {mechid}")]
    Mechanism {
        /// The mechanism it names.
        mechid: u16,
    },
    /// Weights of a hotkey without uid.
    #[error("{hotkey} holds no uid: register it, it counts from the epoch after")]
    NotRegistered {
        /// The signer.
        hotkey: Hotkey,
    },
    /// Weights of a miner.
    #[error("uid {uid} is a miner: only validators set weights")]
    NotValidator {
        /// The signer's uid.
        uid: Uid,
    },
    /// Weights of a validator without permit.
    #[error(
        "uid {uid} has no validator permit: the {seats} largest stakes get one at the end of each \
         epoch"
    )]
    NoPermit {
        /// The signer's uid.
        uid: Uid,
        /// Permits there are.
        seats: u16,
    },
    /// Weights of a validator with too little stake.
    #[error("uid {uid} has {stake} at stake, below the subnet's stake_threshold of {threshold}")]
    StakeThreshold {
        /// The signer's uid.
        uid: Uid,
        /// Its stake.
        stake: Rao,
        /// The least that counts.
        threshold: Rao,
    },
    /// Fewer weights than the subnet wants.
    #[error("the row has {entries} entries, fewer than the {least} that the subnet asks for")]
    TooFewWeights {
        /// Entries it has.
        entries: usize,
        /// Entries it needs.
        least: u16,
    },
    /// Entries out of order, or two for one uid.
    #[error("the entries do not rise strictly by uid")]
    NotRising,
    /// A weight on a uid that does not exist.
    #[error("there is a weight on uid {uid}, but the subnet has only {count} uids")]
    UidOutOfRange {
        /// The uid it names.
        uid: Uid,
        /// Uids there are.
        count: u16,
    },
    /// A weight on the signer itself.
    #[error("uid {uid} weighs itself, which never counts: leave the entry out")]
    SelfWeight {
        /// The signer's uid.
        uid: Uid,
    },
    /// A row whose largest weight is not 65535.
    #[error("the largest weight is {largest}, but a row is scaled so that it is 65535")]
    NotUpscaled {
        /// Its largest weight.
        largest: u16,
    },
    /// One weight has more of the row than allowed.
    #[error("the largest weight is 65535 of {sum} in all, above the share of {limit}/65535")]
    MaxWeight {
        /// Sum of the row.
        sum: u64,
        /// The subnet's `max_weights_limit`.
        limit: u16,
    },
    /// The element of the task-seed chain does not lead to the last one shown.
    #[error(
        "the task preimage of epoch {epoch} does not lead to the element shown in epoch {shown} \
         in {steps} steps (at most {} are followed)",
        seed::GAP_MAX
    )]
    Preimage {
        /// Epoch of the weights.
        epoch: Epoch,
        /// Epoch of the element in the state.
        shown: Epoch,
        /// Epochs between them.
        steps: u64,
    },
    /// An operation past its window.
    #[error("it was valid until epoch {valid_until}, but the next cut closes epoch {epoch}")]
    Expired {
        /// Its last epoch.
        valid_until: Epoch,
        /// The epoch that the next cut closes.
        epoch: Epoch,
    },
    /// An operation whose window ends too late.
    #[error("it is valid until epoch {valid_until}; the latest that may be asked is {latest}")]
    TooFarAhead {
        /// Its last epoch.
        valid_until: Epoch,
        /// The last epoch that may be named now.
        latest: Epoch,
    },
    /// An operation of a coldkey that owns nothing here.
    #[error("{coldkey} has no account here: it gets one by a transfer or by a registration")]
    NoAccount {
        /// The signer.
        coldkey: Coldkey,
    },
    /// A nonce that is used up or too far ahead.
    #[error(
        "its nonce is {nonce}, but the account's next is {next}, and {window} may wait at a time"
    )]
    Nonce {
        /// Its nonce.
        nonce: u64,
        /// The account's next nonce.
        next: u64,
        /// [`NONCE_WINDOW`].
        window: u64,
    },
    /// An account too poor to send operations.
    #[error("{coldkey} holds {holding} in balance and stake; to send operations it needs {least}")]
    MinBalance {
        /// The signer.
        coldkey: Coldkey,
        /// Balance and stake.
        holding: Rao,
        /// The subnet's `min_balance`.
        least: Rao,
    },
    /// The subnet takes no newcomers.
    #[error("the subnet's manifest does not allow registrations")]
    RegistrationClosed,
    /// Every uid is held.
    #[error("the subnet is full: all {max} uids are held, and none of them may be replaced")]
    Full {
        /// The subnet's `max_allowed_uids`.
        max: u16,
    },
    /// The hotkey has a uid already.
    #[error("{hotkey} holds uid {uid} already")]
    AlreadyRegistered {
        /// The signer.
        hotkey: Hotkey,
        /// Its uid.
        uid: Uid,
    },
    /// A registration with a nonce.
    #[error("a registration is signed by a hotkey, which has no account: its nonce must be 0")]
    RegistrationNonce,
    /// A key that signatures could be forged for.
    #[error("the {which} is not a sound ed25519 key")]
    WeakKey {
        /// `hotkey`, `coldkey` or `receiver`.
        which: &'static str,
    },
    /// A validator without seed tail, or a miner with one.
    #[error("a validator registers the tail of a task-seed chain, a miner none; this is a {}", role.name())]
    SeedTail {
        /// Its role.
        role: Role,
    },
    /// Work bound to a cut that is not recent.
    #[error("its proof of work is bound to cut {prev}, which is not one of the last 5: work anew")]
    StaleWork {
        /// The cut it names.
        prev: CutId,
    },
    /// Not enough work.
    #[error("its proof of work does not reach the difficulty of {difficulty}: work anew")]
    LittleWork {
        /// The difficulty now.
        difficulty: u64,
    },
}

impl Inadmissible {
    /// Name for metric labels.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Subnet { .. } => "subnet",
            Self::Kind { .. } => "kind",
            Self::Epoch { .. } => "epoch",
            Self::Mechanism { .. } => "mechanism",
            Self::NotRegistered { .. } => "not_registered",
            Self::NotValidator { .. } => "not_validator",
            Self::NoPermit { .. } => "no_permit",
            Self::StakeThreshold { .. } => "stake_threshold",
            Self::TooFewWeights { .. } => "too_few_weights",
            Self::NotRising => "not_rising",
            Self::UidOutOfRange { .. } => "uid_out_of_range",
            Self::SelfWeight { .. } => "self_weight",
            Self::NotUpscaled { .. } => "not_upscaled",
            Self::MaxWeight { .. } => "max_weight",
            Self::Preimage { .. } => "preimage",
            Self::Expired { .. } => "expired",
            Self::TooFarAhead { .. } => "too_far_ahead",
            Self::NoAccount { .. } => "no_account",
            Self::Nonce { .. } => "nonce",
            Self::MinBalance { .. } => "min_balance",
            Self::RegistrationClosed => "registration_closed",
            Self::Full { .. } => "full",
            Self::AlreadyRegistered { .. } => "already_registered",
            Self::RegistrationNonce => "registration_nonce",
            Self::WeakKey { .. } => "weak_key",
            Self::SeedTail { .. } => "seed_tail",
            Self::StaleWork { .. } => "stale_work",
            Self::LittleWork { .. } => "little_work",
        }
    }

    /// Whether an honest peer may have sent it, knowing another state than ours. The rest is
    /// inadmissible in every state of the subnet.
    #[must_use]
    pub const fn is_innocent(&self) -> bool {
        !matches!(
            self,
            Self::Subnet { .. }
                | Self::Kind { .. }
                | Self::Mechanism { .. }
                | Self::NotRising
                | Self::NotUpscaled { .. }
                | Self::MaxWeight { .. }
                | Self::RegistrationClosed
                | Self::RegistrationNonce
                | Self::WeakKey { .. }
                | Self::SeedTail { .. }
        )
    }
}

/// Whether the next cut may hold `item`. Its signature is taken as checked.
///
/// # Errors
/// The first rule that it breaks, cheap ones before those that hash.
pub fn admissible(state: &State, item: &Item) -> Result<(), Inadmissible> {
    if item.subnet() != state.subnet() {
        return Err(Inadmissible::Subnet { subnet: *item.subnet() });
    }
    match item.body() {
        Body::Weights(weights) => admit_weights(state, weights),
        Body::RegistryOp(op) => admit_operation(state, op),
        _ => Err(Inadmissible::Kind { kind: item.kind() }),
    }
}

fn admit_weights(state: &State, weights: &Weights) -> Result<(), Inadmissible> {
    let expected = state.next_epoch();
    if weights.epoch != expected {
        return Err(Inadmissible::Epoch { epoch: weights.epoch, expected });
    }
    if weights.mechid != 0 {
        return Err(Inadmissible::Mechanism { mechid: weights.mechid });
    }
    let hotkey = weights.signer;
    let uid = state.uid_of(&hotkey).ok_or(Inadmissible::NotRegistered { hotkey })?;
    let signer = state.participant(uid).ok_or(Inadmissible::NotRegistered { hotkey })?;
    admit_signer(state, uid, signer)?;
    admit_row(state, uid, &weights.entries)?;
    if !seed::leads_to(&weights.task_preimage, weights.epoch, &signer.seed, signer.seed_epoch) {
        let shown = signer.seed_epoch;
        let steps = weights.epoch.get().saturating_sub(shown.get());
        return Err(Inadmissible::Preimage { epoch: weights.epoch, shown, steps });
    }
    Ok(())
}

fn admit_signer(state: &State, uid: Uid, signer: &Participant) -> Result<(), Inadmissible> {
    let rules = state.hyperparameters();
    if signer.role != Role::Validator {
        return Err(Inadmissible::NotValidator { uid });
    }
    if !signer.permit {
        return Err(Inadmissible::NoPermit { uid, seats: rules.max_validators });
    }
    let (stake, threshold) = (signer.stake, rules.stake_threshold);
    if stake < threshold {
        return Err(Inadmissible::StakeThreshold { uid, stake, threshold });
    }
    Ok(())
}

/// Bittensor's acceptance rules for a row, except that a weight on oneself is refused instead of
/// dropped by Yuma, and so does not count among the entries that `min_allowed_weights` asks for.
fn admit_row(state: &State, signer: Uid, row: &[(u16, u16)]) -> Result<(), Inadmissible> {
    let rules = state.hyperparameters();
    if !row.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(Inadmissible::NotRising);
    }
    let count = state.uid_count();
    if let Some((uid, _)) = row.last().filter(|(uid, _)| *uid >= count) {
        return Err(Inadmissible::UidOutOfRange { uid: Uid::new(*uid), count });
    }
    if row.iter().any(|(uid, _)| *uid == signer.get()) {
        return Err(Inadmissible::SelfWeight { uid: signer });
    }
    let least = rules.min_allowed_weights.min(count.saturating_sub(1)).max(1);
    if row.len() < usize::from(least) {
        return Err(Inadmissible::TooFewWeights { entries: row.len(), least });
    }
    let largest = row.iter().map(|(_, value)| *value).max().unwrap_or(0);
    if largest != u16::MAX {
        return Err(Inadmissible::NotUpscaled { largest });
    }
    // At most 2^16 values below 2^16.
    let sum = row.iter().fold(0_u64, |sum, (_, value)| sum.saturating_add(u64::from(*value)));
    let limit = rules.max_weights_limit;
    let share = u64::from(largest).saturating_mul(u64::from(u16::MAX));
    if limit != u16::MAX && share > u64::from(limit).saturating_mul(sum) {
        return Err(Inadmissible::MaxWeight { sum, limit });
    }
    Ok(())
}

fn admit_operation(state: &State, op: &RegistryOp) -> Result<(), Inadmissible> {
    let (valid_until, epoch) = (op.valid_until, state.next_epoch());
    if valid_until < epoch {
        return Err(Inadmissible::Expired { valid_until, epoch });
    }
    let latest = Epoch::new(epoch.get().saturating_add(VALID_AHEAD_MAX));
    if valid_until > latest {
        return Err(Inadmissible::TooFarAhead { valid_until, latest });
    }
    if let Some(registration) = Registration::of(op) {
        if op.nonce != 0 {
            return Err(Inadmissible::RegistrationNonce);
        }
        return admit_registration(state, &registration);
    }
    admit_account(state, op)?;
    // A receiver that has an account passed this when it got it.
    match &op.operation {
        Operation::Transfer { to, .. }
            if !state.accounts().contains_key(to) && !is_sound_key(to.as_bytes()) =>
        {
            Err(Inadmissible::WeakKey { which: "receiver" })
        }
        _ => Ok(()),
    }
}

fn admit_account(state: &State, op: &RegistryOp) -> Result<(), Inadmissible> {
    let coldkey = Coldkey::new(op.signer);
    let account = state.accounts().get(&coldkey).ok_or(Inadmissible::NoAccount { coldkey })?;
    let (nonce, next) = (op.nonce, account.nonce);
    if nonce.checked_sub(next).is_none_or(|ahead| ahead >= NONCE_WINDOW) {
        return Err(Inadmissible::Nonce { nonce, next, window: NONCE_WINDOW });
    }
    let least = state.hyperparameters().min_balance;
    // The holding takes a walk over all uids, which the balance alone mostly spares.
    if account.balance < least {
        let holding = state.holding(&coldkey);
        if holding < least {
            return Err(Inadmissible::MinBalance { coldkey, holding, least });
        }
    }
    Ok(())
}

/// A registration with its signer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registration {
    pub(super) hotkey: Hotkey,
    pub(super) coldkey: Coldkey,
    pub(super) role: Role,
    pub(super) seed_tail: Option<Digest>,
    pub(super) prev: CutId,
    pub(super) pow_nonce: u64,
}

impl Registration {
    /// The registration in an operation, if it is one.
    pub(super) fn of(op: &RegistryOp) -> Option<Self> {
        let Operation::Register { coldkey, role, seed_tail, prev, pow_nonce } = op.operation else {
            return None;
        };
        let hotkey = Hotkey::new(op.signer);
        Some(Self { hotkey, coldkey, role, seed_tail, prev, pow_nonce })
    }

    pub(super) fn challenge(&self, subnet: &SubnetId) -> PowChallenge {
        let tail = self.seed_tail.as_ref();
        PowChallenge::new(subnet, &self.prev, &self.hotkey, &self.coldkey, self.role, tail)
    }

    /// What registrations of one cut are ordered by.
    pub(super) fn work(&self, subnet: &SubnetId) -> Digest {
        self.challenge(subnet).digest(self.pow_nonce)
    }
}

fn admit_registration(state: &State, one: &Registration) -> Result<(), Inadmissible> {
    let rules = state.hyperparameters();
    if !rules.registration_allowed || rules.max_registrations_per_epoch == 0 {
        return Err(Inadmissible::RegistrationClosed);
    }
    if one.seed_tail.is_some() != (one.role == Role::Validator) {
        return Err(Inadmissible::SeedTail { role: one.role });
    }
    if let Some(uid) = state.uid_of(&one.hotkey) {
        return Err(Inadmissible::AlreadyRegistered { hotkey: one.hotkey, uid });
    }
    // Vacant uids are filled first, and nobody who holds one is replaced.
    if state.is_full() {
        return Err(Inadmissible::Full { max: rules.max_allowed_uids });
    }
    if !state.registration_cuts().any(|cut| cut == one.prev) {
        return Err(Inadmissible::StaleWork { prev: one.prev });
    }
    let difficulty = state.chain().difficulty;
    if !one.challenge(state.subnet()).holds(one.pow_nonce, difficulty) {
        return Err(Inadmissible::LittleWork { difficulty });
    }
    for (which, key) in [("hotkey", one.hotkey.as_bytes()), ("coldkey", one.coldkey.as_bytes())] {
        if !is_sound_key(key) {
            return Err(Inadmissible::WeakKey { which });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ganglion_types::{Manifest, Payload, TaskBatch};

    use super::super::fixture::{Subnet, coldkey, hot, hotkey};
    use super::*;

    const MAX: u16 = 65_535;

    fn genesis(subnet: &Subnet) -> State {
        State::genesis(subnet.manifest.clone()).unwrap()
    }

    /// Validators 0 to 2 and miners 3 to 5.
    fn subnet() -> Subnet {
        Subnet::new(&[30, 20, 10], 3)
    }

    fn refusal(state: &State, item: &Item) -> &'static str {
        admissible(state, item).map_or_else(|reason| reason.name(), |()| "admissible")
    }

    fn with_row(change: impl FnOnce(&mut Manifest), row: &[(u16, u16)]) -> &'static str {
        let subnet = Subnet::with(&[30, 20, 10], 3, change);
        refusal(&genesis(&subnet), &subnet.weights(0, 1, 1, row))
    }

    #[test]
    fn a_right_row_is_admissible() {
        let subnet = subnet();
        let state = genesis(&subnet);
        for row in [&[(3, MAX)][..], &[(1, 1), (3, 0), (5, MAX)], &[(4, MAX), (5, MAX)]] {
            assert_eq!(admissible(&state, &subnet.weights(0, 1, 1, row)), Ok(()));
        }
    }

    #[test]
    fn rows_that_break_a_rule_are_refused_by_its_name() {
        let plain = |row: &[(u16, u16)]| with_row(|_| {}, row);
        assert_eq!(plain(&[(3, MAX), (3, 1)]), "not_rising");
        assert_eq!(plain(&[(4, MAX), (3, 1)]), "not_rising");
        assert_eq!(plain(&[(3, MAX), (6, 1)]), "uid_out_of_range");
        assert_eq!(plain(&[(0, 1), (3, MAX)]), "self_weight");
        assert_eq!(plain(&[]), "too_few_weights");
        assert_eq!(plain(&[(3, MAX - 1), (4, 7)]), "not_upscaled");
        assert_eq!(plain(&[(3, 0), (4, 0)]), "not_upscaled");
    }

    #[test]
    fn a_row_needs_as_many_entries_as_the_subnet_asks_or_has() {
        let rule = |least| move |m: &mut Manifest| m.hyperparameters.min_allowed_weights = least;
        assert_eq!(with_row(rule(3), &[(3, 1), (4, MAX)]), "too_few_weights");
        assert_eq!(with_row(rule(3), &[(3, 1), (4, MAX), (5, 0)]), "admissible");
        let all = [(1, 1), (2, 1), (3, 1), (4, MAX), (5, 1)];
        assert_eq!(with_row(rule(400), &all), "admissible");
        assert_eq!(with_row(rule(400), &all[1..]), "too_few_weights");
    }

    #[test]
    fn one_weight_may_have_its_share_and_no_more() {
        let half = |m: &mut Manifest| m.hyperparameters.max_weights_limit = 32_768;
        assert_eq!(with_row(half, &[(3, MAX), (4, MAX)]), "admissible");
        assert_eq!(with_row(half, &[(3, MAX), (4, 65_534)]), "admissible");
        assert_eq!(with_row(half, &[(3, MAX), (4, 65_533)]), "max_weight");
        assert_eq!(with_row(half, &[(3, MAX)]), "max_weight");
    }

    #[test]
    fn only_permitted_validators_with_enough_stake_set_weights() {
        let subnet =
            Subnet::with(&[30, 20, 10], 3, |m| m.hyperparameters.stake_threshold = Rao::new(20));
        let mut state = genesis(&subnet);
        let row = |number| subnet.weights(number, 1, 1, &[(5, MAX)]);
        assert_eq!(refusal(&state, &row(1)), "admissible");
        assert_eq!(refusal(&state, &row(2)), "stake_threshold");
        assert_eq!(refusal(&state, &row(4)), "not_validator");
        assert_eq!(refusal(&state, &row(9)), "not_registered");
        state.participant_mut(Uid::new(1)).unwrap().permit = false;
        assert_eq!(refusal(&state, &row(1)), "no_permit");
    }

    #[test]
    fn a_row_belongs_to_one_epoch_and_shows_its_preimage() {
        let subnet = subnet();
        let state = genesis(&subnet);
        let refuse = |body| refusal(&state, &subnet.item(Body::Weights(body), &hot(0)));
        let row = subnet.row(0, 1, 1, &[(3, MAX)]);
        assert_eq!(refuse(Weights { epoch: Epoch::new(2), ..row.clone() }), "epoch");
        assert_eq!(refuse(Weights { epoch: Epoch::GENESIS, ..row.clone() }), "epoch");
        assert_eq!(refuse(Weights { mechid: 1, ..row.clone() }), "mechanism");
        let of_next = subnet.row(0, 2, 1, &[]).task_preimage;
        assert_eq!(refuse(Weights { task_preimage: of_next, ..row.clone() }), "preimage");
        let of_other = subnet.row(1, 1, 1, &[]).task_preimage;
        assert_eq!(refuse(Weights { task_preimage: of_other, ..row }), "preimage");
    }

    #[test]
    fn other_subnets_and_other_kinds_never_stand_in_a_cut() {
        let subnet = subnet();
        let state = genesis(&subnet);
        let other = Subnet::new(&[30, 20, 11], 3);
        assert_eq!(refusal(&state, &other.weights(0, 1, 1, &[(3, MAX)])), "subnet");
        let batch = Body::TaskBatch(TaskBatch {
            signer: hotkey(0),
            mechid: 0,
            epoch: Epoch::new(1),
            seq: 1,
            round: 0,
            task: "digits".into(),
            inputs: vec![Payload::EMPTY],
        });
        assert_eq!(refusal(&state, &subnet.item(batch, &hot(0))), "kind");
    }

    #[test]
    fn operations_have_a_window_of_epochs() {
        let subnet = subnet();
        let mut state = genesis(&subnet);
        state.chain.epoch = Epoch::new(6);
        let operation = Operation::Transfer { to: coldkey(1), amount: Rao::new(1) };
        for (until, expected) in
            [(6, "expired"), (7, "admissible"), (1_007, "admissible"), (1_008, "too_far_ahead")]
        {
            let item = subnet.operation_until(0, 0, until, operation.clone());
            assert_eq!(refusal(&state, &item), expected, "{until}");
        }
    }

    #[test]
    fn operations_have_a_window_of_nonces() {
        let subnet = subnet();
        let mut state = genesis(&subnet);
        state.accounts.get_mut(&coldkey(0)).unwrap().nonce = 5;
        for (nonce, expected) in [
            (4, "nonce"),
            (5, "admissible"),
            (20, "admissible"),
            (21, "nonce"),
            (u64::MAX, "nonce"),
        ] {
            assert_eq!(refusal(&state, &subnet.stake(0, nonce, 1)), expected, "{nonce}");
        }
        state.accounts.get_mut(&coldkey(0)).unwrap().nonce = u64::MAX;
        assert_eq!(refusal(&state, &subnet.stake(0, u64::MAX, 1)), "admissible");
    }

    #[test]
    fn operations_need_an_account_that_holds_something() {
        let subnet = Subnet::with(&[30, 20, 10], 1, |m| {
            m.hyperparameters.min_balance = Rao::new(25);
            m.accounts = vec![(coldkey(3), Rao::new(24))];
        });
        let state = genesis(&subnet);
        // Stake counts like balance.
        assert_eq!(refusal(&state, &subnet.unstake(0, 0, 1)), "admissible");
        assert_eq!(refusal(&state, &subnet.unstake(1, 0, 1)), "min_balance");
        assert_eq!(refusal(&state, &subnet.transfer(3, 0, 1, 1)), "min_balance");
        assert_eq!(refusal(&state, &subnet.transfer(9, 0, 1, 1)), "no_account");
        // A coldkey's operation signed by a hotkey is one of a coldkey without account.
        let (signer, nonce, valid_until) = (*hotkey(0).as_bytes(), 0, Epoch::new(9));
        let operation = Operation::Transfer { to: coldkey(1), amount: Rao::new(1) };
        let op = RegistryOp { signer, nonce, valid_until, operation };
        assert_eq!(refusal(&state, &subnet.item(Body::RegistryOp(op), &hot(0))), "no_account");
    }

    #[test]
    fn nothing_is_sent_to_a_weak_key() {
        let subnet = subnet();
        let mut weak = [0; 32];
        weak[0] = 1;
        let operation = Operation::Transfer { to: Coldkey::new(weak), amount: Rao::new(1) };
        assert_eq!(refusal(&genesis(&subnet), &subnet.operation(0, 0, operation)), "weak_key");
    }

    #[test]
    fn registrations_are_bound_to_a_recent_cut_and_to_work() {
        let subnet = Subnet::with(&[30], 1, |m| m.hyperparameters.min_difficulty = 64);
        let mut state = genesis(&subnet);
        let cuts: Vec<CutId> = (1..=5).map(|byte| CutId::new([byte; 32])).collect();
        state.head = cuts[0];
        state.chain.recent_cuts = cuts[1..].to_vec();
        for cut in &cuts {
            let item = subnet.register(7, Role::Miner, *cut, 64);
            assert_eq!(refusal(&state, &item), "admissible");
        }
        let stale = subnet.register(7, Role::Miner, CutId::new([6; 32]), 64);
        assert_eq!(refusal(&state, &stale), "stale_work");
        state.chain.difficulty = u64::MAX;
        let little = subnet.register(7, Role::Miner, cuts[0], 64);
        assert_eq!(refusal(&state, &little), "little_work");
    }

    #[test]
    fn registrations_that_break_a_rule_are_refused_by_its_name() {
        let subnet = subnet();
        let state = genesis(&subnet);
        let register = |number, role, seed_tail| {
            let (coldkey, prev) = (coldkey(number), state.head());
            let operation = Operation::Register { coldkey, role, seed_tail, prev, pow_nonce: 0 };
            subnet.registration(number, operation)
        };
        let tail = Some(Digest::new([1; 32]));
        assert_eq!(refusal(&state, &register(7, Role::Miner, None)), "admissible");
        assert_eq!(refusal(&state, &register(7, Role::Validator, tail)), "admissible");
        assert_eq!(refusal(&state, &register(7, Role::Validator, None)), "seed_tail");
        assert_eq!(refusal(&state, &register(7, Role::Miner, tail)), "seed_tail");
        assert_eq!(refusal(&state, &register(4, Role::Miner, None)), "already_registered");
        let Body::RegistryOp(op) = register(7, Role::Miner, None).into_body() else { panic!() };
        let with_nonce = Body::RegistryOp(RegistryOp { nonce: 1, ..op.clone() });
        assert_eq!(refusal(&state, &subnet.item(with_nonce, &hot(7))), "registration_nonce");
        let mut weak = [0; 32];
        weak[0] = 1;
        let of_weak = Body::RegistryOp(RegistryOp { signer: weak, ..op });
        assert_eq!(refusal(&state, &subnet.item(of_weak, &hot(7))), "weak_key");
    }

    #[test]
    fn a_full_or_closed_subnet_refuses_clearly() {
        let full = Subnet::with(&[30], 1, |m| {
            m.hyperparameters.max_allowed_uids = 2;
            m.hyperparameters.max_validators = 2;
        });
        let state = genesis(&full);
        let item = full.register(7, Role::Miner, state.head(), 1);
        let refused = admissible(&state, &item).unwrap_err();
        assert_eq!(refused, Inadmissible::Full { max: 2 });
        assert_eq!(
            refused.to_string(),
            "the subnet is full: all 2 uids are held, and none of them may be replaced"
        );
        let closed = Subnet::with(&[30], 1, |m| m.hyperparameters.registration_allowed = false);
        let state = genesis(&closed);
        let item = closed.register(7, Role::Miner, state.head(), 1);
        assert_eq!(refusal(&state, &item), "registration_closed");
    }

    #[test]
    fn only_what_no_state_admits_counts_against_the_sender() {
        assert!(
            Inadmissible::Epoch { epoch: Epoch::new(1), expected: Epoch::new(2) }.is_innocent()
        );
        assert!(Inadmissible::Full { max: 2 }.is_innocent());
        assert!(!Inadmissible::NotUpscaled { largest: 2 }.is_innocent());
        assert!(!Inadmissible::WeakKey { which: "hotkey" }.is_innocent());
    }
}
