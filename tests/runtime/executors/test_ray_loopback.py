"""A cluster that Ray begins for a run is nobody else's."""

import ipaddress
import os
import socket
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="ray is not installed")

from untrain.runtime.executors.ray import Ray


def test_a_cluster_of_ones_own_listens_on_loopback_and_leaves_the_environment(monkeypatch):
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    before = dict(os.environ)
    with Ray(workers=1).open() as pool:
        assert pool.size == 1
        family = pool._kin
        doors = [door[0] for kind, door in pool._doors if kind == socket.AF_INET]
        listening = listened(set(family))
    assert doors == ["127.0.0.1"]
    assert listening
    assert {place for place in listening if not place.is_loopback} == set()
    assert {name: value for name, value in os.environ.items() if name.startswith("RAY_ENABLE") or "USAGE" in name} == {
        name: value for name, value in before.items() if name.startswith("RAY_ENABLE") or "USAGE" in name
    }


def listened(processes):
    """Addresses at which processes listen, by what Linux tells of them."""
    inodes = set()
    for each in processes:
        for file in Path(f"/proc/{each}/fd").glob("*"):
            with suppress(OSError):
                inodes.add(os.readlink(file).removeprefix("socket:[").removesuffix("]"))
    places = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            cells = line.split()
            if cells[3] == "0A" and cells[9] in inodes:
                raw = bytes.fromhex(cells[1].partition(":")[0])
                words = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
                place = ipaddress.ip_address(words)
                places.append(getattr(place, "ipv4_mapped", None) or place)
    return places
