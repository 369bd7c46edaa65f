"""The Hugging Face hub: what was fetched from it before, else a download, else a sentence.

A name is looked for on this machine first, and the network is asked nothing if it is there. If not,
one short probe decides whether the machine is offline: the hub's own client would try for half a
minute. `HF_HUB_OFFLINE=1` forbids even the probe. Of weights only safetensors are fetched, and
code that lies beside a model or a data set is neither fetched nor run.
"""

import hashlib
import json
import os
import re
from pathlib import Path

from trainers.fetching import run

PROBE_SECONDS = 5.0
"""How long to wait for any answer from the hub before taking the machine to be offline."""

DOWNLOAD_SECONDS = 3600.0
"""How long one download may take; the parts that have arrived are kept for the next try."""

MODEL_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
TEXT_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*(:[\w.-]+)?")

_DOWNLOADS = Path(__file__).with_name("downloads.py")
_PROBE = """
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(urllib.request.Request(sys.argv[1], method="HEAD")).close()
except urllib.error.HTTPError:
    pass
"""


def model_folder(name: str) -> Path:
    """Returns the folder of a model's files, downloading them if they are not here yet.

    Args:
        name: a local folder, or a model of the hub such as `openai-community/gpt2`.

    Raises:
        FileNotFoundError: there is no such model, it has no safetensors, or it cannot be fetched.
    """
    local = Path(name).expanduser()
    if local.is_dir():
        return _checked(local.resolve(), name)
    if not MODEL_NAME.fullmatch(name):
        raise FileNotFoundError(
            f"there is no folder {name!r}; a model is a folder with config.json and safetensors "
            "weights, the name of one on the Hugging Face hub, or embedded, which needs no download"
        )
    folder = _cached(name)
    if folder is None:
        advice = "give a local folder, or choose the model embedded, which needs no download"
        _download(f"model {name!r}", advice, "model", name)
        folder = _cached(name)
    if folder is None:
        raise FileNotFoundError(f"model {name!r} has no safetensors weights; only such are loaded")
    return folder


def text_file(data_dir: Path, name: str) -> Path:
    """Returns a file with the text of a data set, downloading it if it is not here yet.

    Args:
        name: a data set of the hub, such as `Salesforce/wikitext:wikitext-2-raw-v1`; what follows
            the colon is its configuration.

    Raises:
        FileNotFoundError: there is neither a file of that name, nor can such a data set be fetched.
    """
    if not TEXT_NAME.fullmatch(name):
        raise FileNotFoundError(
            f"there is no file or folder {name!r}; a text is one of these, a data set of the "
            "Hugging Face hub such as Salesforce/wikitext:wikitext-2-raw-v1, or embedded"
        )
    path = data_dir / f"hub-{hashlib.sha256(name.encode()).hexdigest()[:16]}.txt"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        advice = "give a local file or folder, or choose the text embedded, which needs no download"
        _download(f"data set {name!r}", advice, "text", name, str(path))
    return path


def is_complete(folder: Path) -> bool:
    """Whether a model can be loaded from here: its configuration and all its safetensors."""
    index = folder / "model.safetensors.index.json"
    if index.exists():
        weights = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    else:
        weights = {"model.safetensors"}
    return all((folder / file).exists() for file in {"config.json", *weights})


def _checked(folder: Path, name: str) -> Path:
    if is_complete(folder):
        return folder
    raise FileNotFoundError(
        f"the folder {name!r} lacks config.json or model.safetensors; only safetensors weights are "
        "loaded, because others can run any code"
    )


def _cached(name: str) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        # Complete by its own measure is a snapshot only with the files that we do not want.
        wanted = ["config.json"]
        folder = Path(snapshot_download(name, local_files_only=True, allow_patterns=wanted))
    except (HFValidationError, LocalEntryNotFoundError):
        return None
    return folder if is_complete(folder) else None


def _download(what: str, advice: str, *arguments: str) -> None:
    from huggingface_hub import constants

    try:
        if constants.is_offline_mode():
            # Data sets have a cache of their own, which only their library can read.
            if arguments[0] == "model":
                raise OSError("HF_HUB_OFFLINE is set")
        else:
            run(["-c", _PROBE], constants.ENDPOINT, seconds=PROBE_SECONDS)
        run([os.fspath(_DOWNLOADS)], *arguments, seconds=DOWNLOAD_SECONDS)
    except OSError as error:
        raise FileNotFoundError(
            f"{what} is not on this machine and cannot be fetched from the Hugging Face hub "
            f"({error}). Connect to the internet, {advice}."
        ) from error
