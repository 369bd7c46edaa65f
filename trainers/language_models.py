"""Which model is trained: the embedded one, a folder, or one of the hub; whole, or through LoRA.

`transformers` and `peft` are imported where they are used: a worker's parent process loads this
module for every trainer's sake, and these two cost it seconds.

Weights are read from safetensors alone and no code that lies beside them is ever run.
"""

import json
import shutil
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from trainers import checkpoints, hub
from trainers.contract import Package
from trainers.rows import has_bfloat16
from trainers.texts import Tokenizer

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

EMBEDDED = "embedded"
"""An untrained byte-level GPT-2, which needs no download and no tokenizer."""

EMBEDDED_CONTEXT = 64
"""Bytes it is trained on at once; half of what it could take learns more in the same time."""

CONTEXT = 512
"""Tokens that other models are trained on at once, unless told otherwise."""

LORA_FROM_PARAMETERS = 500_000_000
"""From here on a model is adapted by LoRA: training all of it would take 16 bytes a parameter."""

LORA_DROPOUT = 0.05

BYTES = Tokenizer(
    identity="bytes", encode=lambda text: list(text.encode()), separator=list(b"\n\n")
)

LOCAL = {"local_files_only": True, "trust_remote_code": False}
"""What everything is loaded with: `hub.model_folder` alone fetches."""


def library() -> Any:
    """Returns `transformers`, which shall draw no progress bars into a job's log."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    return transformers


@dataclass(frozen=True, kw_only=True)
class Base:
    """A model before it is loaded."""

    name: str
    folder: Path | None
    """Where its files are; None for the embedded one."""

    @cached_property
    def config(self) -> "PretrainedConfig":
        """What kind of model it is.

        Raises:
            ValueError: a kind that only code beside the model could build.
        """
        if self.folder is None:
            return embedded_config()
        return library().AutoConfig.from_pretrained(self.folder, **LOCAL)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        if self.folder is None:
            return BYTES
        tokenizer = self.pretrained_tokenizer()
        separator = tokenizer.encode("\n\n", add_special_tokens=False)
        if tokenizer.eos_token_id is not None:
            separator = [tokenizer.eos_token_id]
        return Tokenizer(
            identity=json.dumps([str(self.folder), stamps(self.folder)]),
            encode=lambda text: tokenizer.encode(text, add_special_tokens=False, verbose=False),
            separator=separator,
        )

    def pretrained_tokenizer(self) -> "PreTrainedTokenizerBase":
        return library().AutoTokenizer.from_pretrained(self.folder, **LOCAL)

    @cached_property
    def parameters(self) -> int:
        """How many it has, found without loading them."""
        with torch.device("meta"):
            model = empty(self, torch.float32)
        return sum(parameter.numel() for parameter in model.parameters())

    def context(self, wanted: int) -> int:
        """Tokens to train on at once: as wanted, or by default for 0, and what it can take."""
        usual = EMBEDDED_CONTEXT if self.folder is None else CONTEXT
        return min(wanted or usual, getattr(self.config, "max_position_embeddings", usual))

    @property
    def bytes_per_token(self) -> int:
        """About what training keeps in memory for each token until the gradient is known."""
        config = self.config.get_text_config()
        return 4 * (3 * config.vocab_size + 20 * config.num_hidden_layers * config.hidden_size)

    def uses_lora(self, adaptation: str) -> bool:
        """Whether it is adapted by LoRA: as told, or `auto` by its size.

        Raises:
            ValueError: it was told to, but has learned nothing that could be adapted.
        """
        if adaptation == "auto":
            return self.parameters >= LORA_FROM_PARAMETERS
        if adaptation == "lora" and self.folder is None:
            raise ValueError(
                "the embedded model is untrained, so LoRA has nothing to adapt; choose adaptation "
                "full or auto, or a pretrained model"
            )
        return adaptation == "lora"

    def describe(self) -> str:
        """Returns what it is, such as `gpt2 (124M parameters)`."""
        count = self.parameters
        size = f"{count / 1e6:.0f}M" if count >= 1e6 else f"{count / 1e3:.0f}k"
        local = Path(self.name).expanduser()
        name = local.resolve().name if local.is_dir() else self.name
        name = "an untrained byte-level GPT-2" if self.folder is None else name
        return f"{name} ({size} parameters)"


def find(name: str) -> Base:
    """Returns the model of that name, downloaded if it is not on this machine yet.

    Raises:
        FileNotFoundError: there is no such model, it has no safetensors, or it cannot be fetched.
    """
    return Base(name=name, folder=None if name == EMBEDDED else hub.model_folder(name))


def embedded_config() -> "PretrainedConfig":
    return library().GPT2Config(
        vocab_size=256,
        n_positions=128,
        n_embd=128,
        n_layer=2,
        n_head=4,
        # One operation in place of gpt2's own six: the same function, a tenth faster on a CPU.
        activation_function="gelu_pytorch_tanh",
        # A few passes over a short text cannot overfit so small a model.
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )


def load(base: Base, device: torch.device, *, lora: tuple[int, int] | None) -> nn.Module:
    """Returns the model on that device, what is not to be trained frozen.

    The embedded one's weights, like LoRA's, are drawn from torch's global generator.

    Args:
        lora: rank and alpha, or None to train all of it.

    Raises:
        ValueError: the weights are not those of such a model.
        ModuleNotFoundError: LoRA needs `peft`, which is not installed.
    """
    dtype = torch.bfloat16 if lora and has_bfloat16(device) else torch.float32
    model = empty(base, dtype) if base.folder is None else pretrained(base, dtype)
    return (with_lora(model, *lora) if lora else model).to(device)


def empty(base: Base, dtype: torch.dtype) -> nn.Module:
    models = library().AutoModelForCausalLM
    return models.from_config(base.config, dtype=dtype, trust_remote_code=False)


def pretrained(base: Base, dtype: torch.dtype) -> nn.Module:
    model, report = library().AutoModelForCausalLM.from_pretrained(
        base.folder,
        config=base.config,
        dtype=dtype,
        use_safetensors=True,
        output_loading_info=True,
        **LOCAL,
    )
    if report["missing_keys"] or report["mismatched_keys"]:
        missing = ", ".join(sorted(map(str, report["missing_keys"]))[:3])
        raise ValueError(f"{base.name} is not a whole causal language model; it lacks {missing}")
    return model


def with_lora(model: nn.Module, rank: int, alpha: int) -> nn.Module:
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise ModuleNotFoundError(
            "training by LoRA needs the package peft, which is not installed (pip install peft); "
            "adaptation full trains the whole model without it"
        ) from None
    settings = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=LORA_DROPOUT,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, settings)


def is_lora(model: nn.Module) -> bool:
    return hasattr(model, "peft_config")


def trained(model: nn.Module) -> dict[str, torch.Tensor]:
    """Returns what training changes; all else comes from the base model."""
    return {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}


def restore(model: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Puts back what `trained` gave."""
    parameters = trained(model)
    if parameters.keys() != tensors.keys():
        raise ValueError("the checkpoint is of a training of another model, or of other parts")
    for name, tensor in tensors.items():
        parameters[name].copy_(tensor)


def save(model: nn.Module, base: Base, workdir: Path) -> None:
    """Writes the model, or LoRA's part of it, in the form that `transformers` and `peft` load.

    The weights are `model.safetensors`, or LoRA's `adapter_model.safetensors`; each file is
    replaced as a whole, the weights last.
    """
    saving: Any = model
    folder = workdir / "saving"
    # Always the same name: what a killed writer left behind is removed, not collected.
    shutil.rmtree(folder, ignore_errors=True)
    if is_lora(model):
        # peft would ask the hub whether there are new embeddings to be saved; there are none.
        saving.save_pretrained(folder, save_embedding_layers=False)
    else:
        saving.save_pretrained(folder, max_shard_size="1TB")
    if base.folder is not None and not (workdir / "tokenizer_config.json").exists():
        base.pretrained_tokenizer().save_pretrained(folder)
    for path in sorted(folder.iterdir(), key=lambda path: path.suffix == ".safetensors"):
        checkpoints.replace_atomically(workdir / path.name, partial(shutil.move, path))
    folder.rmdir()


def package(workdir: Path) -> Package:
    """Returns what `save` has written, whole, with its tokenizer."""
    model: Any = load_saved(workdir)
    model = model.merge_and_unload() if is_lora(model) else model
    has_tokenizer = (workdir / "tokenizer_config.json").exists()
    tokenizer = Base(name="", folder=workdir).pretrained_tokenizer() if has_tokenizer else spelled()
    return Package(model=model, example="The ", tokenizer=tokenizer)


def spelled() -> "PreTrainedTokenizerBase":
    """Returns a tokenizer whose tokens are a text's bytes in UTF-8, as the embedded model's are."""
    from tokenizers import Tokenizer as Made
    from tokenizers import decoders, models, pre_tokenizers

    # What GPT-2 writes for each byte, in the order in which it numbers what can be printed.
    printed = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printed]
    letters = {chr(byte): byte for byte in printed}
    letters |= {chr(256 + n): byte for n, byte in enumerate(others)}
    made = Made(models.BPE(letters, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return library().PreTrainedTokenizerFast(tokenizer_object=made)


def load_saved(workdir: Path) -> nn.Module:
    """Returns what `save` has written, ready to be judged."""
    if (workdir / "adapter_config.json").exists():
        from peft import AutoPeftModelForCausalLM

        return AutoPeftModelForCausalLM.from_pretrained(workdir, use_safetensors=True).eval()
    models = library().AutoModelForCausalLM
    return models.from_pretrained(workdir, use_safetensors=True, **LOCAL).eval()


def stamps(folder: Path) -> list[tuple[str, int, int]]:
    """Returns name, size and time of the files that a tokenizer is made of."""
    found = (p for kind in ("*.json", "*.txt", "*.model") for p in folder.glob(kind))
    return sorted((p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in found)
