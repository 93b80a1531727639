//! A chain, a file and a driver in memory, all from one seed.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ganglion_types::Epoch;

use super::super::record::tests::payload;
use super::super::{Input, Judged, Next, Notice, Outbox, Pace, Reply, Request, Truth};
use crate::{
    AnchorError, AnchorPayload, ChainName, ChainPoint, Finality, Found, Medium, Prepared,
    Publisher, Reason, Status,
};

/// Blocks on top of its own after which a block stays.
const DEPTH: usize = 4;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    pub(super) crashes: bool,
    pub(super) reorgs: bool,
    pub(super) failures: bool,
    pub(super) fees: bool,
}

/// Small and repeatable.
#[derive(Clone, Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// A transaction as the chain sees it: what it says, its place, its bid.
#[derive(Clone, Debug, PartialEq)]
struct Transaction {
    payload: AnchorPayload,
    prepared: Prepared,
}

#[derive(Debug, Default)]
pub(super) struct Chain {
    blocks: Vec<Vec<Transaction>>,
    pool: Vec<Transaction>,
    /// Blocks that no reorganisation undoes.
    settled: usize,
    /// Lowest bid that is mined.
    floor: u128,
    pub(super) balance: u128,
    made: u64,
}

impl Chain {
    fn nonce(&self, blocks: usize) -> u64 {
        self.blocks.iter().take(blocks).map(Vec::len).sum::<usize>() as u64
    }

    const fn final_blocks(&self) -> usize {
        self.settled
    }

    pub(super) fn mine(&mut self) {
        let mut block = Vec::new();
        loop {
            let nonce = self.nonce(self.blocks.len()) + block.len() as u64;
            let fits =
                |tx: &Transaction| tx.prepared.nonce == nonce && tx.prepared.fee_max >= self.floor;
            let Some(at) = self.pool.iter().position(fits) else { break };
            block.push(self.pool.remove(at));
        }
        self.blocks.push(block);
        self.settled = self.settled.max(self.blocks.len().saturating_sub(DEPTH));
        let nonce = self.nonce(self.blocks.len());
        self.pool.retain(|tx| tx.prepared.nonce >= nonce);
    }

    /// Undoes blocks that are not final. What was in them comes back, or is forgotten.
    fn reorganise(&mut self, depth: usize, forgets: bool) {
        let depth = depth.min(self.blocks.len() - self.final_blocks());
        for _ in 0..depth {
            for tx in self.blocks.pop().unwrap_or_default() {
                let taken = self.pool.iter().any(|other| other.prepared.nonce == tx.prepared.nonce);
                if !forgets && !taken {
                    self.pool.push(tx);
                }
            }
        }
    }

    pub(super) fn prepare(
        &mut self,
        payload: AnchorPayload,
        replaces: &[Prepared],
        used: Option<u64>,
    ) -> Result<(AnchorPayload, Prepared), AnchorError> {
        let bid = replaces.last().map_or(100, |last| last.fee_max + last.fee_max / 8 + 1);
        if self.balance < bid {
            return Err(AnchorError::Funds { have: self.balance, need: bid });
        }
        let next = self.nonce(self.blocks.len()).max(used.map_or(0, |used| used + 1));
        let nonce = replaces.last().map_or(next, |last| last.nonce);
        self.made += 1;
        let mut id = [0; 32];
        id[..8].copy_from_slice(&self.made.to_be_bytes());
        let bytes = payload.to_bytes().to_vec();
        Ok((payload, Prepared { id, nonce, expires: None, fee_max: bid, bytes }))
    }

    fn submit(&mut self, prepared: &Prepared) -> Result<(), AnchorError> {
        if prepared.nonce < self.nonce(self.blocks.len()) {
            return Err(AnchorError::Stale(Reason::new("nonce too low")));
        }
        let payload = AnchorPayload::from_bytes(&prepared.bytes).unwrap();
        let rival = self.pool.iter().position(|tx| tx.prepared.nonce == prepared.nonce);
        if let Some(at) = rival {
            let bid = self.pool[at].prepared.fee_max;
            if self.pool[at].prepared.id == prepared.id {
                return Ok(());
            }
            if prepared.fee_max < bid + bid / 8 {
                return Err(AnchorError::Underpriced(Reason::new("replacement underpriced")));
            }
            self.pool.remove(at);
        }
        self.pool.push(Transaction { payload, prepared: prepared.clone() });
        Ok(())
    }

    fn places(&self) -> impl Iterator<Item = (usize, &Transaction, ChainPoint)> {
        self.blocks.iter().enumerate().flat_map(|(height, block)| {
            block.iter().enumerate().map(move |(index, tx)| {
                let mut hash = [0; 32];
                hash[..8].copy_from_slice(&(height as u64).to_be_bytes());
                hash[8] = tx.prepared.id[7];
                let point = ChainPoint {
                    height: height as u64,
                    block: hash,
                    index: index as u32,
                    transaction: tx.prepared.id,
                };
                (height, tx, point)
            })
        })
    }

    fn status(&self, payload: &AnchorPayload, attempts: &[Prepared]) -> Status {
        for (height, tx, point) in self.places() {
            if tx.payload == *payload {
                let is_final = height < self.final_blocks();
                return if is_final { Status::Final(point) } else { Status::Included(point) };
            }
        }
        let used = self.nonce(self.final_blocks());
        if attempts.iter().all(|attempt| attempt.nonce < used) {
            return Status::Dead;
        }
        let waits = self.pool.iter().any(|tx| tx.payload == *payload);
        if waits { Status::Pending } else { Status::Absent }
    }

    fn cost(&self, transactions: &[[u8; 32]]) -> u128 {
        let included = self.blocks.iter().flatten();
        let asked = included.filter(|tx| transactions.contains(&tx.prepared.id));
        asked.map(|tx| tx.prepared.fee_max).sum()
    }

    fn find(&self, first: Epoch, last: Epoch) -> Vec<Judged> {
        let overlaps = |payload: &AnchorPayload| payload.first() <= last && payload.last() >= first;
        let places = self.places().filter(|(_, tx, _)| overlaps(&tx.payload));
        let judged = places.map(|(height, tx, point)| Judged {
            found: Found {
                payload: tx.payload,
                publisher: Publisher::new(&[1; 20]).unwrap(),
                point,
                finality: if height < self.final_blocks() {
                    Finality::Final
                } else {
                    Finality::Confirmations((self.blocks.len() - height) as u64)
                },
            },
            truth: Truth::Same,
        });
        judged.collect()
    }

    pub(super) fn anchors(&self) -> Vec<AnchorPayload> {
        self.blocks.iter().flatten().map(|tx| tx.payload).collect()
    }
}

/// A file whose power can be cut: then the last append may be there in part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paper(Arc<Mutex<Sheet>>);

#[derive(Debug, Default)]
struct Sheet {
    content: Vec<u8>,
    /// Operations until the power goes, and how many bytes of that one stay.
    fuse: Option<(u64, usize)>,
    dead: bool,
}

impl Paper {
    fn change(&self, act: impl FnOnce(&mut Vec<u8>, usize)) -> io::Result<()> {
        let mut sheet = self.0.lock().unwrap();
        let gone = || io::Error::other("the power is gone");
        if sheet.dead {
            return Err(gone());
        }
        let mut stays = usize::MAX;
        match sheet.fuse {
            Some((0, torn)) => (stays, sheet.dead, sheet.fuse) = (torn, true, None),
            Some((left, torn)) => sheet.fuse = Some((left - 1, torn)),
            None => {}
        }
        act(&mut sheet.content, stays);
        if sheet.dead { Err(gone()) } else { Ok(()) }
    }

    pub(crate) fn cut_power_after(&self, operations: u64, stays: usize) {
        self.0.lock().unwrap().fuse = Some((operations, stays));
    }

    pub(crate) fn power_back(&self) {
        let mut sheet = self.0.lock().unwrap();
        (sheet.fuse, sheet.dead) = (None, false);
    }

    pub(super) fn fill(&self, size: usize) {
        self.0.lock().unwrap().content.resize(size, 0);
    }

    pub(super) fn length(&self) -> usize {
        self.0.lock().unwrap().content.len()
    }
}

impl Medium for Paper {
    fn size(&self) -> io::Result<u64> {
        Ok(self.length() as u64)
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let sheet = self.0.lock().unwrap();
        Ok(sheet.content.iter().skip(offset as usize).take(length).copied().collect())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.change(|content, stays| content.extend(&bytes[..stays.min(bytes.len())]))
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.change(|content, stays| {
            if stays > 0 {
                content.truncate(size as usize);
            }
        })
    }

    fn replace(&mut self, new: &[u8]) -> io::Result<()> {
        self.change(|content, stays| {
            if stays > 0 {
                *content = new.to_vec();
            }
        })
    }
}

/// Where a run is to crash once: before or after carrying out a request, or within an operation on the file.
#[derive(Clone, Copy, Debug)]
enum Place {
    Before(u64),
    After(u64),
    File(u64, usize),
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) chain: Chain,
    pub(super) paper: Paper,
    outbox: Option<Outbox<Paper>>,
    dice: Dice,
    faults: Faults,
    place: Option<Place>,
    requests: u64,
    pub(super) now: u64,
    tip: u64,
    seed: u64,
    pub(super) crashes: u64,
    /// Whether the chain's node never says what something has cost.
    pub(super) costs_nothing_known: bool,
    notices: Vec<Notice>,
}

impl World {
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        Self {
            chain: Chain { balance: 1 << 40, ..Chain::default() },
            paper: Paper::default(),
            outbox: None,
            dice: Dice(seed),
            faults,
            place: None,
            requests: 0,
            now: 0,
            tip: 0,
            seed,
            crashes: 0,
            costs_nothing_known: false,
            notices: Vec::new(),
        }
    }

    pub(super) fn crash_once_at(&mut self, place: u64) {
        let count = place / 4;
        self.place = Some(match place % 4 {
            0 => Place::Before(count),
            1 => Place::After(count),
            2 => Place::File(count, 0),
            _ => Place::File(count, usize::MAX),
        });
        if let Some(Place::File(count, stays)) = self.place {
            self.paper.cut_power_after(count, stays);
        }
    }

    fn pace() -> Pace {
        Pace {
            every: 1,
            takeover: 5_000,
            poll: 1_000,
            replace: 6_000,
            back_off: (500, 8_000),
            held: 3_000,
        }
    }

    pub(super) fn outbox(&mut self) -> &mut Outbox<Paper> {
        while self.outbox.is_none() {
            let name = ChainName::new("memory:1").unwrap();
            let opened =
                Outbox::open(self.paper.clone(), name, Epoch::GENESIS, Self::pace(), self.seed);
            match opened {
                Ok(outbox) => self.outbox = Some(outbox),
                Err(_) => self.crash(),
            }
        }
        self.outbox.as_mut().unwrap()
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.paper.power_back();
        self.outbox = None;
    }

    /// Gives an input, and carries out what is asked until nothing more is. Crashes where it has to.
    pub(super) fn feed(&mut self, input: Input) {
        let mut input = Some(input);
        while let Some(next) = input.take() {
            let now = self.now;
            let Ok((notices, next)) = self.outbox().step(now, next) else {
                self.crash();
                return;
            };
            self.notices.extend(notices);
            let Next::Ask(request) = next else { return };
            let number = self.requests;
            self.requests += 1;
            let by_chance = self.faults.crashes && self.dice.roll(12) == 0;
            let before = by_chance && self.dice.roll(2) == 0;
            let at = |place: Option<Place>, before: bool| match place {
                Some(Place::Before(count)) => before && count == number,
                Some(Place::After(count)) => !before && count == number,
                _ => false,
            };
            if before || at(self.place, true) {
                self.crash();
                return;
            }
            let reply = self.ask(request);
            if by_chance || at(self.place, false) {
                self.crash();
                return;
            }
            input = Some(Input::Answer(reply));
        }
    }

    fn ask(&mut self, request: Request) -> Reply {
        let fails = self.faults.failures && self.dice.roll(5) == 0;
        let lost = || AnchorError::Unreachable(Reason::new("connection reset"));
        match request {
            Request::Cost { .. } if fails || self.costs_nothing_known => Reply::Cost(Err(lost())),
            Request::Cost { transactions } => Reply::Cost(Ok(self.chain.cost(&transactions))),
            Request::Find { .. } if fails => Reply::Found(Err(lost())),
            Request::Prepare { .. } if fails => Reply::Prepared(Err(lost())),
            Request::Status { .. } if fails => Reply::Status(Err(AnchorError::RateLimited {
                wait: Some(Duration::from_secs(2)),
                reason: Reason::new("slow down"),
            })),
            // It may have arrived although the line broke.
            Request::Submit(prepared) if fails => {
                if self.dice.roll(2) == 0 {
                    let _ = self.chain.submit(&prepared);
                }
                Reply::Submitted(Err(lost()))
            }
            Request::Find { first, last } => Reply::Found(Ok(self.chain.find(first, last))),
            Request::Prepare { first, last, replaces, used } => {
                let payload = payload(first.get(), last.get());
                Reply::Prepared(self.chain.prepare(payload, &replaces, used))
            }
            Request::Submit(prepared) => Reply::Submitted(self.chain.submit(&prepared)),
            Request::Status { payload, attempts } => {
                Reply::Status(Ok(self.chain.status(&payload, &attempts)))
            }
        }
    }

    pub(super) fn certify(&mut self) {
        self.tip += 1;
        self.tell_tip();
    }

    /// An epoch of which the outbox hears later.
    pub(super) const fn certify_unseen(&mut self) {
        self.tip += 1;
    }

    /// How often something was told.
    pub(super) fn told(&self, what: impl Fn(&Notice) -> bool) -> usize {
        self.notices.iter().filter(|notice| what(notice)).count()
    }

    pub(super) fn reopened(&mut self) -> &Outbox<Paper> {
        self.outbox = None;
        self.outbox()
    }

    fn tell_tip(&mut self) {
        self.feed(Input::Certified { epoch: Epoch::new(self.tip), rank: 0 });
    }

    /// Half a second, in which the chain may mine, and what the faults allow happens.
    pub(super) fn tick(&mut self) {
        self.now += 500;
        if self.faults.crashes && self.dice.roll(30) == 0 {
            let (after, stays) = (self.dice.roll(4), self.dice.roll(700) as usize);
            self.paper.cut_power_after(after, stays);
        }
        if self.faults.fees && self.dice.roll(20) == 0 {
            self.chain.floor = u128::from(self.dice.roll(400));
            self.chain.balance = if self.dice.roll(3) == 0 { 0 } else { 1 << 40 };
        }
        if self.faults.reorgs && self.dice.roll(12) == 0 {
            let (depth, forgets) = (self.dice.roll(4) as usize + 1, self.dice.roll(2) == 0);
            self.chain.reorganise(depth, forgets);
        }
        if self.dice.roll(2) == 0 {
            self.chain.mine();
        }
        // After a restart the node tells what is certified; telling it again changes nothing.
        self.tell_tip();
        self.feed(Input::Wake);
    }

    pub(super) fn run(&mut self, ticks: u64) {
        for _ in 0..ticks {
            if self.dice.roll(4) == 0 {
                self.certify();
            }
            self.tick();
        }
    }

    /// No more faults, until everything is final.
    pub(super) fn heal(&mut self) {
        (self.faults, self.chain.floor, self.chain.balance) = (Faults::default(), 0, 1 << 40);
        self.paper.power_back();
        for _ in 0..20_000 {
            let tip = Epoch::new(self.tip);
            let outbox = self.outbox();
            if outbox.done() == tip && outbox.tip() == tip && outbox.owed.is_empty() {
                return;
            }
            self.tick();
        }
        let (seed, tip, now) = (self.seed, self.tip, self.now);
        let outbox = self.outbox();
        let open: Vec<_> = outbox
            .flights()
            .iter()
            .map(|f| (f.last(), f.standing, f.attempts.last().map(|a| a.nonce)))
            .collect();
        panic!("seed {seed}: at {now} done {} of {tip}, {open:?} is not done", outbox.done());
    }

    /// Each epoch stands on the chain once, in order, and was counted once.
    pub(super) fn check(&mut self) {
        let paid: u128 = self.chain.blocks.iter().flatten().map(|tx| tx.prepared.fee_max).sum();
        assert_eq!(self.reopened().spent(), paid, "seed {}", self.seed);
        let mut next = 1;
        for anchor in self.chain.anchors() {
            assert_eq!(
                anchor.first().get(),
                next,
                "seed {}: {:?}",
                self.seed,
                self.chain.anchors()
            );
            next = anchor.last().get() + 1;
        }
        assert_eq!(next, self.tip + 1, "seed {}: not all are there", self.seed);
    }
}
