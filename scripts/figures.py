#!/usr/bin/env python3
"""Figures of a running testnet, from the /metrics of its nodes.

Usage: scripts/figures.py [DIRECTORY OF THE TESTNET]        (default: testnet)

Prints, per role: resident memory, bytes per certified epoch, and the time of each phase.
"""

import json
import re
import sys
import urllib.request
from collections import defaultdict


def samples(port):
    """{name: {labels: value}} of one node."""
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    found = defaultdict(dict)
    for line in page.splitlines():
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if match and not line.startswith("#"):
            found[match[1]][match[2] or ""] = float(match[3])
    return found


def mean(node, name, label=""):
    count = node[f"{name}_count"].get(label, 0)
    return node[f"{name}_sum"].get(label, 0) / count if count else None


def median(values):
    values = sorted(value for value in values if value is not None)
    return values[len(values) // 2] if values else None


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else "testnet"
    records = json.load(open(f"{directory}/testnet.json"))["nodes"]
    roles = defaultdict(list)
    for record in records:
        if record["pid"] is not None:
            roles[record["role"]].append(samples(record["api_port"]))

    print("| role | nodes | resident MiB | KiB in per epoch | KiB out per epoch |")
    print("|---|---|---|---|---|")
    for role, nodes in roles.items():
        epochs = [node["ganglion_epochs_certified_total"].get("", 0) or 1 for node in nodes]

        def per_epoch(direction):
            moved = (node["ganglion_p2p_bytes_total"][f'direction="{direction}"'] for node in nodes)
            return median([bytes_ / count / 1024 for bytes_, count in zip(moved, epochs)])

        memory = median([node["ganglion_process_resident_memory_bytes"][""] for node in nodes])
        print(f"| {role} | {len(nodes)} | {memory / 2**20:.1f} | {per_epoch('in'):.0f}"
              f" | {per_epoch('out'):.0f} |")

    validators = roles["validator"]
    print("\n| validators: what | mean |")
    print("|---|---|")
    for phase in ("window", "lists", "agreement"):
        seconds = median([mean(node, "ganglion_epoch_phase_seconds", f'phase="{phase}"')
                          for node in validators])
        if seconds is not None:
            print(f"| phase {phase} | {seconds * 1000:.0f} ms |")
    for name, what in (("ganglion_epoch_certify_seconds", "deadline to decision"),
                       ("ganglion_execute_seconds", "execution: Yuma and ledger"),
                       ("ganglion_store_commit_seconds", "storing an epoch"),
                       ("ganglion_store_sync_seconds", "making a statement durable")):
        seconds = median([mean(node, name) for node in validators])
        if seconds is not None:
            print(f"| {what} | {seconds * 1000:.2f} ms |")


main()
