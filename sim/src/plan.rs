//! What a seed means: who takes part, who lies and how, and which faults there will be.

use std::collections::BTreeSet;
use std::fmt;

use crate::random::Random;

/// Epoch length of every simulated subnet, in milliseconds of virtual time.
pub const EPOCH_MS: u64 = 10_000;
/// Epochs that every world closes at least.
pub const EPOCHS: u64 = 20;

/// A way to break the rules. All are carried out outside of the production code: a dishonest node runs
/// it as it is, and what leaves the node is changed, added to or held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trick {
    /// Two votes of one slot, one to each half of the others; together with its like, for the same two cuts.
    Votes,
    /// Two valid proposals of one round, one to each half.
    Proposals,
    /// Two rows or commits of weights with one number.
    Items,
    /// Two lists of one epoch, one to each half; or six, two to each third.
    Lists,
    /// Half of what it should send is not sent, half of the requests get no answer.
    Withhold,
    /// Only some of the others hear of it.
    Selective,
    /// Says again what it said epochs ago, its own and others'.
    Stale,
    /// Votes, lists and rows of epochs and rounds to come.
    Future,
    /// Says things in the name of honest nodes, with a signature that does not hold.
    Forged,
    /// Votes and items that it signed for another subnet.
    OtherSubnet,
    /// Junk: messages over the size limit, cut short, or with bits turned over.
    Junk,
    /// Proposes cuts with roots that its inputs do not give.
    WrongResult,
    /// Proposes cuts without items that must be in.
    Censor,
    /// Runs two processes on one key.
    Twin,
    /// Forgets at restart what it signed.
    Amnesia,
    /// Claims epochs that there are not, and answers with wrong ones.
    Liar,
    /// Says nothing at all in agreement.
    Mute,
    /// Shows evidence of offences that nobody committed.
    FalseEvidence,
    /// Never opens what it committed to.
    Unopened,
    /// Signs one vote per slot, and forgets in every round what it locked on in the ones before.
    Unlock,
}

impl Trick {
    /// All that are tried below the fault bound.
    pub const ALL: [Self; 19] = [
        Self::Votes,
        Self::Proposals,
        Self::Items,
        Self::Lists,
        Self::Withhold,
        Self::Selective,
        Self::Stale,
        Self::Future,
        Self::Forged,
        Self::OtherSubnet,
        Self::Junk,
        Self::WrongResult,
        Self::Censor,
        Self::Twin,
        Self::Amnesia,
        Self::Liar,
        Self::Mute,
        Self::FalseEvidence,
        Self::Unopened,
    ];

    /// A word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Votes => "two-votes",
            Self::Proposals => "two-proposals",
            Self::Items => "two-items",
            Self::Lists => "many-lists",
            Self::Withhold => "withhold",
            Self::Selective => "selective",
            Self::Stale => "stale",
            Self::Future => "future",
            Self::Forged => "forged",
            Self::OtherSubnet => "other-subnet",
            Self::Junk => "junk",
            Self::WrongResult => "wrong-result",
            Self::Censor => "censor",
            Self::Twin => "twin",
            Self::Amnesia => "amnesia",
            Self::Liar => "liar",
            Self::Mute => "mute",
            Self::FalseEvidence => "false-evidence",
            Self::Unopened => "unopened",
            Self::Unlock => "unlock",
        }
    }
}

/// A kind of fault of network, disk, clock or process, or a change that comes from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Messages are lost.
    Loss,
    /// Messages arrive more than once.
    Replay,
    /// Messages take long.
    Delay,
    /// Messages overtake each other by far.
    Reorder,
    /// Nothing passes between two sides.
    Partition,
    /// Nothing passes from one side to the other.
    OneWay,
    /// A process ends; what it wrote survives.
    Kill,
    /// A machine loses power; what was not synced is lost, or survives in part.
    PowerLoss,
    /// The same in the middle of a write, a sync or a rename.
    TornWrite,
    /// A write or a sync fails.
    DiskError,
    /// All processes end at once.
    AllDown,
    /// A process stands still and goes on.
    Pause,
    /// Clocks run at other speeds and show other times.
    Skew,
    /// A wall clock jumps.
    Jump,
    /// Stake moves, validators come and go.
    Operations,
    /// A node that was not there at genesis follows from it.
    LateJoiner,
    /// A node joins by a snapshot.
    Snapshot,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Loss,
        Self::Replay,
        Self::Delay,
        Self::Reorder,
        Self::Partition,
        Self::OneWay,
        Self::Kill,
        Self::PowerLoss,
        Self::TornWrite,
        Self::DiskError,
        Self::AllDown,
        Self::Pause,
        Self::Skew,
        Self::Jump,
        Self::Operations,
        Self::LateJoiner,
        Self::Snapshot,
    ];

    /// A word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Replay => "replay",
            Self::Delay => "delay",
            Self::Reorder => "reorder",
            Self::Partition => "partition",
            Self::OneWay => "one-way",
            Self::Kill => "kill",
            Self::PowerLoss => "power-loss",
            Self::TornWrite => "torn-write",
            Self::DiskError => "disk-error",
            Self::AllDown => "all-down",
            Self::Pause => "pause",
            Self::Skew => "clock-skew",
            Self::Jump => "clock-jump",
            Self::Operations => "operations",
            Self::LateJoiner => "late-joiner",
            Self::Snapshot => "snapshot",
        }
    }
}

/// What is asked of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Dishonest stake below 1/3: everything must hold.
    Bounded,
    /// Equivocators with more than 1/3 of stake: forks must be found, and their makers named.
    Equivocators,
    /// As many that only forget their locks: forks must be found, and nobody can be named.
    Amnesia,
}

/// One validator.
#[derive(Clone, Debug)]
pub struct Validator {
    /// In units.
    pub stake: u64,
    /// How it breaks the rules; empty if it does not.
    pub tricks: Vec<Trick>,
}

impl Validator {
    /// Whether it keeps to the rules.
    #[must_use]
    pub const fn is_honest(&self) -> bool {
        self.tricks.is_empty()
    }
}

/// How the network treats a message while there are faults.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Lost, of a thousand.
    pub loss: u64,
    /// Delivered again, of a thousand.
    pub replay: u64,
    /// Shortest and longest way in milliseconds.
    pub delay: (u64, u64),
    /// Of a thousand, those that take up to half an epoch.
    pub late: u64,
}

impl Weather {
    /// Without faults.
    pub const FAIR: Self = Self { loss: 0, replay: 0, delay: (5, 65), late: 0 };
}

/// Everything drawn before a world begins.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed it was drawn from.
    pub seed: u64,
    /// What is asked of it.
    pub mode: Mode,
    /// Validators, uid by position.
    pub validators: Vec<Validator>,
    /// Miners, after them.
    pub miners: usize,
    /// Whether rows of weights are committed to first.
    pub hidden: bool,
    /// The kinds of faults that there will be.
    pub faults: BTreeSet<Fault>,
    /// The network meanwhile.
    pub weather: Weather,
    /// Of a thousand quarters of an epoch, how many bring one more fault of a process or a partition.
    pub unrest: u64,
    /// Epochs between snapshots.
    pub snapshot_every: u64,
    /// Epochs to be closed.
    pub epochs: u64,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn draw(seed: u64, mode: Mode, epochs: u64) -> Self {
        let mut random = Random::new(seed);
        // A world costs the square of its validators, and most faults need few.
        let count = match random.below(20) {
            0..16 => random.between(4, 6),
            16..19 => random.between(7, 9),
            _ => random.between(10, 13),
        };
        let even = random.permille(300);
        let mut validators: Vec<Validator> = (0..count)
            .map(|_| {
                let stake = if even { 100 } else { random.between(20, 200) };
                Validator { stake, tricks: Vec::new() }
            })
            .collect();
        match mode {
            Mode::Bounded => below_a_third(&mut validators, &mut random),
            Mode::Equivocators => {
                above_a_third(&mut validators, &[Trick::Votes, Trick::Proposals], &mut random);
            }
            Mode::Amnesia => above_a_third(&mut validators, &[Trick::Unlock], &mut random),
        }
        let faults = if mode == Mode::Bounded { draw_faults(&mut random) } else { BTreeSet::new() };
        let weather = draw_weather(&faults, &mut random);
        let miners = if random.permille(300) { usize::from(random.permille(500)) + 1 } else { 0 };
        Self {
            seed,
            mode,
            validators,
            miners,
            hidden: random.permille(500),
            faults,
            weather,
            unrest: random.between(100, 500),
            snapshot_every: random.between(2, 6),
            epochs: epochs.max(EPOCHS),
        }
    }

    /// Kinds of trouble: faults, and ways in which somebody breaks the rules.
    #[must_use]
    pub fn troubles(&self) -> usize {
        self.faults.len() + self.tricks().len()
    }

    /// Every way in which somebody breaks the rules.
    #[must_use]
    pub fn tricks(&self) -> BTreeSet<Trick> {
        self.validators.iter().flat_map(|one| one.tricks.iter().copied()).collect()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stakes: Vec<String> = self
            .validators
            .iter()
            .map(|one| {
                let tricks: Vec<&str> = one.tricks.iter().map(|trick| trick.name()).collect();
                if tricks.is_empty() {
                    one.stake.to_string()
                } else {
                    format!("{}({})", one.stake, tricks.join("+"))
                }
            })
            .collect();
        let faults: Vec<&str> = self.faults.iter().map(|fault| fault.name()).collect();
        let Weather { loss, replay, delay, late } = self.weather;
        write!(
            f,
            "seed {}: validators {}; miners {}; {} weights; faults {}; loss {loss}‰, replay {replay}‰, delay {}-{} ms, late {late}‰, unrest {}‰",
            self.seed,
            stakes.join(" "),
            self.miners,
            if self.hidden { "hidden" } else { "plain" },
            faults.join(" "),
            delay.0,
            delay.1,
            self.unrest,
        )
    }
}

fn total(validators: &[Validator]) -> u64 {
    validators.iter().map(|one| one.stake).sum()
}

/// Makes some dishonest, in most worlds as much stake as stays below 1/3.
fn below_a_third(validators: &mut [Validator], random: &mut Random) {
    if random.permille(250) {
        return;
    }
    let all = total(validators);
    let mut dishonest = 0;
    let most = if random.permille(700) { validators.len() } else { 1 };
    for _ in 0..most {
        let at = random.index(validators.len());
        let Some(one) = validators.get_mut(at) else { continue };
        if !one.is_honest() || (dishonest + one.stake) * 3 >= all {
            continue;
        }
        dishonest += one.stake;
        for _ in 0..random.between(1, 3) {
            if let Some(trick) = random.pick(&Trick::ALL)
                && !one.tricks.contains(trick)
            {
                one.tricks.push(*trick);
            }
        }
    }
}

/// Makes stake of more than 1/3 and, where the stakes allow it, at most 3/5 dishonest in this way.
fn above_a_third(validators: &mut [Validator], tricks: &[Trick], random: &mut Random) {
    let all = total(validators);
    let goal = all * random.between(360, 480) / 1_000;
    let mut dishonest = 0;
    for one in validators.iter_mut() {
        let enough = dishonest * 3 > all;
        if dishonest > goal || (enough && (dishonest + one.stake) * 5 > all * 3) {
            continue;
        }
        dishonest += one.stake;
        one.tricks = tricks.to_vec();
    }
}

fn draw_faults(random: &mut Random) -> BTreeSet<Fault> {
    let mut faults = BTreeSet::new();
    let many = if random.permille(100) { random.between(0, 2) } else { random.between(3, 8) };
    for _ in 0..many {
        if let Some(fault) = random.pick(&Fault::ALL) {
            faults.insert(*fault);
        }
    }
    faults
}

fn draw_weather(faults: &BTreeSet<Fault>, random: &mut Random) -> Weather {
    let mut draw = |fault, low, high| {
        let drawn = random.between(low, high);
        if faults.contains(&fault) { drawn } else { 0 }
    };
    let (loss, replay) = (draw(Fault::Loss, 1, 300), draw(Fault::Replay, 1, 500));
    let longest = draw(Fault::Delay, 100, 1_500);
    let late = draw(Fault::Reorder, 10, 200);
    Weather { loss, replay, delay: (5, longest.max(65)), late }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dishonest_stake_is_below_a_third_and_most_seeds_have_three_kinds_of_trouble() {
        let mut enough = 0;
        for seed in 0..2_000 {
            let plan = Plan::draw(seed, Mode::Bounded, EPOCHS);
            let dishonest: u64 =
                plan.validators.iter().filter(|one| !one.is_honest()).map(|one| one.stake).sum();
            assert!(dishonest * 3 < total(&plan.validators), "{plan}");
            assert!((4..=13).contains(&plan.validators.len()));
            enough += usize::from(plan.troubles() >= 3);
        }
        assert!(enough > 1_800, "{enough}");
    }

    #[test]
    fn above_the_bound_more_than_a_third_is_dishonest_and_some_are_not() {
        for seed in 0..500 {
            let plan = Plan::draw(seed, Mode::Equivocators, EPOCHS);
            let dishonest: u64 =
                plan.validators.iter().filter(|one| !one.is_honest()).map(|one| one.stake).sum();
            assert!(dishonest * 3 > total(&plan.validators), "{plan}");
            assert!(plan.validators.iter().any(Validator::is_honest));
        }
    }

    #[test]
    fn every_fault_and_every_trick_is_drawn() {
        let plans: Vec<Plan> =
            (0..1_000).map(|seed| Plan::draw(seed, Mode::Bounded, EPOCHS)).collect();
        for fault in Fault::ALL {
            assert!(plans.iter().any(|plan| plan.faults.contains(&fault)), "{}", fault.name());
        }
        for trick in Trick::ALL {
            assert!(plans.iter().any(|plan| plan.tricks().contains(&trick)), "{}", trick.name());
        }
    }
}
