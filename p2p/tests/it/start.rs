//! Starting, stopping and starting again.

use ganglion_p2p::{Config, Event, StartError, StopReason, start};

use crate::support::{Node, config};

#[tokio::test]
async fn a_taken_port_is_named_and_free_again_after_the_end() {
    let mut first = Node::start(config(1, &[])).await;
    let listen = first.handle.listen_addresses();
    let taken = Config { listen: listen.clone(), ..config(2, &[]) };
    match start(taken.clone()).await {
        Err(StartError::PortTaken { address }) => assert_eq!(Some(&address), listen.first()),
        other => panic!("a second listener at one port: {other:?}"),
    }
    first.handle.shutdown();
    let reason = first
        .event("the end", |event| match event {
            Event::Stopped { reason } => Some(reason),
            _ => None,
        })
        .await;
    assert_eq!(reason, StopReason::Asked);
    first.stop().await;
    let second = Node::start(taken).await;
    assert_eq!(second.handle.listen_addresses(), listen);
}

#[tokio::test]
async fn an_address_of_another_host_is_an_error_with_a_cure() {
    let foreign = Config { listen: vec!["/ip4/198.51.100.7/tcp/0".into()], ..config(1, &[]) };
    let error = start(foreign).await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }), "{error:?}");
    assert!(error.to_string().contains("is it an address of this host"), "{error}");
}

#[tokio::test]
async fn the_network_ends_with_its_last_handle() {
    let Node { handle, mut events } = Node::start(config(1, &[])).await;
    let second = handle.clone();
    drop(handle);
    assert_eq!(second.peers(), []);
    drop(second);
    let mut reason = None;
    while let Some(event) = events.recv().await {
        if let Event::Stopped { reason: said } = event {
            reason = Some(said);
        }
    }
    assert_eq!(reason, Some(StopReason::NoHandle));
}
