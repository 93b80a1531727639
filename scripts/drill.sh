#!/usr/bin/env bash
# A subnet that keeps certifying through trouble:
#   the bootnode is killed after epoch 2, the 22 % validator after epoch 3 and started again after
#   epoch 5, and a Python miner joins after epoch 3.
# Holds if no epoch is missed, the restarted validator has every epoch, and the Python miner earned.
#
# Usage: scripts/drill.sh [PATH OF ganglion] [EPOCHS]
set -euo pipefail

ganglion=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/release/ganglion}")
epochs=${2:-10}
root=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
net=$dir/testnet
result=$dir/result.json

say() { printf 'drill: %s\n' "$*" >&2; }

finish() {
  local code=$?
  if kill -0 "${up:-0}" 2>/dev/null; then
    kill -INT "$up" 2>/dev/null || true
    wait "$up" 2>/dev/null || true
  fi
  if [ "$code" -ne 0 ]; then
    say "FAILED; the last lines of the run and of the validator that was killed:"
    tail -n 20 "$dir/up.log" >&2 || true
    "$ganglion" testnet logs validator-4 --dir "$net" --lines 20 >&2 || true
  fi
  rm -rf "$dir"
  exit "$code"
}
trap finish EXIT

# The last epoch that the given node holds; 0 while it does not answer.
epoch_of() {
  "$ganglion" testnet status --dir "$net" --json 2>/dev/null |
    python3 -c 'import json, sys
name = sys.argv[1]
nodes = json.load(sys.stdin)["testnet"]["nodes"]
held = next((node["held"] for node in nodes if node["record"]["name"] == name), {})
print(max(map(int, held), default=0))' "$1" 2>/dev/null || echo 0
}

# Waits until validator-1 holds an epoch, for at most so many seconds.
await_epoch() {
  local wanted=$1 limit=$2 waited=0
  while [ "$(epoch_of validator-1)" -lt "$wanted" ]; do
    kill -0 "$up" 2>/dev/null || { say "the testnet ended before epoch $wanted"; exit 1; }
    [ "$waited" -lt "$limit" ] || { say "no epoch $wanted within $limit s"; exit 1; }
    sleep 1
    waited=$((waited + 1))
  done
}

"$ganglion" testnet up --dir "$net" --epochs "$epochs" --json >"$result" 2>"$dir/up.log" &
up=$!

await_epoch 2 180
say "epoch 2 is certified: killing the bootnode"
"$ganglion" testnet stop bootnode --kill --dir "$net" >&2

await_epoch 3 60
say "epoch 3 is certified: killing validator-4 (22 % of stake), adding a Python miner"
"$ganglion" testnet stop validator-4 --kill --dir "$net" >&2
"$ganglion" testnet add-miner --name python --dir "$net" \
  --command "python3 $root/examples/python/miner.py" >&2

await_epoch 5 90
say "epoch 5 is certified: starting validator-4 again"
"$ganglion" testnet start validator-4 --dir "$net" >&2

code=0
wait "$up" || code=$?
python3 - "$result" "$epochs" "$code" <<'PY'
import json, sys

path, wanted, code = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
result = json.load(open(path))
failures = list(result["failures"])
if not result["held"] or code != 0:
    failures.append(f"the testnet did not hold (exit code {code})")
missed = [one["epoch"] for one in result["epochs"] if one["missed"]]
if missed:
    failures.append(f"missed epochs {missed}")
held = {node["name"]: [one["epoch"] for one in node["epochs"]] for node in result["nodes"]}
if held.get("validator-4", [])[:wanted] != list(range(1, wanted + 1)):
    failures.append(f"validator-4 holds {held.get('validator-4')}")
paid = [int(row["paid_rao"]) for row in result["metagraph"] if "miner.py" in (row["model"] or "")]
if not paid or max(paid) == 0:
    failures.append("the Python miner earned nothing")
longest = max(one["seconds"] for one in result["epochs"])
print(f"drill: {len(result['epochs'])} epochs, missed {missed}, slowest decision {longest:.2f} s,"
      f" Python miner earned {max(paid, default=0) / 1e9:.3f} units")
for failure in failures:
    print(f"drill: {failure}")
sys.exit(1 if failures else 0)
PY
say "held"
