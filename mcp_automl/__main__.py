"""`mcp-automl` and `python -m mcp_automl`.

`serve` takes a lane of its own: a client waits for its first answer, so nothing is imported that
the answer does not need, and the collector rests while a few thousand schema objects are built (a
quarter of the start-up otherwise).
"""

import gc
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_automl.service import Service


def main() -> None:
    """Runs the command line."""
    if sys.platform == "win32":
        from mcp_automl.domain.errors import UnsupportedPlatform

        sys.exit(str(UnsupportedPlatform()))
    if sys.argv[1:] == ["serve"]:
        _serve()
        return
    from mcp_automl.cli import main as run

    run()


def _serve() -> None:
    gc.disable()
    from mcp_automl.server.app import serve

    gc.freeze()
    gc.enable()
    serve(_service)


def _service() -> "Service":
    from mcp_automl.composition import build_service

    return build_service()


if __name__ == "__main__":
    main()
