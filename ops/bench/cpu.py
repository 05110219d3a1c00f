"""CPU time and memory of a process, as the kernel counts them."""

import os
import time
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU (user and system) that process `pid`, with all of its threads and without its children, has used.

    To the nanosecond: the process's CPU clock, whose id is made as in Linux's <linux/posix-timers_types.h>.
    """
    return time.clock_gettime(~pid << 3 | 2)


def resident_bytes(pid: int) -> int:
    """Resident memory of process `pid`."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
