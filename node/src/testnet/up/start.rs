//! The order in which nodes start.

use std::time::Duration;

use tokio::time::Instant;

use super::UpError;
use crate::testnet::fleet::Fleet;
use crate::testnet::observe::Observation;
use crate::testnet::screen::Screen;
use crate::testnet::spec::Role;

/// Bootnodes first, and the others once those can be found.
#[derive(Debug)]
pub(super) struct Start {
    waiting: Vec<String>,
    bootnodes: Vec<String>,
    since: Option<Instant>,
}

impl Start {
    const PATIENCE: Duration = Duration::from_secs(60);

    pub(super) fn new(seen: &Observation) -> Self {
        let names = |boot: bool| {
            let nodes = seen.nodes.iter().map(|node| &node.record);
            let nodes = nodes.filter(|node| !node.behaviour.never_starts());
            let nodes = nodes.filter(move |node| (node.role == Role::Bootnode) == boot);
            nodes.map(|node| node.name.clone()).collect()
        };
        Self { waiting: names(false), bootnodes: names(true), since: None }
    }

    pub(super) fn advance(&mut self, fleet: &Fleet, screen: &mut Screen) -> Result<(), UpError> {
        let Some(since) = self.since else {
            self.since = Some(Instant::now());
            screen.note(&format!("starting {}", self.bootnodes.join(", ")));
            return launch(fleet, &self.bootnodes);
        };
        if self.waiting.is_empty() {
            return Ok(());
        }
        let answers =
            |name: &&String| fleet.seen().node(name).is_some_and(|node| node.status.is_some());
        let silent = self.bootnodes.iter().find(|name| !answers(name));
        match silent {
            Some(name) if since.elapsed() > Self::PATIENCE => {
                let seconds = Self::PATIENCE.as_secs();
                Err(UpError::Silent { name: name.clone(), seconds })
            }
            Some(_) => Ok(()),
            None => {
                let names = std::mem::take(&mut self.waiting);
                screen.note(&format!("starting {} more nodes and their workers", names.len()));
                launch(fleet, &names)
            }
        }
    }
}

fn launch(fleet: &Fleet, names: &[String]) -> Result<(), UpError> {
    for name in names {
        fleet
            .launch(name)
            .map_err(|source| UpError::System { what: format!("start {name}"), source })?;
    }
    fleet.save();
    Ok(())
}
