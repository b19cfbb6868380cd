"""Memory that is free for one's own work, by the system's own account."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

UNLIMITED = 1 << 60


def free_memory() -> int:
    """Bytes that a process can have without another being moved out; a very large number where the system does not say."""
    free = UNLIMITED
    with suppress(OSError):
        found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"), re.MULTILINE)
        free = 1024 * int(found[1]) if found else free
    with suppress(OSError, ValueError):  # the limit of a container
        whole, used = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text(encoding="ascii")) for name in ("max", "current"))
        free = min(free, max(0, whole - used))
    return free
