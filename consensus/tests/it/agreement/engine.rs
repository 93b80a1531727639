//! One engine, message by message.

use ed25519_dalek::SigningKey;
use ganglion_consensus::agreement::{
    Engine, EngineConfig, EngineError, EpochStart, Ignored, Output, Received, Step, Timer,
    TimerKind, Watermark,
};
use ganglion_consensus::certificate::{CertificateError, Committee, Member};
use ganglion_types::agreement::proposal_hash;
use ganglion_types::{
    AgreementMessage, Certificate, Cut, CutId, Digest, Epoch, Hotkey, PolkaCertificate, Proposal,
    Round, RoundCertificate, Signature, SubnetId, Vote, VoteType, sign,
};

use super::chain::{Chain, SUBNET, key};
use super::cluster::timeouts;

const EPOCH: Epoch = Epoch::new(1);
const ZERO: Round = Round::new(0);

fn committee() -> Committee {
    let member = |node| Member { hotkey: hotkey(node), stake: 10 };
    Committee::new((0..4).map(member)).unwrap()
}

fn hotkey(node: usize) -> Hotkey {
    sign::hotkey_of(&key(node))
}

fn start(mute: bool) -> EpochStart {
    let previous = Chain::genesis().id();
    EpochStart { epoch: EPOCH, previous, committee: committee(), mute }
}

fn engine_of(key: Option<SigningKey>) -> Engine {
    Engine::new(EngineConfig { subnet: SUBNET, key, timeouts: timeouts() })
}

/// Places of the nodes in the order of proposers of epoch 1.
fn order() -> Vec<usize> {
    let mut engine = engine_of(None);
    let _ = engine.start(start(false), &[]).unwrap();
    (0..4)
        .map(|round| {
            let proposer = engine.proposer(Round::new(round)).unwrap();
            (0..4).find(|node| hotkey(*node) == proposer).unwrap()
        })
        .collect()
}

/// A node that does not propose in the first rounds, started, and what it said.
fn follower() -> (usize, Engine, Vec<Output>) {
    let node = order()[3];
    let mut engine = engine_of(Some(key(node)));
    let outputs = engine.start(start(false), &[]).unwrap();
    (node, engine, outputs)
}

fn cut(number: u8) -> Cut {
    Cut {
        epoch: EPOCH,
        prev: Chain::genesis().id(),
        time: 2_000_000,
        registry: Digest::new([number; 32]),
        ..Chain::genesis()
    }
}

fn proposal(node: usize, round: u32, pol_round: Option<u32>, cut: Cut) -> Proposal {
    let (round, pol_round) = (Round::new(round), pol_round.map(Round::new));
    let hash = proposal_hash(&SUBNET, EPOCH, round, pol_round, &cut.id());
    let signature = sign::sign(&key(node), &hash);
    Proposal { epoch: EPOCH, round, pol_round, cut, signer: hotkey(node), signature }
}

fn proposed(proposal: Proposal) -> AgreementMessage {
    AgreementMessage::Proposal(Box::new(proposal))
}

fn vote(node: usize, vote_type: VoteType, round: u32, cut: Option<CutId>) -> Vote {
    Vote::sign(&SUBNET, vote_type, EPOCH, Round::new(round), cut, &key(node))
}

fn prevote(node: usize, round: u32, cut: Option<CutId>) -> AgreementMessage {
    AgreementMessage::Vote(vote(node, VoteType::Prevote, round, cut))
}

fn precommit(node: usize, round: u32, cut: Option<CutId>) -> AgreementMessage {
    AgreementMessage::Vote(vote(node, VoteType::Precommit, round, cut))
}

fn accepted(engine: &mut Engine, message: AgreementMessage) -> Vec<Output> {
    match engine.receive(message).unwrap() {
        Received::Accepted(outputs) => outputs,
        Received::Ignored(reason) => panic!("ignored: {reason}"),
    }
}

fn ignored(engine: &mut Engine, message: AgreementMessage) -> Ignored {
    match engine.receive(message).unwrap() {
        Received::Accepted(outputs) => panic!("accepted: {outputs:?}"),
        Received::Ignored(reason) => reason,
    }
}

fn sent<'a>(outputs: &'a [Output]) -> Vec<&'a AgreementMessage> {
    let message = |output: &'a Output| match output {
        Output::Send(message) => Some(message),
        _ => None,
    };
    outputs.iter().filter_map(message).collect()
}

fn logged(outputs: &[Output]) -> Vec<Vec<u8>> {
    let record = |output: &Output| match output {
        Output::Log(record) => Some(record.clone()),
        _ => None,
    };
    outputs.iter().filter_map(record).collect()
}

fn others(node: usize) -> Vec<usize> {
    (0..4).filter(|other| *other != node).collect()
}

#[test]
fn the_engine_signs_exactly_what_the_types_sign() {
    let proposer = order()[0];
    let mut engine = engine_of(Some(key(proposer)));
    let outputs = engine.start(start(false), &[]).unwrap();
    assert!(outputs.contains(&Output::Build { round: ZERO }));
    let mine = Output::RoundStarted { round: ZERO, proposer: hotkey(proposer), mine: true };
    assert!(outputs.contains(&mine));

    let cut = cut(1);
    let outputs = engine.propose(ZERO, cut.clone()).unwrap();
    let expected =
        [proposed(proposal(proposer, 0, None, cut.clone())), prevote(proposer, 0, Some(cut.id()))];
    let sent = sent(&outputs);
    assert_eq!(sent.len(), 2);
    assert!(expected.iter().all(|message| sent.contains(&message)));
}

#[test]
fn records_come_first_then_the_sync_then_the_messages() {
    let (_, mut engine, outputs) = follower();
    let watermark =
        |step, locked, valid| Watermark { epoch: EPOCH, round: ZERO, step, locked, valid };
    assert!(outputs.contains(&Output::Sync(watermark(Step::Propose, None, None))));

    let cut = cut(1);
    let outputs = accepted(&mut engine, proposed(proposal(order()[0], 0, None, cut.clone())));
    assert!(matches!(outputs.as_slice(), [Output::Log(_), Output::Judge(_)]), "{outputs:?}");

    let outputs = engine.judged(cut.id(), true).unwrap();
    let place = |wanted: fn(&Output) -> bool| outputs.iter().position(wanted).unwrap();
    let sync = place(|output| matches!(output, Output::Sync(_)));
    assert_eq!(outputs[sync], Output::Sync(watermark(Step::Prevote, None, None)));
    assert!(outputs[..sync].iter().all(|output| matches!(output, Output::Log(_))));
    assert!(!outputs[sync..].iter().any(|output| matches!(output, Output::Log(_))));
    assert!(place(|output| matches!(output, Output::Send(_))) > sync);

    let (node, _, _) = follower();
    let mut outputs = vec![];
    for other in others(node) {
        outputs.extend(accepted(&mut engine, prevote(other, 0, Some(cut.id()))));
    }
    let lock = Some((ZERO, cut.id()));
    let locked = Output::Sync(watermark(Step::Precommit, lock, lock));
    assert!(outputs.contains(&locked), "the lock is in the watermark: {outputs:?}");
}

#[test]
fn the_cheap_checks_come_before_any_signature() {
    let (node, mut engine, _) = follower();
    let proposer = order()[0];
    let forged = |message: AgreementMessage| match message {
        AgreementMessage::Vote(vote) => {
            AgreementMessage::Vote(Vote { signature: Signature::new([1; 64]), ..vote })
        }
        other => other,
    };
    let other = others(node)[0];
    let at = |epoch| {
        let (kind, epoch) = (VoteType::Prevote, Epoch::new(epoch));
        AgreementMessage::Vote(Vote::sign(&SUBNET, kind, epoch, ZERO, None, &key(other)))
    };
    let stranger = hotkey(9);
    let cases = [
        (at(0), Ignored::PastEpoch(Epoch::new(0))),
        (at(2), Ignored::NextEpoch(Epoch::new(2))),
        (at(3), Ignored::FarEpoch(Epoch::new(3))),
        (prevote(9, 0, None), Ignored::NotMember(stranger)),
        (prevote(other, 11, None), Ignored::FarRound(Round::new(11))),
        (proposed(proposal(order()[1], 0, None, cut(1))), Ignored::NotProposer(hotkey(order()[1]))),
        (proposed(proposal(proposer, 0, Some(0), cut(1))), Ignored::PolRound),
    ];
    for (message, reason) in cases {
        assert_eq!(ignored(&mut engine, forged(message)), reason);
    }
    assert_eq!(engine.signatures_verified(), 0);
    let bad = forged(prevote(other, 0, None));
    assert_eq!(ignored(&mut engine, bad), Ignored::BadSignature(hotkey(other)));
    assert_eq!(engine.signatures_verified(), 1);
}

#[test]
fn nothing_is_verified_twice() {
    let (node, mut engine, _) = follower();
    let other = others(node)[0];
    let message = prevote(other, 0, None);
    let _ = accepted(&mut engine, message.clone());
    let first = proposed(proposal(order()[0], 0, None, cut(1)));
    let _ = accepted(&mut engine, first.clone());
    let verified = engine.signatures_verified();
    assert_eq!(ignored(&mut engine, message), Ignored::Repeated);
    assert_eq!(ignored(&mut engine, first), Ignored::Repeated);
    assert_eq!(engine.signatures_verified(), verified);
    assert_eq!(engine.stake_heard(), 10);
}

#[test]
fn a_flood_of_proposals_for_one_round_is_cut_off() {
    let (_, mut engine, _) = follower();
    let proposer = order()[0];
    let mut verified = 0;
    for number in 0..20 {
        let message = proposed(proposal(proposer, 0, None, cut(number)));
        match engine.receive(message).unwrap() {
            Received::Accepted(_) => verified += 1,
            Received::Ignored(reason) => assert_eq!(reason, Ignored::Saturated),
        }
    }
    assert_eq!((verified, engine.signatures_verified()), (2, 2));
}

#[test]
fn a_cut_that_does_not_follow_is_invalid_without_asking() {
    let (node, mut engine, _) = follower();
    let stray = Cut { prev: CutId::new([9; 32]), ..cut(1) };
    let outputs = accepted(&mut engine, proposed(proposal(order()[0], 0, None, stray)));
    assert!(!outputs.iter().any(|output| matches!(output, Output::Judge(_))));
    assert_eq!(sent(&outputs), [&prevote(node, 0, None)]);
}

#[test]
fn an_invalid_cut_gets_a_nil_vote_and_may_become_valid_later() {
    let (node, mut engine, _) = follower();
    let (order, cut) = (order(), cut(1));
    let _ = accepted(&mut engine, proposed(proposal(order[0], 0, None, cut.clone())));
    let outputs = engine.judged(cut.id(), false).unwrap();
    assert_eq!(sent(&outputs), [&prevote(node, 0, None)]);
    // The others all want it; the verdict changes; the epoch is decided without another fetch.
    for other in others(node) {
        let _ = accepted(&mut engine, prevote(other, 0, Some(cut.id())));
        let _ = accepted(&mut engine, precommit(other, 0, Some(cut.id())));
    }
    assert_ne!(engine.step(), Step::Decided);
    let outputs = engine.judged(cut.id(), true).unwrap();
    let Some(Output::Decided(decision)) = outputs.last() else { panic!("{outputs:?}") };
    assert_eq!(decision.cut, cut);
    assert_eq!(engine.step(), Step::Decided);
    // Its own vote stays what it was.
    assert!(!sent(&outputs).contains(&&prevote(node, 0, Some(cut.id()))));
}

#[test]
fn late_answers_change_nothing() {
    let proposer = order()[0];
    let mut engine = engine_of(Some(key(proposer)));
    assert_eq!(engine.judged(cut(1).id(), true).unwrap(), []);
    let _ = engine.start(start(false), &[]).unwrap();
    assert_eq!(engine.judged(cut(1).id(), true).unwrap(), []);
    assert_eq!(engine.propose(Round::new(1), cut(1)).unwrap(), []);
    let stale = Cut { epoch: Epoch::new(0), ..cut(1) };
    assert_eq!(engine.propose(ZERO, stale).unwrap(), []);
    let timer = Timer { epoch: Epoch::new(0), round: ZERO, kind: TimerKind::Propose };
    assert_eq!(engine.timeout(timer).unwrap(), []);
    // A cut of elsewhere is the caller's fault, and harmless.
    let foreign = Cut { subnet: SubnetId::new([9; 32]), ..cut(1) };
    assert!(matches!(engine.propose(ZERO, foreign), Err(EngineError::ForeignCut { .. })));
    assert!(!engine.propose(ZERO, cut(1)).unwrap().is_empty());
    assert_eq!(engine.propose(ZERO, cut(2)).unwrap(), [], "once per round");
}

#[test]
fn the_own_key_seen_from_outside_is_told() {
    let (node, mut engine, _) = follower();
    assert_eq!(ignored(&mut engine, prevote(node, 0, None)), Ignored::OwnKey);
    let AgreementMessage::Vote(own) = prevote(node, 0, None) else { unreachable!() };
    let forged = AgreementMessage::Vote(Vote { signature: Signature::new([1; 64]), ..own });
    assert_eq!(ignored(&mut engine, forged), Ignored::BadSignature(hotkey(node)));
    // What the engine itself said is an echo.
    let timer = Timer { epoch: EPOCH, round: ZERO, kind: TimerKind::Propose };
    assert_eq!(sent(&engine.timeout(timer).unwrap()), [&prevote(node, 0, None)]);
    assert_eq!(ignored(&mut engine, prevote(node, 0, None)), Ignored::Repeated);
}

#[test]
fn the_mute_and_the_stakeless_follow_in_silence() {
    let node = order()[3];
    for (key, mute) in [(Some(key(node)), true), (Some(key(9)), false), (None, false)] {
        let mut engine = engine_of(key);
        let mut outputs = engine.start(start(mute), &[]).unwrap();
        assert!(!engine.is_voting());
        let cut = cut(1);
        outputs.extend(accepted(&mut engine, proposed(proposal(order()[0], 0, None, cut.clone()))));
        outputs.extend(engine.judged(cut.id(), true).unwrap());
        for kind in [TimerKind::Rebroadcast, TimerKind::Propose] {
            outputs.extend(engine.timeout(Timer { epoch: EPOCH, round: ZERO, kind }).unwrap());
        }
        for other in others(node) {
            outputs.extend(accepted(&mut engine, prevote(other, 0, Some(cut.id()))));
        }
        for other in others(node) {
            outputs.extend(accepted(&mut engine, precommit(other, 0, Some(cut.id()))));
        }
        let said = outputs.iter().find(|output| {
            matches!(output, Output::Log(_) | Output::Sync(_) | Output::Send(_) | Output::Resend(_))
        });
        assert_eq!(said, None);
        assert!(matches!(outputs.last(), Some(Output::Decided(_))), "{outputs:?}");
    }
}

#[test]
fn the_rebroadcast_timer_sends_votes_and_proposal_again() {
    let (node, mut engine, _) = follower();
    let cut = cut(1);
    let theirs = proposed(proposal(order()[0], 0, None, cut.clone()));
    let _ = accepted(&mut engine, theirs.clone());
    let _ = engine.judged(cut.id(), true).unwrap();
    let timer = Timer { epoch: EPOCH, round: ZERO, kind: TimerKind::Rebroadcast };
    let outputs = engine.timeout(timer).unwrap();
    assert!(outputs.contains(&Output::Resend(prevote(node, 0, Some(cut.id())))), "{outputs:?}");
    assert!(outputs.contains(&Output::Resend(theirs)));
    assert!(
        outputs
            .iter()
            .any(|output| matches!(output, Output::Schedule(again, _) if *again == timer))
    );
}

fn certificate(round: u32, cut: &Cut, signers: &[usize]) -> Certificate {
    let round = Round::new(round);
    let mut signatures: Vec<(Hotkey, Signature)> = signers
        .iter()
        .map(|node| vote(*node, VoteType::Precommit, round.get(), Some(cut.id())))
        .map(|vote| (vote.signer, vote.signature))
        .collect();
    signatures.sort_unstable_by_key(|(signer, _)| *signer);
    Certificate { epoch: EPOCH, round, cut: cut.id(), signatures }
}

#[test]
fn a_fetched_certificate_decides_once() {
    let (_, mut engine, _) = follower();
    let cut = cut(1);
    let weak = engine.certified(cut.clone(), certificate(7, &cut, &[0, 1])).unwrap();
    let error = CertificateError::TooLittleStake { held: 20, total: 40 };
    assert_eq!(weak, Received::Ignored(Ignored::BadCertificate(error)));
    let other = super::engine::cut(2);
    let wrong = engine.certified(other, certificate(7, &cut, &[0, 1, 2])).unwrap();
    assert_eq!(wrong, Received::Ignored(Ignored::OtherCut));

    // A peer that is ahead is not to blame.
    let ahead = Certificate { epoch: EPOCH.next(), ..certificate(7, &cut, &[0, 1, 2]) };
    let early = engine.certified(Cut { epoch: EPOCH.next(), ..cut.clone() }, ahead).unwrap();
    assert_eq!(early, Received::Ignored(Ignored::NextEpoch(EPOCH.next())));

    let good = certificate(7, &cut, &[0, 1, 2]);
    let Received::Accepted(outputs) = engine.certified(cut.clone(), good.clone()).unwrap() else {
        panic!("a good certificate")
    };
    let Some(Output::Decided(decision)) = outputs.last() else { panic!("{outputs:?}") };
    assert_eq!((&decision.cut, &decision.certificate), (&cut, &good));
    let again = engine.certified(cut.clone(), good).unwrap();
    assert_eq!(again, Received::Ignored(Ignored::Decided));
    assert_eq!(ignored(&mut engine, prevote(0, 0, None)), Ignored::Decided);
    assert_eq!(engine.judged(cut.id(), true).unwrap(), []);
}

#[test]
fn certificates_of_votes_are_checked_before_they_count() {
    let (node, mut engine, _) = follower();
    let cut = cut(1);
    let signers = others(node);
    let polka = |signers: &[usize]| {
        let mut signatures: Vec<(Hotkey, Signature)> = signers
            .iter()
            .map(|node| vote(*node, VoteType::Prevote, 0, Some(cut.id())))
            .map(|vote| (vote.signer, vote.signature))
            .collect();
        signatures.sort_unstable_by_key(|(signer, _)| *signer);
        PolkaCertificate { epoch: EPOCH, round: ZERO, cut: cut.id(), signatures }
    };
    let message = AgreementMessage::Polka;
    let weak = ignored(&mut engine, message(polka(&signers[..2])));
    assert!(matches!(weak, Ignored::BadCertificate(CertificateError::TooLittleStake { .. })));
    let other = PolkaCertificate { cut: CutId::new([9; 32]), ..polka(&signers) };
    let forged = ignored(&mut engine, message(other));
    assert!(matches!(forged, Ignored::BadCertificate(CertificateError::BadSignature { .. })));
    let _ = accepted(&mut engine, message(polka(&signers)));
    assert_eq!(ignored(&mut engine, message(polka(&signers))), Ignored::Repeated);

    let round = |round: u32, skip, kind, signers: &[usize]| {
        let mut votes: Vec<Vote> =
            signers.iter().map(|node| vote(*node, kind, round, None)).collect();
        votes.sort_unstable_by_key(|vote| vote.signer);
        RoundCertificate { epoch: EPOCH, round: Round::new(round), skip, votes }
    };
    let message = AgreementMessage::RoundCertificate;
    let mut mixed = round(5, true, VoteType::Prevote, &signers);
    mixed.round = Round::new(6);
    assert_eq!(ignored(&mut engine, message(mixed)), Ignored::MixedVotes);
    let prevotes = round(5, false, VoteType::Prevote, &signers);
    assert_eq!(ignored(&mut engine, message(prevotes)), Ignored::MixedVotes);
    let weak = ignored(&mut engine, message(round(5, true, VoteType::Prevote, &signers[..1])));
    assert!(matches!(weak, Ignored::BadCertificate(CertificateError::TooLittleStake { .. })));
    // Two of four members in a round far ahead: at least one honest one is there.
    let skip = round(50, true, VoteType::Prevote, &signers[..2]);
    let outputs = accepted(&mut engine, message(skip));
    assert_eq!(engine.round(), Round::new(50));
    assert!(outputs.iter().any(|output| matches!(output, Output::RoundStarted { .. })));
    assert_eq!(
        ignored(&mut engine, message(round(50, true, VoteType::Prevote, &signers[..2]))),
        Ignored::Repeated
    );
}

#[test]
fn a_certificate_of_known_votes_is_not_handed_on_unverified() {
    let (node, mut engine, _) = follower();
    let mut votes: Vec<Vote> =
        others(node).iter().map(|node| vote(*node, VoteType::Precommit, 0, None)).collect();
    votes.sort_unstable_by_key(|vote| vote.signer);
    for vote in &votes {
        accepted(&mut engine, AgreementMessage::Vote(vote.clone()));
    }
    let true_one = RoundCertificate { epoch: EPOCH, round: ZERO, skip: false, votes };
    let mut forged = true_one.clone();
    forged.votes[0].signature = Signature::new([7; 64]);
    for certificate in [forged, true_one] {
        let message = AgreementMessage::RoundCertificate(certificate);
        assert_eq!(ignored(&mut engine, message), Ignored::Repeated);
    }
}

/// The records of a follower that prevoted a cut: proposal, verdict, own vote.
fn prevoted_log() -> (usize, Cut, Vec<Vec<u8>>) {
    let (node, mut engine, _) = follower();
    let cut = cut(1);
    let theirs = proposed(proposal(order()[0], 0, None, cut.clone()));
    let mut log = logged(&accepted(&mut engine, theirs));
    log.extend(logged(&engine.judged(cut.id(), true).unwrap()));
    (node, cut, log)
}

#[test]
fn a_restart_publishes_the_recorded_vote_again() {
    let (node, cut, log) = prevoted_log();
    let mut engine = engine_of(Some(key(node)));
    let outputs = engine.start(start(false), &log).unwrap();
    assert_eq!(sent(&outputs), [&prevote(node, 0, Some(cut.id()))]);
    assert_eq!(logged(&outputs), Vec::<Vec<u8>>::new(), "nothing is recorded twice");
    let sync = outputs.iter().position(|output| matches!(output, Output::Sync(_)));
    let send = outputs.iter().position(|output| matches!(output, Output::Send(_)));
    assert!(sync < send, "what was read back may not be durable: {outputs:?}");
    assert_eq!(engine.step(), Step::Prevote);
}

#[test]
fn a_vote_cut_off_by_the_crash_is_recorded_after_it() {
    let (node, cut, log) = prevoted_log();
    let mut engine = engine_of(Some(key(node)));
    let kept = &log[..log.len() - 1];
    let outputs = engine.start(start(false), kept).unwrap();
    assert_eq!(sent(&outputs), [&prevote(node, 0, Some(cut.id()))]);
    assert_eq!(logged(&outputs), log[log.len() - 1..]);
}

#[test]
fn a_proposal_without_a_verdict_is_judged_after_the_crash() {
    let (node, _, log) = prevoted_log();
    let mut engine = engine_of(Some(key(node)));
    let outputs = engine.start(start(false), &log[..1]).unwrap();
    assert!(matches!(outputs.last(), Some(Output::Judge(_))), "{outputs:?}");
    assert!(sent(&outputs).is_empty());
}

#[test]
fn a_proposer_builds_after_the_crash_only_if_it_had_not() {
    let proposer = order()[0];
    let mut engine = engine_of(Some(key(proposer)));
    let _ = engine.start(start(false), &[]).unwrap();
    let built = cut(1);
    let log = logged(&engine.propose(ZERO, built.clone()).unwrap());
    assert_eq!(log.len(), 3, "verdict, proposal, prevote");

    let mut restarted = engine_of(Some(key(proposer)));
    let outputs = restarted.start(start(false), &log).unwrap();
    assert!(!outputs.contains(&Output::Build { round: ZERO }));
    let messages = sent(&outputs);
    assert!(messages.contains(&&proposed(proposal(proposer, 0, None, built.clone()))));
    assert!(messages.contains(&&prevote(proposer, 0, Some(built.id()))));
    assert_eq!(restarted.propose(ZERO, cut(2)).unwrap(), []);

    // Only the cut was recorded: nothing was signed yet, any cut will do.
    let mut restarted = engine_of(Some(key(proposer)));
    let outputs = restarted.start(start(false), &log[..1]).unwrap();
    assert!(outputs.contains(&Output::Build { round: ZERO }), "{outputs:?}");
}

#[test]
fn a_log_that_leads_elsewhere_stops_the_engine() {
    let (node, _, log) = prevoted_log();
    // Another life of the key prevoted nil when its timer ran out.
    let (_, mut engine, _) = follower();
    let timer = Timer { epoch: EPOCH, round: ZERO, kind: TimerKind::Propose };
    let other = logged(&engine.timeout(timer).unwrap());
    let mixed = [log[..2].to_vec(), other[1..].to_vec()].concat();

    let mut engine = engine_of(Some(key(node)));
    let error = engine.start(start(false), &mixed).unwrap_err();
    let what = "prevote";
    assert_eq!(error, EngineError::ReplayDivergence { epoch: EPOCH, round: ZERO, what });
    // And it says nothing ever after.
    assert_eq!(engine.start(start(false), &[]), Err(EngineError::Stopped));
    assert_eq!(engine.timeout(timer), Err(EngineError::Stopped));
    assert_eq!(engine.receive(prevote(0, 0, None)), Err(EngineError::Stopped));
}

#[test]
fn a_damaged_record_stops_the_engine() {
    let (node, _, log) = prevoted_log();
    let mut garbled = log.clone();
    garbled[1] = vec![0xff; 3];
    let error = engine_of(Some(key(node))).start(start(false), &garbled).unwrap_err();
    assert!(matches!(error, EngineError::Record { index: 1, .. }), "{error}");

    // A flipped bit in a signature of the proposal.
    let mut forged = log.clone();
    let last = forged[0].len() - 1;
    forged[0][last] ^= 1;
    let error = engine_of(Some(key(node))).start(start(false), &forged).unwrap_err();
    assert!(matches!(error, EngineError::Unverified { index: 0, .. }), "{error}");

    // A verdict on a cut that no record holds.
    let error = engine_of(Some(key(node))).start(start(false), &log[1..]).unwrap_err();
    assert!(matches!(error, EngineError::Record { index: 0, .. }), "{error}");
}

#[test]
fn the_log_of_another_epoch_is_refused() {
    let (node, _, log) = prevoted_log();
    let next = EpochStart { epoch: EPOCH.next(), ..start(false) };
    let error = engine_of(Some(key(node))).start(next, &log).unwrap_err();
    assert!(matches!(error, EngineError::Record { index: 0, .. }), "{error}");
}

/// The driver may own it on a thread of its own.
#[test]
fn the_engine_can_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<Engine>();
}

#[test]
fn a_round_that_is_lost_is_left_at_once_and_one_that_may_be_won_is_not() {
    let rounds = |last: Option<CutId>| {
        let (node, mut engine, _) = follower();
        let others = others(node);
        let outputs: Vec<Vec<Output>> = [None, None, last]
            .into_iter()
            .zip(&others)
            .map(|(cut, other)| accepted(&mut engine, precommit(*other, 0, cut)))
            .collect();
        let wait = |output: &Output| matches!(output, Output::Schedule(timer, _) if timer.kind == TimerKind::Precommit);
        (engine, outputs.concat().iter().any(wait), node)
    };
    let (engine, waits, _) = rounds(Some(cut(1).id()));
    assert!(waits);
    assert_eq!(engine.round(), ZERO);
    let (mut engine, _, node) = rounds(None);
    assert_eq!(engine.round(), Round::new(1));
    // The rule holds again in the next round, and what was left stays left.
    for other in others(node) {
        accepted(&mut engine, precommit(other, 1, None));
    }
    assert_eq!(engine.round(), Round::new(2));
    let late = Timer { epoch: EPOCH, round: ZERO, kind: TimerKind::Precommit };
    assert_eq!(engine.timeout(late).unwrap(), []);
    assert_eq!(engine.round(), Round::new(2));
}

#[test]
fn a_restart_comes_back_to_the_round_after_a_lost_one() {
    let (node, mut engine, outputs) = follower();
    let mut log = logged(&outputs);
    for other in others(node) {
        log.extend(logged(&accepted(&mut engine, precommit(other, 0, None))));
    }
    let mut again = engine_of(Some(key(node)));
    let _ = again.start(start(false), &log).unwrap();
    assert_eq!((again.round(), again.step()), (Round::new(1), Step::Propose));
    // The crash may cut off the record of leaving: then the wait does it.
    let mut again = engine_of(Some(key(node)));
    log.pop();
    let outputs = again.start(start(false), &log).unwrap();
    assert_eq!(again.round(), Round::new(1), "{outputs:?}");
}
