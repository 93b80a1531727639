//! Catching up: how far, how fast, how long.

use ganglion_subnet::{
    AnswerToken, AskId, Effect, Following, Input, Now, Participant, Phase, Report, Timer,
};
use ganglion_types::{Hotkey, proto};

use crate::chain::Chain;

#[test]
fn catching_up_says_how_far_how_fast_and_how_long() {
    let chain = Chain::new(4, 5, 100);
    let mut node = chain.newcomer();
    let mut now = 0;
    let (reports, stored) = chain.feed(&mut node, || {
        now += 250;
        now
    });
    assert_eq!(stored.len(), 100);
    assert_eq!(node.state().head(), chain.end.head());
    assert_eq!(node.state().root(), chain.end.root());
    let shown: Vec<Following> = reports
        .iter()
        .filter_map(|report| match report {
            Report::Following(following) => Some(*following),
            _ => None,
        })
        .collect();
    let first = shown.first().unwrap();
    assert_eq!((first.left(), first.per_kilosecond, first.eta_ms()), (100, None, None));
    let last = shown.last().unwrap();
    assert_eq!((last.left(), last.verified, last.eta_ms()), (0, 100, Some(0)));
    // 32 epochs every 250 ms are 128 a second; what is being worked through does not count yet.
    let third = shown[2];
    assert_eq!((third.epoch.get(), third.left(), third.verified), (64, 36, 64));
    assert_eq!(third.per_kilosecond, Some(64_000));
    assert_eq!(third.eta_ms(), Some(562));
}

#[test]
fn a_peer_that_has_pruned_the_next_epoch_is_not_asked_for_it() {
    let chain = Chain::new(1, 1, 1);
    let mut node = chain.newcomer();
    let now = Now { mono: 10, wall: chain.manifest.genesis_time + 10_000_000 };
    let _ = node.step(now, Input::Started);
    // Two peers, the further one without the first epochs.
    let mut asked = Vec::new();
    for (byte, epoch, oldest) in [(1, 100, 50), (2, 90, 1)] {
        let peer = Hotkey::new([byte; 32]);
        let effects = node.step(now, Input::Connected(peer));
        let id = effects.iter().find_map(|effect| match effect {
            Effect::Ask(id, ..) => Some(*id),
            _ => None,
        });
        let status = proto::Status { epoch, cut: vec![byte; 32], oldest, forked: 0 };
        let response = Some(proto::response::Response::Status(status));
        let response = Some(proto::Response { response });
        let effects = node.step(now, Input::Response { id: id.unwrap(), from: peer, response });
        asked.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Ask(_, peer, proto::Request { request: Some(request) }) => {
                matches!(request, proto::request::Request::Epochs(_)).then_some(peer)
            }
            _ => None,
        }));
    }
    assert_eq!(asked, [Hotkey::new([2; 32])]);
}

#[test]
fn a_peer_that_has_left_does_not_stand_in_the_way_of_those_who_can_help() {
    let chain = Chain::new(1, 1, 1);
    let mut node = chain.newcomer();
    let now = Now { mono: 10, wall: chain.manifest.genesis_time + 10_000_000 };
    let _ = node.step(now, Input::Started);
    let [stays, left] = [1, 2].map(|byte| Hotkey::new([byte; 32]));
    for peer in [stays, left] {
        let _ = node.step(now, Input::Connected(peer));
    }
    let _ = node.step(now, Input::Disconnected(left));
    // What the one that left had asked arrives after it has left.
    let mut asked = Vec::new();
    for (token, from) in [(1, left), (2, stays)] {
        let mine = proto::Status { epoch: 9, cut: vec![9; 32], oldest: 1, forked: 0 };
        let request = proto::request::Request::Status(proto::StatusRequest { mine: Some(mine) });
        let request = proto::Request { request: Some(request) };
        let token = AnswerToken(token);
        let effects = node.step(now, Input::Request { from, token, request });
        asked.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Ask(_, peer, proto::Request { request: Some(request) }) => {
                matches!(request, proto::request::Request::Epochs(_)).then_some(peer)
            }
            _ => None,
        }));
    }
    assert_eq!(asked, [stays]);
}

/// What a node asks for of the epochs of others, from which, and how many.
fn asks_for_epochs(effects: &[Effect]) -> Vec<(AskId, Hotkey, proto::Request, u32)> {
    let asks = effects.iter().filter_map(|effect| match effect {
        Effect::Ask(id, peer, request) => match &request.request {
            Some(proto::request::Request::Epochs(epochs)) => {
                Some((*id, *peer, request.clone(), epochs.max))
            }
            _ => None,
        },
        _ => None,
    });
    asks.collect()
}

/// A newcomer of whose peers, 1, 2, …, each has all epochs of a chain.
fn surrounded(chain: &Chain, peers: u8, now: Now) -> (Participant, Vec<Effect>) {
    let mut node = chain.newcomer();
    let mut effects = node.step(now, Input::Started);
    for peer in (1..=peers).map(|byte| Hotkey::new([byte; 32])) {
        let asked = node.step(now, Input::Connected(peer));
        for effect in &asked {
            if let Effect::Ask(id, from, request) = effect {
                let response = chain.answer(request);
                let answer = Input::Response { id: *id, from: *from, response };
                effects.extend(node.step(now, answer));
            }
        }
    }
    (node, effects)
}

#[test]
fn beside_a_peer_that_lets_us_wait_another_is_asked_and_what_comes_late_is_taken() {
    let chain = Chain::new(4, 5, 3);
    let mut now = Now { mono: 10, wall: chain.manifest.genesis_time + 10_000_000 };
    let (mut node, effects) = surrounded(&chain, 2, now);
    let first = asks_for_epochs(&effects);
    let [(late, slow, asked_of_slow, 32)] = first.as_slice() else { panic!("{first:?}") };
    let due = effects.iter().find_map(|effect| match effect {
        Effect::SetTimer(Timer::Follow, at) => Some(*at),
        _ => None,
    });
    assert_eq!(due, Some(1_010), "a tenth of an epoch");

    now.mono = 1_010;
    let effects = node.step(now, Input::Timer(Timer::Follow));
    let second = asks_for_epochs(&effects);
    let [(id, other, request, 1)] = second.as_slice() else { panic!("{second:?}") };
    assert_ne!(other, slow);
    let answer = Input::Response { id: *id, from: *other, response: chain.answer(request) };
    let effects = node.step(now, answer);
    assert_eq!(node.state().epoch().get(), 1);
    // It has shown that it answers: the rest is asked of it too.
    let third = asks_for_epochs(&effects);
    let [(id, again, request, 32)] = third.as_slice() else { panic!("{third:?}") };
    assert_eq!(again, other);

    let response = chain.answer(asked_of_slow);
    let effects = node.step(now, Input::Response { id: *late, from: *slow, response });
    assert_eq!(node.state().head(), chain.end.head());
    assert!(effects.iter().any(|effect| matches!(
        effect,
        Effect::Report(Report::Phase { phase: Phase::Window, .. })
    )));
    let answer = Input::Response { id: *id, from: *other, response: chain.answer(request) };
    let effects = node.step(now, answer);
    assert_eq!(asks_for_epochs(&effects).len(), 0);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Penalize(..))));
}

#[test]
fn no_more_than_four_peers_owe_epochs_and_the_last_stays_the_one() {
    let chain = Chain::new(1, 1, 1);
    let mut now = Now { mono: 10, wall: chain.manifest.genesis_time + 10_000_000 };
    let (mut node, effects) = surrounded(&chain, 7, now);
    let mut asked: Vec<Hotkey> = asks_for_epochs(&effects).iter().map(|ask| ask.1).collect();
    for _ in 0..9 {
        now.mono += 1_000;
        let effects = node.step(now, Input::Timer(Timer::Follow));
        asked.extend(asks_for_epochs(&effects).iter().map(|ask| ask.1));
        assert!(effects.iter().any(|one| matches!(one, Effect::SetTimer(Timer::Follow, _))));
    }
    // The first to connect, then those with the highest keys.
    assert_eq!(asked, [1, 7, 6, 5].map(|byte| Hotkey::new([byte; 32])));
    // One of them fails: there is room for another.
    let (id, failed) = asks_for_epochs(&effects).first().map(|ask| (ask.0, ask.1)).unwrap();
    let _ = node.step(now, Input::Response { id, from: failed, response: None });
    let effects = node.step(now, Input::Timer(Timer::Follow));
    assert_eq!(asks_for_epochs(&effects).first().map(|ask| ask.1), Some(Hotkey::new([4; 32])));
}
