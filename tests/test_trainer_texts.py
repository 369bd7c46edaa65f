"""Where text comes from, how it is split, and what makes it another one."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.language_models_for_tests import write_text
from trainers import texts
from trainers.language_models import BYTES


def prepared(folder: Path, text: Path | str) -> texts.Corpus:
    return texts.prepare(folder / "data", str(text), BYTES)


def test_the_embedded_text_is_the_help_of_this_python_and_needs_nothing(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, "embedded")
    validation = bytes(corpus.load("validation").tolist()).decode()

    version = ".".join(map(str, sys.version_info[:3]))
    assert corpus.describe().startswith(f"Python {version}'s help texts (pydoc_data.topics), 13")
    assert corpus.describe().endswith(" train / 16384 validation tokens")
    assert "statement" in validation


def test_the_parts_are_disjoint_and_together_the_whole_text() -> None:
    tokens = np.arange(100 * texts.SPAN + 7, dtype=np.int32)
    parts = texts.split(tokens)

    assert sorted(np.concatenate(list(parts.values())).tolist()) == tokens.tolist()
    assert {name: round(len(part) / len(tokens), 2) for name, part in parts.items()} == {
        "train": 0.8,
        "validation": 0.1,
        "test": 0.1,
    }


def test_held_out_spans_come_from_the_whole_length_of_the_text() -> None:
    tokens = np.arange(100 * texts.SPAN, dtype=np.int32)
    begins = texts.split(tokens)["validation"][:: texts.SPAN] // texts.SPAN

    assert begins.tolist() == list(range(5, 100, 10))


def test_of_a_long_text_only_so_much_is_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MAX_HELD_OUT_SPANS", 4)
    parts = texts.split(np.zeros(100 * texts.SPAN, dtype=np.int32))

    assert len(parts["validation"]) == len(parts["test"]) == 4 * texts.SPAN


def test_a_short_text_is_split_too(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, write_text(tmp_path / "notes.txt", 1200))
    parts: tuple[texts.Part, ...] = ("train", "validation", "test")
    sizes = [len(corpus.load(part)) for part in parts]

    assert sum(sizes) == 1202
    assert min(sizes) >= 120


def test_of_the_shortest_text_that_can_be_used_all_parts_have_something() -> None:
    parts = texts.split(np.zeros(texts.MIN_TOKENS, dtype=np.int32))

    assert {name: len(part) for name, part in parts.items()} == {
        "train": 800,
        "validation": 100,
        "test": 100,
    }


def test_a_text_that_is_too_short_is_refused_with_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"notes\.txt has only 502 tokens; at least 1000"):
        prepared(tmp_path, write_text(tmp_path / "notes.txt", 500))


def test_it_is_cut_into_tokens_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    text = write_text(tmp_path / "notes.txt", 2000)
    first = prepared(tmp_path, text)
    written = first.path.stat().st_mtime_ns
    again = prepared(tmp_path, text)
    os.utime(text, ns=(1, 1))
    changed = prepared(tmp_path, text)

    assert (again.path, again.path.stat().st_mtime_ns) == (first.path, written)
    assert changed.path != first.path


def test_another_tokenizer_makes_it_another_text(tmp_path: Path) -> None:
    text = write_text(tmp_path / "notes.txt", 2000)
    doubled = texts.Tokenizer(
        identity="doubled", encode=lambda it: [*it.encode(), *it.encode()], separator=[]
    )
    corpus = texts.prepare(tmp_path / "data", str(text), doubled)

    assert corpus.path != prepared(tmp_path, text).path
    assert sum(len(corpus.load(part)) for part in ("train", "validation", "test")) == 4000


def test_of_a_folder_all_texts_are_read_in_order_with_a_separator_between(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    (folder / "deep").mkdir(parents=True)
    (folder / "b.md").write_text("second")
    (folder / "a.txt").write_text("first")
    (folder / "deep" / "c.rst").write_text("third")
    (folder / "image.png").write_bytes(b"\xff\xfe")
    source = texts.find(tmp_path, str(folder))
    tokens, whole = texts.encode(source.documents(), BYTES)

    assert bytes(tokens.tolist()) == b"first\n\nsecond\n\nthird\n\n"
    assert whole
    assert source.title == "notes"


def test_a_folder_without_texts_is_refused_with_what_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file that ends in \.txt, \.md, \.rst"):
        prepared(tmp_path, tmp_path)


def test_what_is_not_utf_8_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"caf\xe9" * 1000)

    with pytest.raises(ValueError, match=r"notes\.txt is no text in UTF-8"):
        prepared(tmp_path, path)
    assert list((tmp_path / "data").glob("*.safetensors")) == []


def test_a_text_that_is_too_long_is_used_in_part_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "MAX_CHARACTERS", 1500)
    corpus = prepared(tmp_path, write_text(tmp_path / "notes.txt", 4000))

    assert corpus.describe().startswith("the first 1500 characters of notes.txt, ")


def test_long_documents_are_cut_at_line_ends_and_lose_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(texts, "PIECE", 10)
    document = "short\nlines\nand a line that is longer than that\nend"
    pieces = list(texts.pieces(document))

    assert "".join(pieces) == document
    assert pieces[:2] == ["short\n", "lines\n"]
    assert max(map(len, pieces)) <= 10


def test_tokens_are_read_as_they_were_written(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("0123456789" * 500)
    train = prepared(tmp_path, text).load("train")

    assert train.dtype == torch.int32
    assert bytes(train[:20].tolist()) == b"01234567890123456789"
