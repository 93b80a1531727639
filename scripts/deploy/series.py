#!/usr/bin/env python3
"""Asks a Prometheus that watches a testnet whether dashboards and rules see anything.

Every expression of every dashboard has to give at least one finite value and no error; every selector of
every rule at least one series; no rule may be in error.

Usage: series.py URL [SECONDS]    waits at most SECONDS (120) until all of it holds
"""

import json
import math
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

ROOT = pathlib.Path(__file__).parents[2]
# A metric, its braces, and nothing else: the rules are written so (lint.py sees to it).
SELECTOR = re.compile(r"\b(?:ganglion_[a-z0-9_]+|up)\{[^}]*\}")


def ask(url, path, **query):
    address = f"{url}{path}?{urllib.parse.urlencode(query)}"
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return json.load(answer)["data"], None
    except urllib.error.HTTPError as error:
        return None, json.load(error).get("error", str(error))
    except OSError as error:
        return None, str(error)


def dashboards():
    for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                expr = target["expr"].replace("$instance", ".+").replace("$__rate_interval", "1m")
                yield f"{path.name}, {panel['title']} {target['refId']}", expr


def selectors():
    for path in sorted((ROOT / "deploy/prometheus/rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                found = SELECTOR.findall(rule["expr"])
                if not found:
                    yield rule["alert"], None
                for selector in found:
                    yield rule["alert"], selector


def finite(data):
    return any(math.isfinite(float(one["value"][1])) for one in data["result"])


def look(url):
    """What does not hold just now, and how much was looked at."""
    wrong, expressions, series = [], 0, 0
    for at, expr in dashboards():
        expressions += 1
        data, error = ask(url, "/api/v1/query", query=expr)
        if error:
            wrong.append(f"{at}: {error}")
        elif not finite(data):
            wrong.append(f"{at}: empty: {expr}")
    for alert, selector in selectors():
        series += 1
        if selector is None:
            wrong.append(f"{alert}: no selector found in it")
            continue
        data, error = ask(url, "/api/v1/query", query=selector)
        if error or not data["result"]:
            wrong.append(f"{alert}: {error or 'no series'}: {selector}")
    data, error = ask(url, "/api/v1/rules")
    rules = [rule for group in (data or {"groups": []})["groups"] for rule in group["rules"]]
    wrong += [f"{one['name']}: {one['lastError']}" for one in rules if one["health"] == "err"]
    if error or not rules:
        wrong.append(f"Prometheus has no rules: {error}")
    return wrong, expressions, series, len(rules)


def main():
    url = sys.argv[1].rstrip("/")
    deadline = time.monotonic() + float(sys.argv[2] if len(sys.argv) > 2 else 120)
    while True:
        wrong, expressions, series, rules = look(url)
        if not wrong or time.monotonic() > deadline:
            break
        time.sleep(2)
    for one in wrong:
        print(f"series: {one}", file=sys.stderr)
    firing, _ = ask(url, "/api/v1/alerts")
    names = sorted({one["labels"]["alertname"] for one in (firing or {"alerts": []})["alerts"]
                    if one["state"] == "firing"})
    print(f"series: {expressions} expressions of dashboards, {series} selectors of {rules} rules,"
          f" {len(wrong)} empty or in error; firing: {', '.join(names) or 'none'}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
