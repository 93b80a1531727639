#!/usr/bin/env python3
"""How long a stranger waits for the testnet in containers: from `testnet keys` to the first certified epoch.

The commands are those of docs/OPERATING.md, once for each round, each time with new keys and new volumes.

Usage: stranger.py PATH OF ganglion [ROUNDS]    images: scripts/deploy/images.sh
"""

import os
import pathlib
import statistics
import sys
import tempfile
import time

from compose import NODES, Net, keys
from nodes import epoch, main, say, wait


def one(ganglion):
    """Seconds until `up` has returned, and until an epoch is seen at the published port."""
    with tempfile.TemporaryDirectory(prefix="ganglion-stranger-") as name:
        # Containers of another user look for their files in it.
        os.chmod(name, 0o755)
        began = time.monotonic()
        net = Net(keys(ganglion, pathlib.Path(name) / "net"))
        try:
            # Grafana apart, whose image is not made here.
            net.compose("up", "-d", *NODES, "prometheus")
            up = time.monotonic() - began
            outside = net.published("observer", 7880)
            wait("the first epoch is certified", lambda: epoch(outside) >= 1, 240)
            return up, time.monotonic() - began
        finally:
            net.compose("down", "-v", "-t", "5", check=False)


def body():
    ganglion = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    ups, firsts = zip(*(one(ganglion) for _ in range(rounds)))
    for what, times in (("up", ups), ("first certified epoch", firsts)):
        say(f"{what}: median {statistics.median(times):.0f} s, worst {max(times):.0f} s of {rounds}")


if __name__ == "__main__":
    sys.exit(main(body))
