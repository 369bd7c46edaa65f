"""Cues for those who have subscribed to resources, in both eras of the protocol.

A client of 2026 listens (`subscriptions/listen`): the SDK's handler serves it, over the bus that is
given here. The SDK compares addresses letter by letter, and one address can be written in many
ways: so its handler is put into one that notes which were asked for, and they are what is told.
A client of 2025 subscribes to single resources, which the SDK leaves to its users. All handlers are
added to its inner server. Those of 2025 tell a client's connections apart by what is private to a
session, because a session lives no longer than one request. Nothing else here is not promised by
the SDK.

The database is watched while somebody listens or has subscribed, and then cues are gathered for a
second. Whoever changed it, a server of another client or the orchestrator, makes no difference.
"""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread
from mcp.server.mcpserver import MCPServer
from mcp.server.subscriptions import ListenHandler, ResourceUpdated, ServerEvent
from mcp.types import (
    EmptyResult,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from mcp_automl.domain import cues
from mcp_automl.domain.cues import Marks

if TYPE_CHECKING:
    from mcp_automl.service import Service

GATHER_SECONDS = 1.0
"""At most one cue for each resource in that time."""

QUIET_SECONDS = 5.0
"""How long to wait for a change before looking whether anybody still listens."""

Listener = Callable[[ServerEvent], None]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A connection of the 2025 era."""

    session: Any
    uris: set[str] = field(default_factory=set)
    """As it wrote them: only so does it know them again."""


class Cues:
    """Tells subscribers what has changed; the bus of the SDK's listen handler."""

    def __init__(self, service: "Callable[[], Service]") -> None:
        self._service = service
        self._listeners: dict[object, Listener] = {}
        self._asked_for: dict[object, frozenset[str]] = {}
        """The addresses that each client of 2026 listens to, as it wrote them."""
        self._listen = ListenHandler(self)
        self._subscribers: dict[object, Subscriber] = {}
        """By their connection, for as long as it lives."""
        self._wanted = anyio.Event()

    # --- the bus of the 2026 era, and its handler ---

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Adds a listener; returns what takes it away again."""
        token = object()
        self._listeners[token] = listener
        self._wanted.set()

        def unsubscribe() -> None:
            self._listeners.pop(token, None)

        return unsubscribe

    async def publish(self, event: ServerEvent) -> None:
        """Tells all listeners; what each of them wants is the SDK's to know."""
        for listener in tuple(self._listeners.values()):
            listener(event)
        await anyio.lowlevel.checkpoint()

    async def _listened(
        self, context: Any, params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serves one listener for as long as it listens."""
        token = object()
        self._asked_for[token] = frozenset(params.notifications.resource_subscriptions or ())
        try:
            return await self._listen(context, params)
        finally:
            del self._asked_for[token]

    # --- the handlers of the 2025 era ---

    def attach(self, server: "MCPServer[Any]") -> None:
        """Serves `subscriptions/listen`, `resources/subscribe` and `resources/unsubscribe`."""
        inner = server._lowlevel_server
        listening = SubscriptionsListenRequestParams
        inner.add_request_handler("subscriptions/listen", listening, self._listened)
        inner.add_request_handler("resources/subscribe", SubscribeRequestParams, self._add)
        inner.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, self._remove)

    async def _add(self, context: Any, params: SubscribeRequestParams) -> EmptyResult:
        connection = context.session._connection
        if connection not in self._subscribers:
            self._subscribers[connection] = Subscriber(context.session)
            connection.exit_stack.callback(self._subscribers.pop, connection)
        self._subscribers[connection].uris.add(str(params.uri))
        self._wanted.set()
        return EmptyResult()

    async def _remove(self, context: Any, params: UnsubscribeRequestParams) -> EmptyResult:
        known = self._subscribers.get(context.session._connection)
        if known is not None:
            known.uris.discard(str(params.uri))
        return EmptyResult()

    # --- watching ---

    @asynccontextmanager
    async def lifespan(self, _: object) -> AsyncIterator[None]:
        """Watches for as long as the server lives."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch)
            yield
            tasks.cancel_scope.cancel()

    @property
    def _is_heard(self) -> bool:
        return bool(self._listeners) or any(it.uris for it in self._subscribers.values())

    async def _watch(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted = anyio.Event()
            try:
                await self._follow()
            # The boundary to the workspace: cues are a convenience, and whatever is wrong with it,
            # who reads it will hear. The server must not fall.
            except Exception:
                logger.exception("nobody is told of changes for a while")
                await anyio.sleep(QUIET_SECONDS)
                self._wanted.set()

    async def _follow(self) -> None:
        """Gives cues for as long as anybody hears them."""
        changes = await to_thread.run_sync(lambda: self._service().changes())
        try:
            # Before the first look: what is written meanwhile must make us look again.
            await changes.changed()
            known = await self._look()
            while self._is_heard:
                # Only the wait may be cut short: a cue that is dropped halfway never comes again.
                with anyio.move_on_after(QUIET_SECONDS) as quiet:
                    await changes.changed()
                if quiet.cancelled_caught:
                    continue
                now = await self._look()
                await self._tell(cues.renewed(known, now))
                known = now
                await anyio.sleep(GATHER_SECONDS)
        finally:
            changes.close()

    async def _look(self) -> Marks:
        return await to_thread.run_sync(lambda: self._service().marks())

    async def _tell(self, names: Sequence[str]) -> None:
        for uri in sorted(frozenset().union(*self._asked_for.values())):
            if cues.is_about(uri, names):
                await self.publish(ResourceUpdated(uri))
        for subscriber in tuple(self._subscribers.values()):
            for uri in sorted(subscriber.uris):
                if cues.is_about(uri, names):
                    await subscriber.session.send_resource_updated(uri)
