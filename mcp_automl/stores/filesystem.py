"""Which file system a folder is on: SQLite's WAL needs shared memory, which networks lack."""

import os
from pathlib import Path

REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smb2", "smbfs", "afpfs", "9p", "webdav"})
"""9p is how WSL2 shows Windows' drives."""


def is_remote(folder: Path) -> bool:
    """Whether the folder lies on a network file system, as far as the mount table tells."""
    return kind_of(folder) in REMOTE or kind_of(folder).startswith("fuse.sshfs")


def kind_of(folder: Path) -> str:
    """The file system's type as the mount table names it; empty where that cannot be read."""
    import psutil

    real = os.path.realpath(folder)
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, psutil.Error):
        return ""
    holding = [m for m in mounts if _is_under(real, m.mountpoint)]
    # A later mount hides an earlier one at the same place.
    return max(reversed(holding), key=lambda m: len(m.mountpoint)).fstype if holding else ""


def _is_under(path: str, mountpoint: str) -> bool:
    return path == mountpoint or path.startswith(mountpoint.rstrip("/") + "/")
