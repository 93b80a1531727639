//! Which operation comes next, and who signs it. Follows from a seed and what the ledger shows.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use ganglion_types::op::{PowChallenge, consent_hash};
use ganglion_types::{
    Body, Change, Coldkey, CutId, Digest, Epoch, Hotkey, Item, Operation, Rao, RegistryOp, Role,
    Signature, SubnetId, sign,
};

use super::VALID_EPOCHS;
use crate::keys::KeyPair;
use crate::pow::{self, Search};

/// Coldkeys at most; those made on the way make room for no more.
const WALLETS_MAX: usize = 64;
/// Work of one registration at most, in hashes: below a second.
const WORK_MAX: u64 = 2_000_000;
/// A balance that can pay for something.
const BALANCE_LEAST: u64 = Rao::PER_UNIT / 50;
/// Tries to find somebody who can do what was drawn.
const TRIES: usize = 8;
/// The parameter that revisions change: nothing in a testnet hangs on it.
const REVISED: &str = "immunity_period";

/// What is drawn how often, of 100. What nobody can do gives way to a transfer.
const KINDS: [(Kind, u64); 14] = [
    (Kind::Stake, 11),
    (Kind::Unstake, 9),
    (Kind::Delegate, 11),
    (Kind::Undelegate, 8),
    (Kind::SetTake, 4),
    (Kind::BurnRegister, 6),
    (Kind::Register, 4),
    (Kind::Deregister, 8),
    (Kind::Serve, 6),
    (Kind::Rotate, 5),
    (Kind::Revise, 3),
    (Kind::Approve, 6),
    (Kind::TransferTooMuch, 4),
    (Kind::Transfer, 15),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Stake,
    Unstake,
    Delegate,
    Undelegate,
    SetTake,
    BurnRegister,
    Register,
    Deregister,
    Serve,
    Rotate,
    Revise,
    Approve,
    /// It must fail and change nothing.
    TransferTooMuch,
    Transfer,
}

/// A coldkey that the load signs with.
pub(super) struct Wallet {
    pub(super) pair: KeyPair,
    pub(super) balance: u64,
    /// Of its next operation.
    pub(super) next: u64,
    /// Nonces below this one are of this epoch's window.
    pub(super) end: u64,
    /// The account's nonce at the last look.
    pub(super) seen: u64,
}

impl Wallet {
    pub(super) const fn new(pair: KeyPair) -> Self {
        Self { pair, balance: 0, next: 0, end: 0, seen: 0 }
    }

    const fn has_room(&self) -> bool {
        self.next < self.end
    }
}

/// A hotkey that was made on the way.
pub(super) struct Newcomer {
    pub(super) pair: KeyPair,
    /// Its wallet.
    pub(super) owner: usize,
    /// Of its next operation; none while it holds no uid.
    pub(super) nonce: Option<u64>,
    /// The last epoch in which it may still get one.
    pub(super) until: u64,
}

/// A validator of the testnet.
pub(super) struct Member {
    pub(super) hotkey: Hotkey,
    /// Its wallet.
    pub(super) owner: usize,
    pub(super) stake: u64,
}

/// What the last look at the ledger showed.
#[derive(Default)]
pub(super) struct Sight {
    /// The epoch being closed.
    pub(super) epoch: u64,
    pub(super) cut: CutId,
    pub(super) difficulty: u64,
    pub(super) burn_price: u64,
    pub(super) members: Vec<Member>,
    /// Revisions that wait, with the coldkeys that approve them.
    pub(super) revisions: Vec<(u64, BTreeSet<Coldkey>)>,
}

/// Who signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signer {
    Wallet(usize),
    /// A hotkey, with its operation.
    Newcomer(Hotkey),
}

/// A signed operation.
pub(super) struct Drawn {
    pub(super) kind: &'static str,
    pub(super) item: Item,
    pub(super) signer: Signer,
}

/// The draw.
pub(super) struct Draw {
    pub(super) subnet: SubnetId,
    pub(super) sight: Sight,
    pub(super) wallets: Vec<Wallet>,
    pub(super) newcomers: Vec<Newcomer>,
    pub(super) random: Random,
    /// Wallets that delegated, to whom.
    delegations: Vec<(usize, Hotkey)>,
}

impl Draw {
    pub(super) const fn new(
        subnet: SubnetId,
        sight: Sight,
        wallets: Vec<Wallet>,
        random: Random,
    ) -> Self {
        Self { subnet, sight, wallets, newcomers: Vec::new(), random, delegations: Vec::new() }
    }

    /// The next operation; `None` if nobody can sign one before the next epoch.
    pub(super) fn next(&mut self) -> Option<Drawn> {
        let kind = self.kind();
        for kind in [kind, Kind::Transfer, Kind::TransferTooMuch] {
            for _ in 0..TRIES {
                if let Some(drawn) = self.try_draw(kind) {
                    return Some(drawn);
                }
            }
        }
        None
    }

    fn kind(&mut self) -> Kind {
        let mut left = self.random.below(KINDS.iter().map(|(_, often)| often).sum());
        for (kind, often) in KINDS {
            if left < often {
                return kind;
            }
            left -= often;
        }
        Kind::Transfer
    }

    fn try_draw(&mut self, kind: Kind) -> Option<Drawn> {
        match kind {
            Kind::Register => self.register(),
            Kind::Deregister | Kind::Serve => self.by_hotkey(kind),
            Kind::Rotate => self.rotate(),
            Kind::BurnRegister => self.burn_register(),
            Kind::Delegate | Kind::Undelegate => self.delegation(kind),
            Kind::Stake | Kind::Unstake | Kind::SetTake | Kind::Revise | Kind::Approve => {
                self.by_member(kind)
            }
            Kind::Transfer | Kind::TransferTooMuch => self.transfer(kind),
        }
    }

    /// Any wallet that can sign; with `paying`, one that has something to spend.
    fn wallet(&mut self, paying: bool) -> Option<usize> {
        let at = self.random.index(self.wallets.len())?;
        let wallet = &self.wallets[at];
        (wallet.has_room() && (!paying || wallet.balance >= BALANCE_LEAST)).then_some(at)
    }

    /// Up to a fiftieth, at least 1.
    fn part(&mut self, of: u64) -> Rao {
        Rao::new(1 + self.random.below(of / 50 + 1))
    }

    fn by_member(&mut self, kind: Kind) -> Option<Drawn> {
        let member = &self.sight.members[self.random.index(self.sight.members.len())?];
        let (hotkey, at, stake) = (member.hotkey, member.owner, member.stake);
        if !self.wallets[at].has_room() {
            return None;
        }
        let balance = self.wallets[at].balance;
        let operation = match kind {
            Kind::Stake if balance < BALANCE_LEAST => return None,
            Kind::Stake => Operation::Stake { hotkey, amount: self.part(balance) },
            Kind::Unstake => Operation::Unstake { hotkey, amount: self.part(stake) },
            Kind::SetTake => {
                let take = u16::try_from(self.random.below(11_797)).unwrap_or(0);
                Operation::SetTake { hotkey, take }
            }
            Kind::Revise => self.revision()?,
            Kind::Approve => {
                let coldkey = self.wallets[at].pair.coldkey();
                let mut waiting = self.sight.revisions.iter_mut();
                let (revision, by) = waiting.find(|(_, by)| !by.contains(&coldkey))?;
                by.insert(coldkey);
                Operation::Approve { revision: *revision }
            }
            _ => return None,
        };
        Some(self.sign_as_wallet(at, operation))
    }

    fn revision(&mut self) -> Option<Operation> {
        let parameter = ganglion_types::Parameter::ALL.iter().find(|one| one.name == REVISED)?;
        let change = Change { parameter: parameter.number, value: 10 + self.random.below(20) };
        let effective = Epoch::new(self.sight.epoch + 2);
        Some(Operation::Revise { effective, changes: vec![change] })
    }

    fn delegation(&mut self, kind: Kind) -> Option<Drawn> {
        if kind == Kind::Undelegate {
            let (at, hotkey) = self.delegations[self.random.index(self.delegations.len())?];
            let amount = self.part(Rao::PER_UNIT);
            let free = self.wallets[at].has_room();
            return free.then(|| self.sign_as_wallet(at, Operation::Undelegate { hotkey, amount }));
        }
        let at = self.wallet(true)?;
        let member = &self.sight.members[self.random.index(self.sight.members.len())?];
        if member.owner == at {
            return None;
        }
        let hotkey = member.hotkey;
        let amount = self.part(self.wallets[at].balance);
        if !self.delegations.contains(&(at, hotkey)) {
            self.delegations.push((at, hotkey));
        }
        Some(self.sign_as_wallet(at, Operation::Delegate { hotkey, amount }))
    }

    fn transfer(&mut self, kind: Kind) -> Option<Drawn> {
        let at = self.wallet(kind == Kind::Transfer)?;
        let balance = self.wallets[at].balance;
        let operation = if kind == Kind::TransferTooMuch {
            let to = self.wallets[at].pair.coldkey();
            Operation::Transfer { to, amount: Rao::new(balance.saturating_add(Rao::PER_UNIT)) }
        } else if self.random.below(4) == 0 && self.wallets.len() < WALLETS_MAX {
            // Somebody whom nobody has seen.
            let wallet = Wallet::new(KeyPair::from_seed(&self.random.bytes()));
            let to = wallet.pair.coldkey();
            self.wallets.push(wallet);
            Operation::Transfer { to, amount: Rao::new(balance / 20 + 1) }
        } else {
            let to = self.random.index(self.wallets.len())?;
            let to = self.wallets[to].pair.coldkey();
            Operation::Transfer { to, amount: self.part(balance) }
        };
        Some(self.sign_as_wallet(at, operation))
    }

    /// A fresh hotkey of a wallet, with its word that it belongs to it.
    fn newcomer(&mut self, owner: usize) -> (Hotkey, Signature) {
        let pair = KeyPair::from_seed(&self.random.bytes());
        let (coldkey, hotkey) = (self.wallets[owner].pair.coldkey(), pair.hotkey());
        let hash = consent_hash(&self.subnet, &coldkey, &hotkey);
        let consent = sign::sign(pair.signing_key(), hash.as_bytes());
        let until = self.sight.epoch + VALID_EPOCHS + 1;
        self.newcomers.push(Newcomer { pair, owner, nonce: None, until });
        (hotkey, consent)
    }

    fn burn_register(&mut self) -> Option<Drawn> {
        let at = self.wallet(true)?;
        if self.wallets[at].balance < self.sight.burn_price {
            return None;
        }
        let (hotkey, consent) = self.newcomer(at);
        let max_price = Rao::new(self.sight.burn_price.saturating_mul(3));
        let role = Role::Miner;
        let operation =
            Operation::BurnRegister { hotkey, role, seed_tail: None, max_price, consent };
        Some(self.sign_as_wallet(at, operation))
    }

    fn register(&mut self) -> Option<Drawn> {
        let (cut, difficulty) = (self.sight.cut, self.sight.difficulty);
        if difficulty > WORK_MAX {
            return None;
        }
        let owner = self.random.index(self.wallets.len())?;
        let coldkey = self.wallets[owner].pair.coldkey();
        let (hotkey, _) = self.newcomer(owner);
        let challenge = PowChallenge::new(&self.subnet, &cut, &hotkey, &coldkey, Role::Miner, None);
        let going_on = |_| ControlFlow::<()>::Continue(());
        let Search::Found(pow_nonce) = pow::search(&challenge, difficulty, 0, 1, going_on) else {
            return None;
        };
        let role = Role::Miner;
        let operation =
            Operation::Register { coldkey, role, seed_tail: None, prev: cut, pow_nonce };
        let newcomer = self.newcomers.last()?;
        Some(self.sign_as_hotkey(&newcomer.pair, 0, operation))
    }

    /// A newcomer that holds a uid, and its nonce.
    fn registered(&mut self) -> Option<(usize, u64)> {
        let at = self.random.index(self.newcomers.len())?;
        Some((at, self.newcomers[at].nonce?))
    }

    fn by_hotkey(&mut self, kind: Kind) -> Option<Drawn> {
        let (at, nonce) = self.registered()?;
        let operation = if kind == Kind::Deregister {
            // It holds a uid no more, as far as this epoch can tell.
            self.newcomers[at].nonce = None;
            Operation::Deregister
        } else {
            self.newcomers[at].nonce = Some(nonce + 1);
            match self.random.below(2) {
                0 => Operation::Serve { role: Role::Miner, seed_tail: None },
                _ => {
                    let seed_tail = Some(Digest::new(self.random.bytes()));
                    Operation::Serve { role: Role::Validator, seed_tail }
                }
            }
        };
        Some(self.sign_as_hotkey(&self.newcomers[at].pair, nonce, operation))
    }

    fn rotate(&mut self) -> Option<Drawn> {
        let (at, _) = self.registered()?;
        let (from, owner) = (self.newcomers[at].pair.hotkey(), self.newcomers[at].owner);
        if !self.wallets[owner].has_room() {
            return None;
        }
        self.newcomers[at].nonce = None;
        let (to, consent) = self.newcomer(owner);
        Some(self.sign_as_wallet(owner, Operation::RotateHotkey { from, to, consent }))
    }

    fn sign_as_wallet(&mut self, at: usize, operation: Operation) -> Drawn {
        let wallet = &mut self.wallets[at];
        let op = RegistryOp {
            signer: *wallet.pair.coldkey().as_bytes(),
            nonce: wallet.next,
            valid_until: Epoch::new(self.sight.epoch + VALID_EPOCHS),
            operation,
        };
        wallet.next += 1;
        let kind = op.operation.name();
        let item = Item::sign(self.subnet, Body::RegistryOp(op), wallet.pair.signing_key());
        Drawn { kind, item, signer: Signer::Wallet(at) }
    }

    fn sign_as_hotkey(&self, pair: &KeyPair, nonce: u64, operation: Operation) -> Drawn {
        let hotkey = pair.hotkey();
        let op = RegistryOp {
            signer: *hotkey.as_bytes(),
            nonce,
            valid_until: Epoch::new(self.sight.epoch + VALID_EPOCHS),
            operation,
        };
        let kind = op.operation.name();
        let item = Item::sign(self.subnet, Body::RegistryOp(op), pair.signing_key());
        Drawn { kind, item, signer: Signer::Newcomer(hotkey) }
    }

    /// A node did not take it: its nonce is free again, and the signer waits for the next epoch.
    pub(super) fn refused(&mut self, signer: Signer) {
        match signer {
            Signer::Wallet(at) => {
                let wallet = &mut self.wallets[at];
                wallet.next = wallet.next.saturating_sub(1);
                wallet.end = wallet.next;
            }
            Signer::Newcomer(hotkey) => {
                let newcomer = self.newcomers.iter_mut().find(|one| one.pair.hotkey() == hotkey);
                if let Some(newcomer) = newcomer {
                    newcomer.nonce = None;
                }
            }
        }
    }
}

/// A stream of numbers from a seed.
pub(super) struct Random(blake3::OutputReader);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
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

    /// A place in a list, `None` if it is empty.
    pub(super) fn index(&mut self, length: usize) -> Option<usize> {
        let length = u64::try_from(length).ok().filter(|length| *length > 0)?;
        usize::try_from(self.below(length)).ok()
    }
}
