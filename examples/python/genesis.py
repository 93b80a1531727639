#!/usr/bin/env python3
"""The genesis checkpoint of a Ganglion manifest, derived from its TOML alone.

Written from docs/spec/manifest.md, docs/spec/ledger.md and docs/spec/proto/state.proto. It shares no code with the node.

    genesis.py MANIFEST               # prints 0:CUTID

It does not check the manifest's bounds: `ganglion subnet show` does. A manifest that breaks them makes no subnet.
"""

import datetime
import hashlib
import re
import sys
import tomllib
from decimal import Decimal

from verify import blake3, tagged

RAO = 10**9
FIRST_BURN_PRICE = RAO
TAKE_MAX = 11796
TABLES = 13
UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

PHASES = ("commit_deadline", "margin", "weights", "least_window", "grace", "propose", "vote", "delta")
# By number, with their units.
HYPERPARAMETERS = (
    ("emission", "rao"), ("kappa", "number"), ("yuma3_enabled", "number"),
    ("liquid_alpha_enabled", "number"), ("alpha_low", "number"), ("alpha_high", "number"),
    ("alpha_sigmoid_steepness", "signed"), ("bonds_moving_avg", "number"),
    ("bonds_penalty", "number"), ("activity_cutoff", "number"), ("stake_threshold", "rao"),
    ("max_validators", "number"), ("max_allowed_uids", "number"), ("min_allowed_weights", "number"),
    ("max_weights_limit", "number"), ("commit_reveal_weights_enabled", "number"),
    ("registration_allowed", "number"), ("max_registrations_per_epoch", "number"),
    ("min_difficulty", "number"), ("max_difficulty", "number"), ("min_balance", "rao"),
    ("reveal_grace", "number"), ("weights_rate_limit", "number"), ("immunity_period", "number"),
    ("min_non_immune_uids", "number"), ("min_burn", "rao"), ("max_burn", "rao"),
    ("unbonding_epochs", "number"), ("slash_fraction", "number"), ("revision_delay", "number"),
)


class NoManifest(Exception):
    """A file that is no manifest."""


# ---- what fields mean --------------------------------------------------------------------------


def rao(value):
    amount = Decimal(value) * RAO
    if amount != int(amount) or amount < 0:
        raise NoManifest(f"{value} is no amount")
    return int(amount)


def duration(text):
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise NoManifest(f"{text!r} is no duration")
    return int(sum(Decimal(number) * UNITS_MS[unit] for number, unit in parts))


def moment(value):
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    start = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (value - start) // datetime.timedelta(milliseconds=1)


def address(text):
    if text.startswith("0x"):
        return bytes.fromhex(text[2:])
    number = 0
    for character in text:
        number = number * 58 + BASE58.index(character)
    data = number.to_bytes(35, "big")
    body, check = data[:33], data[33:]
    if body[0] != 42 or hashlib.blake2b(b"SS58PRE" + body).digest()[:2] != check:
        raise NoManifest(f"{text} is no address")
    return body[1:]


# ---- canonical protobuf ------------------------------------------------------------------------


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def encode(*values):
    """Fields 1, 2, ...: whole numbers, bytes, or lists of bytes. Zero and empty ones are left out."""
    out = b""
    for number, value in enumerate(values, 1):
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int):
                out += varint(number << 3) + varint(int(one)) if one else b""
            elif one or isinstance(value, list):
                out += varint(number << 3 | 2) + varint(len(one)) + one
    return out


def message(values):
    """A message that is there even if it is empty."""
    return [encode(*values)]


# ---- the manifest ------------------------------------------------------------------------------


def participants(text, manifest):
    """In the order of the file, across both kinds."""
    kinds = re.findall(r"^[ \t]*\[\[[ \t]*(validator|miner)[ \t]*\]\]", text, re.MULTILINE)
    left = {kind: iter(manifest.get(kind, [])) for kind in ("validator", "miner")}
    found = []
    for kind in kinds:
        one = next(left[kind])
        tail = bytes.fromhex(one.get("seed_tail", ""))
        stake = rao(one.get("stake", 0))
        role = 1 if kind == "validator" else 2
        found.append((address(one["hotkey"]), address(one["coldkey"]), role, stake, tail))
    return found


def hyperparameters(table):
    values = []
    for name, unit in HYPERPARAMETERS:
        value = rao(table[name]) if unit == "rao" else int(table[name])
        values.append(value << 1 if unit == "signed" else value)
    return values


def merkle(leaves):
    nodes = [blake3(b"\0" + leaf) for leaf in leaves]
    while len(nodes) > 1:
        pairs = [nodes[at:at + 2] for at in range(0, len(nodes), 2)]
        nodes = [blake3(b"\1" + b"".join(pair)) if len(pair) == 2 else pair[0] for pair in pairs]
    top = nodes[0] if nodes else bytes(32)
    return blake3(b"\2" + len(leaves).to_bytes(8, "big") + top)


def derive(text):
    """The id of the synthetic cut of a manifest."""
    try:
        manifest = tomllib.loads(text, parse_float=Decimal)
        members = participants(text, manifest)
        rules = hyperparameters(manifest["hyperparameters"])
        named = dict(zip((name for name, _ in HYPERPARAMETERS), rules))
        phases = [manifest["phases"][name] for name in PHASES]
        task = manifest["task"]
        task = [
            task["type"].encode(), task["scorer"].encode(), task["batch_size"], task["alpha"],
            task["score_power"], int(task["equal_answers_expected"]),
        ]
        genesis_time, epoch_ms = moment(manifest["genesis_time"]), duration(manifest["epoch_length"])
        balances = {address(one["coldkey"]): rao(one["balance"]) for one in manifest.get("account", [])}
        owner = address(manifest["owner"]) if "owner" in manifest else b""
        parent = bytes.fromhex(manifest.get("parent", ""))
        salt = bytes.fromhex(manifest["salt"])
        name = manifest["name"].encode()
    except (KeyError, ValueError, TypeError, AttributeError, StopIteration, ArithmeticError) as error:
        raise NoManifest(f"it is no manifest: {error!r}") from None
    subnet = tagged("ganglion/subnet", encode(
        1, name, salt, genesis_time, epoch_ms, message(phases), message(task), message(rules),
        [encode(*one) for one in members],
        [encode(coldkey, balance) for coldkey, balance in sorted(balances.items())], owner, parent,
    ))

    price = min(max(FIRST_BURN_PRICE, named["min_burn"]), named["max_burn"])
    chain = encode(0, [], named["min_difficulty"], 0, 0, 0, genesis_time, 0, price, 0, 1)
    accounts = {coldkey: 0 for _, coldkey, _, _, _ in members} | balances
    rows = {number: [] for number in range(1, TABLES + 1)}
    rows[1] = [(b"", chain)]
    rows[2] = [(coldkey, encode(balance)) for coldkey, balance in sorted(accounts.items())]
    for uid, (hotkey, coldkey, role, stake, tail) in enumerate(members):
        seed = tail or bytes(32)
        row = encode(hotkey, coldkey, role, stake, int(role == 1), 0, 0, seed, 0, 0, TAKE_MAX)
        rows[3].append((uid.to_bytes(2, "big"), row))
    rows[12] = [(b"", encode(message(rules), epoch_ms, message(phases)))]

    def stage(table):
        return merkle([len(key).to_bytes(2, "big") + key + value for key, value in rows[table]])

    committee = sorted((hotkey, stake) for hotkey, _, role, stake, _ in members if role == 1 and stake)
    committee = [hotkey + stake.to_bytes(8, "big") for hotkey, stake in committee]
    cut = encode(
        subnet, 0, bytes(32), [], [], genesis_time, bytes(32), merkle([b""]),
        merkle([stage(table) for table in sorted(rows)]),
        tagged("ganglion/committee", *committee),
    )
    return tagged("ganglion/cut", cut)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: genesis.py MANIFEST")
    with open(sys.argv[1], encoding="utf-8") as file:
        try:
            print(f"0:{derive(file.read()).hex()}")
        except NoManifest as error:
            sys.exit(f"{sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
