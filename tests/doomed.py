"""SIGKILL inside a named write of a real process, ordered by a file; used by tests alone.

Theory of operation
-------------------
`tests/doom/sitecustomize.py` installs this in every process of a workspace, and the product's
code stays what it is: an import hook wraps a few functions (`SITES`) once their module is loaded.
A wrapped function is a *site*, and what happens in it are *steps*: entering it, the moments before
and after each commit and each `os.replace`, leaving it. At every step the process looks for an
*order*, a file

    {"id": 7, "site": "tell", "moment": 2, "role": "orchestrate", "victims": "self"}

and carries it out at the step of that number, counted from its first step in that site, or when
it leaves the site. Whoever carries an order out renames the file first, so that it happens once.
"""

import contextlib
import json
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, TypedDict

VARIABLE = "MCP_AUTOML_DOOM"

WORKER = "worker"
"""The role of a process forked by the forkserver; the others' are the command they run."""


class Order(TypedDict):
    """What to do at which step."""

    id: int
    site: str
    moment: int
    role: str
    victims: str


class Sites(threading.local):
    """Which sites this thread is in, and how many steps it has made there."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.steps = 0
        self.seed = 0
        self.epoch = 0


_sites = Sites()
_role = ""


def install() -> None:
    """Prepares this process; modules are patched when they are imported."""
    global _role
    words = " ".join(sys.orig_argv)
    _role = next((role for role in ("serve", "orchestrate") if words.endswith(role)), "")
    os.register_at_fork(after_in_child=_forked)
    sys.meta_path.insert(0, _Finder())


def _forked() -> None:
    global _role
    if "forkserver" in " ".join(sys.orig_argv):
        _role = WORKER


# --- steps and orders ---


@contextmanager
def site(name: str) -> Iterator[None]:
    """What happens in the block happens in that site."""
    outermost = not _sites.open
    _sites.steps = 0 if outermost else _sites.steps
    _sites.open.append(name)
    step()
    try:
        yield
        step(leaving=name)
    finally:
        _sites.open.pop()


def step(leaving: str = "") -> None:
    """One step of whatever sites this thread is in; perhaps the last."""
    if not _sites.open:
        return
    _sites.steps += 1
    order = due(leaving)
    if order is not None:
        carried_out(order)


def due(leaving: str = "") -> Order | None:
    """The order that this step fulfils, if there is one."""
    order = read_order()
    if order is None or order["role"] != _role or order["site"] not in _sites.open:
        return None
    return order if leaving == order["site"] or _sites.steps >= order["moment"] else None


def folder() -> Path:
    return Path(os.environ[VARIABLE])


def read_order() -> Order | None:
    try:
        order: Order = json.loads((folder() / "order").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return order


def claim(order: Order) -> bool:
    """Makes sure that nobody else carries the order out."""
    try:
        os.rename(folder() / "order", folder() / f"struck-{order['id']}")
    except FileNotFoundError:
        return False
    return True


def carried_out(order: Order) -> bool:
    """Kills those whom the order names, oneself last; False if there is nobody, or it is done."""
    victims = targets(order["victims"])
    if not victims or not claim(order):
        return False
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return True


def targets(victims: str) -> list[int]:
    """Who is meant, of those that live: oneself, one worker, or all of a kind."""
    if victims == "self":
        return [os.getpid()]
    if victims == "all":
        return [*family(folder()), os.getpid()]
    found = family(folder(), victims)
    return found[:1] if victims == WORKER else found


def family(folder: Path, role: str = "all") -> list[int]:
    """Processes of the workspace with that role, except this one; it needs nothing but /proc."""
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and _belongs(pid, folder, role)]


def _belongs(pid: int, folder: Path, role: str) -> bool:
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if f"{VARIABLE}={folder}".encode() not in environ:
            return False
        return role in ("all", role_of(pid))
    except OSError:
        return False


def role_of(pid: int) -> str:
    """What a process of the workspace is: its command, or what the forkserver made of it."""
    command = Path(f"/proc/{pid}/cmdline").read_bytes().strip(b"\0").split(b"\0")
    if any(b"forkserver" in word for word in command):
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        siblings = Path(f"/proc/{parent}/cmdline").read_bytes()
        return WORKER if b"forkserver" in siblings else "forkserver"
    last = command[-1].decode()
    return last if last in ("serve", "orchestrate") else "helper"


# --- where the steps are ---


class Stepping(sqlite3.Connection):
    """Steps before and after each commit, Optuna's and ours."""

    def commit(self) -> None:
        step()
        super().commit()
        step()

    def execute(self, *args: Any) -> sqlite3.Cursor:
        if args[0] != "COMMIT":
            return super().execute(*args)
        step()
        cursor = super().execute(*args)
        step()
        return cursor


def _patch_schema(module: ModuleType) -> None:
    module.__dict__["sqlite3"].connect = partial(sqlite3.connect, factory=Stepping)


def _patch_database(module: ModuleType) -> None:
    write = module.Database.write

    @contextmanager
    def stepping(self: Any) -> Iterator[sqlite3.Connection]:
        with site("ledger"), write(self) as connection:
            yield connection

    module.Database.write = stepping


def _patch_engine(module: ModuleType) -> None:
    _wrap(module.Engine, "begin", "ask")
    _wrap(module.Engine, "tell", "tell")


def _patch_ledger(module: ModuleType) -> None:
    _wrap(module.Ledger, "finish", "finish")


def _patch_store(module: ModuleType) -> None:
    _wrap(module.OptunaStore, "_report", "report")
    _wrap(module.OptunaStore, "_record", "tell")


def _patch_checkpoints(module: ModuleType) -> None:
    replace, replace_atomically = os.replace, module.replace_atomically

    def stepping_replace(source: Any, target: Any) -> None:
        step()
        replace(source, target)
        step()

    def stepping(path: Path, write: Callable[[Path], object]) -> None:
        def half(temporary: Path) -> None:
            write(temporary)
            order = due()
            if order is not None and order["victims"] in ("self", "all"):
                # This process dies in the middle of writing: half of the file is there.
                os.truncate(temporary, temporary.stat().st_size // 2)
                if not carried_out(order):
                    write(temporary)
            step()

        with site("checkpoint"):
            replace_atomically(path, half)

    vars(os)["replace"] = stepping_replace
    module.__dict__["replace_atomically"] = stepping


def _patch_mnist(module: ModuleType) -> None:
    """Every epoch that begins is noted; an order for `epoch` strikes after its first step."""
    new_learner, run_epoch, take_step = module.new_learner, module.run_epoch, module.step

    def seeded(config: Any, context: Any, images: Any) -> object:
        _sites.seed = context.seed
        return new_learner(config, context, images)

    def noted(learner: Any, examples: Any, config: Any, seed: int) -> object:
        _sites.epoch = (seed - _sites.seed) // 1_000_003
        with open(folder() / "epochs", "a") as log:
            log.write(f"{_sites.epoch}\n")
        return run_epoch(learner, examples, config, seed)

    def stepping(*args: Any) -> None:
        take_step(*args)
        order = read_order()
        if order and order["site"] == "epoch" and order["moment"] == _sites.epoch:
            carried_out(order)

    module.__dict__.update(new_learner=seeded, run_epoch=noted, step=stepping)


def _wrap(owner: Any, name: str, as_site: str) -> None:
    inner = getattr(owner, name)

    @wraps(inner)
    def stepping(*args: Any, **kwargs: Any) -> object:
        with site(as_site):
            return inner(*args, **kwargs)

    setattr(owner, name, stepping)


SITES: dict[str, Callable[[ModuleType], None]] = {
    "mcp_automl.stores.schema": _patch_schema,
    "mcp_automl.stores.database": _patch_database,
    "mcp_automl.stores.engine": _patch_engine,
    "mcp_automl.stores.ledger": _patch_ledger,
    "mcp_automl.stores.optuna": _patch_store,
    "trainers.checkpoints": _patch_checkpoints,
    "trainers.mnist": _patch_mnist,
}


class _Finder:
    """Finds modules as Python does, and patches those that hold sites once they are loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        patch = SITES.get(name)
        spec = PathFinder.find_spec(name, path, target) if patch else None
        if patch is None or spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_patch(module: ModuleType) -> None:
            execute(module)
            patch(module)

        spec.loader.exec_module = execute_and_patch  # type: ignore[method-assign]
        return spec
