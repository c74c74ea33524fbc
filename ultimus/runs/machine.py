"""What the operating system tells about this machine and about a process."""

import os
import platform
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

NICENESS = 10  # of a process that gives way: about a tenth of a core that another wants too


def describe() -> dict[str, str | int]:
    """The processor's name, how many cores this process may use, and the system's name."""
    return {"cpu": _processor(), "cores": cores(), "os": platform.platform()}


def cores() -> int:
    """How many this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # no Linux
        return os.cpu_count() or 1


def give_way(niceness: int = NICENESS) -> None:
    """Let this thread, and those that it starts, take the processor time that others leave.

    Linux shares the time among sessions first (its "autogroups"): a process gives way to others
    only as the leader of a session of its own.
    """
    if not niceness:
        return
    if not hasattr(os, "setpriority"):  # Windows
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        return
    os.setpriority(os.PRIO_PROCESS, 0, niceness)
    with suppress(OSError):  # no Linux, or no autogroups
        Path("/proc/self/autogroup").write_text(str(niceness))


def _processor() -> str:
    with suppress(OSError, StopIteration):  # no Linux, or a processor without a name
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line[:10] == "model name")
    with suppress(OSError, subprocess.SubprocessError):  # no macOS
        ask = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    return platform.processor() or platform.machine()


def own_memory(process: int | str = "self") -> int | None:
    """A process's resident memory in bytes, less what it shares with files and other processes.

    None where the system does not tell, or the process has ended.
    """
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        size = next(line.split()[1] for line in lines if line.startswith("RssAnon:"))
        return int(size) * 1024  # "kB", as it says, are KiB
    return None
