//! `ganglion db verify`.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use clap::Args;
use ganglion_persist::verify::{Verified, Walk, verify};
use ganglion_storage::{OpenError, Recovered, Standing, Store};
use serde_json::json;

use super::super::exit::Failure;
use super::super::progress::ProgressLine;
use super::super::stopped::NodeArgs;
use super::super::{Global, output};
use crate::fault::{Code, Told};
use crate::node::NodeError;

#[derive(Debug, Args)]
pub(in super::super) struct VerifyArgs {
    #[command(flatten)]
    node: NodeArgs,
}

/// A line with rate and time to go, a few times a second.
pub(in super::super) struct Pace {
    line: ProgressLine,
    began: Instant,
    shown: Option<Instant>,
}

impl Pace {
    pub(in super::super) fn new() -> Self {
        Self { line: ProgressLine::new(), began: Instant::now(), shown: None }
    }

    pub(in super::super) fn show(&mut self, what: &str, done: u64, all: u64) {
        if self.shown.is_some_and(|at| at.elapsed() < Duration::from_millis(200)) && done < all {
            return;
        }
        self.shown = Some(Instant::now());
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "for a line that is shown")]
        let rate = done as f64 / seconds;
        let left = all.saturating_sub(done);
        #[expect(clippy::cast_precision_loss, reason = "for a line that is shown")]
        let to_go = if rate > 0.0 { left as f64 / rate } else { 0.0 };
        self.line.show(&format!("{what}: {done} of {all}, {rate:.0}/s, {to_go:.0} s to go"));
    }

    /// Another thing begins.
    pub(in super::super) fn restart(&mut self) {
        self.began = Instant::now();
        self.shown = None;
    }

    pub(in super::super) fn end(mut self) {
        self.line.clear();
    }
}

pub(super) fn run(global: &Global, args: &VerifyArgs) -> Result<(), Failure> {
    let (config, manifest) = args.node.resolve(global)?;
    let recover = format!("Run `ganglion recover {}`.", args.node.flag());
    let subnet = *manifest.subnet_id().as_bytes();
    let (store, found) = match Store::open(&config.data_dir, subnet) {
        Ok(opened) => opened,
        Err(error @ OpenError::Damaged { .. }) => {
            let damaged = Told::new(Code::DAMAGED, error.to_string()).cured(recover);
            return end(global, &Verified::default(), &[damaged]);
        }
        Err(error) => return Err(NodeError::from(error).into()),
    };
    let mut pace = Pace::new();
    let mut walked = None;
    let verified = verify(store.reader(), &manifest, &mut |walk, done, all| {
        if walked.replace(walk) != Some(walk) {
            pace.restart();
        }
        let what = match walk {
            Walk::Epochs => "epochs",
            Walk::State => "state",
            Walk::Snapshots => "snapshots",
        };
        pace.show(what, done, all);
    })
    .map_err(NodeError::from)?;
    pace.end();
    let damaged = |sentence| Told::new(Code::DAMAGED, sentence).cured(&recover);
    let wrong = verified.wrong.iter();
    let wrong = wrong.map(|wrong| format!("{}, epoch {}: {}", wrong.part, wrong.epoch, wrong.what));
    let mut faults: Vec<Told> = wrong.map(damaged).collect();
    faults.extend(signing(&found));
    let forks = store.forks().map_err(NodeError::from)?;
    faults.extend(forks.into_iter().filter(|(_, proof)| proof.is_none()).map(|(epoch, _)| {
        damaged(format!("forks, epoch {epoch}: the proof of its two cuts is damaged"))
    }));
    end(global, &verified, &faults)
}

/// Agreement log and watermark.
fn signing(found: &Recovered) -> Option<Told> {
    let fault = |sentence: String| Some(Told::new(Code::VOTES_LOST, sentence));
    match (&found.standing, found.watermark) {
        (Standing::Whole { .. }, _) => None,
        // Silent on purpose.
        (_, Some(mark)) if mark.ahead || mark.retired => None,
        (Standing::MuteThrough { epoch }, _) => fault(format!(
            "agreement log, epoch {epoch}: it lacks votes that this node may have sent"
        )),
        (Standing::MuteUnknown, _) => {
            fault("watermark: it is gone, or both its slots are damaged".into())
        }
    }
}

fn end(global: &Global, verified: &Verified, faults: &[Told]) -> Result<(), Failure> {
    if global.json {
        output::print_json(&json!({
            "schema": "ganglion/db-verify/1",
            "holds": faults.is_empty(),
            "epochs": verified.epochs,
            "epochs_with_items": verified.whole,
            "items": verified.items,
            "certificates": verified.certificates,
            "certificates_of_unknown_committee": verified.committee_unknown,
            "result_rows": verified.results,
            "state_rows": verified.state_rows,
            "snapshots": verified.snapshots,
            "wrong": faults.iter().map(|fault| json!({"what": fault.sentence, "cure": fault.cure}))
                .collect::<Vec<_>>(),
        }))?;
    } else {
        let mut text = format!(
            "{} epochs, {} of them with their items ({}); {} certificates, {} result rows, {} rows of state, {} snapshots\n",
            verified.epochs,
            verified.whole,
            verified.items,
            verified.certificates,
            verified.results,
            verified.state_rows,
            verified.snapshots
        );
        if verified.committee_unknown > 0 {
            let many = verified.committee_unknown;
            let _ = writeln!(text, "{many} certificates are of a committee that is not known here");
        }
        text.push_str(if faults.is_empty() {
            "everything holds\n"
        } else {
            "NOT everything holds\n"
        });
        output::print(&text)?;
    }
    let Some(first) = faults.first() else { return Ok(()) };
    for other in faults.iter().skip(1) {
        output::note(&format!("also: {}", other.sentence));
    }
    Err(Failure::check(first.code, first.sentence.as_str()).cured(&first.cure))
}
