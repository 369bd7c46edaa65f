"""Putting the server into a client's file, which belongs to somebody else.

Everything else in the file stays; what was there is kept beside it; a file that cannot be
understood is left alone; and a reader sees the old file or the new one, never half of it.
"""

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from mcp_automl.clients import NAME, Client, Server, block
from mcp_automl.domain.errors import ClientFileUnusable


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What came of putting the server into a client's file."""

    path: Path
    """The file itself, links followed."""
    changed: bool
    backup: Path | None
    """What was there before; None where nothing was, or nothing had to be changed."""


def has(path: Path, client: Client, server: Server) -> bool | None:
    """Whether a client's file has this very server; None if it has none of that name."""
    whole = _parsed(client, _read(path) or "", path)
    found = _servers(whole, client, path).get(NAME)
    return None if found is None else _entry(found, server.entry(client)) == found


def place(path: Path, client: Client, server: Server) -> Placed:
    """Puts the server into a client's file, which is made if it is not there.

    Raises:
        ClientFileUnusable: it cannot be read, understood or written; nothing was changed.
    """
    real = Path(os.path.realpath(path))
    old = _read(real)
    try:
        new = _merged(old or "", client, server, real)
        content = new.encode()
        if new == old:
            return Placed(path=real, changed=False, backup=None)
        real.parent.mkdir(parents=True, exist_ok=True)
        backup = None if old is None else _keep(real, old)
        _replace(real, content)
    except ClientFileUnusable:
        raise
    # A character that cannot be encoded is a ValueError.
    except (OSError, ValueError) as error:
        raise ClientFileUnusable(
            f"{real} cannot be written ({error}); it was left alone"
        ) from error
    return Placed(path=real, changed=True, backup=backup)


# --- reading -----------------------------------------------------------------------------------


def _read(path: Path) -> str | None:
    try:
        # Not as text: line ends shall stay as they are.
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ClientFileUnusable(f"{path} cannot be read ({error}); it was left alone") from error


def _parsed(client: Client, text: str, path: Path) -> dict[str, Any]:
    language = "TOML" if client is Client.CODEX else "plain JSON"
    load = tomllib.loads if client is Client.CODEX else _object
    try:
        _refuse_mark(text)
        return load(text)
    except (ValueError, RecursionError) as error:
        counts = "" if client is Client.CODEX else "; comments and trailing commas count"
        raise ClientFileUnusable(
            f"{path} is not {language} ({error}{counts}), so it was "
            "left alone; put the block that is printed without --write into it by hand"
        ) from error


def _refuse_mark(text: str) -> None:
    # Some readers take it and some do not: whether the client does is not ours to know.
    if text.startswith("\ufeff"):
        raise ValueError("it begins with a byte order mark: save it as UTF-8 without one")


def _object(text: str) -> dict[str, Any]:
    loaded = json.loads(
        text or "{}", object_pairs_hook=_once, parse_float=_exact, parse_constant=_no_number
    )
    if not isinstance(loaded, dict):
        raise ValueError("it is no object")
    return loaded


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses what would be lost by writing it again."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands there twice")
    return made


def _no_number(text: str) -> float:
    """Refuses what Python takes for a number, and the client's own reader does not."""
    raise ValueError(f"{text} is no number in JSON")


def _exact(text: str) -> float:
    """Refuses what would be another number when it is written again."""
    number = float(text)
    if Decimal(text) != Decimal(repr(number)):
        raise ValueError(f"{text} has more digits than can be kept")
    return number


def _servers(whole: Mapping[str, Any], client: Client, path: Path) -> dict[str, Any]:
    servers = whole.get(client.table, {})
    if not isinstance(servers, dict) or not isinstance(servers.get(NAME, {}), dict):
        raise ClientFileUnusable(
            f"{client.table} in {path} has another form than {client.title} has it, so the file "
            "was left alone; correct it, and call again"
        )
    return servers


# --- merging -----------------------------------------------------------------------------------


def _merged(text: str, client: Client, server: Server, path: Path) -> str:
    """The file's new text; the same text if the server is there already."""
    whole = _parsed(client, text.strip() and text, path)
    servers = _servers(whole, client, path)
    before = servers.get(NAME)
    after = _entry(before or {}, server.entry(client))
    if before == after:
        return text
    wanted = {**whole, client.table: {**servers, NAME: after}}
    if client is not Client.CODEX:
        return _dumped(wanted, text)
    new = _toml(text, client, server, after, known=before is not None)
    if tomllib.loads(new) != wanted:
        raise ValueError(f"[{client.table}] is written in a way that cannot be added to")
    return new


def _entry(before: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Ours, with what the user has added: a timeout, another variable."""
    if "command" not in before:
        # Another kind of server, such as one by its URL.
        return dict(ours)
    kept = {**before, **ours}
    earlier = before.get("env")
    if "env" in ours and isinstance(earlier, dict):
        kept["env"] = {**earlier, **ours["env"]}
    return kept


def _dumped(whole: Mapping[str, Any], like: str) -> str:
    """JSON, indented as that text is, with its line ends."""
    found = re.search(r"^([ \t]+)\S", like, re.MULTILINE)
    text = json.dumps(whole, indent=found[1] if found else 2, ensure_ascii=False)
    text += "\n" if not like.strip() or like.endswith("\n") else ""
    return text.replace("\n", "\r\n") if "\r\n" in like else text


def _toml(
    text: str, client: Client, server: Server, entry: Mapping[str, Any], *, known: bool
) -> str:
    if not known:
        # The end is the one place where nothing that stands there can be disturbed.
        parted = text and text.rstrip("\r\n") + "\n\n"
        new = parted + block(client, server)
        return new.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in text else new
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        table: Any = document[client.table]
        _update(table[NAME], entry)
        return tomlkit.dumps(document)
    except TOMLKitError as error:
        raise ValueError(str(error)) from error


def _update(table: MutableMapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Changes what differs and nothing else, so that comments stay."""
    for key in set(table) - set(wanted):
        del table[key]
    for key, value in wanted.items():
        if isinstance(value, Mapping) and isinstance(table.get(key), MutableMapping):
            _update(table[key], value)
        elif table.get(key) != value:
            table[key] = value


# --- writing -----------------------------------------------------------------------------------


def _keep(path: Path, text: str) -> Path:
    """Copies what is there to a name that is free."""
    number = 0
    while True:
        number += 1
        backup = path.with_name(f"{path.name}.backup-{number}")
        try:
            with backup.open("xb") as copy:
                os.fchmod(copy.fileno(), path.stat().st_mode & 0o777)
                copy.write(text.encode())
        except FileExistsError:
            continue
        return backup


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all; only its owner may read a new one, for it may hold a password."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            if path.exists():
                os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
