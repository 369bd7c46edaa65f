"""Downloads from the Hugging Face hub: a program of its own, to which `hub` gives a time limit.

    python downloads.py model NAME
    python downloads.py text NAME[:CONFIGURATION] FILE

What went wrong is the last line of stderr.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

MAX_CHARACTERS = 64_000_000
"""How much of a data set is taken; more would take a minute only to be cut into tokens."""

MODEL_FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
"""What a model and its tokenizer are made of; no pickled weights and no code."""

SECOND_COPIES = ("original/*", "consolidated*")
"""The same weights once more, in the form of who published them."""


def download_model(name: str) -> None:
    """Puts a model into the hub's cache."""
    from huggingface_hub import snapshot_download

    snapshot_download(name, allow_patterns=list(MODEL_FILES), ignore_patterns=list(SECOND_COPIES))


def download_text(name: str, target: Path) -> None:
    """Writes the beginning of a data set's training part into a text file, a line per row."""
    try:
        from datasets import load_dataset
    except ImportError:
        raise ImportError("the package datasets is not installed: pip install datasets") from None
    from huggingface_hub import constants

    path, _, configuration = name.partition(":")
    # A stream ends where we stop reading; but what is cached on disk can only be read as a whole.
    streaming = not constants.is_offline_mode()
    rows = load_dataset(path, configuration or None, split="train", streaming=streaming)
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.writelines(beginning(texts(rows)))
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def texts(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The rows' column `text`, or else the first that holds text."""
    iterator = iter(rows)
    first = next(iterator, None)
    if first is None:
        raise ValueError("the data set is empty")
    columns = [name for name, value in first.items() if isinstance(value, str)]
    if not columns:
        raise ValueError(f"no column holds text: {', '.join(first)}")
    column = "text" if "text" in columns else columns[0]
    for row in chain([first], iterator):
        yield (row[column] or "").rstrip("\n") + "\n"


def beginning(lines: Iterable[str]) -> Iterator[str]:
    """As many lines as fit."""
    left = MAX_CHARACTERS
    for line in lines:
        left -= len(line)
        if left < 0:
            return
        yield line


def main() -> None:
    what, name, *target = sys.argv[1:]
    try:
        if what == "model":
            download_model(name)
        else:
            download_text(name, Path(target[0]))
    # Whatever a library raises becomes one line for whoever asked.
    except Exception as error:
        text = " ".join(str(error).split())
        sys.exit(f"{type(error).__name__}: {text[:300]}")


if __name__ == "__main__":
    main()
