//! `ganglion peers`.

use clap::Args;
use comfy_table::{Cell, Color};

use super::api::{ApiArgs, Rows, short};
use super::exit::Failure;
use super::{Global, output};
use crate::api::types::Peer;

/// The nodes that a node knows.
#[derive(Debug, Args)]
pub(super) struct PeersArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Show whole addresses, and peer ids
    #[arg(long)]
    long: bool,
}

pub(super) fn run(global: &Global, args: &PeersArgs) -> Result<(), Failure> {
    let client = args.api.client(global)?;
    let value = client.get_value("/v1/peers")?;
    if global.json {
        return output::print_json(&value);
    }
    let peers: Vec<Peer> = client.typed(value)?;
    if peers.is_empty() {
        output::note("No peers are known yet.");
        output::note("  help: Check `bootnodes` in the node's configuration.");
        return Ok(());
    }
    output::print(&text(&peers, args.long))
}

fn text(peers: &[Peer], long: bool) -> String {
    let mut heads = vec![">UID", "ROLE", "HOTKEY"];
    if long {
        heads.push("PEER ID");
    }
    heads.extend(["STATE", ">RTT", ">SCORE", "AGENT", "ADDRESSES"]);
    let mut rows = Rows::new(&heads);
    for peer in peers {
        let hotkey = if long { peer.hotkey.clone() } else { short(&peer.hotkey) };
        let mut cells = vec![
            Cell::new(peer.uid.map_or_else(|| "-".into(), |uid| uid.to_string())),
            Cell::new(role(peer)),
            Cell::new(hotkey),
        ];
        if long {
            cells.push(Cell::new(&peer.peer_id));
        }
        let state = match (peer.connected, peer.relayed) {
            (true, false) => Cell::new("connected").fg(Color::Green),
            (true, true) => Cell::new("by relay").fg(Color::Green),
            (false, _) => Cell::new("known"),
        };
        let score = Cell::new(format!("{:.1}", peer.score));
        cells.extend([
            state,
            Cell::new(peer.rtt_ms.map_or_else(String::new, |ms| format!("{ms:.1} ms"))),
            if peer.score < 0.0 { score.fg(Color::Yellow) } else { score },
            Cell::new(printable(peer.agent.as_deref().unwrap_or(""))),
            Cell::new(printable(&peer.addresses.join(" "))),
        ]);
        rows.add(cells);
    }
    let connected = peers.iter().filter(|peer| peer.connected).count();
    format!("{connected} of {} known peers are connected\n\n{}", peers.len(), rows.render())
}

fn role(peer: &Peer) -> String {
    if peer.archive { format!("{}, archive", peer.role) } else { peer.role.clone() }
}

/// What a stranger said, safe for a terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
