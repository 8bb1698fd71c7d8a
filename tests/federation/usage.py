"""What a process holds, by /proc: memory, open files, and the processes below it."""

import dataclasses
import pathlib


@dataclasses.dataclass
class Usage:
    rss_mib: float
    files: int
    descendants: int


def usage(pid: int) -> Usage:
    root = pathlib.Path(f"/proc/{pid}")
    status = (root / "status").read_text()
    rss = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return Usage(int(rss.split()[1]) / 1024, len(list((root / "fd").iterdir())), len(descendants(pid)))


def descendants(pid: int) -> set[int]:
    """All processes below one."""
    parents = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name is in parentheses and may hold anything: what counts comes after the last one.
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = (int(fields[1]), fields[0])
    found, grown = {pid}, True
    while grown:
        below = {each for each, (parent, state) in parents.items() if parent in found and state != "Z"}
        grown = not below <= found
        found |= below
    return found - {pid}
