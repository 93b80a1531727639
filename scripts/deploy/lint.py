#!/usr/bin/env python3
"""What no public checker knows of deploy/: that dashboards, rules, tests and documents fit each other.

Usage: lint.py [ROOT]    ROOT is a checkout; exit code 1 with one line per problem
"""

import json
import pathlib
import re
import sys

import yaml

UNITS = {"none", "short", "percentunit", "s", "bytes", "Bps", "ops", "reqps"}
PANELS = {"stat", "timeseries", "state-timeline"}
DATASOURCE = {"type": "prometheus", "uid": "ganglion-prometheus"}
METRIC = re.compile(r"\b(ganglion_[a-z0-9_]+)")


def documented(root):
    page = (root / "docs/METRICS.md").read_text()
    names = set()
    for name, kind in re.findall(r"^\| `(ganglion_[a-z0-9_]+)[^|]*\| (\w+)", page, re.M):
        names.add(name)
        if kind == "histogram":
            names |= {f"{name}_{end}" for end in ("bucket", "sum", "count")}
    return names


def rules(root):
    for path in sorted((root / "deploy/prometheus/rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                yield rule


def lint_rules(root, known):
    tested = {}
    for path in sorted((root / "deploy/prometheus/tests").glob("*.yml")):
        for test in yaml.safe_load(path.read_text())["tests"]:
            for case in test["promql_expr_test"]:
                name = re.search(r'alertname="(\w+)"', case["expr"]).group(1)
                tested.setdefault(name, set()).add(bool(case["exp_samples"]))
    operating = root / "docs/OPERATING.md"
    text = operating.read_text() if operating.exists() else ""
    headings = {line.strip("# ").lower() for line in text.splitlines() if line.startswith("#")}
    names = set()
    for rule in rules(root):
        name = rule["alert"]
        if name in names:
            yield f"{name} stands twice"
        names.add(name)
        if tested.pop(name, set()) != {True, False}:
            yield f"{name} needs a test in which it fires and one in which it does not"
        notes = rule.get("annotations", {})
        if len(notes.get("runbook", "")) < 80 or not notes.get("summary"):
            yield f"{name} needs a summary and a runbook that helps"
        if notes.get("runbook_url") != f"docs/OPERATING.md#{name.lower()}":
            yield f"{name} has another runbook_url than its section of OPERATING.md"
        if name.lower() not in headings:
            yield f"docs/OPERATING.md has no section {name}"
        if rule.get("labels", {}).get("severity") not in ("critical", "warning", "info"):
            yield f"{name} has no severity"
        for metric in METRIC.findall(rule["expr"]):
            if metric not in known:
                yield f"{name} asks for {metric}, which docs/METRICS.md does not have"
        if bare := [one for one in METRIC.findall(rule["expr"]) if one + "{" not in rule["expr"]]:
            yield f"{name} selects {bare} of every job"
    for name in tested:
        yield f"a test is about {name}, and no rule is"


def lint_dashboard(path, known):
    board = json.loads(path.read_text())
    name = path.name
    if board["uid"] != f"ganglion-{path.stem}":
        yield f"{name} has the uid {board['uid']}"
    for key in ("title", "description", "schemaVersion", "panels", "templating", "time"):
        if not board.get(key):
            yield f"{name} lacks {key}"
    if board["schemaVersion"] < 36:
        yield f"{name} is of an old schema"
    ids, places = set(), set()
    for panel in board["panels"]:
        at = f"{name}, panel {panel.get('title')!r}"
        if panel["id"] in ids:
            yield f"{at} has an id that another has"
        ids.add(panel["id"])
        if panel["type"] not in PANELS:
            yield f"{at} is of type {panel['type']}"
        if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
            yield f"{at} has no unit, or one that is not listed here"
        if panel["datasource"] != DATASOURCE:
            yield f"{at} has another data source than the one that is provisioned"
        grid = panel["gridPos"]
        if grid["x"] + grid["w"] > 24 or min(grid["w"], grid["h"]) < 1:
            yield f"{at} is wider than the page"
        cells = {(grid["x"] + x, grid["y"] + y) for x in range(grid["w"]) for y in range(grid["h"])}
        if cells & places:
            yield f"{at} lies over another"
        places |= cells
        if not panel["targets"]:
            yield f"{at} shows nothing"
        for target in panel["targets"]:
            expr = target["expr"]
            if not target.get("legendFormat") or target["datasource"] != DATASOURCE:
                yield f"{at} has a target without legend or data source"
            for metric in METRIC.findall(expr):
                if metric not in known:
                    yield f"{at} asks for {metric}, which docs/METRICS.md does not have"
            variables = {one["name"] for one in board["templating"]["list"]} | {"__rate_interval"}
            for variable in re.findall(r"\$(\w+)", expr):
                if variable not in variables:
                    yield f"{at} uses ${variable}, which is no variable"


def lint_grafana(root, known):
    base = root / "deploy/grafana"
    source = yaml.safe_load((base / "provisioning/datasources/prometheus.yml").read_text())
    if [one["uid"] for one in source["datasources"]] != [DATASOURCE["uid"]]:
        yield "the provisioned data source has another uid than the dashboards name"
    boards = sorted((base / "dashboards").glob("*.json"))
    if {path.stem for path in boards} != {"subnet", "node", "network"}:
        yield f"dashboards are {[path.stem for path in boards]}"
    for path in boards:
        yield from lint_dashboard(path, known)
    provider = yaml.safe_load((base / "provisioning/dashboards/ganglion.yml").read_text())
    folder = provider["providers"][0]["options"]["path"]
    compose = (root / "deploy/compose.yaml").read_text()
    if f":{folder}:ro" not in compose:
        yield f"compose.yaml mounts nothing at {folder}, where Grafana looks for dashboards"


def lint_compose(root):
    """Only what compose 1.29 and the compose specification both read, and nothing that weakens."""
    compose = yaml.safe_load((root / "deploy/compose.yaml").read_text())
    for key in ("name", "version", "configs"):
        if key in compose:
            yield f"compose.yaml has {key!r}, which not every generation reads"
    scrape = yaml.safe_load((root / "deploy/prometheus/prometheus.yml").read_text())
    scraped = set(scrape["scrape_configs"][0]["dns_sd_configs"][0]["names"])
    nodes = {
        name for name, one in compose["services"].items() if "ganglion" in str(one.get("command"))
        or "--init" in (one.get("command") or [])
    }
    if nodes != scraped:
        yield f"prometheus.yml scrapes {sorted(scraped)}, compose.yaml runs {sorted(nodes)}"
    for name, one in compose["services"].items():
        for key, wanted in (("read_only", True), ("cap_drop", ["ALL"])):
            if one.get(key) != wanted:
                yield f"service {name}: {key} is not {wanted}"
        if "no-new-privileges:true" not in one.get("security_opt", []):
            yield f"service {name} may gain privileges"
        if "healthcheck" in one and "start_interval" in one["healthcheck"]:
            yield f"service {name}: start_interval is not read by every generation"
        for port in one.get("ports", []):
            if not str(port).startswith("127.0.0.1:"):
                yield f"service {name} opens port {port} to the world"


def lint_no_keys(root):
    for path in sorted((root / "deploy").rglob("*")):
        if path.is_file() and '"crypto"' in path.read_text(errors="replace"):
            yield f"{path.relative_to(root)} is a key"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2])
    known = documented(root)
    problems = [
        *lint_rules(root, known),
        *lint_grafana(root, known),
        *lint_compose(root),
        *lint_no_keys(root),
    ]
    for problem in problems:
        print(f"deploy: {problem}", file=sys.stderr)
    count = len(list(rules(root)))
    print(f"deploy: {count} alerts, {len(known)} names of metrics, {len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
