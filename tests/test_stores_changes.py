"""Noticing writes of others, by polling at one place."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from mcp_automl.domain.study import Target
from mcp_automl.stores.sqlite_changes import INTENTIONS, POLL_SECONDS, SqliteChanges
from tests.stores_for_tests import CONFIG, SIGN, Pair, real_pair

pytestmark = pytest.mark.anyio


@pytest.fixture
def changes(path: Path) -> Iterator[SqliteChanges]:
    changes = SqliteChanges(path)
    yield changes
    changes.close()


async def stays_quiet(changes: SqliteChanges) -> bool:
    with anyio.move_on_after(3 * POLL_SECONDS) as waiting:
        await changes.changed()
    return waiting.cancelled_caught


async def test_what_was_before_counts_as_a_change_once(changes: SqliteChanges) -> None:
    with anyio.fail_after(5):
        await changes.changed()

    assert await stays_quiet(changes)


async def test_a_write_is_noticed_even_if_nobody_waited_then(
    changes: SqliteChanges, pair: Pair
) -> None:
    await changes.changed()

    pair.registry.create(CONFIG)

    with anyio.fail_after(5):
        await changes.changed()


async def test_a_burst_of_writes_is_one_change(changes: SqliteChanges, pair: Pair) -> None:
    await changes.changed()
    for number in range(5):
        pair.registry.create(replace(CONFIG, name=f"s{number}"))

    with anyio.fail_after(5):
        await changes.changed()

    assert await stays_quiet(changes)


async def test_who_waits_is_woken(changes: SqliteChanges, pair: Pair) -> None:
    await changes.changed()
    woken = anyio.Event()

    async def wait() -> None:
        await changes.changed()
        woken.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.lowlevel.checkpoint()
            assert not woken.is_set()
            await pair.store.sign(SIGN)
            await woken.wait()


async def test_an_orchestrator_is_not_woken_by_its_own_writes(path: Path, pair: Pair) -> None:
    intentions = SqliteChanges(path, watch=INTENTIONS)
    study = await pair.started()
    await intentions.changed()

    await pair.store.sign(SIGN)
    await pair.completed(study, 0.5)

    assert await stays_quiet(intentions)
    pair.registry.retarget(study.id, Target(n_trials=30))
    with anyio.fail_after(5):
        await intentions.changed()
    intentions.close()


async def test_a_studys_mark_changes_with_every_epoch_and_every_intention(tmp_path: Path) -> None:
    pair = real_pair(tmp_path / "automl_studies.db")
    study = await pair.started()
    trial = (await pair.attempted(study)).trial
    seen = [pair.registry.marks()[study.config.name]]
    await pair.measure(study, trial, {1: 0.5})
    seen.append(pair.registry.marks()[study.config.name])
    pair.registry.stop(study.id)
    seen.append(pair.registry.marks()[study.config.name])
    assert len(set(seen)) == 3
    assert pair.registry.marks()[study.config.name] == seen[-1]
