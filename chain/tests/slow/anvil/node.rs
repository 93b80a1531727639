//! As much of a node as anchors need: cuts, a clock that only the test moves, an outbox on a real file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use ganglion_chain::evm::Evm;
use ganglion_chain::outbox::{Cuts, Input, Next, Notice, Outbox, Pace, Reply, Request, carry_out};
use ganglion_chain::{Anchor, CutHead, Medium};
use ganglion_types::{CutId, Digest, Epoch, SubnetId, merkle};

use super::chain::Anvil;

pub(crate) const SUBNET: SubnetId = SubnetId::new([0x5b; 32]);

/// Every epoch is certified, by a cut that follows from its number and a branch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Decided {
    pub(crate) branch: u8,
}

impl Cuts for Decided {
    fn head(&self, epoch: Epoch) -> Option<CutHead> {
        let of = |tag: u8| {
            *merkle::leaf(&[&[tag], epoch.get().to_be_bytes().as_slice()].concat()).as_bytes()
        };
        Some(CutHead {
            subnet: SUBNET,
            epoch,
            cut: CutId::new(of(self.branch)),
            result_root: Digest::new(of(0xf0)),
            next_committee_root: Digest::new(of(0xf1)),
        })
    }
}

#[derive(Debug)]
struct Paper {
    file: File,
    path: PathBuf,
}

impl Paper {
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        Ok(Self { file, path: path.to_owned() })
    }
}

impl Medium for Paper {
    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let (mut file, mut bytes) = (&self.file, Vec::new());
        file.seek(SeekFrom::Start(offset))?;
        file.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.file.sync_data()
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.file.set_len(size)
    }

    fn replace(&mut self, content: &[u8]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        std::fs::write(&new, content)?;
        std::fs::rename(&new, &self.path)?;
        *self = Self::open(&self.path)?;
        Ok(())
    }
}

/// Where the process ends, counted in requests to the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kill {
    Before(u64),
    After(u64),
}

pub(crate) struct Node<A = Evm> {
    pub(crate) evm: A,
    outbox: Option<Outbox<Paper>>,
    file: PathBuf,
    tip: u64,
    now: u64,
    rank: u32,
    requests: u64,
    pub(crate) kill: Option<Kill>,
    pub(crate) kills: u64,
    pub(crate) notices: Vec<Notice>,
}

impl<A: Anchor> Node<A> {
    pub(crate) fn new(evm: A, file: PathBuf, rank: u32) -> Self {
        Self {
            evm,
            outbox: None,
            file,
            tip: 0,
            now: 0,
            rank,
            requests: 0,
            kill: None,
            kills: 0,
            notices: Vec::new(),
        }
    }

    fn outbox(&mut self) -> &mut Outbox<Paper> {
        let pace = Pace { takeover: 60_000, poll: 1_000, replace: 10_000, ..Pace::default() };
        let (file, name) = (&self.file, self.evm.chain().clone());
        self.outbox.get_or_insert_with(|| {
            let paper = Paper::open(file).expect("a file");
            Outbox::open(paper, name, Epoch::GENESIS, pace, 1).expect("an outbox")
        })
    }

    pub(crate) fn done(&mut self) -> u64 {
        self.outbox().done().get()
    }

    pub(crate) fn spent(&mut self) -> u128 {
        self.outbox().spent()
    }

    pub(crate) fn parked(&mut self) -> Option<String> {
        self.outbox().parked().map(|(kind, _)| kind.clone())
    }

    pub(crate) fn told(&self, what: impl Fn(&Notice) -> bool) -> usize {
        self.notices.iter().filter(|notice| what(notice)).count()
    }

    pub(crate) async fn certify(&mut self, upto: u64) {
        self.tip = upto;
        self.feed(Input::Certified { epoch: Epoch::new(upto), rank: self.rank }).await;
    }

    pub(crate) async fn retry(&mut self) {
        self.feed(Input::Retry).await;
    }

    /// Time passes: whatever is due is done.
    pub(crate) async fn pass(&mut self, ms: u64) {
        self.now += ms;
        let (epoch, rank) = (Epoch::new(self.tip), self.rank);
        // After a restart the node tells what is certified; telling it again changes nothing.
        self.feed(Input::Certified { epoch, rank }).await;
        self.feed(Input::Wake).await;
    }

    async fn feed(&mut self, input: Input) {
        let mut input = Some(input);
        while let Some(next) = input.take() {
            let now = self.now;
            let (notices, next) = self.outbox().step(now, next).expect("the file takes writes");
            self.notices.extend(notices);
            let Next::Ask(request) = next else { return };
            self.requests += 1;
            if self.kill == Some(Kill::Before(self.requests)) {
                return self.die();
            }
            let reply = self.ask(request).await;
            if self.kill == Some(Kill::After(self.requests)) {
                return self.die();
            }
            input = Some(Input::Answer(reply));
        }
    }

    /// What was in memory is gone.
    fn die(&mut self) {
        self.kills += 1;
        self.outbox = None;
    }

    async fn ask(&self, request: Request) -> Reply {
        carry_out(&self.evm, &Decided::default(), SUBNET, request).await
    }

    /// Time, and whatever else goes on meanwhile, until everything is final.
    pub(crate) async fn settle_while(&mut self, mut meanwhile: impl AsyncFnMut()) {
        for _ in 0..200 {
            if self.done() == self.tip {
                return;
            }
            self.pass(2_000).await;
            meanwhile().await;
        }
        let (done, tip, told) = (self.done(), self.tip, std::mem::take(&mut self.notices));
        panic!("done {done} of {tip}: {:?}, told {told:?}", self.outbox().flights());
    }
}

impl Node {
    /// Blocks and time until everything is final.
    pub(crate) async fn settle(&mut self, chain: &Anvil) {
        self.settle_while(async || chain.mine(1)).await;
    }
}
