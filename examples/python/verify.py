#!/usr/bin/env python3
"""Checks a proof file of Ganglion ("ganglion/proof/1") from a checkpoint on.

A second verifier, written from docs/spec/proofs.md alone. It shares no code with the node.

    pip install cryptography          # the only package it needs; Debian: python3-cryptography
    verify.py FILE --checkpoint EPOCH:CUTID [--json]
    verify.py FILE --genesis MANIFEST [--json]      # with genesis.py beside it

Exit code 0: proven. 1: refused, with the reason's code. 2: wrong usage.
"""

import argparse
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SCHEMA = "ganglion/proof/1"
FILE_BYTES_MAX = 64 << 20
LINKS_MAX = 65536
PART_BYTES_MAX = 256 * 1024
ROW_BYTES_MAX = 4096
COMMITTEE_MAX = 256
PROOF_NODES_MAX = 64
STAKE_BOUND = (1 << 62) - 1
U64 = 1 << 64


class Refused(Exception):
    """A proof that proves nothing: a code and a sentence."""

    def __init__(self, code, reason):
        super().__init__(reason)
        self.code = code


def need(holds, code, reason):
    if not holds:
        raise Refused(code, reason)


# ---- BLAKE3 (the hash mode), from its specification --------------------------------------------

IV = (
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
    0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
MASK = 0xFFFFFFFF


def mix(s, a, b, c, d, x, y):
    s[a] = (s[a] + s[b] + x) & MASK
    v = s[d] ^ s[a]
    s[d] = (v >> 16 | v << 16) & MASK
    s[c] = (s[c] + s[d]) & MASK
    v = s[b] ^ s[c]
    s[b] = (v >> 12 | v << 20) & MASK
    s[a] = (s[a] + s[b] + y) & MASK
    v = s[d] ^ s[a]
    s[d] = (v >> 8 | v << 24) & MASK
    s[c] = (s[c] + s[d]) & MASK
    v = s[b] ^ s[c]
    s[b] = (v >> 7 | v << 25) & MASK


def compress(chain, block, counter, length, flags):
    words = [int.from_bytes(block[at:at + 4], "little") for at in range(0, 64, 4)]
    state = [*chain, *IV[:4], counter & MASK, counter >> 32, length, flags]
    for turn in range(7):
        mix(state, 0, 4, 8, 12, words[0], words[1])
        mix(state, 1, 5, 9, 13, words[2], words[3])
        mix(state, 2, 6, 10, 14, words[4], words[5])
        mix(state, 3, 7, 11, 15, words[6], words[7])
        mix(state, 0, 5, 10, 15, words[8], words[9])
        mix(state, 1, 6, 11, 12, words[10], words[11])
        mix(state, 2, 7, 8, 13, words[12], words[13])
        mix(state, 3, 4, 9, 14, words[14], words[15])
        if turn < 6:
            words = [words[at] for at in ORDER]
    return [state[at] ^ state[at + 8] for at in range(8)]


def chunk_node(chunk, counter):
    """Arguments of the last compression of one chunk of at most 1024 bytes."""
    chain, start = IV, CHUNK_START
    blocks = [chunk[at:at + 64] for at in range(0, len(chunk), 64)] or [b""]
    for block in blocks[:-1]:
        chain, start = compress(chain, block, counter, 64, start), 0
    last = blocks[-1]
    return chain, last.ljust(64, b"\0"), counter, len(last), start | CHUNK_END


def parent_node(left, right):
    block = b"".join(word.to_bytes(4, "little") for word in [*left, *right])
    return IV, block, 0, 64, PARENT


def tree_node(data, counter):
    if len(data) <= 1024:
        return chunk_node(data, counter)
    chunks = (len(data) - 1) // 1024
    left = 1024 << (chunks.bit_length() - 1)
    return parent_node(
        compress(*tree_node(data[:left], counter)),
        compress(*tree_node(data[left:], counter + left // 1024)),
    )


def blake3(data):
    chain, block, counter, length, flags = tree_node(data, 0)
    words = compress(chain, block, counter, length, flags | ROOT)
    return b"".join(word.to_bytes(4, "little") for word in words)


def tagged(tag, *parts):
    """H(tag, parts) of docs/spec/agreement.md."""
    head = tag.encode() + b"\0"
    return blake3(head + b"".join(len(part).to_bytes(8, "big") + part for part in parts))


# ---- ed25519, strict ---------------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def point(encoded):
    """The point that 32 bytes encode, None for none."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, (number & (2**255 - 1)) % P
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if v * x * x % P != u:
        return None
    if x & 1 != sign:
        x = -x % P
    return x, y


def is_small(encoded):
    """Whether eight times the point is nothing; also for bytes that are no point."""
    found = point(encoded)
    if found is None:
        return True
    x, y = found
    for _ in range(3):
        t = D * x * x * y * y % P
        x, y = (
            2 * x * y * pow(1 + t, P - 2, P) % P,
            (y * y + x * x) * pow(1 - t, P - 2, P) % P,
        )
    return (x, y) == (0, 1)


def holds(key, message, signature):
    """The cofactorless equation by the package; what it may let pass is refused here by hand."""
    if int.from_bytes(signature[32:], "little") >= L:
        return False
    if is_small(signature[:32]) or is_small(key):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


# ---- canonical protobuf ------------------------------------------------------------------------


class NotCanonical(Exception):
    """Bytes that are not the one encoding of anything."""


def expect(holds_):
    if not holds_:
        raise NotCanonical


def varint(data, at):
    value = shift = 0
    while True:
        expect(at < len(data) and shift < 64)
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            # As few bytes as it takes, and 64 bits at most.
            expect((byte or not shift) and value < U64)
            return value, at
        shift += 7


def fields(data):
    """(number, wire type, value) of each field: numbers and byte strings only."""
    at, found = 0, []
    while at < len(data):
        tag, at = varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 2:
            length, at = varint(data, at)
            expect(length <= len(data) - at)
            value, at = data[at:at + length], at + length
        else:
            raise NotCanonical
        found.append((number, wire, value))
    return found


def message(data, shape):
    """Fields by name. shape: number -> (name, kind); kinds: u64, u32, bytes, list."""
    got = {name: [] if kind == "list" else 0 if kind in ("u64", "u32") else b""
           for name, kind in shape.values()}
    before = 0
    for number, wire, value in fields(data):
        expect(number in shape)
        name, kind = shape[number]
        expect(number > before or (number == before and kind == "list"))
        before = number
        if kind in ("u64", "u32"):
            # A zero is left out.
            expect(wire == 0 and value and (kind == "u64" or value < 1 << 32))
            got[name] = value
        elif kind == "bytes":
            expect(wire == 2 and value)
            got[name] = value
        else:
            expect(wire == 2)
            got[name].append(value)
    return got


def id32(value):
    expect(len(value) == 32)
    return value


def rising(ids, most):
    expect(len(ids) <= most and all(len(one) == 32 for one in ids))
    expect(all(a < b for a, b in zip(ids, ids[1:])))


CUT = {
    1: ("subnet", "bytes"), 2: ("epoch", "u64"), 3: ("prev", "bytes"), 4: ("lists", "list"),
    5: ("items", "list"), 6: ("time", "u64"), 7: ("registry", "bytes"),
    8: ("result_root", "bytes"), 9: ("state_root", "bytes"), 10: ("next_committee_root", "bytes"),
}
CUT_ITEMS_MAX = 6400


def read_cut(data):
    cut = message(data, CUT)
    for name in ("subnet", "prev", "registry", "result_root", "state_root", "next_committee_root"):
        id32(cut[name])
    rising(cut["lists"], COMMITTEE_MAX)
    rising(cut["items"], CUT_ITEMS_MAX)
    cut["id"] = tagged("ganglion/cut", data)
    return cut


def read_certificate(data):
    shape = {1: ("epoch", "u64"), 2: ("round", "u32"), 3: ("cut", "bytes"), 4: ("signatures", "list")}
    certificate = message(data, shape)
    id32(certificate["cut"])
    expect(len(certificate["signatures"]) <= COMMITTEE_MAX)
    signed = []
    for entry in certificate["signatures"]:
        one = message(entry, {1: ("signer", "bytes"), 2: ("signature", "bytes")})
        id32(one["signer"])
        expect(len(one["signature"]) == 64)
        signed.append((one["signer"], one["signature"]))
    expect(all(a[0] < b[0] for a, b in zip(signed, signed[1:])))
    certificate["signatures"] = signed
    return certificate


def read_committee(data):
    members = message(data, {1: ("members", "list")})["members"]
    expect(1 <= len(members) <= COMMITTEE_MAX)
    committee = []
    for entry in members:
        one = message(entry, {1: ("hotkey", "bytes"), 2: ("stake", "u64")})
        id32(one["hotkey"])
        expect(one["stake"] > 0)
        committee.append((one["hotkey"], one["stake"]))
    expect(all(a[0] < b[0] for a, b in zip(committee, committee[1:])))
    expect(sum(stake for _, stake in committee) < STAKE_BOUND)
    return committee


def read_merkle(data):
    shape = {1: ("index", "u64"), 2: ("count", "u64"), 3: ("siblings", "list")}
    proof = message(data, shape)
    expect(proof["index"] < proof["count"] and len(proof["siblings"]) <= PROOF_NODES_MAX)
    for sibling in proof["siblings"]:
        id32(sibling)
    return proof


def canonical(read, data, where):
    try:
        expect(len(data) <= PART_BYTES_MAX)
        return read(data)
    except NotCanonical:
        raise Refused("encoding", f"{where} is not canonical") from None


def row_owner(row):
    """Uid and hotkey: fields 1 and 2 of a row, whatever fields follow."""
    try:
        expect(len(row) <= ROW_BYTES_MAX)
        uid, hotkey, before = 0, None, 0
        for number, wire, value in fields(row):
            expect(number > before and value)
            before = number
            if number == 1:
                expect(wire == 0 and value < 1 << 16)
                uid = value
            elif number == 2:
                expect(wire == 2)
                hotkey = id32(value)
        expect(hotkey is not None)
        return uid, hotkey
    except NotCanonical:
        raise Refused("row", "the row is no row of a result") from None


# ---- the file ----------------------------------------------------------------------------------


def no_twins(pairs):
    names = [name for name, _ in pairs]
    need(len(set(names)) == len(names), "json", "a name is given twice")
    return dict(pairs)


def whole_number(text):
    need(not text.startswith("-"), "json", "a number is negative")
    return int(text)


def parse(data):
    need(len(data) <= FILE_BYTES_MAX, "size", "the file is too large")
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=no_twins, parse_int=whole_number)
    except (ValueError, RecursionError) as error:
        raise Refused("json", f"not JSON: {error}") from None


def has_form(value, form, optional=()):
    """An object with exactly these names, of these types."""
    need(isinstance(value, dict), "json", "an object is missing")
    need(set(value) <= set(form), "json", "a name is unknown")
    for name, kind in form.items():
        if name not in value:
            need(name in optional, "json", f"{name} is missing")
            continue
        need(type(value[name]) is kind, "json", f"{name} has another type")
        if kind is int:
            need(value[name] < U64, "json", f"{name} is too large")
        if kind is str:
            need(not any(0xD800 <= ord(c) < 0xE000 for c in value[name]), "json", "no text")


def unhex(text, where, length=None):
    right = len(text) % 2 == 0 and all(c in "0123456789abcdef" for c in text)
    need(right and (length is None or len(text) == 2 * length), "hex", f"{where} is no such hex")
    return bytes.fromhex(text)


def read_file(data):
    file = parse(data)
    has_form(file, {"schema": str, "subnet": str, "checkpoint": dict, "links": list, "claim": dict})
    start, claim = file["checkpoint"], file["claim"]
    has_form(start, {"epoch": int, "cut_id": str, "cut": str})
    for link in file["links"]:
        form = {"cut": str, "certificate": str, "committee": str}
        has_form(link, form, ("certificate", "committee"))
    has_form(claim, {"epoch": int, "hotkey": str, "row": str, "merkle": str})
    need(file["schema"] == SCHEMA, "schema", "the file is of another schema")
    need(len(file["links"]) <= LINKS_MAX, "bounds", "too many epochs")

    proof = {
        "subnet": unhex(file["subnet"], "subnet", 32),
        "epoch": start["epoch"],
        "cut_id": unhex(start["cut_id"], "checkpoint.cut_id", 32),
        "checkpoint": unhex(start["cut"], "checkpoint.cut"),
        "links": [{name: unhex(text, name) for name, text in link.items()} for link in file["links"]],
        "claim_epoch": claim["epoch"],
        "hotkey": unhex(claim["hotkey"], "claim.hotkey", 32),
        "row": unhex(claim["row"], "claim.row"),
        "merkle": unhex(claim["merkle"], "claim.merkle"),
    }
    readers = {"cut": read_cut, "certificate": read_certificate, "committee": read_committee}
    proof["checkpoint"] = canonical(read_cut, proof["checkpoint"], "checkpoint.cut")
    proof["links"] = [
        {name: canonical(readers[name], link[name], f"links[{at}].{name}") for name in link}
        for at, link in enumerate(proof["links"])
    ]
    proof["merkle"] = canonical(read_merkle, proof["merkle"], "claim.merkle")
    return proof


# ---- what it proves ----------------------------------------------------------------------------


def committee_root(committee):
    return tagged("ganglion/committee", *(key + stake.to_bytes(8, "big") for key, stake in committee))


def signed_message(subnet, certificate):
    """What every precommit of a certificate signs: kind 21 of docs/spec/items.md."""
    def number(value):
        out = b""
        while value > 0x7F:
            out += bytes([value & 0x7F | 0x80])
            value >>= 7
        return out + bytes([value])

    body = b"\x08\x02"
    if certificate["epoch"]:
        body += b"\x10" + number(certificate["epoch"])
    if certificate["round"]:
        body += b"\x18" + number(certificate["round"])
    body += b"\x22\x20" + certificate["cut"]
    version, kind = (1).to_bytes(4, "big"), (21).to_bytes(4, "big")
    return b"ganglion/1 " + blake3(b"ganglion/item" + version + subnet + kind + body)


def check_certificate(certificate, subnet, cut, committee):
    epoch = cut["epoch"]
    need(certificate["epoch"] == epoch, "certificate_epoch", f"certificate of epoch {epoch}")
    need(certificate["cut"] == cut["id"], "certificate_cut", f"certificate of epoch {epoch}")
    stakes = dict(committee)
    for signer, _ in certificate["signatures"]:
        need(signer in stakes, "signer", f"{signer.hex()} is not in the committee of epoch {epoch}")
    held = sum(stakes[signer] for signer, _ in certificate["signatures"])
    need(3 * held > 2 * sum(stakes.values()), "quorum", f"no quorum in epoch {epoch}")
    signed = signed_message(subnet, certificate)
    for signer, signature in certificate["signatures"]:
        need(holds(signer, signed, signature), "signature", f"{signer.hex()} in epoch {epoch}")


def check_merkle(root, row, proof):
    digest = blake3(b"\0" + row)
    at, width, siblings = proof["index"], proof["count"], list(proof["siblings"])
    need(at > 0, "merkle", "leaf 0 is the header")
    while width > 1:
        if at % 2 or at + 1 < width:
            need(siblings, "merkle", "a node is missing")
            sibling = siblings.pop(0)
            left, right = (sibling, digest) if at % 2 else (digest, sibling)
            digest = blake3(b"\1" + left + right)
        at, width = at // 2, (width + 1) // 2
    need(not siblings, "merkle", "there are too many nodes")
    top = blake3(b"\2" + proof["count"].to_bytes(8, "big") + digest)
    need(top == root, "merkle", "the row does not stand under the result root")


def verify(data, epoch, cut_id):
    """What a file proves for whoever believes that `cut_id` is the cut of `epoch`."""
    proof = read_file(data)
    said = (proof["epoch"], proof["cut_id"])
    need(said == (epoch, cut_id), "checkpoint", "it starts from another cut")
    before, subnet = proof["checkpoint"], proof["subnet"]
    right = before["id"] == cut_id and before["epoch"] == epoch
    need(right, "checkpoint_cut", "the cut has another id or epoch than the file says")
    need(before["subnet"] == subnet, "subnet", "the checkpoint is of another subnet")

    committee, root, certificates = None, None, 0
    for at, link in enumerate(proof["links"]):
        cut = link["cut"]
        epoch, last = cut["epoch"], at + 1 == len(proof["links"])
        need(cut["subnet"] == subnet, "subnet", f"epoch {epoch} is of another subnet")
        need(epoch == before["epoch"] + 1, "epoch", f"epoch {epoch} is out of order")
        need(cut["prev"] == before["id"], "prev", f"epoch {epoch} follows on another cut")
        if "committee" in link:
            committee = link["committee"]
            root = committee_root(committee)
            need(root == before["next_committee_root"], "committee", f"of epoch {epoch}")
        else:
            known = committee is not None and root == before["next_committee_root"]
            need(known, "committee_missing", f"of epoch {epoch}")
        if "certificate" in link:
            check_certificate(link["certificate"], subnet, cut, committee)
            certificates += 1
        else:
            bound = not last and cut["next_committee_root"] == root
            need(bound, "certificate_missing", f"of epoch {epoch}")
        before = cut

    need(proof["claim_epoch"] == before["epoch"], "claim", "the row is of another epoch")
    uid, hotkey = row_owner(proof["row"])
    need(hotkey == proof["hotkey"], "hotkey", f"the row is that of {hotkey.hex()}")
    check_merkle(before["result_root"], proof["row"], proof["merkle"])
    return {
        "holds": True, "epoch": before["epoch"], "uid": uid, "hotkey": hotkey.hex(),
        "cut": before["id"].hex(), "cuts": len(proof["links"]), "certificates": certificates,
        "not_checked": ["the checkpoint", "data availability", "execution", "anchors"],
    }


def checkpoint(parser, arguments):
    """Epoch and id of the cut that is believed."""
    if arguments.genesis:
        try:
            import genesis  # It takes its hashes from this file.
        except ImportError as error:
            parser.error(f"--genesis needs genesis.py beside this file, and Python 3.11: {error}")
        try:
            with open(arguments.genesis, encoding="utf-8") as file:
                return 0, genesis.derive(file.read())
        except (OSError, ValueError, genesis.NoManifest) as error:
            parser.error(f"{arguments.genesis}: {error}")
    try:
        epoch, cut_id = arguments.checkpoint.split(":")
        return int(epoch), bytes.fromhex(cut_id)
    except ValueError:
        parser.error("a checkpoint is EPOCH:CUTID")


def main():
    parser = argparse.ArgumentParser(description="Check a proof file of Ganglion.")
    parser.add_argument("file", nargs="+", help="one or more, all from this checkpoint on")
    believed = parser.add_mutually_exclusive_group(required=True)
    believed.add_argument("--checkpoint", metavar="EPOCH:CUTID", help="believe this cut")
    believed.add_argument("--genesis", metavar="MANIFEST", help="believe the genesis of this manifest")
    parser.add_argument("--json", action="store_true", help="one line of JSON per file")
    arguments = parser.parse_args()
    epoch, cut_id = checkpoint(parser, arguments)
    code = 0
    for name in arguments.file:
        try:
            with open(name, "rb") as file:
                outcome = verify(file.read(FILE_BYTES_MAX + 1), epoch, cut_id)
        except Refused as refused:
            outcome, code = {"holds": False, "code": refused.code, "reason": str(refused)}, 1
        if arguments.json:
            print(json.dumps({"file": name, **outcome}))
        elif outcome["holds"]:
            print(f"{name}: proven: uid {outcome['uid']}, hotkey {outcome['hotkey']}, "
                  f"epoch {outcome['epoch']}; NOT checked: {', '.join(outcome['not_checked'])}")
        else:
            print(f"{name}: refused ({outcome['code']}): {outcome['reason']}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
