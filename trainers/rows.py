"""A text as rows of tokens; their loss, and its gradient however many rows memory can hold at once.

A batch's loss is its mean per *token*. Micro-batches may hold different numbers of tokens, so each
adds its sum over the tokens of the whole batch; the mean of their means would be another gradient.
"""

import logging
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IGNORED = -100
"""The target where there is no token to be predicted."""

CPU_BYTES = 1 << 28
"""What a micro-batch's activations may take on a CPU. The same whatever else runs: the last digits
of a result depend on it."""

GPU_SHARE = 0.5
"""Share of a GPU's free memory that a micro-batch's activations are planned to take."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of equal length in which each token of a text is once a target, save the very first."""

    inputs: Tensor
    """int32, (rows, context)."""
    targets: Tensor
    """The token after each input, int64, (rows, context); IGNORED where the text has ended."""

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, which: Tensor | slice) -> "Rows":
        return Rows(inputs=self.inputs[which], targets=self.targets[which])

    def split(self, size: int) -> list["Rows"]:
        return [self[start : start + size] for start in range(0, len(self), size)]

    @property
    def tokens(self) -> int:
        """How many targets there are."""
        return int((self.targets != IGNORED).sum())


def rows(tokens: Tensor, context: int, device: torch.device) -> Rows:
    """Returns a text's tokens, (count,), in rows of so many."""
    count = len(tokens) - 1
    padded = math.ceil(count / context) * context
    inputs = torch.zeros(padded, dtype=torch.int32, device=device)
    targets = torch.full((padded,), IGNORED, device=device)
    inputs[:count], targets[:count] = tokens[:-1].to(device), tokens[1:].to(device)
    return Rows(inputs=inputs.view(-1, context), targets=targets.view(-1, context))


def in_memory(bytes_per_row: int, batch_size: int, device: torch.device, to_come: int) -> int:
    """Returns how many rows to pass through a model at once: a power of two, at most the batch.

    Args:
        to_come: bytes that will be needed beside them.
    """
    room = float(CPU_BYTES)
    if device.type == "cuda":
        room = GPU_SHARE * (torch.cuda.mem_get_info(device)[0] - to_come)
    return min(batch_size, 1 << int(math.log2(max(1.0, room / bytes_per_row))))


def has_bfloat16(device: torch.device) -> bool:
    """Whether the hardware computes in bfloat16; unlike float16 it needs no loss scaling."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def summed_loss(model: nn.Module, batch: Rows, smoothing: float = 0.0) -> Tensor:
    """Returns the sum of the losses of a batch's tokens, a scalar."""
    device = batch.inputs.device
    with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
        logits = model(input_ids=batch.inputs, use_cache=False).logits
    return F.cross_entropy(
        logits.float().flatten(0, 1),
        batch.targets.flatten(),
        ignore_index=IGNORED,
        label_smoothing=smoothing,
        reduction="sum",
    )


@torch.no_grad()
def mean_loss(model: nn.Module, examples: Rows, size: int) -> float:
    """Returns the mean loss per token, each predicted from what stands before it in its row.

    Args:
        size: rows at once.
    """
    model.eval()
    total = sum(summed_loss(model, few).item() for few in examples.split(size))
    return total / examples.tokens


def backward(model: nn.Module, batch: Rows, smoothing: float, size: int) -> tuple[Tensor, int]:
    """Gives the model the gradient of the batch's mean loss; returns the loss, and rows at once.

    Where memory does not suffice for `size` rows, it tries again with half as many.

    Raises:
        torch.OutOfMemoryError: it does not suffice for one.
    """
    while True:
        try:
            return accumulate(model, batch, smoothing, size), size
        except torch.OutOfMemoryError:
            if size == 1:
                raise
        # Outside of the handler, whose traceback holds on to what is to be freed.
        model.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
        size = size // 2
        logger.info("out of memory; going on with %d rows at once", size)


def accumulate(model: nn.Module, batch: Rows, smoothing: float, size: int) -> Tensor:
    tokens = (batch.targets != IGNORED).sum()
    total = torch.zeros((), device=batch.inputs.device)
    for few in batch.split(size):
        loss = summed_loss(model, few, smoothing) / tokens
        loss.backward()
        total += loss.detach()
    return total
