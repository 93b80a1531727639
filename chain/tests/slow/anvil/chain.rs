//! A real EVM node, mined by the test: `anvil`, whose path is in `GANGLION_ANVIL`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use ganglion_chain::evm::{Address, Evm, EvmFinality, EvmKey, EvmSettings};
use serde_json::{Value, json};

/// The first account of every development chain. Its key is known to everybody.
pub(crate) const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// Its second one, for strangers.
pub(crate) const OTHER: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

pub(crate) const GWEI: u128 = 1_000_000_000;

#[derive(Debug)]
pub(crate) struct Anvil {
    child: Child,
    pub(crate) url: String,
    agent: ureq::Agent,
}

impl Anvil {
    /// A chain that mines only when it is told to, and calls a block final four blocks later.
    pub(crate) fn start() -> Self {
        let path = std::env::var("GANGLION_ANVIL").expect(
            "GANGLION_ANVIL is the path of anvil, which `.ci/run anchors` installs from npm",
        );
        let mut child = Command::new(&path)
            .args(["--host", "127.0.0.1", "--port", "0", "--no-mining"])
            .args(["--slots-in-an-epoch", "2"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned))
            .expect("anvil says where it listens");
        // Whatever else it says has to go somewhere, or it stops when the pipe is full.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let agent = ureq::Agent::config_builder().build().into();
        Self { child, url: format!("http://{address}"), agent }
    }

    pub(crate) fn rpc(&self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut answer = self.agent.post(&self.url).send_json(&body).expect("anvil answers");
        let answer: Value = answer.body_mut().read_json().expect("JSON");
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    pub(crate) fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", json!([format!("0x{blocks:x}")]));
    }

    pub(crate) fn balance(&self, of: &Address, wei: u128) {
        let of = format!("0x{}", ganglion_types::hex(of));
        self.rpc("anvil_setBalance", json!([of, format!("0x{wei:x}")]));
    }

    /// The contract, made by the first account and final.
    pub(crate) async fn deploy(&self) -> Address {
        let maker = self.backend([0; 20], KEY, 100);
        let mined = async {
            while self.rpc("txpool_status", json!([]))["pending"] == "0x0" {
                tokio::task::yield_now().await;
            }
            self.mine(1);
        };
        let pause = std::time::Duration::from_millis(20);
        let (made, ()) = tokio::join!(maker.deploy(500, pause), mined);
        self.mine(8);
        made.expect("the contract is made").0
    }

    /// A backend on this chain. Fees up to `cap_gwei` per unit of gas.
    pub(crate) fn backend(&self, contract: Address, key: &str, cap_gwei: u128) -> Evm {
        let settings = EvmSettings {
            rpc: self.url.clone(),
            chain_id: 31_337,
            contract,
            from_block: 0,
            fee_cap: cap_gwei * GWEI,
            finality: EvmFinality::Finalized,
        };
        Evm::new(settings, EvmKey::from_hex(key)).expect("a backend")
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
