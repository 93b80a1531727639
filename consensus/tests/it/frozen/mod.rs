//! Frozen bytes of what the ledger stores, hashes and proves, and of one whole run of it: a change of
//! the state machine's rules changes a stage of that run, and the first epoch and table are named.

use ganglion_consensus::ledger::{ResultRow, Table, stages};
use ganglion_consensus::proof::{self, Checkpoint};
use ganglion_types::{Canonical, CommitteeMembers, Cut, EpochLink, EpochProof, merkle};

use crate::vectors::{self, Line};

mod scenario;

use scenario::Step;

/// The leaf of the longest row of each table in the whole run: the one with the most fields in use.
fn rows(steps: &[Step]) -> Vec<Line> {
    let longest = |table: Table| {
        let rows = steps.iter().flat_map(|step| step.state.rows());
        let rows = rows.filter(|((number, _), _)| *number == table.number());
        let ((_, key), value) = rows.max_by_key(|(_, value)| value.len()).unwrap();
        let leaf = [&u16::try_from(key.len()).unwrap().to_be_bytes(), &*key, &*value].concat();
        let digest = merkle::leaf(&leaf);
        Line::new(format!("row/{}", table.name()), leaf, digest.as_bytes())
    };
    // The run is one of a subnet with its own registry.
    let tables = Table::ALL.into_iter().filter(|table| *table != Table::External);
    tables.map(longest).collect()
}

/// Header, longest row and the path of that row, of the result of one epoch.
fn result(step: &Step) -> Vec<Line> {
    let (at, row) = longest_row(step);
    let header = step.result.header.to_bytes();
    let path = merkle::prove(leaves(step), at).unwrap();
    vec![
        Line::new("result/header", header.clone(), merkle::leaf(&header).as_bytes()),
        Line::new("result/row", row.to_bytes(), merkle::leaf(&row.to_bytes()).as_bytes()),
        Line::new("result/path", path.to_bytes(), step.cut.result_root.as_bytes()),
    ]
}

/// The leaves under the result root.
fn leaves(step: &Step) -> Vec<Vec<u8>> {
    let rows = step.result.rows.iter().map(ResultRow::to_bytes);
    std::iter::once(step.result.header.to_bytes()).chain(rows).collect()
}

/// A row of a result and its place among the leaves.
fn longest_row(step: &Step) -> (usize, &ResultRow) {
    let rows = (1..).zip(&step.result.rows);
    rows.max_by_key(|(_, row)| row.to_bytes().len()).unwrap()
}

/// The proof of a row of the last of these epochs, from the cut before the first.
fn epoch_proof(checkpoint: &Cut, steps: &[Step]) -> EpochProof {
    let last = steps.last().unwrap();
    let (at, row) = longest_row(last);
    let link = |step: &Step| {
        let members = step.committee.iter().map(|one| (one.hotkey, one.stake.get()));
        let mut members: Vec<_> = members.collect();
        members.sort_unstable();
        EpochLink {
            cut: step.cut.clone(),
            certificate: Some(step.certificate.clone()),
            committee: Some(CommitteeMembers(members)),
        }
    };
    EpochProof {
        subnet: checkpoint.subnet,
        checkpoint: checkpoint.clone(),
        links: steps.iter().map(link).collect(),
        epoch: last.cut.epoch,
        hotkey: row.hotkey,
        row: row.to_bytes(),
        merkle: merkle::prove(leaves(last), at).unwrap(),
    }
}

/// The cut of each epoch, and every stage that its roots are made of.
fn epochs(steps: &[Step]) -> Vec<Line> {
    let epoch = |step: &Step| {
        let name = format!("epoch/{:02}", step.cut.epoch.get());
        let cut = Line::new(format!("{name}/cut"), step.cut.to_bytes(), step.cut.id().as_bytes());
        let digests = stages::digests(&step.stages());
        assert_eq!(stages::roots_of(&digests), Some(stages::roots_in(&step.cut)));
        let digests = digests.into_iter().map(move |stage| {
            let name = format!("{name}/{}", stages::stage_name(stage.number));
            Line::new(name, Vec::new(), stage.digest.as_bytes())
        });
        digests.chain([cut]).collect::<Vec<_>>()
    };
    steps.iter().flat_map(epoch).collect()
}

fn lines() -> Vec<Line> {
    let (genesis, steps) = scenario::run();
    let mut lines = rows(&steps);
    lines.extend(result(&steps[2]));
    let proof = epoch_proof(&genesis, &steps[..3]);
    lines.push(Line::new("proof/epoch", proof.to_bytes(), steps[2].cut.id().as_bytes()));
    lines.push(Line::new("genesis/cut", genesis.to_bytes(), genesis.id().as_bytes()));
    lines.extend(epochs(&steps));
    lines
}

#[test]
fn rows_trees_proofs_and_a_whole_run_are_as_they_were_frozen() {
    vectors::compare(env!("CARGO_MANIFEST_DIR"), &lines());
}

#[test]
fn a_changed_byte_is_told_with_the_name_of_its_format() {
    vectors::every_change_is_named(&lines());
}

#[test]
fn the_frozen_proof_holds_and_no_other_byte_does() {
    let (genesis, steps) = scenario::run();
    let proof = epoch_proof(&genesis, &steps[..3]);
    let checkpoint = Checkpoint { epoch: genesis.epoch, cut: genesis.id() };
    let proven = proof::verify(&proof, checkpoint).unwrap();
    assert_eq!((proven.cuts, proven.cut), (3, steps[2].cut.id()));
    let bytes = proof.to_bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let read = EpochProof::from_bytes(&changed, changed.len());
        assert!(read.is_err() || proof::verify(&read.unwrap(), checkpoint).is_err(), "byte {at}");
    }
}
