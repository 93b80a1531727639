//! The live table and the sentence of each epoch. Pure: text from an observation.

use std::collections::BTreeMap;

use super::observe::{Life, NodeView, Observation};
use super::report;
use super::spec::Role;
use crate::api::types::{EpochDetail, MetagraphRow, ResultRow};

/// A share of 65535 as percent.
#[must_use]
pub fn share(share: u16) -> String {
    if share == 0 {
        return String::new();
    }
    format!("{:.1} %", f64::from(share) * 100.0 / 65_535.0)
}

/// Rao as units with three decimals, rounded down: for reading, not for adding up.
#[must_use]
pub fn units(rao: u64) -> String {
    let thousandths = rao / 1_000_000;
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

/// The state of the testnet at `now_ms`, some twenty lines without control characters.
#[must_use]
pub fn render(seen: &Observation, now_ms: u64) -> String {
    let mut text = head(seen, now_ms);
    let header = [
        "uid",
        "name",
        "role",
        "model",
        "accuracy",
        "stake/score",
        "incentive",
        "dividends",
        "paid last",
        "paid total",
        "state",
    ];
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(header);
    for column in [0, 4, 5, 6, 7, 8, 9] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    let rows: BTreeMap<&str, &MetagraphRow> = seen
        .metagraph
        .iter()
        .flat_map(|metagraph| &metagraph.rows)
        .map(|row| (row.hotkey.as_str(), row))
        .collect();
    for node in &seen.nodes {
        table.add_row(row(seen, node, rows.get(node.record.hotkey.as_str()).copied()));
    }
    for line in table.to_string().lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str(&agreement(seen));
    text
}

/// A table of words for people, without lines; columns of numbers stand to the right.
#[must_use]
pub fn plain(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    let is_number = |cell: &String| {
        let number = cell.trim_end_matches(" %");
        number.is_empty() || number.parse::<f64>().is_ok()
    };
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(header);
    for index in 0..header.len() {
        let mut cells = rows.iter().filter_map(|row| row.get(index));
        if let Some(column) = table.column_mut(index).filter(|_| cells.all(is_number)) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    table.add_rows(rows);
    let mut text = String::new();
    for line in table.to_string().lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn head(seen: &Observation, now_ms: u64) -> String {
    let subnet = seen.subnet.get(..8).unwrap_or(&seen.subnet);
    if let Some(ahead) = seen.genesis_ms.checked_sub(now_ms) {
        let (seconds, ready) = (ahead.div_ceil(1_000), ready(seen));
        return format!("subnet {subnet}  genesis in {seconds} s  {ready}\n");
    }
    // The validator that is furthest speaks for all.
    let validators = seen.nodes.iter().filter(|node| node.record.role == Role::Validator);
    let statuses = validators.filter_map(|node| node.status.as_ref());
    let Some(status) = statuses.max_by_key(|status| status.closing) else {
        return format!("subnet {subnet}  no validator answers\n");
    };
    let deadline = match status.deadline_in_ms {
        0 => String::new(),
        ms => format!("  closes in {} s", ms.div_ceil(1_000)),
    };
    let round = match status.round {
        Some(round) if status.phase == "agreement" => format!(" (round {round})"),
        _ => String::new(),
    };
    let phase = status.phase.replace('_', " ");
    format!(
        "subnet {subnet}  epoch {} certified, closing {}  phase {phase}{round}{deadline}\n",
        seen.newest(),
        status.closing
    )
}

/// Who is up and whose worker is, before genesis.
fn ready(seen: &Observation) -> String {
    let all = seen.nodes.len();
    let up = seen.nodes.iter().filter(|node| node.status.is_some()).count();
    let has_worker = |node: &&NodeView| node.record.has_worker();
    let workers = seen.nodes.iter().filter(has_worker);
    let is_ready =
        |node: &&NodeView| node.status.as_ref().is_some_and(|status| status.worker == "ready");
    let (ready, of) = (workers.clone().filter(is_ready).count(), workers.count());
    format!("{up}/{all} nodes answer, {ready}/{of} workers are ready")
}

fn row(seen: &Observation, node: &NodeView, row: Option<&MetagraphRow>) -> Vec<String> {
    let record = &node.record;
    let weight = match record.role {
        Role::Validator => units_short(row.map_or(record.stake_rao.0, |row| row.stake_rao.0)),
        Role::Miner => {
            seen.score(&record.hotkey).map(|score| format!("{score:.3}")).unwrap_or_default()
        }
        Role::Bootnode | Role::Observer => String::new(),
    };
    let total = seen.paid(&record.hotkey, u64::MAX);
    let state = match (&node.life, &node.status) {
        (Life::Running, None) => "starting".to_owned(),
        (Life::Running, Some(status)) if status.halted.is_some() => "HALTED".into(),
        (Life::Running, Some(status)) if status.worker == "failing" => "worker fails".into(),
        (Life::Running, Some(status)) if status.phase == "catching_up" => "catching up".into(),
        (life, _) => life.word().into(),
    };
    let paid = |rao: u64| if row.is_some() { units(rao) } else { String::new() };
    vec![
        row.map(|row| row.uid.to_string()).unwrap_or_default(),
        record.name.clone(),
        record.role.name().into(),
        short(&record.does(), 24),
        node.accuracy.map(|share| format!("{:.1} %", share * 100.0)).unwrap_or_default(),
        weight,
        row.map(|row| share(row.incentive)).unwrap_or_default(),
        row.map(|row| share(row.dividends)).unwrap_or_default(),
        paid(row.map_or(0, |row| row.paid_rao.0)),
        paid(total),
        state,
    ]
}

fn units_short(rao: u64) -> String {
    let tenths = rao / 100_000_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    format!("{}...", text.chars().take(most - 3).collect::<String>())
}

/// How many of the running nodes hold which cut of the last epoch.
#[must_use]
pub fn agreement(seen: &Observation) -> String {
    let running: Vec<&NodeView> =
        seen.nodes.iter().filter(|node| node.life == Life::Running).collect();
    // The last epoch that most nodes had time to show.
    let mut certified: Vec<u64> = running.iter().map(|node| node.certified()).collect();
    certified.sort_unstable();
    let epoch = certified.get(certified.len() / 2).copied().unwrap_or(0);
    if epoch == 0 {
        return "no epoch is certified yet\n".into();
    }
    let mut cuts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for summary in running.iter().filter_map(|node| node.held.get(&epoch)) {
        *cuts.entry((&summary.cut, &summary.result_root)).or_default() += 1;
    }
    let mut text = String::new();
    for ((cut, _), holders) in &cuts {
        let cut = cut.get(..8).unwrap_or(cut);
        let all = running.len();
        text.push_str(&format!("{holders}/{all} nodes hold cut {cut} of epoch {epoch}\n"));
    }
    if cuts.len() > 1 {
        text.push_str("THE NODES DO NOT AGREE\n");
    }
    text
}

/// What happened in an epoch, in one sentence of plain words.
#[must_use]
pub fn sentence(seen: &Observation, detail: &EpochDetail) -> String {
    let summary = &detail.summary;
    let when = report::seconds(seen, summary.epoch)
        .map(|seconds| format!(" {seconds:.1} s after its deadline"))
        .unwrap_or_default();
    let round = match summary.round {
        0 => "in the first round".to_owned(),
        round => format!("in round {round}, after {round} without a decision"),
    };
    let signers: Vec<String> =
        detail.signed_by.iter().map(|hotkey| name_of(seen, hotkey)).collect();
    let who = format!("{} decided {round}{when}", list(&signers));
    let is_miner = |row: &&ResultRow| row.incentive > 0;
    let best = detail.rows.iter().filter(is_miner).max_by_key(|row| (row.incentive, row.paid_rao));
    let earned = match best {
        None => "no miner earned, because no validator has set weights yet".to_owned(),
        Some(row) => earned(seen, detail, row),
    };
    let operations = match detail.operations.len() {
        0 => String::new(),
        all => {
            let done = detail.operations.iter().filter(|one| one.outcome == "done").count();
            format!(" Of {all} operations {done} were done.")
        }
    };
    format!("Epoch {}: {earned}; {who}.{operations}", summary.epoch)
}

fn earned(seen: &Observation, detail: &EpochDetail, row: &ResultRow) -> String {
    let node = seen.by_hotkey(&row.hotkey);
    let model = node.and_then(|node| node.record.model.as_ref());
    let model = model.map(|model| format!(" ({})", short(&model.name(), 24))).unwrap_or_default();
    let accuracy = node.and_then(|node| node.accuracy);
    let right = accuracy
        .map(|share| format!(", and is right in {:.1} % of our own test", share * 100.0))
        .unwrap_or_default();
    let top = detail.rows.iter().map(|row| row.consensus).max();
    let why = if top == Some(row.consensus) {
        "the validators weigh its answers highest"
    } else {
        "validators value its answers beyond the agreed weight"
    };
    format!(
        "{}{model} earned most, {} units, because {why}, at {}{right}",
        name_of(seen, &row.hotkey),
        units(row.paid_rao.0),
        match share(row.incentive) {
            text if text.is_empty() => "0 %".to_owned(),
            text => format!("{text} of the miners' part"),
        },
    )
}

/// The name of the node with this hotkey, or the beginning of the hotkey.
#[must_use]
pub fn name_of(seen: &Observation, hotkey: &str) -> String {
    let short = || format!("{}...", hotkey.get(..8).unwrap_or(hotkey));
    seen.by_hotkey(hotkey).map_or_else(short, |node| node.record.name.clone())
}

fn list(names: &[String]) -> String {
    match names {
        [] => "nobody known".into(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::api::types::{Amount, EpochSummary, Metagraph, Status};
    use crate::testnet::setup::NodeRecord;
    use crate::testnet::spec::Model;

    pub(in crate::testnet) fn summary(epoch: u64) -> EpochSummary {
        EpochSummary {
            epoch,
            cut: format!("ab12cd34ef{epoch}"),
            prev: String::new(),
            result_root: "r".into(),
            state_root: "s".into(),
            time: 0,
            round: 0,
            signers: 1,
            signed_rao: Amount(1),
            lists: 1,
            items: 1,
            emitted_rao: Amount(100),
            slashed_rao: Amount(0),
            latency_ms: Some(420),
            missed: false,
        }
    }

    fn record(name: &str, role: Role, model: Option<&str>) -> NodeRecord {
        NodeRecord {
            name: name.into(),
            role,
            stake_rao: Amount(if role == Role::Validator { 280_000_000_000 } else { 0 }),
            model: model.map(|model| Model::Builtin(model.into())),
            behaviour: crate::testnet::behaviour::Behaviour::Honest,
            hotkey: format!("5{name}"),
            coldkey: "5c".into(),
            p2p_port: 1,
            api_port: 2,
            from_genesis: true,
            pid: Some(7),
        }
    }

    fn status() -> Status {
        serde_json::from_value(serde_json::json!({
            "version": "0", "subnet": "", "name": "", "hotkey": "", "peer_id": "", "role": "",
            "uid": null, "listen": [], "epoch": 1, "cut": "", "closing": 2, "phase": "window",
            "deadline_in_ms": 3_200, "epoch_ms": 10_000, "genesis_time": 0, "round": null,
            "signing": true, "signing_reason": "", "peers": 1, "missed": 0, "behind": null,
            "stake_seen_rao": 0, "stake_total_rao": 0, "stake_to_halt_rao": 0,
            "stake_to_certify_rao": 0, "budget_rao": 100, "difficulty": 1, "task": "digits",
            "worker": "ready", "halted": null,
        }))
        .unwrap()
    }

    fn result(name: &str, paid: u64, incentive: u16) -> ResultRow {
        ResultRow {
            uid: 0,
            hotkey: format!("5{name}"),
            coldkey: String::new(),
            paid_rao: Amount(paid),
            consensus: incentive,
            incentive,
            dividends: 0,
            validator_trust: 0,
            stake_weight: 0,
            validator_permit: false,
            active: true,
        }
    }

    pub(in crate::testnet) fn observation() -> Observation {
        let mut seen = Observation {
            subnet: "0123456789".into(),
            epoch_ms: 10_000,
            budget_rao: 100,
            ..Observation::default()
        };
        for (name, role, model) in [
            ("v1", Role::Validator, None),
            ("m1", Role::Miner, Some("digits-knn")),
            ("observer", Role::Observer, None),
        ] {
            let mut node = NodeView::new(record(name, role, model));
            node.begin_life(Some(7));
            node.status = Some(status());
            node.held.insert(1, summary(1));
            seen.nodes.push(node);
        }
        seen.nodes[1].accuracy = Some(0.961);
        seen.nodes[0].averages.insert("5m1".into(), 0.95);
        let row = |uid: u16, name: &str, incentive: u16, dividends: u16| MetagraphRow {
            uid,
            hotkey: format!("5{name}"),
            coldkey: String::new(),
            role: String::new(),
            stake_rao: Amount(280_000_000_000),
            delegated_rao: Amount(0),
            take: 11_796,
            paid_delegators_rao: Amount(0),
            immune_until: 14,
            nonce: 0,
            permit: true,
            active: true,
            consensus: 0,
            incentive,
            dividends,
            validator_trust: 0,
            paid_rao: Amount(50_000_000_000),
            rank: None,
            last_update: 1,
            registered_at: 0,
        };
        seen.metagraph = Some(Metagraph {
            epoch: 1,
            cut: String::new(),
            rows: vec![row(0, "v1", 0, 65_535), row(1, "m1", 65_535, 0)],
        });
        seen.epochs.insert(
            1,
            EpochDetail {
                summary: summary(1),
                signed_by: vec!["5v1".into()],
                rows: vec![result("v1", 50, 0), result("m1", 50_000_000_000, 65_535)],
                items_kept: true,
                item_kinds: BTreeMap::new(),
                weights: Vec::new(),
                operations: Vec::new(),
                evidence: Vec::new(),
            },
        );
        seen
    }

    #[test]
    fn the_table_shows_everybody_and_how_far_they_agree() {
        let text = render(&observation(), 1);
        let expected = "\
subnet 01234567  epoch 1 certified, closing 2  phase window  closes in 4 s
 uid  name      role       model       accuracy  stake/score  incentive  dividends  paid last  paid total  state
   0  v1        validator                              280.0               100.0 %     50.000       0.000  running
   1  m1        miner      digits-knn    96.1 %        0.950    100.0 %                50.000      50.000  running
      observer  observer                                                                                   running
3/3 nodes hold cut ab12cd34 of epoch 1
";
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn before_genesis_it_counts_down_and_says_who_is_ready() {
        let mut seen = observation();
        seen.genesis_ms = 5_000;
        let text = render(&seen, 1_500);
        let first = text.lines().next().unwrap();
        assert_eq!(
            first,
            "subnet 01234567  genesis in 4 s  3/3 nodes answer, 2/2 workers are ready"
        );
    }

    #[test]
    fn a_fork_is_shouted() {
        let mut seen = observation();
        seen.nodes[2].held.get_mut(&1).unwrap().cut = "ffffffffff".into();
        let text = agreement(&seen);
        assert!(text.contains("2/3 nodes hold cut ab12cd34 of epoch 1\n"), "{text}");
        assert!(text.contains("1/3 nodes hold cut ffffffff of epoch 1\n"), "{text}");
        assert!(text.contains("DO NOT AGREE"), "{text}");
    }

    #[test]
    fn an_epoch_is_told_in_one_sentence() {
        let mut seen = observation();
        let detail = seen.epochs[&1].clone();
        assert_eq!(
            sentence(&seen, &detail),
            "Epoch 1: m1 (digits-knn) earned most, 50.000 units, because the validators weigh its \
             answers highest, at 100.0 % of the miners' part, and is right in 96.1 % of our own \
             test; v1 decided in the first round 0.4 s after its deadline."
        );
        let nobody = EpochDetail { rows: vec![result("v1", 50, 0)], ..detail };
        seen.nodes[0].held.clear();
        assert_eq!(
            sentence(&seen, &nobody),
            "Epoch 1: no miner earned, because no validator has set weights yet; v1 decided in the \
             first round."
        );
    }
}
