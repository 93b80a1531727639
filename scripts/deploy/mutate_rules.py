#!/usr/bin/env python3
"""Shows that the tests of the alert rules can fail: each rule is broken twice, once so that it always
fires and once so that it never does, and its tests have to notice both.

Usage: mutate_rules.py    needs promtool
"""

import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

BASE = pathlib.Path(__file__).parents[2] / "deploy/prometheus"


def main():
    rules = yaml.safe_load((BASE / "rules/ganglion.yml").read_text())
    every = [rule for group in rules["groups"] for rule in group["rules"]]
    names = [rule["alert"] for rule in every]
    blind = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "rules").mkdir()
        tests = []
        for path in sorted((BASE / "tests").glob("*.yml")):
            (folder / "tests").mkdir(exist_ok=True)
            (folder / "tests" / path.name).write_text(path.read_text())
            tests.append(str(folder / "tests" / path.name))
        for how, expr in (("always fires", "vector(1)"), ("never fires", "vector(1) > 1")):
            for rule in every:
                rule["expr"] = expr
                rule.pop("for", None)
            (folder / "rules/ganglion.yml").write_text(yaml.safe_dump(rules))
            done = subprocess.run(["promtool", "test", "rules", *tests], capture_output=True)
            output = (done.stdout + done.stderr).decode()
            failed = set(re.findall(r'alertname=\\?"(\w+)\\?"', output))
            blind += [f"{one}: nothing fails if it {how}" for one in names if one not in failed]
    for one in blind:
        print(f"mutate: {one}", file=sys.stderr)
    print(f"mutate: {2 * len(every) - len(blind)} of {2 * len(every)} broken rules were noticed")
    sys.exit(1 if blind else 0)


if __name__ == "__main__":
    main()
