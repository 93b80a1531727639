#!/usr/bin/env python3
"""Simulates many seeds over several sittings, and keeps the figures.

  scripts/seeds.py run --to 100000 [--from 0] [--chunk 1000]    goes on where the table of evidence ends
  scripts/seeds.py run --again COMMIT ...                       what those commits ran, or what showed something, anew
  scripts/seeds.py run --binary FILE                            with a simulator that was built otherwise
  scripts/seeds.py page                                         writes the page beside it

Each chunk is one run of ganglion-sim (profile soak), every seed twice; its row is added when it has ended, so a
sitting may be ended at any time. A violation is printed with the command that replays it, and the next chunk begins.
Rows are never taken away: of a chunk that was run again, the page counts the last run, and tells of all.
"""
import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "evidence" / "seeds.tsv"
PAGE = TABLE.with_suffix(".md")
COLUMNS = ["from", "to", "commit", "load", "seconds", "violations", "epochs", "hours", "stored", "mandatory",
           "lost", "replayed", "demanded", "given", "beyond", "faults", "liars"]


def pairs(text, title):
    """The bars of a histogram that ganglion-sim prints, as `name=count` joined by commas."""
    block = re.search(rf"^{title}\n((?:  .*\n?)+)", text, re.M)
    bars = re.findall(r"^  (\S+) +(\d+)", block[1], re.M) if block else []
    return ",".join(f"{name}={many}" for name, many in bars)


def row(text, first, last, commit, load):
    """A row of the table from the output of one chunk; None if it did not end."""
    def number(pattern):
        return re.search(pattern, text, re.M)
    ends = number(r"^(\d+) seeds, (\d+) with violations")
    if not ends or int(ends[1]) != last - first:
        return None
    worlds = number(r"^\d+ worlds, (\d+) epochs, (\d+) hours")
    lost = number(r"^messages lost, replayed +(\d+) +(\d+)")
    live = number(r"^progress demanded, given +(\d+) +(\d+)")
    return [first, last, commit, load, number(r"threads, ([\d.]+) s")[1], ends[2], worlds[1], worlds[2],
            number(r"^epochs stored by nodes +(\d+)")[1], number(r"^items that had to be in +(\d+)")[1],
            lost[1], lost[2], live[1], live[2], number(r"^a third was reached in +(\d+)")[1],
            pairs(text, "faults injected, by kind"), pairs(text, "worlds by dishonest behaviour")]


def rows():
    """What was run, in order."""
    if not TABLE.exists():
        return []
    lines = TABLE.read_text().splitlines()[1:]
    return [dict(zip(COLUMNS, line.split("\t"))) for line in lines]


def newest():
    """The last run of each chunk."""
    return list({one["from"]: one for one in rows()}.values())


def chunks(arguments):
    """The ranges of seeds to run: from where the table ends, or of those of its rows that are to be made anew."""
    if arguments.again:
        old = [one for one in newest() if one["commit"] in arguments.again or one["violations"] != "0"]
        old.sort(key=lambda one: one["violations"] == "0")
        return [(int(one["from"]), int(one["to"])) for one in old]
    first = max([arguments.first] + [int(one["to"]) for one in rows()])
    return [(at, min(at + arguments.chunk, arguments.to)) for at in range(first, arguments.to, arguments.chunk)]


def add(made):
    """Adds a row."""
    if not TABLE.exists():
        TABLE.write_text("\t".join(COLUMNS) + "\n")
    with TABLE.open("a") as table:
        table.write("\t".join(str(one) for one in made) + "\n")


def run(arguments):
    """Chunk after chunk."""
    binary = arguments.binary
    if not binary:
        subprocess.run(["cargo", "build", "--profile", "soak", "-p", "ganglion-sim"], cwd=ROOT, check=True)
        binary = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "soak/ganglion-sim"
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=True, capture_output=True,
                            text=True).stdout.strip()
    failed = 0
    for first, last in chunks(arguments):
        ran = subprocess.run([binary, "--keep-going", "--seeds", f"{first}..{last}"],
                             capture_output=True, text=True, check=False)
        made = row(ran.stdout, first, last, commit, f"{os.getloadavg()[1]:.1f}")
        if made is None:
            sys.exit(f"seeds {first}..{last} did not end:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
        add(made)
        failed += int(made[5])
        for found in re.findall(r"^VIOLATION.*(?:\n  .*)*", ran.stdout, re.M):
            print(found)
        print(f"{time.strftime('%H:%M')}  seeds {first}..{last}: {made[5]} with violations, {made[4]} s", flush=True)
    sys.exit(1 if failed else 0)


def page():
    """The sums of the last run of each chunk, and what every commit showed."""
    done = newest()
    total = {name: sum(float(one[name]) for one in done) for name in COLUMNS[4:15]}
    seeds = sum(int(one["to"]) - int(one["from"]) for one in done)
    sums = {"faults": Counter(), "liars": Counter()}
    for one in done:
        for name, counter in sums.items():
            for bar in filter(None, one[name].split(",")):
                kind, many = bar.split("=")
                counter[kind] += int(many)
    ever = sum(int(one["violations"]) for one in rows())
    commits = {}
    for one in rows():
        count = commits.setdefault(one["commit"], [0, 0])
        count[0] += int(one["to"]) - int(one["from"])
        count[1] += int(one["violations"])
    each = "".join(f"| {commit} | {many:,} | {bad} |\n" for commit, (many, bad) in commits.items())
    loads = [float(one["load"]) for one in done]
    text = f"""# Seeds

Worlds of [SIMULATION.md](../SIMULATION.md), below the fault bound, each run twice to one trace. Made by `scripts/seeds.py page` from [seeds.tsv](seeds.tsv), which has a row for each
run; the runs by `scripts/seeds.py run`, in several sittings and at several commits, with a load average of {min(loads):.0f} to {max(loads):.0f} on two cores, mostly of other work.

| | |
|---|---|
| seeds | {seeds:,} |
| with violations, at their last run and ever | {total['violations']:,.0f}, {ever:,} |
| progress demanded, given | {total['demanded']:,.0f}, {total['given']:,.0f} |
| a third of stake became dishonest by operations, nothing claimed | {total['beyond']:,.0f} |
| epochs certified, stored by nodes | {total['epochs']:,.0f}, {total['stored']:,.0f} |
| virtual time | {total['hours'] / 24:,.0f} days |
| items that had to be in a cut, and were | {total['mandatory']:,.0f} |
| messages lost, replayed | {total['lost']:,.0f}, {total['replayed']:,.0f} |
| seeds per second | {seeds / max(total['seconds'], 1):.1f} |

What was run at each commit; some seeds were run again, after what older ones had shown was mended.

| commit | seeds | with violations |
|---|---|---|
{each}
A seed that showed something is in [`sim/tests/it/seeds.rs`](../../sim/tests/it/seeds.rs), with what it was, from the commit on that mends it.

| fault | injected | | dishonest behaviour | worlds |
|---|---|---|---|---|
"""
    faults, liars = (sorted(sums[name].items()) for name in ("faults", "liars"))
    for at in range(max(len(faults), len(liars))):
        left = faults[at] if at < len(faults) else ("", 0)
        right = liars[at] if at < len(liars) else ("", 0)
        cells = [f"{name} | {many:,}" if name else " | " for name, many in (left, right)]
        text += f"| {cells[0]} | | {cells[1]} |\n"
    PAGE.write_text(text)


def main():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "page"])
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--to", type=int, default=100_000)
    parser.add_argument("--chunk", type=int, default=1_000)
    parser.add_argument("--again", nargs="+", metavar="COMMIT")
    parser.add_argument("--binary", type=Path)
    arguments = parser.parse_args()
    if arguments.what == "run":
        run(arguments)
    else:
        page()


if __name__ == "__main__":
    main()
