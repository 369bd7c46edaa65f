"""How long clients of 2026 may keep what they were told (`ttlMs`), and for whom (`cacheScope`).

What the program itself fixes may be shared and kept for minutes: its lists, which name no study,
and the live view. What the operator declares is kept for a minute. All else is somebody's work and
changes at any moment, also by that client's own next call, so it is never kept; the protocol's
defaults say so already. A client of 2025 is told nothing: it would not know these words.
"""

from typing import Any

from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from mcp_automl.server.live import URI as LIVE_VIEW

FIXED = CacheHint(ttl_ms=300_000, scope="public")
DECLARED = CacheHint(ttl_ms=60_000, scope="private")

LISTS: dict[CacheableMethod, CacheHint] = {
    "server/discover": FIXED,
    "tools/list": FIXED,
    "prompts/list": FIXED,
    "resources/list": FIXED,
    "resources/templates/list": FIXED,
}

TRAINERS = "automl://trainers"


def of_read(uri: str) -> CacheHint:
    """How long what was read there may be kept."""
    if uri == LIVE_VIEW:
        return FIXED
    if uri == TRAINERS or uri.startswith(f"{TRAINERS}/"):
        return DECLARED
    return CacheHint()


async def hint_reads(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Says it with every read; the SDK's own hints are for all reads or none."""
    result = await call_next(ctx)
    # The SDK has put the defaults there if the client's version of the protocol has such words.
    if ctx.method == "resources/read" and isinstance(result, dict) and "ttlMs" in result:
        hint = of_read(str((ctx.params or {}).get("uri", "")))
        return {**result, "ttlMs": hint.ttl_ms, "cacheScope": hint.scope}
    return result
