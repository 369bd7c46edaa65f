"""The tool list as a client gets it, kept word for word: a change of it is seen in review.

After a change that is meant: `pytest tests/test_tool_snapshots.py --snapshot-update`.
"""

import json
from typing import Any

import pytest
from mcp import Client
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for JSON and English; the tokenizers of the models that read it differ."""


class NamedFiles(JSONSnapshotExtension):
    """A file by the name that the assertion gives: both eras of the protocol share it."""

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0) -> str:
        return str(index)


@pytest.fixture
def kept(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(NamedFiles)


@pytest.fixture
async def listed(client: Client) -> dict[str, dict[str, Any]]:
    """What stands on the wire about each tool, in the order of the list."""
    tools = (await client.list_tools()).tools
    return {tool.name: tool.model_dump(by_alias=True, exclude_none=True) for tool in tools}


async def test_every_tools_name_texts_and_schemas_are_what_was_reviewed(
    listed: dict[str, dict[str, Any]], kept: SnapshotAssertion
) -> None:
    for name, tool in listed.items():
        assert tool == kept(name=name), name


async def test_every_tools_size_in_tokens_is_what_was_reviewed(
    listed: dict[str, dict[str, Any]], kept: SnapshotAssertion
) -> None:
    sizes = {name: len(json.dumps(tool)) // CHARACTERS_PER_TOKEN for name, tool in listed.items()}
    assert {**sizes, "all": sum(sizes.values())} == kept(name="tokens")
