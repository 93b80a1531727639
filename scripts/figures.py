#!/usr/bin/env python3
"""Tables of a testnet's report, as docs/evidence has them.

Usage: ganglion testnet up [FILE] --epochs N --json > report.json
       scripts/figures.py report.json [report.json ...]
       scripts/figures.py --phases [DIRECTORY]              of a running testnet (default: testnet)

The first form prints what each node earned, what behaviours brought, what a load did, and what nodes
used. The second reads the time of each phase from the validators' /metrics.
"""

import json
import re
import sys
import urllib.request
from collections import defaultdict


def table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print()


def figure(value):
    return "" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")


def units(rao):
    return f"{int(rao) / 1e9:.1f}"


def show(path):
    report = json.load(open(path))
    epochs = report["epochs"]
    print(f"{path}: {len(epochs)} epochs, held: {report['held']}, slowest decision"
          f" {max(one['seconds'] or 0 for one in epochs):.2f} s, longest time between two cuts"
          f" {report['longest_gap_ms'] / 1000:.1f} s, rounds above the first:"
          f" {sum(one['round'] > 0 for one in epochs)}\n")
    shares = {row["name"]: row for row in report["metagraph"] if row["name"]}
    roles = {node["name"]: node["role"] for node in report["nodes"]}
    table(["node", "role", "behaviour", "incentive at the end", "dividends at the end",
           "paid, units"],
          [[name, roles[name], row["behaviour"], figure(row["incentive"] / 65535),
            figure(row["dividends"] / 65535), units(row["paid_rao"])]
           for name, row in shares.items()])
    table(["behaviour", "role", "nodes", "incentive", "dividends per stake", "paid, units"],
          [[one["behaviour"], one["role"], one["nodes"], figure(one["incentive"]),
            figure(one["dividends_per_stake"]), figure(one["paid"])]
           for one in report["behaviours"]])
    if report["assertions"]:
        table(["assertion", "epochs", "measured", "", "against", "holds"],
              [[one["name"], "{}..{}".format(*one["epochs"]), figure(one["measured"]),
                one["comparison"], figure(one["against"]), "yes" if one["held"] else "NO"]
               for one in report["assertions"]])
    if report["offences"]:
        table(["offender", "said two things as", "in epoch", "proven in epoch"],
              [[one["offender"], one["kind"], one["epoch"], one["proven_in"]]
               for one in report["offences"]])
    if report["load"]:
        load(report["load"])
    state = report["state"]
    if state:
        right, looks = state["balanced"]
        print(f"State: {state['rows']} rows, {state['bytes'] / 1024:.1f} KiB; supply"
              f" {int(state['supply_rao']) / 1e9:.9f} units, right in {right} of {looks} looks.\n")
    table(["role", "nodes", "resident MiB", "KiB in per epoch", "KiB out per epoch",
           "KiB of log per epoch"],
          [[one["role"], one["nodes"], f"{one['resident_bytes'] / 2**20:.1f}",
            *(f"{one[key] / 1024:.1f}" for key in ("bytes_in", "bytes_out", "log_bytes"))]
           for one in report["usage"]])


def load(report):
    columns = ("sent", "done", "failed", "refused", "undecided")
    kinds = report["kinds"]
    total = {column: sum(one[column] for one in kinds.values()) for column in columns}
    table(["operation", *columns],
          [[kind, *(one[column] for column in columns)]
           for kind, one in [*kinds.items(), ("all", total)]])
    reasons = [[count, kind, reason] for kind, reasons in
               [*report["failures"].items(), *report["refusals"].items()]
               for reason, count in reasons.items()]
    table(["failed", "operation", "why"], sorted(reasons, key=lambda row: -row[0]))


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


def phases(directory):
    records = json.load(open(f"{directory}/testnet.json"))["nodes"]
    validators = [samples(one["api_port"]) for one in records
                  if one["pid"] is not None and one["role"] == "validator"]
    rows = []
    for phase in ("window", "lists", "agreement"):
        rows.append((f"phase {phase}", "ganglion_epoch_phase_seconds", f'phase="{phase}"'))
    rows += [("deadline to decision", "ganglion_epoch_certify_seconds", ""),
             ("execution: Yuma and ledger", "ganglion_execute_seconds", ""),
             ("storing an epoch", "ganglion_store_commit_seconds", ""),
             ("making a statement durable", "ganglion_store_sync_seconds", "")]
    found = [(what, median(mean(node, name, label) for node in validators))
             for what, name, label in rows]
    table(["validators: what", "mean"],
          [[what, f"{seconds * 1000:.2f} ms"] for what, seconds in found if seconds is not None])


def main():
    arguments = sys.argv[1:]
    if not arguments:
        sys.exit(__doc__)
    if arguments[0] == "--phases":
        phases(arguments[1] if len(arguments) > 1 else "testnet")
        return
    for path in arguments:
        show(path)


main()
