"""`mcp-automl` and `python -m mcp_automl`.

`serve` takes a lane of its own: a client waits for its first answer, so nothing is imported that
the answer does not need, and the collector rests while a few thousand schema objects are built (a
quarter of the start-up otherwise). What that lane does not understand, `--help` among it, is for
the command line to answer.
"""

import gc
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_automl.domain.toolsets import Offer
    from mcp_automl.service import Service


def main() -> None:
    """Runs the command line."""
    if sys.platform == "win32":
        from mcp_automl.domain.errors import UnsupportedPlatform

        sys.exit(str(UnsupportedPlatform()))
    if sys.argv[1:2] == ["serve"]:
        offer = asked(sys.argv[2:])
        if offer is not None:
            _serve(offer)
            return
    from mcp_automl.cli import main as run

    run()


def asked(options: Sequence[str]) -> "Offer | None":
    """What `serve` shall offer; None where these are not just its options, rightly given."""
    from mcp_automl.domain.errors import InvalidRequest
    from mcp_automl.domain.toolsets import Offer

    toolsets: str | None = None
    read_only = False
    words = [word for option in options for word in _parted(option)]
    while words:
        word = words.pop(0)
        if word == "--read-only":
            read_only = True
        elif word == "--toolsets" and words:
            toolsets = words.pop(0)
        else:
            return None
    try:
        return Offer.of(toolsets, read_only=read_only)
    except InvalidRequest:
        return None


def _parted(option: str) -> list[str]:
    return option.split("=", 1) if option.startswith("--toolsets=") else [option]


def _serve(offer: "Offer") -> None:
    gc.disable()
    from mcp_automl.server.app import serve

    gc.freeze()
    gc.enable()
    serve(_service, offer)


def _service() -> "Service":
    from mcp_automl.composition import build_service

    return build_service()


if __name__ == "__main__":
    main()
