"""What is installed, which devices there are, and how the workspace is, in one table."""

import platform
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from rich.table import Table
from rich.text import Text

from mcp_automl import __version__
from mcp_automl.catalog import Catalog
from mcp_automl.composition import describe_devices
from mcp_automl.domain.errors import AutomlError, TrainerUnavailable
from mcp_automl.domain.tracking import without_passwords
from mcp_automl.launcher import Launcher
from mcp_automl.liveness import SILENCE_SECONDS
from mcp_automl.settings import Settings, config_file
from mcp_automl.stores.registry import SqliteRegistry

PACKAGES = ("mcp", "optuna", "mlflow", "torch", "torchvision", "transformers")

Finding = tuple[str, bool, str]
"""What was looked at, whether it is well, and what was found."""


def report(settings: Settings) -> tuple[bool, Table]:
    """Whether studies can run here, and everything that was found."""
    findings = [*_software(), *trainers(Catalog()), *_machine(settings), *_workspace(settings)]
    table = Table(title=f"mcp-automl {__version__}", show_header=False, title_justify="left")
    for what, well, found in findings:
        # As it is: an extra's name in brackets is no markup.
        table.add_row("[green]ok[/green]" if well else "[red]no[/red]", what, Text(found))
    return all(well for _, well, _ in findings), table


def _software() -> Iterator[Finding]:
    yield "python", True, f"{platform.python_version()} on {platform.platform(terse=True)}"
    yield "packages", True, ", ".join(f"{name} {_version(name)}" for name in PACKAGES)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def trainers(catalog: Catalog) -> Iterator[Finding]:
    """Every trainer; that one is not installed is no fault while there is another."""
    missing = {name: found for name in catalog.names if (found := _missing(catalog, name))}
    well = len(missing) < len(catalog.names)
    for name in catalog.names:
        yield f"model {name}", well, missing.get(name) or catalog.spec(name).description


def _missing(catalog: Catalog, name: str) -> str:
    try:
        catalog.check_installed(name)
    except TrainerUnavailable as error:
        return str(error)
    return ""


def _machine(settings: Settings) -> Iterator[Finding]:
    prices = settings.prices
    yield "devices", True, f"{describe_devices()}; {settings.max_parallel_trials} slots"
    yield (
        "prices",
        True,
        f"${prices.gpu_usd_per_hour}/GPU-hour, ${prices.cpu_usd_per_core_hour}/core-hour",
    )
    file = config_file()
    yield "settings", True, f"{file} ({'read' if file.exists() else 'not there, not needed'})"


def _workspace(settings: Settings) -> Iterator[Finding]:
    yield "workspace", True, f"{settings.workspace} (MCP_AUTOML_HOME)"
    yield "tracking", True, f"{without_passwords(settings.tracking_uri)} (MLFLOW_TRACKING_URI)"
    registry = SqliteRegistry(settings.database)
    try:
        studies = registry.studies()
        sign = registry.orchestrator()
    except AutomlError as error:
        yield "database", False, str(error)
        return
    running = sum(study.state.should_run for study in studies)
    yield "database", True, f"{settings.database}: {len(studies)} studies, {running} unfinished"
    if not Launcher(settings).is_alive():
        yield "orchestrator", True, "not running; it is started when a study needs it"
    elif sign is None:
        yield "orchestrator", True, f"starting; log: {settings.orchestrator_log}"
    else:
        age = time.time() - sign.alive_at
        where = f"pid {sign.pid} on {sign.host}"
        yield "orchestrator", age < SILENCE_SECONDS, f"{where}, last sign of life {age:.0f} s ago"
