"""What is installed, which devices there are, and how the workspace is, in one table."""

import platform
import time
from collections.abc import Iterator, Sequence
from enum import Enum
from importlib.metadata import PackageNotFoundError, version

from rich.table import Table
from rich.text import Text

from mcp_automl import __version__
from mcp_automl.catalog import Catalog
from mcp_automl.composition import build_catalog, describe_devices, find_devices
from mcp_automl.domain.errors import AutomlError, TrainerUnavailable
from mcp_automl.domain.prices import Prices
from mcp_automl.domain.tracking import without_passwords
from mcp_automl.launcher import Launcher
from mcp_automl.liveness import SILENCE_SECONDS
from mcp_automl.settings import Settings, config_file
from mcp_automl.stores.registry import SqliteRegistry

PACKAGES = ("mcp", "optuna", "mlflow", "torch", "torchvision", "transformers")


class Mark(Enum):
    """How well something is; the values are how that is shown."""

    OK = "[green]ok[/green]"
    WARNING = "[yellow]warn[/yellow]"
    """Studies can run, though perhaps not as somebody meant them to."""
    BAD = "[red]no[/red]"


Finding = tuple[str, Mark, str]
"""What was looked at, how it is, and what was found."""


def report(settings: Settings) -> tuple[bool, Table]:
    """Whether studies can run here, and everything that was found."""
    findings = [
        *_software(),
        *trainers(build_catalog(settings)),
        *_machine(settings),
        *_workspace(settings),
    ]
    table = Table(title=f"mcp-automl {__version__}", show_header=False, title_justify="left")
    for what, mark, found in findings:
        # As it is: an extra's name in brackets is no markup.
        table.add_row(mark.value, what, Text(found))
    return all(mark is not Mark.BAD for _, mark, _ in findings), table


def _software() -> Iterator[Finding]:
    yield "python", Mark.OK, f"{platform.python_version()} on {platform.platform(terse=True)}"
    yield "packages", Mark.OK, ", ".join(f"{name} {_version(name)}" for name in PACKAGES)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def trainers(catalog: Catalog) -> Iterator[Finding]:
    """Every trainer; that one is not installed is no fault while there is another."""
    missing = {name: found for name in catalog.names if (found := _missing(catalog, name))}
    worst = Mark.WARNING if len(missing) < len(catalog.names) else Mark.BAD
    for name in catalog.names:
        mark = worst if name in missing else Mark.OK
        yield f"model {name}", mark, missing.get(name) or catalog.spec(name).description


def _missing(catalog: Catalog, name: str) -> str:
    try:
        catalog.check_installed(name)
    except TrainerUnavailable as error:
        return str(error)
    return ""


def _machine(settings: Settings) -> Iterator[Finding]:
    gpus = [device.name for device in find_devices() if device.is_gpu]
    named = f" ({', '.join(gpus)})" if gpus else ""
    yield "devices", Mark.OK, f"{describe_devices()}{named}; {settings.max_parallel_trials} slots"
    yield from of_prices(settings.prices, gpus)
    file = config_file()
    yield "settings", Mark.OK, f"{file} ({'read' if file.exists() else 'not there, not needed'})"


def of_prices(prices: Prices, gpus: Sequence[str]) -> Iterator[Finding]:
    """What devices cost, and which of the prices set for GPUs are for none of these."""
    set_for = sorted(set(gpus) & prices.gpu_prices.keys())
    cost = [f"${prices.gpu_usd_per_hour}/GPU-hour", f"${prices.cpu_usd_per_core_hour}/core-hour"]
    cost += [f"${prices.gpu(name)}/hour of {name}" for name in set_for]
    yield "prices", Mark.OK, ", ".join(cost)
    unknown = sorted(prices.gpu_prices.keys() - set(gpus))
    if unknown:
        there = ", ".join(sorted(set(gpus))) or "no GPU at all"
        named = ", ".join(unknown)
        yield "gpu_prices", Mark.WARNING, f"they name {named}, but this machine has {there}"


def _workspace(settings: Settings) -> Iterator[Finding]:
    yield "workspace", Mark.OK, f"{settings.workspace} (MCP_AUTOML_HOME)"
    yield "tracking", Mark.OK, f"{without_passwords(settings.tracking_uri)} (MLFLOW_TRACKING_URI)"
    registry = SqliteRegistry(settings.database)
    try:
        studies = registry.studies()
        sign = registry.orchestrator()
    except AutomlError as error:
        yield "database", Mark.BAD, str(error)
        return
    unfinished = sum(study.state.should_run for study in studies)
    yield (
        "database",
        Mark.OK,
        f"{settings.database}: {len(studies)} studies, {unfinished} unfinished",
    )
    if not Launcher(settings).is_alive():
        yield "orchestrator", Mark.OK, _absent(unfinished)
    elif sign is None:
        yield "orchestrator", Mark.OK, f"starting; log: {settings.orchestrator_log}"
    else:
        age = time.time() - sign.alive_at
        where = f"pid {sign.pid} on {sign.host}"
        mark = Mark.OK if age < SILENCE_SECONDS else Mark.BAD
        yield "orchestrator", mark, f"{where}, last sign of life {age:.0f} s ago"


def _absent(unfinished: int) -> str:
    if not unfinished:
        return "not running; it is started when a study needs it"
    return "not running; studies wait for it: `mcp-automl studies` or any tool call starts it"
