"""What a language model reads: the embedded text, a file, a folder, or a data set of the hub.

Whatever the source, it is cut into tokens once, into `<data_dir>/text-<key>-1.safetensors`, already
split. The key changes with the text and with the tokenizer. A trial then opens one file.

Spans of the text are held out at regular intervals, so that what is judged is like what is trained
on, wherever in the text that is; no seed and no batch size changes which. The test part is read by
nobody who does not ask for it: by no trial, and by a final training only to be judged. Every text
has one, however short; what would be too short for that is refused for all trainings.
"""

import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save

from trainers import hub
from trainers.fetching import make_once

EMBEDDED = "embedded"
"""The text that comes with Python: what `help("booleans")` and its like print."""

EMBEDDED_CHARACTERS = 163_840
"""How much of it is used: an epoch of the embedded model is then 6 CPU-seconds."""

FORMAT = 1
"""Changes when splits or keys change, so that an older file is not taken for a new one."""

SPAN = 2048
"""Tokens that stay together when the text is split."""

EVERY = 10
"""One span of so many is for validation, and another one for the test."""

MAX_HELD_OUT_SPANS = 128
"""Of a long text no more is held out: judging it takes a share of every epoch."""

MIN_TOKENS = 1000
"""Of so few, validation and test get 100 each."""

MAX_CHARACTERS = 64_000_000
"""How much of a text is read; more would take minutes only to be cut into tokens."""

PIECE = 1 << 20
"""Characters that are cut into tokens at once."""

SUFFIXES = (".txt", ".md", ".rst")
"""What is read of a folder."""

Part: TypeAlias = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenizer:
    """How text becomes numbers."""

    identity: str
    """Changes whenever the same text would become other numbers."""
    encode: Callable[[str], Sequence[int]]
    separator: Sequence[int]
    """What stands after each document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A text before it is cut into tokens."""

    title: str
    """What it is called wherever a result is reported."""
    identity: str
    """Changes whenever its content does."""
    documents: Callable[[], Iterable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A text cut into tokens and split."""

    path: Path

    def load(self, part: Part) -> torch.Tensor:
        """Returns the tokens of one part, int32, (count,)."""
        with safe_open(self.path, framework="pt") as file:
            return file.get_tensor(part)

    def parts(self, *, final: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the tokens that are trained on, and those that judge.

        Finally, the validation part is trained on, too, and the test part judges.
        """
        if not final:
            return self.load("train"), self.load("validation")
        return torch.cat([self.load("train"), self.load("validation")]), self.load("test")

    def describe(self) -> str:
        """Returns title and sizes, such as `notes.txt, 131072 train / 16384 validation tokens`."""
        with safe_open(self.path, framework="pt") as file:
            title = file.metadata()["title"]
            train, validation = (
                file.get_slice(part).get_shape()[0] for part in ("train", "validation")
            )
        return f"{title}, {train} train / {validation} validation tokens"


def prepare(data_dir: Path, text: str, tokenizer: Tokenizer) -> Corpus:
    """Makes a text ready to be loaded; only the first call for it takes long.

    Args:
        data_dir: Created if missing.
        text: `embedded`, a file or folder, or the name of a data set of the Hugging Face hub.

    Raises:
        FileNotFoundError: there is no such text, or it cannot be fetched.
        ValueError: it cannot be read, or is too short.
    """
    source = find(data_dir, text)
    identity = json.dumps([source.identity, tokenizer.identity])
    key = hashlib.sha256(identity.encode()).hexdigest()[:16]
    path = data_dir / f"text-{key}-{FORMAT}.safetensors"
    make_once(path, lambda: cut(source, tokenizer))
    return Corpus(path=path)


def find(data_dir: Path, text: str) -> Source:
    """Returns the source of that name, as `prepare` takes it."""
    if text == EMBEDDED:
        return embedded()
    path = Path(text).expanduser()
    if path.exists():
        return files(path.resolve().name, path)
    return files(f"{text} of the Hugging Face hub", hub.text_file(data_dir, text))


def embedded() -> Source:
    """Returns the beginning of the help texts that come with this Python."""
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name] for name in sorted(topics))[:EMBEDDED_CHARACTERS]
    title = f"Python {platform.python_version()}'s help texts (pydoc_data.topics)"
    identity = hashlib.sha256(text.encode()).hexdigest()
    return Source(title=title, identity=identity, documents=lambda: [text])


def files(title: str, path: Path) -> Source:
    """Returns a file, or a folder's text files in the order of their names.

    Raises:
        FileNotFoundError: the folder has none.
    """
    found = [path]
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
    if not found:
        raise FileNotFoundError(f"{path} has no file that ends in {', '.join(SUFFIXES)}")
    stamps = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in found]
    return Source(title=title, identity=json.dumps(stamps), documents=lambda: map(read, found))


def read(path: Path) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(MAX_CHARACTERS)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error}") from error


def cut(source: Source, tokenizer: Tokenizer) -> bytes:
    """Returns the tokens of all parts as a safetensors file."""
    tokens, whole = encode(source.documents(), tokenizer)
    if len(tokens) < MIN_TOKENS:
        raise ValueError(
            f"{source.title} has only {len(tokens)} tokens; at least {MIN_TOKENS} are needed"
        )
    title = source.title if whole else f"the first {MAX_CHARACTERS} characters of {source.title}"
    return save(split(tokens), metadata={"title": title})


def encode(documents: Iterable[str], tokenizer: Tokenizer) -> tuple[np.ndarray, bool]:
    """Returns the tokens of the documents, and whether they are all of them."""
    encoded: list[np.ndarray] = []
    left = MAX_CHARACTERS
    for document in documents:
        numbers = (*map(tokenizer.encode, pieces(document[:left])), tokenizer.separator)
        encoded += (np.asarray(few, dtype=np.int32) for few in numbers)
        left -= len(document)
        if left <= 0:
            return np.concatenate(encoded), False
    return np.concatenate(encoded), True


def pieces(document: str) -> Iterator[str]:
    # At the end of a line, where no tokenizer would have joined what is parted here.
    begin = 0
    while begin < len(document):
        end = document.rfind("\n", begin, begin + PIECE) + 1
        if end <= begin or begin + PIECE >= len(document):
            end = begin + PIECE
        yield document[begin:end]
        begin = end


def split(tokens: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the parts: of every so many spans one for validation and one for the test."""
    span = min(SPAN, len(tokens) // (2 * EVERY))
    spans = np.split(tokens, range(span, len(tokens), span))
    every = max(EVERY, len(spans) // MAX_HELD_OUT_SPANS)
    held_out: dict[int, Part] = {every // 2: "validation", every - 1: "test"}
    parts: dict[str, list[np.ndarray]] = {"train": [], "validation": [], "test": []}
    for number, part in enumerate(spans):
        parts[held_out.get(number % every, "train")].append(part)
    return {name: np.concatenate(part) for name, part in parts.items()}
