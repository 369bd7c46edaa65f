"""What a benchmark ran on: the machine, and the versions of everything that was measured."""

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import psutil

from mcp_automl import __version__

PACKAGES = ("mcp", "optuna", "mlflow", "torch")
ROOT = Path(__file__).parent.parent


def machine() -> str:
    """Processor, cores and memory in one line."""
    gib = psutil.virtual_memory().total / 2**30
    return f"{cpu()}, {os.cpu_count()} cores, {gib:.0f} GiB, {platform.system()}"


def cpu() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def versions() -> Mapping[str, str]:
    """Of Python, of what is measured, and of this project with its commit."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return {**found, "mcp-automl": f"{__version__} ({commit()})"}


def commit() -> str:
    """The commit of this clone, with a `+` if files were changed since."""
    short = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", "mcp_automl", "trainers")
    return f"{short}{'+' if changed else ''}" if short else "no commit"


def _git(*arguments: str) -> str:
    try:
        ran = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.strip()
