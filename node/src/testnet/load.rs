//! Random operations on a running testnet, signed with its own keys: `ganglion testnet load`.
//!
//! Once per epoch it draws operations of every kind that does not take a node out of work, gives each to a random running node, and
//! an epoch later asks what became of them. The draw follows from a seed; what the subnet does with it depends on timing.

use std::collections::BTreeMap;
use std::time::Duration;

use ganglion_types::op::consent_hash;
use ganglion_types::{
    Body, Canonical as _, Coldkey, Epoch, Hotkey, Item, Operation, Rao, RegistryOp, Role, SubnetId,
    sign,
};
use serde::Serialize;

use super::layout::Layout;
use super::setup::State;
use crate::api::types::{Account, Metagraph, OpStatus, Status, SubmitOp, SubmittedOp};
use crate::api::{ApiError, Client};
use crate::fault::{Curable, Fault};
use crate::keys::{KeyError, KeyFile, KeyKind, KeyPair, Password};

/// Epochs that an operation may wait.
const VALID_EPOCHS: u64 = 8;
/// Nonces of one account that may wait at once.
const ACCOUNT_WINDOW: u64 = 16;
/// Coldkeys at most; those made on the way make room for no more.
const ACCOUNTS_MAX: usize = 256;
/// How often the nodes are asked whether an epoch has ended.
const LOOK: Duration = Duration::from_millis(100);
/// Longest name of an outcome in the report.
const OUTCOME_CHARS: usize = 60;

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Operations per epoch.
    pub operations: u32,
    /// Epochs.
    pub epochs: u64,
    /// Of the draw.
    pub seed: u64,
}

/// What was done: `ganglion/testnet-load/1`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// `ganglion/testnet-load/1`.
    pub schema: String,
    /// Of the draw.
    pub seed: u64,
    /// First and last epoch.
    pub epochs: (u64, u64),
    /// Drawn and signed.
    pub signed: u64,
    /// Taken by a node.
    pub taken: u64,
    /// By kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Refused by a node, by its reason.
    pub refused: BTreeMap<String, u64>,
    /// What became of those taken: `done`, why not, or `pending`.
    pub outcomes: BTreeMap<String, u64>,
}

/// Why it stopped.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A key of the testnet.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A node.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// Nothing runs.
    #[error("no node of the testnet in {0} runs")]
    Nobody(String),
}

impl Curable for LoadError {
    fn fault(&self) -> Fault {
        match self {
            Self::Key(error) => error.fault(),
            Self::Api(error) => error.fault(),
            Self::Nobody(_) => Fault::Check,
        }
    }

    fn cure(&self) -> Option<String> {
        match self {
            Self::Key(error) => error.cure(),
            Self::Api(error) => error.cure(),
            Self::Nobody(_) => {
                Some("Start one with `ganglion testnet up` in another terminal.".into())
            }
        }
    }
}

/// A coldkey that the load signs with.
struct Wallet {
    pair: KeyPair,
    balance: u64,
    next: u64,
    /// Nonces below this one are of this epoch's window.
    end: u64,
}

/// A hotkey that was made on the way, with the coldkey that pays for it.
struct Newcomer {
    pair: KeyPair,
    owner: Coldkey,
}

/// The load on one testnet.
pub struct Load {
    nodes: Vec<Client>,
    subnet: SubnetId,
    random: Random,
    wallets: Vec<Wallet>,
    newcomers: Vec<Newcomer>,
    /// Validators and the coldkeys that own them, as the last metagraph shows them.
    validators: Vec<(Hotkey, Coldkey, u64)>,
    epoch: u64,
    report: Report,
}

impl std::fmt::Debug for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Load").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

impl Load {
    /// Gets ready: reads the keys and finds the nodes.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn new(layout: &Layout, state: &State, plan: Plan) -> Result<Self, LoadError> {
        let home = layout.home();
        let nobody = || LoadError::Nobody(layout.dir().display().to_string());
        let running = state.nodes.iter().filter(|node| node.pid.is_some());
        let nodes: Vec<Client> =
            running.map(|node| Client::new(&node.api())).collect::<Result<_, _>>()?;
        let status: Status = nodes.first().ok_or_else(nobody)?.get("/v1/status")?;
        let subnet = SubnetId::from_hex(&status.subnet).ok_or_else(nobody)?;
        let mut wallets = Vec::new();
        for node in &state.nodes {
            let path = home.key_file(KeyKind::Coldkey, &node.name)?;
            let pair = KeyFile::read(&path)?.open(&path, &Password::none())?;
            wallets.push(Wallet { pair, balance: 0, next: 0, end: 0 });
        }
        let report = Report {
            schema: "ganglion/testnet-load/1".into(),
            seed: plan.seed,
            ..Report::default()
        };
        Ok(Self {
            nodes,
            subnet,
            random: Random::new(plan.seed),
            wallets,
            newcomers: Vec::new(),
            validators: Vec::new(),
            epoch: status.closing,
            report,
        })
    }

    /// Runs it to the end; `note` gets a line per epoch. Blocks.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn run(mut self, plan: Plan, mut note: impl FnMut(&str)) -> Result<Report, LoadError> {
        let mut open: Vec<String> = Vec::new();
        self.report.epochs = (self.epoch, self.epoch.saturating_add(plan.epochs) - 1);
        for _ in 0..plan.epochs {
            self.look()?;
            let taken: Vec<String> = (0..plan.operations)
                .filter_map(|_| self.one().transpose())
                .collect::<Result<_, _>>()?;
            note(&format!(
                "epoch {}: {} of {} operations taken",
                self.epoch,
                taken.len(),
                plan.operations
            ));
            self.next_epoch()?;
            self.settle(&mut open, false)?;
            open.extend(taken);
        }
        for _ in 0..VALID_EPOCHS {
            if open.is_empty() {
                break;
            }
            self.next_epoch()?;
            self.settle(&mut open, false)?;
        }
        self.settle(&mut open, true)?;
        Ok(self.report)
    }

    fn node(&mut self) -> &Client {
        let at = self.random.below(self.nodes.len() as u64) as usize;
        &self.nodes[at]
    }

    /// Balances, nonces and validators as they are after the last epoch.
    fn look(&mut self) -> Result<(), LoadError> {
        let client = self.nodes[0].clone();
        for wallet in &mut self.wallets {
            let account = client.get::<Account>(&format!("/v1/accounts/{}", wallet.pair.coldkey()));
            match account {
                Ok(account) => {
                    wallet.balance = account.balance_rao.0;
                    wallet.next = account.nonce;
                    wallet.end = account.nonce + ACCOUNT_WINDOW;
                }
                Err(error) if error.status() == Some(404) => wallet.end = wallet.next,
                Err(error) => return Err(error.into()),
            }
        }
        let metagraph: Metagraph = client.get("/v1/metagraph")?;
        let validators = metagraph.rows.iter().filter(|row| row.role == "validator");
        self.validators = validators
            .filter_map(|row| {
                Some((row.hotkey.parse().ok()?, row.coldkey.parse().ok()?, row.stake_rao.0))
            })
            .collect();
        Ok(())
    }

    /// One operation, drawn, signed and given to a node; its id if it was taken.
    fn one(&mut self) -> Result<Option<String>, LoadError> {
        let free: Vec<usize> = (0..self.wallets.len())
            .filter(|at| self.wallets[*at].next < self.wallets[*at].end)
            .collect();
        if free.is_empty() {
            return Ok(None);
        }
        let at = free[self.random.below(free.len() as u64) as usize];
        let signed = self.draw(at);
        self.report.signed += 1;
        *self.report.kinds.entry(signed.0).or_default() += 1;
        let item = SubmitOp { item: ganglion_types::hex(&signed.1.to_bytes()) };
        match self.node().post::<SubmittedOp>("/v1/ops", &item, None) {
            Ok(submitted) => {
                self.report.taken += 1;
                Ok(Some(submitted.id))
            }
            Err(ApiError::Refused { message, .. }) => {
                // Its nonce is free again.
                self.wallets[at].end = self.wallets[at].next;
                *self.report.refused.entry(short(&message)).or_default() += 1;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The name and the signed item of one random operation, by this wallet or a hotkey of it.
    fn draw(&mut self, at: usize) -> (&'static str, Item) {
        let signer = self.wallets[at].pair.coldkey();
        if self.random.below(100) < 5
            && let Some(index) = self.newcomers.iter().position(|one| one.owner == signer)
        {
            let newcomer = self.newcomers.remove(index);
            return self.sign_as_hotkey(&newcomer, Operation::Deregister);
        }
        let operation = self.operation(at, signer);
        let wallet = &mut self.wallets[at];
        let op = RegistryOp {
            signer: *signer.as_bytes(),
            nonce: wallet.next,
            valid_until: Epoch::new(self.epoch + VALID_EPOCHS),
            operation,
        };
        wallet.next += 1;
        let name = op.operation.name();
        (name, Item::sign(self.subnet, Body::RegistryOp(op), wallet.pair.signing_key()))
    }

    fn sign_as_hotkey(&self, newcomer: &Newcomer, operation: Operation) -> (&'static str, Item) {
        let hotkey = newcomer.pair.hotkey();
        let registered = self.registered_at(&hotkey).unwrap_or(0);
        let op = RegistryOp {
            signer: *hotkey.as_bytes(),
            nonce: registered << 20,
            valid_until: Epoch::new(self.epoch + VALID_EPOCHS),
            operation,
        };
        let name = op.operation.name();
        (name, Item::sign(self.subnet, Body::RegistryOp(op), newcomer.pair.signing_key()))
    }

    fn registered_at(&self, hotkey: &Hotkey) -> Option<u64> {
        let metagraph: Metagraph = self.nodes[0].get("/v1/metagraph").ok()?;
        let name = hotkey.to_string();
        metagraph.rows.iter().find(|row| row.hotkey == name).map(|row| row.registered_at)
    }

    fn operation(&mut self, at: usize, signer: Coldkey) -> Operation {
        let balance = self.wallets[at].balance;
        let small = |random: &mut Random, of: u64| Rao::new(1 + random.below(of / 50 + 1));
        let pick = self.random.below(self.validators.len().max(1) as u64) as usize;
        let validator = self.validators.get(pick).copied();
        match (self.random.below(100), validator) {
            (0..=19, Some((hotkey, owner, _))) if owner == signer => {
                Operation::Stake { hotkey, amount: small(&mut self.random, balance) }
            }
            (0..=19, Some((hotkey, ..))) => {
                Operation::Delegate { hotkey, amount: small(&mut self.random, balance) }
            }
            (20..=39, Some((hotkey, owner, stake))) if owner == signer => {
                Operation::Unstake { hotkey, amount: small(&mut self.random, stake) }
            }
            (20..=39, Some((hotkey, _, stake))) => {
                Operation::Undelegate { hotkey, amount: small(&mut self.random, stake) }
            }
            (40..=44, Some((hotkey, ..))) => {
                Operation::SetTake { hotkey, take: self.random.below(12_000) as u16 }
            }
            (45..=49, _) => self.newcomer(signer),
            (50..=54, _) => {
                Operation::Transfer { to: self.stranger(), amount: Rao::new(balance / 20 + 1) }
            }
            // More than there is: it must fail and change nothing.
            (55..=59, _) => {
                Operation::Transfer { to: signer, amount: Rao::new(balance + Rao::PER_UNIT) }
            }
            _ => {
                let to = self.random.below(self.wallets.len() as u64) as usize;
                let to = self.wallets[to].pair.coldkey();
                Operation::Transfer { to, amount: small(&mut self.random, balance) }
            }
        }
    }

    /// Registers a fresh hotkey as a miner, paid by burn.
    fn newcomer(&mut self, owner: Coldkey) -> Operation {
        let pair = KeyPair::from_seed(&self.random.bytes());
        let hotkey = pair.hotkey();
        let hash = consent_hash(&self.subnet, &owner, &hotkey);
        let consent = sign::sign(pair.signing_key(), hash.as_bytes());
        self.newcomers.push(Newcomer { pair, owner });
        let max_price = Rao::new(10 * Rao::PER_UNIT);
        Operation::BurnRegister { hotkey, role: Role::Miner, seed_tail: None, max_price, consent }
    }

    /// A coldkey that nobody has seen, while there is room, else one of those that were made.
    fn stranger(&mut self) -> Coldkey {
        if self.wallets.len() < ACCOUNTS_MAX {
            let pair = KeyPair::from_seed(&self.random.bytes());
            self.wallets.push(Wallet { pair, balance: 0, next: 0, end: 0 });
        }
        self.wallets.last().expect("a testnet has nodes").pair.coldkey()
    }

    /// Waits until another epoch is being closed.
    #[expect(
        clippy::disallowed_methods,
        reason = "the API tells an epoch's end only if asked again"
    )]
    fn next_epoch(&mut self) -> Result<(), LoadError> {
        loop {
            let status: Status = self.nodes[0].get("/v1/status")?;
            if status.closing > self.epoch {
                self.epoch = status.closing;
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Asks what became of operations; those without an answer stay, unless this is the end.
    fn settle(&mut self, open: &mut Vec<String>, end: bool) -> Result<(), LoadError> {
        let mut pending = Vec::new();
        for id in std::mem::take(open) {
            let status: OpStatus = self.nodes[0].get(&format!("/v1/ops/{id}"))?;
            match status.outcome.filter(|_| status.state == "decided") {
                Some(outcome) => *self.report.outcomes.entry(short(&outcome)).or_default() += 1,
                None if end => *self.report.outcomes.entry(status.state).or_default() += 1,
                None => pending.push(id),
            }
        }
        *open = pending;
        Ok(())
    }
}

/// A reason without what differs from case to case, so that equal ones are counted together.
fn short(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let special = word.chars().any(|c| c.is_ascii_digit()) || word.len() > 24;
        if special { "…" } else { word }
    });
    words.collect::<Vec<_>>().join(" ").chars().take(OUTCOME_CHARS).collect()
}

impl Report {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let list = |title: &str, counts: &mut dyn Iterator<Item = (&str, u64)>| {
            let mut text = format!("{title}\n");
            for (name, count) in counts {
                text.push_str(&format!("  {count:>6}  {name}\n"));
            }
            text
        };
        let (first, last) = self.epochs;
        let mut text = format!(
            "epochs {first} to {last}: {} operations signed, {} taken\n",
            self.signed, self.taken
        );
        text.push_str(&list("kinds", &mut self.kinds.iter().map(|(name, n)| (*name, *n))));
        let named = |counts: &BTreeMap<String, u64>| -> Vec<(String, u64)> {
            counts.iter().map(|(name, count)| (name.clone(), *count)).collect()
        };
        for (title, counts) in [("refused by a node", &self.refused), ("outcomes", &self.outcomes)]
        {
            let rows = named(counts);
            text.push_str(&list(title, &mut rows.iter().map(|(name, n)| (name.as_str(), *n))));
        }
        text
    }
}

/// A stream of numbers from a seed.
struct Random(blake3::OutputReader);

impl Random {
    fn new(seed: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("ganglion testnet load v1");
        hasher.update(&seed.to_be_bytes());
        Self(hasher.finalize_xof())
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }

    /// Below `bound`, at least 1; the bias of the remainder is of no consequence here.
    fn below(&mut self, bound: u64) -> u64 {
        u64::from_be_bytes(self.bytes()) % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_draw() {
        let draw = |seed| -> Vec<u64> {
            let mut random = Random::new(seed);
            (0..50).map(|_| random.below(100)).collect()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!(draw(3).iter().all(|number| *number < 100));
    }

    #[test]
    fn reasons_are_counted_together() {
        let one = "not done: it takes 5.2, but the balance is 3.1";
        let two = "not done: it takes 7, but the balance is 0.25";
        assert_eq!(short(one), short(two));
        assert_ne!(short(one), short("done"));
    }
}
