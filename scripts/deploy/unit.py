#!/usr/bin/env python3
"""Runs deploy/systemd/ganglion@.service under a systemd of its own, in a container that shares this machine's
programs read-only: a bootnode, four validators and a miner, installed as docs/OPERATING.md says.

They have to certify with all that the unit forbids them; a killed one is started again, one is restarted, and
at the end each is stopped and has ended well.

Usage: unit.py PATH OF ganglion    needs root, a container engine, systemd
"""

import io
import os
import pathlib
import stat
import sys
import tarfile
import tempfile

from nodes import DOCKER, Broken, address, epoch, get, main, run, same_roots, say, wait

ROOT = pathlib.Path(__file__).parents[2]
UNIT = ROOT / "deploy/systemd/ganglion@.service"
IMAGE = "ganglion-ci/systemd"
NODES = ["bootnode", *(f"validator-{number}" for number in range(1, 5)), "miner-1"]
EPOCHS = 3
# What systemd itself needs to make the namespaces of a unit.
CAPABILITIES = ["SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "DAC_READ_SEARCH"]


def add(archive, path, text, mode=0o644):
    data = text if isinstance(text, bytes) else text.encode()
    one = tarfile.TarInfo(path)
    one.size, one.mode = len(data), mode
    archive.addfile(one, io.BytesIO(data))


def image(ganglion, work):
    """A root without programs of its own but ours."""
    base = work / "base.tar"
    with tarfile.open(base, "w") as archive:
        for place in ("etc/systemd/system", "usr/local/bin", "run", "tmp", "proc", "sys", "dev", "var/lib"):
            one = tarfile.TarInfo(place)
            one.type, one.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(one)
        for name in ("bin", "sbin", "lib", "lib64"):
            one = tarfile.TarInfo(name)
            one.type, one.linkname = tarfile.SYMTYPE, f"usr/{name}"
            archive.addfile(one)
        add(archive, "etc/passwd", "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/none\n")
        add(archive, "etc/group", "root:x:0:\nnogroup:x:65534:\n")
        add(archive, "etc/nsswitch.conf", "passwd: files systemd\ngroup: files systemd\nhosts: files dns\n")
        add(archive, "etc/machine-id", "")
        add(archive, "etc/systemd/system/ganglion@.service", UNIT.read_bytes())
        add(archive, "usr/local/bin/ganglion", pathlib.Path(ganglion).read_bytes(), 0o755)
    run(DOCKER, "import", str(base), IMAGE)


class Host:
    """A machine with systemd."""

    def __init__(self):
        words = [word for one in CAPABILITIES for word in ("--cap-add", one)]
        for place in ("/usr/lib", "/usr/lib64", "/usr/bin", "/usr/sbin", "/usr/share"):
            if os.path.exists(place):
                words += ["-v", f"{place}:{place}:ro"]
        # In a container systemd does not share mounts by itself, and credentials of units need that. Engines with
        # version 2 of control groups mount them read-only.
        start = ("mount --make-rshared /; mount -o remount,rw /sys/fs/cgroup; "
                 "exec /lib/systemd/systemd --unit=basic.target")
        self.name = run(DOCKER, "run", "-d", *words, "--cgroupns=private", "--tmpfs", "/run", "--tmpfs", "/tmp",
                        "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
                        "-e", "container=docker", IMAGE, "/bin/sh", "-c", start).strip()

    def do(self, *command, check=True):
        return run(DOCKER, "exec", self.name, *command, check=check)

    def is_up(self):
        # Degraded if a unit of the machine itself cannot run in a container.
        return self.do("systemctl", "is-system-running", check=False).strip() in ("running", "degraded")

    def install(self, name, net, number, bootnodes):
        """Files of one node, and its start."""
        settings = {"LISTEN": f"/ip4/127.0.0.1/tcp/{7800 + number}", "API": f"0.0.0.0:{7880 + number}",
                    "BOOTNODES": bootnodes if number else ""}
        files = io.BytesIO()
        with tarfile.open(fileobj=files, mode="w") as archive:
            place = f"etc/ganglion/{name}"
            add(archive, f"{place}/subnet.toml", (net / "subnet.toml").read_bytes())
            add(archive, f"{place}/hotkey.json", (net / f"keys/hotkeys/{name}.json").read_bytes(), 0o600)
            add(archive, f"{place}/env", "".join(f"GANGLION_{one}={value}\n" for one, value in settings.items()))
        archive = net / "files.tar"
        archive.write_bytes(files.getvalue())
        with archive.open("rb") as source:
            run(DOCKER, "cp", "-", f"{self.name}:/", stdin=source)
        self.do("systemctl", "start", f"ganglion@{name}")

    def show(self, name, what):
        return self.do("systemctl", "show", "--value", "-p", what, f"ganglion@{name}").strip()

    def log(self, name):
        return self.do("journalctl", "--no-pager", "-n", "20", "-o", "cat", "-u", f"ganglion@{name}", check=False)


def closed(host, name):
    """That nobody but the node's own user has its data."""
    mode, owner = host.do("stat", "-L", "-c", "%f %u", f"/var/lib/ganglion/{name}").split()
    if stat.S_IMODE(int(mode, 16)) != 0o700 or int(owner) == 0:
        raise Broken(f"the data of {name} has mode {mode} and belongs to user {owner}")


def trial(host, net):
    wait("systemd runs", host.is_up, 60)
    host.do("systemctl", "start", "systemd-journald")
    [bootnodes] = [line.split("=", 1)[1] for line in (net / "bootnodes.env").read_text().splitlines()]
    for number, name in enumerate(NODES):
        host.install(name, net, number, bootnodes.replace("/dns4/bootnode", "/ip4/127.0.0.1"))
    inside = address(host.name)
    apis = {name: f"{inside}:{7880 + number}" for number, name in enumerate(NODES)}
    for name, api in apis.items():
        wait(f"{name} has certified {EPOCHS} epochs", lambda one=api: epoch(one) >= EPOCHS, 120)
        closed(host, name)
    host.do("systemctl", "kill", "-s", "KILL", "ganglion@validator-2")
    host.do("systemctl", "restart", "ganglion@validator-3")
    for name in ("validator-2", "validator-3"):
        wait(f"{name} is ready again", lambda one=name: get(apis[one], "/readyz")[0] == 200, 60)
    if host.show("validator-2", "NRestarts") != "1":
        raise Broken(f"validator-2 was started again {host.show('validator-2', 'NRestarts')} times")
    last = epoch(apis["bootnode"])
    for name, api in apis.items():
        wait(f"{name} goes on", lambda one=api: epoch(one) > last, 60)
    say(f"{len(apis)} of {len(apis)} units show the same cuts and roots of {same_roots(apis)} epochs")
    for name in NODES:
        host.do("systemctl", "stop", f"ganglion@{name}")
        ended = [host.show(name, what) for what in ("Result", "ExecMainStatus")]
        if ended != ["success", "0"]:
            raise Broken(f"{name} ended with {ended}")


def body():
    ganglion = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="ganglion-unit-") as name:
        work = pathlib.Path(name)
        image(ganglion, work)
        net = work / "net"
        run(ganglion, "testnet", "keys", "--out", str(net), "--miners", "1", "--genesis-in", "20s",
            "--epoch-length", "5s")
        host = Host()
        try:
            trial(host, net)
        except Broken:
            for one in NODES:
                print(f"-- {one}\n{host.log(one)}", file=sys.stderr)
            raise
        finally:
            run(DOCKER, "rm", "-f", host.name, check=False)
    say("unit: held")


if __name__ == "__main__":
    sys.exit(main(body))
