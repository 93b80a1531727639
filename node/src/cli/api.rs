//! What the commands that ask a node have in common.

use std::path::PathBuf;

use clap::Args;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};
use ganglion_types::{Coldkey, Hotkey, Rao};

use super::Global;
use super::exit::Failure;
use crate::api::types::Amount;
use crate::api::{ApiError, Client, reachable};
use crate::config::{self, ConfigArgs};
use crate::fault::Code;
use crate::http::{self, ApiToken};
use crate::keys::KeyKind;

/// Which node to ask.
#[derive(Clone, Debug, Args)]
pub(super) struct ApiArgs {
    /// API of the node to ask, such as 127.0.0.1:7880 [default: that of --node]
    #[arg(long, value_name = "URL", env = "GANGLION_API_URL", hide_env_values = true)]
    api: Option<String>,
    /// Name of a node of this machine: its configuration tells where its API is
    #[arg(long, value_name = "NAME", default_value = "default", env = "GANGLION_NODE")]
    node: String,
    /// File with the token of that API, for what changes the node's state [default: found where the node
    /// is one of this machine]
    #[arg(long, value_name = "FILE", env = "GANGLION_API_TOKEN_FILE")]
    api_token_file: Option<PathBuf>,
}

impl ApiArgs {
    /// The client of that node.
    pub(super) fn client(&self, global: &Global) -> Result<Client, Failure> {
        if let Some(api) = &self.api {
            let client = Client::new(api)?;
            let token = match &self.api_token_file {
                Some(path) => Some(ApiToken::read(path)?),
                None => token_of_neighbour(global, client.base()),
            };
            return Ok(client.with_token(token));
        }
        let args = ConfigArgs { node: self.node.clone(), ..ConfigArgs::default() };
        let env = |name: &str| std::env::var(name).ok();
        let config = config::resolve(&args, &global.home(), &env)?;
        let address = match config.api.port() {
            // The system chose the port, and the node wrote it down.
            0 => http::announced(&config.data_dir).ok_or_else(|| {
                let sentence = format!("node {:?} has not been started yet", self.node);
                Failure::environment(Code::NODE_NOT_STARTED, sentence)
            })?,
            _ => config.api,
        };
        let token = match &self.api_token_file {
            Some(path) => Some(ApiToken::read(path)?),
            // What only reads needs none, so a file of another user is no hindrance here.
            None => ApiToken::read(&ApiToken::path(&config.data_dir)).ok(),
        };
        Ok(Client::new(&reachable(address).to_string())?.with_token(token))
    }
}

/// The token of the node of this home that serves at an address, if one says so and this user may read it.
fn token_of_neighbour(global: &Global, base: &str) -> Option<ApiToken> {
    let nodes = std::fs::read_dir(global.home().nodes()).ok()?;
    let serves = |dir: &PathBuf| {
        http::announced(dir).is_some_and(|address| base == format!("http://{}", reachable(address)))
    };
    let dir = nodes.filter_map(|entry| Some(entry.ok()?.path())).find(serves)?;
    ApiToken::read(&ApiToken::path(&dir)).ok()
}

/// A refusal that needs a cure of this command.
pub(super) fn cured(error: ApiError, status: u16, cure: &str) -> Failure {
    let special = error.status() == Some(status);
    let failure = Failure::from(error);
    if special { failure.cured(cure) } else { failure }
}

/// The hotkey that `text` means: an address, or the name of a key file here.
pub(super) fn hotkey(global: &Global, text: &str) -> Result<Hotkey, Failure> {
    public(global, KeyKind::Hotkey, text).map(Hotkey::new)
}

/// The coldkey that `text` means: an address, or the name of a key file here.
pub(super) fn coldkey(global: &Global, text: &str) -> Result<Coldkey, Failure> {
    public(global, KeyKind::Coldkey, text).map(Coldkey::new)
}

fn public(global: &Global, kind: KeyKind, text: &str) -> Result<[u8; 32], Failure> {
    let address = text.parse::<Hotkey>();
    // Names and addresses overlap in theory: 46 letters and more that begin with 5 are meant as an
    // address, and a typing error in one must be told as such.
    let looks_like_address = text.starts_with("0x") || (text.starts_with('5') && text.len() > 40);
    match address {
        Ok(key) => Ok(*key.as_bytes()),
        Err(error) if looks_like_address => {
            Err(Failure::input(Code::ADDRESS_FORM, format!("{text}: {error}")))
        }
        Err(_) => {
            let (path, file) = global.home().read_key(kind, text)?;
            file.public().ok_or_else(|| {
                let sentence = format!("{} has no public key", path.display());
                Failure::input(Code::KEY_WITHOUT_ADDRESS, sentence)
            })
        }
    }
}

/// Rows for people: numbers to the right, no frame, colours on terminals only.
#[derive(Debug)]
pub(super) struct Rows {
    table: Table,
    right: Vec<bool>,
}

impl Rows {
    /// Column heads; those that begin with `>` stand to the right.
    pub(super) fn new(heads: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        let right: Vec<bool> = heads.iter().map(|head| head.starts_with('>')).collect();
        let rows = Self { table, right };
        let cells: Vec<Cell> = heads
            .iter()
            .enumerate()
            .map(|(at, head)| {
                let head = head.trim_start_matches('>');
                rows.aligned(at, Cell::new(head).add_attribute(Attribute::Bold))
            })
            .collect();
        let Self { mut table, right } = rows;
        table.set_header(cells);
        Self { table, right }
    }

    fn aligned(&self, at: usize, cell: Cell) -> Cell {
        match self.right.get(at) {
            Some(true) => cell.set_alignment(CellAlignment::Right),
            _ => cell,
        }
    }

    /// Adds a row.
    pub(super) fn add(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let cells: Vec<Cell> =
            cells.into_iter().enumerate().map(|(at, cell)| self.aligned(at, cell)).collect();
        self.table.add_row(cells);
    }

    /// The lines, each ended.
    pub(super) fn render(&self) -> String {
        let lines = self.table.lines().map(|line| format!("{}\n", line.trim_end()));
        lines.collect()
    }
}

/// An address as people tell it from others.
pub(super) fn short(address: &str) -> String {
    match (address.get(..6), address.len().checked_sub(4).and_then(|at| address.get(at..))) {
        (Some(head), Some(tail)) if address.len() > 14 => format!("{head}..{tail}"),
        _ => address.into(),
    }
}

/// A hash as people tell it from others.
pub(super) fn short_hash(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// An amount in units.
pub(super) fn units(amount: Amount) -> String {
    Rao::new(amount.0).to_string()
}

/// An amount in units with at most four decimals, for columns.
pub(super) fn about(amount: Amount) -> String {
    let tenthousandths = amount.0 / 100_000;
    let (whole, rest) = (tenthousandths / 10_000, tenthousandths % 10_000);
    match (amount.0, tenthousandths) {
        (0, _) => "0".into(),
        (_, 0) => "<0.0001".into(),
        _ => format!("{whole}.{rest:04}"),
    }
}

/// A 65535th as a share of one.
pub(super) fn share(value: u16) -> String {
    match value {
        0 => "0".into(),
        u16::MAX => "1".into(),
        _ => format!("{:.4}", f64::from(value) / f64::from(u16::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_served_everywhere_is_asked_on_loopback() {
        for (served, asked) in [
            ("0.0.0.0:7880", "127.0.0.1:7880"),
            ("[::]:1", "[::1]:1"),
            ("10.0.0.1:2", "10.0.0.1:2"),
        ] {
            assert_eq!(reachable(served.parse().unwrap()).to_string(), asked);
        }
    }

    #[test]
    fn figures_of_columns_are_short_and_hide_nothing() {
        assert_eq!(about(Amount(12_345_678_901)), "12.3456");
        assert_eq!(about(Amount(99_999)), "<0.0001");
        assert_eq!(about(Amount(0)), "0");
        assert_eq!(share(0), "0");
        assert_eq!(share(65_535), "1");
        assert_eq!(share(32_768), "0.5000");
        assert_eq!(short("5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu"), "5FA9nQ..TTpu");
        assert_eq!(short("short"), "short");
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let mut rows = Rows::new(&[">UID", "NAME"]);
        rows.add([Cell::new(7), Cell::new("x")]);
        rows.add([Cell::new(1_000), Cell::new("y")]);
        let text = rows.render();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[1].find('7'), lines[2].rfind('0'));
    }
}
