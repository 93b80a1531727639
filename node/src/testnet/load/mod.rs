//! Random operations on a running testnet, signed with its own keys: `[load]` and `testnet load`.
//!
//! Once per epoch it draws operations of all thirteen kinds, gives each to a random running node, and an
//! epoch later asks what became of them. The draw follows from a seed; what the subnet does with it
//! depends on timing. Nothing it does takes a node of the testnet out of work.

mod draw;
mod report;

use std::time::Duration;

use ganglion_types::{Canonical as _, Coldkey, CutId, Rao, SubnetId};

use self::draw::{Draw, Member, Random, Sight, Wallet};
pub use self::report::{Counts, Report};
use super::layout::Layout;
use super::setup::{NodeRecord, State};
use super::spec::Role;
use crate::api::types::{
    Account, Metagraph, OpStatus, Registration, Revisions, Status, SubmitOp, SubmittedOp,
};
use crate::api::{ApiError, Client};
use crate::fault::{Code, Curable, Fault};
use crate::http::ApiToken;
use crate::keys::{KeyError, KeyFile, KeyKind, Password};

/// Operations of one epoch at most.
pub const OPERATIONS_MAX: u32 = 1_000;
/// Epochs that an operation may wait.
const VALID_EPOCHS: u64 = 8;
/// Epochs after the last operation in which those before are decided.
pub const SETTLE_EPOCHS: u64 = 3;
/// Nonces of one account that may wait at once.
const ACCOUNT_WINDOW: u64 = 16;
/// What an account has to hold to send operations, unless the manifest says otherwise.
const HOLDINGS_LEAST: u64 = Rao::PER_UNIT / 1_000;
/// How often the nodes are asked whether an epoch has ended.
const LOOK: Duration = Duration::from_millis(100);

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Operations per epoch.
    pub operations: u32,
    /// Epochs.
    pub epochs: u64,
    /// Of the draw.
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self { operations: 50, epochs: 10, seed: 1 }
    }
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
    fn code(&self) -> Code {
        match self {
            Self::Key(error) => error.code(),
            Self::Api(error) => error.code(),
            Self::Nobody(_) => Code::TESTNET_NOT_RUNNING,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Key(error) => error.fault(),
            Self::Api(error) => error.fault(),
            Self::Nobody(_) => Fault::Check,
        }
    }

    fn cure(&self) -> String {
        match self {
            Self::Key(error) => error.cure(),
            Self::Api(error) => error.cure(),
            Self::Nobody(_) => "Start one with `ganglion testnet up` in another terminal.".into(),
        }
    }
}

/// An operation that a node took.
struct Open {
    id: String,
    kind: &'static str,
}

/// The load on one testnet.
pub struct Load {
    nodes: Vec<Client>,
    /// Hotkeys of the testnet's validators, with the wallets of their owners.
    validators: Vec<(String, usize)>,
    draw: Draw,
    /// Which node is given what.
    choice: Random,
    open: Vec<Open>,
    report: Report,
}

impl std::fmt::Debug for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Load").field("open", &self.open.len()).finish_non_exhaustive()
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
        let client = |node: &NodeRecord| {
            let token = ApiToken::read(&ApiToken::path(&layout.node(&node.name))).ok();
            Ok::<_, ApiError>(Client::new(&node.api())?.with_token(token))
        };
        let nodes: Vec<Client> = running.map(client).collect::<Result<_, _>>()?;
        let status: Status = nodes.first().ok_or_else(nobody)?.get("/v1/status")?;
        let subnet = SubnetId::from_hex(&status.subnet).ok_or_else(nobody)?;
        let (mut wallets, mut validators) = (Vec::new(), Vec::new());
        for node in &state.nodes {
            if node.role == Role::Validator {
                validators.push((node.hotkey.clone(), wallets.len()));
            }
            let path = home.key_file(KeyKind::Coldkey, &node.name)?;
            wallets.push(Wallet::new(KeyFile::read(&path)?.open(&path, &Password::none())?));
        }
        let sight = Sight { epoch: status.closing, ..Sight::default() };
        Ok(Self {
            nodes,
            validators,
            draw: Draw::new(subnet, sight, wallets, Random::new(plan.seed)),
            choice: Random::new(plan.seed.wrapping_add(1)),
            open: Vec::new(),
            report: Report::new(plan.seed),
        })
    }

    /// Runs it to the end; `note` gets a line per epoch. Blocks.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn run(mut self, plan: Plan, mut note: impl FnMut(&str)) -> Result<Report, LoadError> {
        let first = self.draw.sight.epoch;
        self.report.epochs = (first, first.saturating_add(plan.epochs).saturating_sub(1));
        for _ in 0..plan.epochs {
            self.look()?;
            let before = self.open.len();
            let sent = self.send(plan.operations)?;
            let (epoch, taken) = (self.draw.sight.epoch, self.open.len() - before);
            note(&format!("load: {sent} operations sent in epoch {epoch}, {taken} taken"));
            self.next_epoch()?;
            self.settle()?;
        }
        for _ in 1..SETTLE_EPOCHS {
            if !self.open.is_empty() {
                self.next_epoch()?;
                self.settle()?;
            }
        }
        for open in &self.open {
            self.report.undecided(open.kind);
        }
        Ok(self.report)
    }

    /// What the ledger shows after the last epoch.
    fn look(&mut self) -> Result<(), LoadError> {
        let client = &self.nodes[0];
        let status: Status = client.get("/v1/status")?;
        let registration: Registration = client.get("/v1/registration")?;
        let revisions: Revisions = client.get("/v1/revisions")?;
        let metagraph: Metagraph = client.get("/v1/metagraph")?;
        let row = |hotkey: &str| metagraph.rows.iter().find(|row| row.hotkey == hotkey);
        let members = self.validators.iter().filter_map(|(hotkey, owner)| {
            let row = row(hotkey).filter(|row| row.permit)?;
            let hotkey = hotkey.parse().ok()?;
            Some(Member { hotkey, owner: *owner, stake: row.own_stake().0 })
        });
        let waiting = revisions.revisions.iter().filter(|one| one.decided_at.is_none());
        let sight = Sight {
            epoch: status.closing,
            cut: CutId::from_hex(&status.cut).unwrap_or_default(),
            difficulty: status.difficulty,
            burn_price: registration.burn_price_rao.0,
            members: members.collect(),
            revisions: waiting
                .map(|one| {
                    let by = one.approvals.iter();
                    let by = by.filter_map(|one| one.coldkey.parse::<Coldkey>().ok());
                    (one.id, by.collect())
                })
                .collect(),
        };
        for newcomer in &mut self.draw.newcomers {
            newcomer.nonce = row(&newcomer.pair.hotkey().to_string()).map(|row| row.nonce);
        }
        let epoch = sight.epoch;
        self.draw.newcomers.retain(|one| one.nonce.is_some() || one.until >= epoch);
        for wallet in &mut self.draw.wallets {
            look_at(client, wallet)?;
        }
        self.draw.sight = sight;
        Ok(())
    }

    /// Draws so many operations and gives each to a node; how many there were.
    fn send(&mut self, operations: u32) -> Result<u32, LoadError> {
        for sent in 0..operations {
            let Some(drawn) = self.draw.next() else { return Ok(sent) };
            self.report.sent(drawn.kind);
            let item = SubmitOp { item: ganglion_types::hex(&drawn.item.to_bytes()) };
            let node = self.choice.index(self.nodes.len()).unwrap_or(0);
            match self.nodes[node].post::<SubmittedOp>("/v1/ops", &item, None) {
                Ok(submitted) => self.open.push(Open { id: submitted.id, kind: drawn.kind }),
                Err(ApiError::Refused { message, .. }) => {
                    self.draw.refused(drawn.signer);
                    self.report.refused(drawn.kind, &message);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(operations)
    }

    /// Waits until another epoch is being closed.
    #[expect(
        clippy::disallowed_methods,
        reason = "the API tells an epoch's end only if asked again"
    )]
    fn next_epoch(&mut self) -> Result<(), LoadError> {
        loop {
            let status: Status = self.nodes[0].get("/v1/status")?;
            if status.closing > self.draw.sight.epoch {
                self.draw.sight.epoch = status.closing;
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Asks what became of operations; those without an answer stay.
    fn settle(&mut self) -> Result<(), LoadError> {
        for open in std::mem::take(&mut self.open) {
            let status: OpStatus = self.nodes[0].get(&format!("/v1/ops/{}", open.id))?;
            match status.outcome.filter(|_| status.state == "decided") {
                Some(outcome) => self.report.decided(open.kind, &outcome),
                None => self.open.push(open),
            }
        }
        Ok(())
    }
}

/// A wallet's balance and the nonces it may use in this epoch.
fn look_at(client: &Client, wallet: &mut Wallet) -> Result<(), LoadError> {
    let account = client.get::<Account>(&format!("/v1/accounts/{}", wallet.pair.coldkey()));
    match account {
        // What may not send operations has nothing to lose by waiting.
        Ok(account) if account.total_rao.0 < HOLDINGS_LEAST => wallet.end = wallet.next,
        Ok(account) => {
            wallet.balance = account.balance_rao.0;
            // Nothing was decided although something waits: it was lost, and its nonce is a gap.
            let stuck = account.nonce == wallet.seen && wallet.next > account.nonce;
            wallet.next = if stuck { account.nonce } else { wallet.next.max(account.nonce) };
            wallet.seen = account.nonce;
            wallet.end = account.nonce + ACCOUNT_WINDOW;
        }
        Err(error) if error.status() == Some(404) => wallet.end = wallet.next,
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use ganglion_types::{Body, Operation};

    use super::*;
    use crate::keys::KeyPair;

    /// Four validators and three miners of a subnet in which everybody is rich.
    fn draw(seed: u64) -> Draw {
        let wallets: Vec<Wallet> = (1..8u8)
            .map(|byte| Wallet {
                balance: 50_000_000_000,
                end: u64::MAX,
                ..Wallet::new(KeyPair::from_seed(&[byte; 32]))
            })
            .collect();
        let hotkey = |owner: usize| wallets[owner].pair.hotkey();
        let members = (0..4)
            .map(|owner| Member { hotkey: hotkey(owner), owner, stake: 1_000_000_000 })
            .collect();
        let revisions = vec![(1, BTreeSet::new())];
        let sight = Sight {
            epoch: 5,
            difficulty: 2,
            burn_price: 1,
            members,
            revisions,
            cut: CutId::default(),
        };
        Draw::new(SubnetId::new([1; 32]), sight, wallets, Random::new(seed))
    }

    /// Kinds of operations by how often they were drawn; newcomers are registered at once.
    fn drawn(seed: u64, operations: usize) -> BTreeMap<&'static str, u64> {
        let mut draw = draw(seed);
        let mut kinds = BTreeMap::new();
        for _ in 0..operations {
            *kinds.entry(draw.next().unwrap().kind).or_default() += 1;
            draw.newcomers.iter_mut().for_each(|one| one.nonce = one.nonce.or(Some(0)));
            draw.sight.revisions = vec![(1, BTreeSet::new())];
        }
        kinds
    }

    #[test]
    fn a_seed_gives_one_draw_of_all_thirteen_operations() {
        let one = drawn(1, 400);
        assert_eq!(one, drawn(1, 400));
        assert_ne!(one, drawn(2, 400));
        assert_eq!(one.keys().copied().collect::<Vec<_>>(), report::OPERATIONS);
        assert_eq!(one.values().sum::<u64>(), 400);
    }

    #[test]
    fn no_stake_is_put_on_newcomers_who_do_not_run() {
        let mut draw = draw(3);
        let members: BTreeSet<_> = draw.sight.members.iter().map(|one| one.hotkey).collect();
        for _ in 0..400 {
            let drawn = draw.next().unwrap();
            draw.newcomers.iter_mut().for_each(|one| one.nonce = one.nonce.or(Some(0)));
            let Body::RegistryOp(op) = drawn.item.body() else { panic!("no operation") };
            match &op.operation {
                Operation::Stake { hotkey, .. } | Operation::Delegate { hotkey, .. } => {
                    assert!(members.contains(hotkey));
                }
                Operation::Deregister | Operation::Serve { .. } => {
                    assert!(!members.iter().any(|one| one.as_bytes() == &op.signer));
                }
                Operation::RotateHotkey { from, .. } => assert!(!members.contains(from)),
                _ => {}
            }
        }
    }

    #[test]
    fn without_room_nothing_is_drawn_and_a_refusal_frees_the_nonce() {
        let mut draw = draw(4);
        let drawn = loop {
            let drawn = draw.next().unwrap();
            if let draw::Signer::Wallet(at) = drawn.signer {
                break (at, drawn);
            }
        };
        let before = draw.wallets[drawn.0].next;
        draw.refused(drawn.1.signer);
        assert_eq!(draw.wallets[drawn.0].next, before - 1);
        draw.wallets.iter_mut().for_each(|wallet| wallet.end = wallet.next);
        draw.newcomers.clear();
        draw.sight.difficulty = u64::MAX;
        assert!(draw.next().is_none());
    }
}
