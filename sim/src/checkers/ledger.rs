//! Checker: what an epoch did to the rows of state leads to its root, and no rao appears or is lost.

use std::collections::BTreeMap;

use ganglion_types::proto;
use prost::Message as _;

use super::{Stakes, wire};
use crate::host::{Committed, RowChange};

type Rows = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

/// Numbers of tables, as `docs/spec/ledger.md` lists them.
const CHAIN: u8 = 1;
const ACCOUNTS: u8 = 2;
const PARTICIPANTS: u8 = 3;
const WEIGHTS: u8 = 4;
const BONDS: u8 = 5;
const ENTERING: u8 = 8;
const UNBONDING: u8 = 10;
const TABLES: u8 = 13;
/// One unit, in rao.
const UNIT: u64 = 1_000_000_000;

/// A mirror of the state, kept from what nodes write.
#[derive(Debug)]
pub struct Ledger {
    rows: Rows,
    epoch: u64,
    /// Amounts that were there at genesis.
    genesis: u128,
    /// Who closes an epoch.
    committees: BTreeMap<u64, Stakes>,
    /// What each epoch changed, by whoever stored it first.
    changes: BTreeMap<u64, Vec<RowChange>>,
}

impl Ledger {
    pub(crate) fn new(genesis: Rows) -> Self {
        let mut ledger = Self {
            genesis: supply(&genesis),
            rows: genesis,
            epoch: 0,
            committees: BTreeMap::new(),
            changes: BTreeMap::new(),
        };
        ledger.committees.insert(1, ledger.next_committee());
        ledger
    }

    /// Who closes an epoch, with stake.
    pub(crate) fn committee(&self, epoch: u64) -> Option<&Stakes> {
        self.committees.get(&epoch)
    }

    /// Validators with a permit and stake.
    fn next_committee(&self) -> Stakes {
        table(&self.rows, PARTICIPANTS)
            .filter_map(|(_, row)| proto::ParticipantRow::decode(row.as_slice()).ok())
            .filter(|row| row.permit && row.role == 1 && row.stake > 0)
            .map(|row| (wire::key(&row.hotkey), row.stake))
            .collect()
    }

    pub(crate) fn committed(&mut self, committed: &Committed) -> Vec<String> {
        let epoch = committed.epoch;
        if let Some(first) = self.changes.get(&epoch) {
            let same = *first == committed.rows;
            let facts = format!("two nodes changed other rows in epoch {epoch}");
            return if same { Vec::new() } else { vec![facts] };
        }
        // A node that began with a snapshot may be the first seen to go on; nobody else is behind it.
        if epoch != self.epoch + 1 {
            return vec![format!("epoch {epoch} was stored before epoch {}", self.epoch + 1)];
        }
        let before = self.chain();
        let stakes = self.stakes();
        for (table, key, value) in &committed.rows {
            match value {
                Some(value) => drop(self.rows.insert((*table, key.clone()), value.clone())),
                None => drop(self.rows.remove(&(*table, key.clone()))),
            }
        }
        self.epoch = epoch;
        self.changes.insert(epoch, committed.rows.clone());
        self.committees.insert(epoch + 1, self.next_committee());
        let mut facts: Vec<String> = self.root(committed).into_iter().collect();
        facts.extend(self.amounts(&before, committed));
        facts.extend(self.churn(&stakes));
        facts.extend(self.seats());
        facts
    }

    fn participants(&self) -> impl Iterator<Item = (u32, proto::ParticipantRow)> {
        table(&self.rows, PARTICIPANTS).filter_map(|(key, row)| {
            let uid: [u8; 2] = key.as_slice().try_into().ok()?;
            let row = proto::ParticipantRow::decode(row.as_slice()).ok()?;
            Some((u16::from_be_bytes(uid).into(), row))
        })
    }

    fn stakes(&self) -> Stakes {
        self.participants().map(|(_, row)| (wire::key(&row.hotkey), row.stake)).collect()
    }

    /// No more becomes stake in one epoch than a tenth of the committee's, which is at most that of all
    /// (`docs/spec/operations.md`, "Stake on its way"). A hotkey may be another one's successor, so what
    /// left under one name makes room for what came under another.
    fn churn(&self, before: &Stakes) -> Option<String> {
        let now = self.stakes();
        let renamed: u64 =
            before.iter().filter(|(key, _)| !now.contains_key(*key)).map(|(_, stake)| stake).sum();
        let grown: u64 = now
            .iter()
            .map(|(key, stake)| stake.saturating_sub(before.get(key).copied().unwrap_or(0)))
            .sum();
        let most = (before.values().sum::<u64>() / 10).max(UNIT) + renamed;
        let epoch = self.epoch;
        (grown > most).then(|| format!("epoch {epoch}: {grown} rao became stake, {most} may"))
    }

    /// Nothing stands about a uid that was said before its holder came.
    fn seats(&self) -> Option<String> {
        let held: BTreeMap<u32, u64> =
            self.participants().map(|(uid, row)| (uid, row.registered_at)).collect();
        let old = |uid: &u32| held.get(uid).is_some_and(|at| *at < self.epoch || *at == 0);
        [WEIGHTS, BONDS].into_iter().find_map(|number| {
            table(&self.rows, number).find_map(|(key, row)| {
                let by: [u8; 2] = key.as_slice().try_into().ok()?;
                let by: u32 = u16::from_be_bytes(by).into();
                let about = proto::SparseRow::decode(row.as_slice()).ok()?.uids;
                let uid = std::iter::once(&by).chain(&about).find(|uid| !old(uid))?;
                let epoch = self.epoch;
                Some(format!("epoch {epoch}: a row of uid {by} outlives the holder of uid {uid}"))
            })
        })
    }

    fn chain(&self) -> proto::ChainRow {
        let row = self.rows.get(&(CHAIN, Vec::new())).map(Vec::as_slice).unwrap_or_default();
        proto::ChainRow::decode(row).unwrap_or_default()
    }

    /// The root of the mirror is the one that was certified.
    fn root(&self, committed: &Committed) -> Option<String> {
        let cut = proto::Cut::decode(committed.cut.as_slice()).ok()?;
        let epoch = committed.epoch;
        let differs = cut.state_root != root(&self.rows);
        differs.then(|| format!("the rows of epoch {epoch} give another root"))
    }

    /// The root after some more changes.
    #[cfg(test)]
    pub(crate) fn root_with(&self, changes: &[RowChange]) -> [u8; 32] {
        let mut rows = self.rows.clone();
        for (table, key, value) in changes {
            rows.insert((*table, key.clone()), value.clone().unwrap_or_default());
        }
        root(&rows)
    }

    /// Δ(balances + stakes + entering + unbonding) = emitted − burned − slashed.
    fn amounts(&self, before: &proto::ChainRow, committed: &Committed) -> Vec<String> {
        let epoch = committed.epoch;
        let now = self.chain();
        let mut facts = Vec::new();
        let expected = (self.genesis + u128::from(now.emitted))
            .checked_sub(u128::from(now.burned) + u128::from(now.slashed));
        let held = supply(&self.rows);
        if expected != Some(held) {
            facts.push(format!("epoch {epoch}: {held} rao are there, {expected:?} should be"));
        }
        let Ok(header) = proto::ResultHeader::decode(committed.header.as_slice()) else {
            facts.push(format!("epoch {epoch}: the result has no header"));
            return facts;
        };
        if header.emitted != 0 && header.emitted != header.budget {
            facts.push(format!("epoch {epoch}: emitted {} of {}", header.emitted, header.budget));
        }
        let grown = now.emitted.checked_sub(before.emitted);
        if grown != Some(header.emitted) {
            facts.push(format!("epoch {epoch}: emitted {grown:?}, said {}", header.emitted));
        }
        facts
    }
}

fn table(rows: &Rows, number: u8) -> impl Iterator<Item = (&Vec<u8>, &Vec<u8>)> {
    rows.range((number, Vec::new())..(number + 1, Vec::new())).map(|((_, key), row)| (key, row))
}

/// State root of `docs/spec/ledger.md`.
fn root(rows: &Rows) -> [u8; 32] {
    let stages = (1..=TABLES).map(|number| {
        let leaves: Vec<Vec<u8>> = table(rows, number)
            .map(|(key, value)| {
                let length = u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes();
                [length.as_slice(), key, value].concat()
            })
            .collect();
        wire::merkle(&leaves).to_vec()
    });
    wire::merkle(&stages.collect::<Vec<_>>())
}

fn supply(rows: &Rows) -> u128 {
    let balance = |row: &Vec<u8>| proto::AccountRow::decode(row.as_slice()).map(|row| row.balance);
    let stake = |row: &Vec<u8>| proto::ParticipantRow::decode(row.as_slice()).map(|row| row.stake);
    let amount = |row: &Vec<u8>| proto::AmountRow::decode(row.as_slice()).map(|row| row.amount);
    let balances = table(rows, ACCOUNTS).map(|(_, row)| balance(row));
    let stakes = table(rows, PARTICIPANTS).map(|(_, row)| stake(row));
    let waiting = table(rows, ENTERING).chain(table(rows, UNBONDING)).map(|(_, row)| amount(row));
    balances.chain(stakes).chain(waiting).map(|one| u128::from(one.unwrap_or(u64::MAX))).sum()
}
