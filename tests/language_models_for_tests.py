"""A language model as small as can be, with a tokenizer of its own, in a folder as from the hub."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from trainers import texts

END = "<|endoftext|>"


def write_model(folder: Path, *, dropout: float = 0.1) -> Path:
    """Writes a GPT-2 of 7k parameters that knows single bytes and the end of a text."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({t: n for n, t in enumerate([*letters, END])}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END).save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(letters) + 1,
        n_positions=32,
        n_embd=16,
        n_layer=1,
        n_head=2,
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        bos_token_id=len(letters),
        eos_token_id=len(letters),
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


def write_text(path: Path, characters: int = 4000) -> Path:
    """Writes the beginning of the embedded text into a file."""
    (text,) = texts.embedded().documents()
    path.write_text(text[:characters], encoding="utf-8")
    return path
