"""How much memory this process has used, on every system that the series runs on."""

import sys
from pathlib import Path

import psutil

GIBIBYTE = 2**30
MEBIBYTE = 2**20


def peak_gib():
    """Return the largest resident memory of this process so far, in GiB."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / GIBIBYTE
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would answer with the parent's peak where that is larger.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / GIBIBYTE
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIBIBYTE


def now_mib():
    """Return the resident memory of this process now, in MiB."""
    return psutil.Process().memory_info().rss / MEBIBYTE
