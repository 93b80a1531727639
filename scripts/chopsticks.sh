#!/usr/bin/env bash
# A node with the real runtime of a Substrate chain, for the tests of anchors: docs/anchors/substrate.md.
#
#   scripts/chopsticks.sh install DIRECTORY         gets chopsticks and a chain specification, some 280 MB
#   scripts/chopsticks.sh run DIRECTORY [PORT]      runs a node on loopback until it is ended; says its address
#   scripts/chopsticks.sh fund URL ADDRESS AMOUNT   gives an account of such a node so much of the smallest unit
#
# Needs node 20 or later, npm and cargo. The specification is that of Polkadot's bridge hub, spec version 9382, as the
# crate polkadot-parachain-bin carries it (Apache-2.0).
set -euo pipefail

readonly CHOPSTICKS=1.5.1
readonly SPECIFICATION=5.0.0

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

install() {
    local directory=$1 tool crate
    for tool in node npm cargo; do
        command -v "$tool" >/dev/null || fail "$tool is not installed, and the node of the anchor tests needs it"
    done
    node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' \
        || fail "node $(node --version) is installed, and the node of the anchor tests needs 20 or later"
    mkdir -p "$directory"
    directory=$(cd "$directory" && pwd)
    if [[ ! -e $directory/node_modules/.bin/chopsticks ]]; then
        # No script of a package is run: none is needed.
        (cd "$directory" && npm install --prefix "$directory" --no-save --ignore-scripts --no-audit --no-fund \
            "@acala-network/chopsticks@$CHOPSTICKS") || fail "npm did not install chopsticks $CHOPSTICKS"
    fi
    if [[ ! -e $directory/chain-spec.json ]]; then
        # Asking about a crate fetches and unpacks it; it is never built.
        (cd "$directory" && cargo info --quiet "polkadot-parachain-bin@$SPECIFICATION" >/dev/null) \
            || fail "cargo did not fetch polkadot-parachain-bin $SPECIFICATION"
        for crate in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"polkadot-parachain-bin-$SPECIFICATION"; do
            [[ -d $crate ]] || fail "polkadot-parachain-bin $SPECIFICATION was not unpacked"
            cp "$crate/chain-specs/bridge-hub-polkadot.json" "$directory/chain-spec.json.new"
        done
        mv "$directory/chain-spec.json.new" "$directory/chain-spec.json"
    fi
}

run() {
    local directory=$1 port=${2:-0}
    directory=$(cd "$directory" && pwd)
    cat >"$directory/config.yml" <<END
chain-spec: $directory/chain-spec.json
host: 127.0.0.1
port: $port
build-block-mode: Instant
allow-unresolved-imports: true
END
    exec node "$directory/node_modules/.bin/chopsticks" --config "$directory/config.yml"
}

fund() {
    local url=$1 address=$2 amount=$3 account
    account="{\"providers\":1,\"data\":{\"free\":\"$amount\"}}"
    curl --silent --show-error --fail --header 'content-type: application/json' --data \
        "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"dev_setStorage\",\"params\":[{\"System\":{\"Account\":[[[\"$address\"],$account]]}}]}" \
        "${url/#ws:/http:}" >/dev/null
}

case "${1:-}" in
    install) install "${2:?which directory}" ;;
    run) run "${2:?which directory}" "${3:-0}" ;;
    fund) fund "${2:?which address of the node}" "${3:?which account}" "${4:?how much}" ;;
    *) fail "usage: scripts/chopsticks.sh install DIRECTORY | run DIRECTORY [PORT] | fund URL ADDRESS AMOUNT" ;;
esac
