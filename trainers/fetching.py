"""What every source of data needs: files that are made once, and children with a time limit.

Whatever touches the network runs in a child process, because nothing else can bound it: a socket's
timeout covers neither the name lookup nor a server that trickles, and libraries print on stdout.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from trainers.checkpoints import replace_atomically


def make_once(path: Path, make: Callable[[], bytes]) -> None:
    """Writes what `make` gives into `path` unless it is there; the folder is created if missing."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # One process fetches while the others wait, and these find the file when their turn comes.
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            content = make()
            replace_atomically(path, lambda temporary: temporary.write_bytes(content))


def run(code: list[str], *arguments: str, seconds: float) -> None:
    """Runs Python in a child process: `["-c", code]`, or a script's path.

    Raises:
        OSError: it failed, or took longer; the last line of its stderr is the message.
    """
    # -P: whatever lies in the working directory must not be imported in place of a library.
    command = [sys.executable, "-P", *code, *arguments]
    try:
        child = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if child.returncode != 0:
        raise OSError((child.stderr.strip() or "no reason given").splitlines()[-1])
