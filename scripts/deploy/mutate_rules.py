#!/usr/bin/env python3
"""Shows that the tests of the alert rules can fail: each rule is broken twice, once so that it always
fires and once so that it never does, and its tests have to notice both.

Usage: mutate_rules.py    needs promtool
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import yaml

BASE = pathlib.Path(__file__).parents[2] / "deploy/prometheus"


def broken(folder, rules, expr):
    """A copy of rules and tests in which this is the expression of every rule; its files of tests."""
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["expr"] = expr
            rule.pop("for", None)
    (folder / "rules").mkdir(parents=True)
    (folder / "rules/ganglion.yml").write_text(yaml.safe_dump(rules))
    shutil.copytree(BASE / "tests", folder / "tests")
    return sorted((folder / "tests").glob("*.yml"))


def failed(tests):
    """Alerts whose tests in a file fail."""
    done = subprocess.run(["promtool", "test", "rules", str(tests)], capture_output=True)
    output = (done.stdout + done.stderr).decode()
    return set(re.findall(r'alertname=\\?"(\w+)\\?"', output))


def main():
    text = (BASE / "rules/ganglion.yml").read_text()
    names = [rule["alert"] for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    blind = []
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(os.cpu_count()) as pool:
        for how, expr in (("always fires", "vector(1)"), ("never fires", "vector(1) > 1")):
            files = broken(pathlib.Path(name) / how, yaml.safe_load(text), expr)
            noticed = set().union(*pool.map(failed, files))
            blind += [f"{one}: nothing fails if it {how}" for one in names if one not in noticed]
    for one in blind:
        print(f"mutate: {one}", file=sys.stderr)
    print(f"mutate: {2 * len(names) - len(blind)} of {2 * len(names)} broken rules were noticed")
    sys.exit(1 if blind else 0)


if __name__ == "__main__":
    main()
