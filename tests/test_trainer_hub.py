"""The hub: found on this machine, fetched in safe parts, or refused at once with a sentence."""

import json
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.hub_for_tests import COMMIT, hub_of
from tests.language_models_for_tests import write_model
from trainers import downloads, fetching, hub, llm

NOBODY = "http://127.0.0.1:1"
"""A port of this machine on which nobody listens: refused at once, whatever the network is."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, seen by this process and by the children it starts."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setenv("HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def reach(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setenv("HF_ENDPOINT", endpoint)


def test_a_model_is_downloaded_once_and_then_found_without_network(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = write_model(tmp_path / "published")
    (published / "pytorch_model.bin").write_bytes(b"a pickle")
    (published / "modeling_own.py").write_text("raise SystemExit")
    with hub_of("someone/small", published) as (address, asked):
        reach(monkeypatch, address)
        folder = hub.model_folder("someone/small")
    reach(monkeypatch, NOBODY)

    assert hub.model_folder("someone/small") == folder
    assert folder.is_relative_to(cache)
    assert (folder / "model.safetensors").read_bytes() == (
        published / "model.safetensors"
    ).read_bytes()
    assert {Path(file).suffix for file in asked} == {".json", ".safetensors"}
    assert llm.prepare(tmp_path, model="someone/small").description.startswith(
        "someone/small (8k parameters) on Python 3."
    )


def test_a_model_that_has_no_safetensors_is_refused(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = write_model(tmp_path / "published")
    (published / "model.safetensors").rename(published / "pytorch_model.bin")
    with hub_of("someone/pickled", published) as (address, asked):
        reach(monkeypatch, address)
        with pytest.raises(FileNotFoundError, match="has no safetensors weights; only such"):
            hub.model_folder("someone/pickled")

    assert "pytorch_model.bin" not in asked


@pytest.mark.usefixtures("cache")
def test_a_model_that_the_hub_does_not_know_is_refused_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub_of("someone/else", tmp_path) as (address, _):
        reach(monkeypatch, address)
        with pytest.raises(FileNotFoundError, match=r"'someone/small' is not .*404"):
            hub.model_folder("someone/small")


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("kind", ["model", "text"])
def test_without_network_what_is_not_here_is_refused_at_once_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    reach(monkeypatch, NOBODY)
    with pytest.raises(FileNotFoundError) as caught:
        llm.prepare(tmp_path, **{kind: "someone/small"})

    message = str(caught.value)
    assert "'someone/small' is not on this machine and cannot be fetched" in message
    assert "refused" in message
    assert "Connect to the internet" in message
    assert f"choose the {kind} embedded, which needs no download" in message


@pytest.mark.usefixtures("cache", "offline")
def test_hf_hub_offline_forbids_even_to_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub_of("someone/small", tmp_path) as (address, asked):
        reach(monkeypatch, address)
        with pytest.raises(FileNotFoundError, match="HF_HUB_OFFLINE is set"):
            hub.model_folder("someone/small")

    assert asked == []


def test_a_download_that_was_cut_short_is_not_taken_for_a_model(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = cache / "models--someone--small"
    folder = write_model(repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    reach(monkeypatch, NOBODY)
    assert hub.model_folder("someone/small") == folder
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))
    (folder / "model.safetensors").rename(folder / parts["a"])

    with pytest.raises(FileNotFoundError, match="cannot be fetched"):
        hub.model_folder("someone/small")


@pytest.mark.parametrize("name", ["./nowhere", "a/b/c", "../model", "https://example.org/model"])
def test_what_is_neither_a_folder_nor_a_name_of_the_hub_is_refused(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        hub.model_folder(name)
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        hub.text_file(tmp_path, name)


def test_a_data_sets_rows_become_lines_of_a_file(tmp_path: Path) -> None:
    published = tmp_path / "published"
    published.mkdir()
    rows = [{"id": 1, "text": "first"}, {"id": 2, "text": None}, {"id": 3, "text": "third\n"}]
    (published / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    target = tmp_path / "text.txt"
    # In a process of its own, as always: the library leaves threads behind.
    fetching.run([downloads.__file__], "text", str(published), str(target), seconds=50)

    assert target.read_text() == "first\n\nthird\n"


def test_without_a_column_text_the_first_one_with_text_is_read() -> None:
    assert list(downloads.texts([{"n": 1, "body": "a", "other": "b"}])) == ["a\n"]
    with pytest.raises(ValueError, match="no column holds text: n, m"):
        list(downloads.texts([{"n": 1, "m": 2.0}]))
    with pytest.raises(ValueError, match="empty"):
        list(downloads.texts([]))


def test_of_a_large_data_set_only_the_beginning_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MAX_CHARACTERS", 10)
    endless = (f"{number:3}\n" for number in range(1000))

    assert list(downloads.beginning(endless)) == ["  0\n", "  1\n"]
    assert next(endless) == "  3\n"


def test_a_child_that_takes_too_long_is_ended_and_one_that_fails_gives_its_last_line() -> None:
    with pytest.raises(OSError, match="no answer within 0.5 s"):
        fetching.run(["-c", "import time; time.sleep(60)"], seconds=0.5)
    with pytest.raises(OSError, match="^no such thing$"):
        fetching.run(["-c", "import sys; sys.exit('at first\\nno such thing')"], seconds=50)
