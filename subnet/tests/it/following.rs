//! Catching up: how far, how fast, how long.

use ganglion_subnet::{AnswerToken, Effect, Following, Input, Now, Report};
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
