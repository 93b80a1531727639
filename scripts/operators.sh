#!/usr/bin/env bash
# What deploy/ promises, tried: checkers, images, the testnet in containers with Prometheus, every container of the
# kustomize overlay, the unit under a systemd. Takes some six minutes, and root for a container engine of its own where none
# runs.
#
# Usage: scripts/operators.sh [PATH OF ganglion] [FOLDER FOR TOOLS] [CHECK...]
#
# CHECKs are the programs of scripts/deploy that need an engine: compose, pods and unit if none is named; stranger takes the time
# from keys to the first certified epoch, five times.
set -euo pipefail

cd "$(dirname "$0")/.."
ganglion=$(realpath "${1:-target/release/ganglion}")
tools=${2:-target/deploy-tools}
checks=("${@:3}")
((${#checks[@]})) || checks=(compose pods unit)
here=scripts/deploy
engine=""

# Debian's client: a newer one without the plugin buildx has no BuildKit.
if [[ -x /usr/bin/docker ]]; then
    export DOCKER=/usr/bin/docker
fi
docker=${DOCKER:-docker}

finish() {
    local code=$?
    if [[ -n $engine ]]; then
        kill "$(cat "$engine/pid")" 2>/dev/null || true
        tail --pid="$(cat "$engine/pid" 2>/dev/null || echo 0)" -f /dev/null 2>/dev/null || true
        if ((code != 0)); then
            tail -n 20 "$engine/log" >&2
        fi
        rm -rf "$engine"
    fi
    exit "$code"
}
trap finish EXIT

# An engine of our own, with nothing of it left behind: images and containers are in a folder that goes.
start_engine() {
    "$docker" info >/dev/null 2>&1 && return
    engine=$(mktemp -d)
    export DOCKER_HOST="unix://$engine/socket"
    dockerd --host "$DOCKER_HOST" --data-root "$engine/data" --exec-root "$engine/exec" \
        --pidfile "$engine/pid" >"$engine/log" 2>&1 &
    local waited=0
    until "$docker" info >/dev/null 2>&1; do
        ((waited < 60)) || { echo "no container engine answers after 60 s" >&2; return 1; }
        sleep 1
        waited=$((waited + 1))
    done
}

scripts/check-deploy.sh "$tools"
start_engine
"$here/images.sh" "$ganglion"
for check in "${checks[@]}"; do
    "$tools/bin/python3" "$here/$check.py" "$ganglion"
done
