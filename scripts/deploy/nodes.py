"""What the executed checks of deploy/ share: commands, waiting, and questions to nodes from outside."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

DOCKER = os.environ.get("DOCKER", "docker")


class Broken(Exception):
    """Something does not hold."""


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def run(*command, env=None, stdin=None, check=True):
    done = subprocess.run(command, capture_output=True, text=True, env=env, stdin=stdin)
    if check and done.returncode != 0:
        raise Broken(f"{' '.join(command[:6])} ... ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def inspect(container):
    return json.loads(run(DOCKER, "inspect", container))[0]


def address(container):
    networks = inspect(container)["NetworkSettings"]["Networks"].values()
    return next((one["IPAddress"] for one in networks if one["IPAddress"]), None)


def get(host, path, timeout=5):
    """Status and JSON of an answer; status 0 if there is none."""
    try:
        with urllib.request.urlopen(f"http://{host}{path}", timeout=timeout) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, None
    except (OSError, ValueError):
        return 0, None


def epoch(host):
    return (get(host, "/v1/status")[1] or {}).get("epoch", 0)


def missed(host):
    return (get(host, "/v1/status")[1] or {}).get("missed", 0)


def wait(what, condition, seconds):
    """Waits for a condition with a limit; says how long it took."""
    began = time.monotonic()
    while True:
        value = condition()
        if value:
            took = time.monotonic() - began
            say(f"{what}: after {took:.0f} s")
            return took
        if time.monotonic() - began > seconds:
            raise Broken(f"{what}: not within {seconds} s")
        time.sleep(0.5)


def same_roots(hosts):
    """That every node shows the same cuts and roots, of all epochs that all hold; how many those are."""
    last = min(epoch(host) for host in hosts.values())
    if last == 0:
        raise Broken(f"no common epoch: { {name: epoch(host) for name, host in hosts.items()} }")
    for number in range(1, last + 1):
        seen = {}
        for name, host in hosts.items():
            status, one = get(host, f"/v1/epochs/{number}")
            if status != 200:
                raise Broken(f"{name} answers {status} to epoch {number}")
            key = (one["cut"], one["result_root"], one["state_root"])
            seen.setdefault(key, []).append(name)
        if len(seen) != 1:
            raise Broken(f"epoch {number} differs: {seen}")
    return last


def main(body):
    try:
        body()
    except Broken as broken:
        print(f"FAILED: {broken}", file=sys.stderr)
        return 1
    return 0
