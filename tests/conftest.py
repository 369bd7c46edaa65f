"""What holds for every test: one backend, nothing blocks the event loop, no real workspace."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio; a module that shall run on trio too overrides this fixture."""
    return "asyncio"


@pytest.fixture(autouse=True)
def nothing_blocks_the_event_loop() -> Iterator[None]:
    """Raises where code of ours blocks while an event loop runs in its thread."""
    with blockbuster_ctx("mcp_automl"):
        yield


@pytest.fixture(autouse=True)
def no_real_workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keeps the developer's own studies and settings out of the tests."""
    monkeypatch.setenv("MCP_AUTOML_HOME", str(tmp_path / "workspace"))
    for name in ("MCP_AUTOML_CONFIG", "MLFLOW_TRACKING_URI", "MCP_AUTOML_MAX_PARALLEL_TRIALS"):
        monkeypatch.delenv(name, raising=False)
