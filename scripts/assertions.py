#!/usr/bin/env python3
"""Runs deploy/testnet/adversaries.toml as it is, then with the condition of an assertion broken: does each one notice?

Two nodes that show two histories cannot be had from an honest two thirds, so "every node shows one history" is
only tried by unit tests (node/src/testnet).

Usage: assertions.py [PATH OF ganglion]
"""

import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[1]
FILE = ROOT / "deploy/testnet/adversaries.toml"
EPOCHS = 10

# What is done to the file, and the assertions that must not hold then.
BROKEN = [
    ("as it is", [], []),
    ("nobody breaks a rule",
     [('behaviour = "equivocator"\nfrom_epoch = 4\n', ""), ('behaviour = "withholder"\n', ""),
      ('behaviour = "lazy"\n', 'worker = "digits-knn"\n'),
      # The assertions are about nodes that misbehave: they are told by name instead.
      ('behaviour = "withholder"\ncomparison', 'node = "withholder"\ncomparison'),
      ('behaviour = "lazy"\ncomparison', 'node = "lazy"\ncomparison')],
     ["saying two things costs stake", "a row that is never opened earns nothing",
      "a lazy miner earns less than one that tries"]),
    ("more than a third of the stake goes",
     [('stake = "60"\nbehaviour = "withholder"\n', 'stake = "600"\nbehaviour = "offline"\nfrom_epoch = 9\n'),
      ('behaviour = "withholder"\ncomparison', 'node = "withholder"\ncomparison')],
     ["nothing is missed"]),
]


def change(text, edits):
    # The last ones first: an assertion's line may be part of a node's.
    for old, new in reversed(edits):
        if old not in text:
            sys.exit(f"{FILE} has no {old!r} any more")
        text = text.replace(old, new, 1)
    return text


def run(ganglion, text, directory):
    """The names of the assertions that did not hold."""
    file = directory / "testnet.toml"
    file.write_text(text)
    command = [ganglion, "testnet", "up", str(file), "--epochs", str(EPOCHS), "--json",
               "--dir", str(directory / "net")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        sys.exit(f"no report:\n{done.stderr[-3000:]}")
    return [one["name"] for one in report["assertions"] if not one["held"]], len(report["assertions"])


def main():
    ganglion = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/release/ganglion")
    wrong = 0
    for what, edits, expected in BROKEN:
        with tempfile.TemporaryDirectory(prefix="ganglion-assertions-") as name:
            failed, all_of_them = run(ganglion, change(FILE.read_text(), edits), pathlib.Path(name))
        # A subnet that stands still breaks others too.
        right = set(expected) <= set(failed) if expected else not failed
        wrong += not right
        print(f"{what}: {all_of_them - len(failed)} of {all_of_them} hold, {failed} do not"
              f"{'' if right else f', and {expected} should not'}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
