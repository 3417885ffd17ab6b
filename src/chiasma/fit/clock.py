"""Processor time of this process and of those that it started, and the cores that it may use. No torch here."""

from __future__ import annotations

import os
import time


def cpu_time() -> float:
    """Processor seconds of this process and of its children that have ended, since they began."""
    try:
        import resource
    except ImportError:  # a system without it counts this process alone
        return time.process_time()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def usable_cores() -> int:
    """Cores this process may run on: a batch system or container may grant fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
