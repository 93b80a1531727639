#!/usr/bin/env python3
"""Brings the testnet of deploy/compose.yaml up, and treats it as operators do.

Five epochs seen from outside; containers killed and replaced; a rolling restart of every validator; the
same roots on every node; a Prometheus that sees what dashboards and rules ask for. Then all is taken down.

Usage: compose.py PATH OF ganglion    images: scripts/deploy/images.sh
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from nodes import DOCKER, Broken, address, epoch, get, inspect, main, missed, run, same_roots, say, wait

ROOT = pathlib.Path(__file__).parents[2]
PROJECT = f"ganglion-ci-{os.getpid()}"
VALIDATORS = [f"validator-{number}" for number in range(1, 5)]
MINERS = [f"miner-{number}" for number in range(1, 4)]
NODES = ["bootnode", *VALIDATORS, *MINERS, "observer"]
EPOCHS = 5


def compose_command():
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    return [DOCKER, "compose"]


class Net:
    def __init__(self, net):
        self.base = [*compose_command(), "-p", PROJECT, "--env-file", str(net / "compose.env"),
                     "-f", str(ROOT / "deploy/compose.yaml")]
        self.env = {**os.environ, "GANGLION_IMAGE": "ganglion-ci/ganglion",
                    "PROMETHEUS_IMAGE": "ganglion-ci/prometheus",
                    # Ports that the system chooses.
                    "GANGLION_PORT": "0", "PROMETHEUS_PORT": "0", "GRAFANA_PORT": "0"}

    def compose(self, *words, check=True):
        return run(*self.base, *words, env=self.env, check=check)

    def container(self, service):
        return self.compose("ps", "-q", service).strip()

    def published(self, service, port):
        """Where this machine reaches a port that the file publishes: from outside the network."""
        bound = inspect(self.container(service))["NetworkSettings"]["Ports"][f"{port}/tcp"]
        return f"127.0.0.1:{bound[0]['HostPort']}"

    def api(self, service):
        ip = address(self.container(service))
        return f"{ip}:7880"

    def ready(self, service):
        return get(self.api(service), "/readyz")[0] == 200

    def healthy(self, service):
        state = inspect(self.container(service))["State"]
        return state.get("Health", {}).get("Status") == "healthy"


def hold_on(net, service, outside):
    """Until a node does its part again, at the subnet's own epoch."""
    wait(f"{service} is ready", lambda: net.ready(service), 120)
    wait(f"{service} is at the top", lambda: epoch(net.api(service)) >= epoch(outside) > 0, 60)


def trial(net):
    net.compose("up", "-d", *NODES, "prometheus")
    outside = net.published("observer", 7880)
    wait(f"{EPOCHS} epochs are certified, seen at a published port", lambda: epoch(outside) >= EPOCHS, 240)
    for service in NODES:
        wait(f"{service} is healthy", lambda one=service: net.healthy(one), 60)
    say("killing validator-2 and miner-1, and putting new containers in their places")
    for service in ("validator-2", "miner-1"):
        old = net.container(service)
        run(DOCKER, "kill", old)
        net.compose("rm", "-f", service)
        net.compose("up", "-d", "--no-deps", service)
        if net.container(service) == old:
            raise Broken(f"{service} is the old container")
        hold_on(net, service, outside)
    before, lost = epoch(outside), missed(outside)
    say(f"rolling restart from epoch {before} on; missed so far: {lost}")
    for service in VALIDATORS:
        net.compose("restart", "-t", "10", service)
        code = inspect(net.container(service))["State"]["ExitCode"]
        if code != 0:
            raise Broken(f"{service} ended with {code} at a restart")
        hold_on(net, service, outside)
    gone = missed(outside) - lost
    say(f"rolling restart: {epoch(outside) - before} epochs went by, {gone} were missed")
    if gone:
        raise Broken(f"{gone} epochs were missed during the rolling restart")
    hosts = {service: net.api(service) for service in NODES}
    last = same_roots(hosts)
    say(f"{len(hosts)} nodes show the same cuts and roots of {last} epochs")
    prometheus = net.published("prometheus", 9090)
    done = subprocess.run([sys.executable, str(ROOT / "scripts/deploy/series.py"),
                           f"http://{prometheus}", "120"])
    if done.returncode != 0:
        raise Broken("Prometheus does not see what dashboards and rules ask for")


def keys(ganglion, directory, *more):
    """What docs/OPERATING.md says: manifest, keys and addresses."""
    run(ganglion, "testnet", "keys", "--out", str(directory), "--miners", "3", "--genesis-in", "30s", *more)
    return directory


def body():
    ganglion = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="ganglion-compose-") as name:
        # Containers of another user look for their files in it.
        os.chmod(name, 0o755)
        # Half of what operators get: much of this is waiting.
        net = Net(keys(ganglion, pathlib.Path(name) / "net", "--epoch-length", "5s"))
        try:
            trial(net)
        except Broken:
            print(net.compose("ps", check=False), file=sys.stderr)
            print(net.compose("logs", "--tail", "15", check=False)[-8000:], file=sys.stderr)
            raise
        finally:
            net.compose("down", "-v", "-t", "5", check=False)
    say("compose: held")


if __name__ == "__main__":
    sys.exit(main(body))
