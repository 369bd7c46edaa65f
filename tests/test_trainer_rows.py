"""Loss, gradient and perplexity of rows of tokens, against what a hand would compute."""

import math

import pytest
import torch
from torch import Tensor, nn

from trainers import llm, rows

CPU = torch.device("cpu")


class Output:
    def __init__(self, logits: Tensor) -> None:
        self.logits = logits


class Bigrams(nn.Module):
    """Knows how likely each token is after each; refuses more rows than fit into its memory."""

    def __init__(self, table: Tensor, fitting: int = 1000) -> None:
        super().__init__()
        self.table = nn.Parameter(table.clone())
        self.fitting = fitting

    def forward(self, input_ids: Tensor, use_cache: bool) -> Output:
        if len(input_ids) > self.fitting:
            raise torch.OutOfMemoryError("no room")
        return Output(self.table[input_ids])


@pytest.fixture
def table() -> Tensor:
    return torch.randn(5, 5, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def batch() -> rows.Rows:
    """Four rows of four; the last holds two tokens."""
    tokens = torch.tensor([0, 1, 2, 3, 4, 4, 3, 1, 0, 2, 2, 1, 3, 0, 4], dtype=torch.int32)
    return rows.rows(tokens, 4, CPU)


def gradient(model: Bigrams) -> Tensor:
    assert model.table.grad is not None
    return model.table.grad


def test_each_token_but_the_first_is_a_target_once_and_the_rest_is_ignored(
    batch: rows.Rows,
) -> None:
    ignored = rows.IGNORED

    assert batch.inputs.tolist() == [[0, 1, 2, 3], [4, 4, 3, 1], [0, 2, 2, 1], [3, 0, 0, 0]]
    assert batch.targets.tolist()[:3] == [[1, 2, 3, 4], [4, 3, 1, 0], [2, 2, 1, 3]]
    assert batch.targets.tolist()[3] == [0, 4, ignored, ignored]
    assert batch.tokens == 14


def test_perplexity_is_what_a_hand_computes_and_its_logarithm_the_loss(
    batch: rows.Rows, table: Tensor
) -> None:
    surprises = []
    for inputs, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        for token, target in zip(inputs, targets, strict=True):
            if target != rows.IGNORED:
                weights = [math.exp(logit) for logit in table[token].tolist()]
                surprises.append(-math.log(weights[target] / sum(weights)))
    expected = sum(surprises) / 14
    loss = rows.mean_loss(Bigrams(table), batch, 2)

    assert loss == pytest.approx(expected, rel=1e-6)
    assert llm.perplexity(loss) == pytest.approx(
        math.prod(math.exp(s) for s in surprises) ** (1 / 14), rel=1e-6
    )


def test_a_uniform_model_is_as_perplexed_as_it_has_tokens(batch: rows.Rows) -> None:
    loss = rows.mean_loss(Bigrams(torch.zeros(5, 5)), batch, 3)

    assert llm.perplexity(loss) == pytest.approx(5, rel=1e-6)


def test_perplexity_of_what_is_no_number_or_too_large_is_not_finite() -> None:
    assert math.isnan(llm.perplexity(math.nan))
    assert llm.perplexity(1000.0) == math.inf


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_gradients_over_micro_batches_are_those_of_the_whole_batch(
    batch: rows.Rows, table: Tensor, at_once: int, smoothing: float
) -> None:
    whole, parts = Bigrams(table.double()), Bigrams(table.double())
    loss = nn.functional.cross_entropy(
        whole.table[batch.inputs].flatten(0, 1),
        batch.targets.flatten(),
        ignore_index=rows.IGNORED,
        label_smoothing=smoothing,
    )
    torch.autograd.backward(loss)
    accumulated, _ = rows.backward(parts, batch, smoothing, at_once)

    assert accumulated.item() == pytest.approx(loss.item(), rel=1e-6)
    torch.testing.assert_close(gradient(parts), gradient(whole), rtol=1e-6, atol=1e-8)


def test_the_mean_of_micro_batches_means_would_be_another_gradient(
    batch: rows.Rows, table: Tensor
) -> None:
    right, wrong = Bigrams(table), Bigrams(table)
    rows.backward(right, batch, 0.0, 1)
    for few in batch.split(1):
        torch.autograd.backward(rows.summed_loss(wrong, few) / few.tokens / len(batch))

    assert not torch.allclose(gradient(right), gradient(wrong), rtol=1e-2)


def test_where_memory_runs_out_fewer_rows_at_once_give_the_same_gradient(
    batch: rows.Rows, table: Tensor
) -> None:
    roomy, tight = Bigrams(table), Bigrams(table, fitting=1)
    rows.backward(roomy, batch, 0.0, 4)
    _, at_once = rows.backward(tight, batch, 0.0, 4)

    assert at_once == 1
    torch.testing.assert_close(gradient(tight), gradient(roomy))


def test_where_not_even_one_row_fits_memory_has_run_out(batch: rows.Rows, table: Tensor) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        rows.backward(Bigrams(table, fitting=0), batch, 0.0, 4)


def test_rows_at_once_are_a_power_of_two_that_fits_and_never_more_than_the_batch() -> None:
    row = rows.CPU_BYTES // 20

    assert rows.in_memory(row, 256, CPU, to_come=0) == 16
    assert rows.in_memory(row, 6, CPU, to_come=0) == 6
    assert rows.in_memory(rows.CPU_BYTES * 2, 256, CPU, to_come=0) == 1
