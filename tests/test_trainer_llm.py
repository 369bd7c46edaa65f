"""The llm trainer beyond what all trainers promise: models, LoRA, safety, and what it reports."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.language_models_for_tests import write_model, write_text
from trainers import language_models, llm, rows, texts
from trainers.checkpoints import checkpoint_path
from trainers.contract import Context
from trainers.specs import LLM


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text(tmp_path_factory.mktemp("text") / "notes.txt")


@pytest.fixture
def config(model: Path, text: Path) -> llm.Config:
    return llm.Config(
        lr=1e-2, batch_size=32, epochs=1, context=16, model=str(model), text=str(text)
    )


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    # In each run a process has one training; here many share one, and the threads are global.
    threads = torch.get_num_threads()
    yield Context(workdir=tmp_path / "work", data_dir=tmp_path / "data")
    torch.set_num_threads(threads)


def test_the_default_configuration_trains_the_embedded_model_without_network(
    context: Context, text: Path
) -> None:
    prepared = llm.prepare(context.data_dir)
    (measured,) = llm.train(llm.Config(epochs=1, text=str(text)), context)
    metrics = measured.metrics

    assert prepared.arguments == {"model": "embedded", "text": "embedded"}
    assert prepared.description.startswith(
        "embedded default, nothing downloaded: an untrained byte-level GPT-2 (446k parameters) on "
        "Python 3."
    )
    assert len(prepared.description) < 200
    assert 200 < metrics["baseline_perplexity"] < 300
    assert metrics["val_perplexity"] < metrics["baseline_perplexity"]


def test_the_default_space_is_the_common_one_and_weight_decay() -> None:
    searched = [p.name for p in LLM.parameters if p.in_default_space]

    assert searched == ["lr", "batch_size", "epochs", "weight_decay"]


def test_metrics_agree_with_each_other(config: llm.Config, context: Context) -> None:
    *_, last = llm.train(replace(config, epochs=2), context)
    metrics = last.metrics

    assert set(metrics) == {
        "val_perplexity",
        "val_loss",
        "baseline_perplexity",
        "improvement_pct",
        "train_loss",
        "tokens_per_second",
    }
    assert metrics["val_perplexity"] == pytest.approx(math.exp(metrics["val_loss"]))
    fallen = 1 - metrics["val_perplexity"] / metrics["baseline_perplexity"]
    assert metrics["improvement_pct"] == pytest.approx(100 * fallen)
    assert 0 < metrics["improvement_pct"] < 100
    assert metrics["tokens_per_second"] > 0


def test_the_baseline_is_the_untouched_models_perplexity_on_held_out_text(
    config: llm.Config, context: Context, model: Path
) -> None:
    (measured,) = llm.train(config, context)
    untouched = AutoModelForCausalLM.from_pretrained(model)

    expected = perplexity_by_hand(untouched, held_out(config, context))
    assert measured.metrics["baseline_perplexity"] == pytest.approx(expected, rel=1e-4)


def held_out(config: llm.Config, context: Context) -> list[int]:
    tokenizer = language_models.find(config.model).tokenizer
    tokens = texts.prepare(context.data_dir, config.text, tokenizer).load("validation")
    return [int(token) for token in tokens]


@torch.no_grad()
def perplexity_by_hand(model: torch.nn.Module, tokens: list[int]) -> float:
    """Token by token, each from what stands before it in its row of 16."""
    surprise = 0.0
    for place in range(1, len(tokens)):
        begin = (place - 1) // 16 * 16
        logits = model.eval()(input_ids=torch.tensor([tokens[begin:place]])).logits[0, -1]
        surprise -= torch.log_softmax(logits.double(), dim=0)[tokens[place]].item()
    return math.exp(surprise / (len(tokens) - 1))


@pytest.mark.parametrize("adaptation", ["full", "lora"])
def test_what_is_saved_is_what_transformers_and_peft_load_and_scores_as_reported(
    config: llm.Config, context: Context, adaptation: str
) -> None:
    (measured,) = llm.train(replace(config, adaptation=adaptation), context)
    loaded = AutoModelForCausalLM.from_pretrained(context.workdir)
    tokenizer = AutoTokenizer.from_pretrained(context.workdir)

    tokens = held_out(config, context)
    assert perplexity_by_hand(loaded, tokens) == pytest.approx(
        measured.metrics["val_perplexity"], rel=1e-4
    )
    assert tokenizer.encode(tokenizer.decode(tokens[:50])) == tokens[:50]


def test_what_a_killed_writer_left_half_written_is_removed(
    config: llm.Config, context: Context
) -> None:
    half = context.workdir / "saving" / "model.safetensors"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half of a mod")
    list(llm.train(config, context))

    assert not half.parent.exists()
    assert AutoModelForCausalLM.from_pretrained(context.workdir)


def test_lora_leaves_the_model_as_it_is_and_keeps_its_few_weights(
    config: llm.Config, context: Context, model: Path
) -> None:
    list(llm.train(replace(config, adaptation="lora", lora_rank=2), context))
    base = AutoModelForCausalLM.from_pretrained(model).state_dict()
    adapted = AutoModelForCausalLM.from_pretrained(context.workdir).state_dict()
    saved = torch.load(checkpoint_path(context.workdir, 1), weights_only=True)["parameters"]

    untouched = {name.replace(".base_layer", ""): t for name, t in adapted.items()}
    assert all(torch.equal(untouched[name], tensor) for name, tensor in base.items())
    assert all("lora_" in name for name in saved)
    assert not (context.workdir / "model.safetensors").exists()


@pytest.mark.parametrize(("limit", "by_lora"), [(7_000, True), (8_000, False)])
def test_how_much_is_trained_follows_from_the_models_size_unless_told(
    config: llm.Config,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    by_lora: bool,
) -> None:
    assert language_models.find(config.model).parameters == 7_936
    monkeypatch.setattr(language_models, "LORA_FROM_PARAMETERS", limit)
    list(llm.train(config, context))
    told = replace(context, workdir=context.workdir / "told")
    list(llm.train(replace(config, adaptation="full"), told))

    assert (context.workdir / "adapter_model.safetensors").exists() is by_lora
    assert (told.workdir / "model.safetensors").exists()


def test_an_untrained_model_has_nothing_that_lora_could_adapt(
    config: llm.Config, context: Context
) -> None:
    refusal = "choose adaptation full or auto, or a pretrained model"
    with pytest.raises(ValueError, match=refusal):
        next(llm.train(replace(config, model="embedded", adaptation="lora"), context))
    with pytest.raises(ValueError, match=refusal):
        llm.prepare(context.data_dir, adaptation="lora")


def test_a_study_is_told_when_its_model_is_adapted_by_lora(
    config: llm.Config, context: Context
) -> None:
    prepared = llm.prepare(context.data_dir, config.model, config.text, adaptation="lora")

    assert "(8k parameters) by LoRA on notes.txt, " in prepared.description


def test_without_peft_only_lora_is_refused_with_what_to_install(
    config: llm.Config, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    list(llm.train(config, context))

    with pytest.raises(ModuleNotFoundError, match="pip install peft"):
        next(llm.train(replace(config, adaptation="lora"), context))


def test_how_many_rows_memory_holds_at_once_does_not_change_what_is_learned(
    config: llm.Config, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sure = replace(config, model="embedded", batch_size=64)
    (whole,) = llm.train(sure, context)
    monkeypatch.setattr(rows, "CPU_BYTES", 1 << 20)
    (parts,) = llm.train(sure, replace(context, workdir=tmp_path / "parts"))

    at_once = [
        torch.load(checkpoint_path(folder, 1), weights_only=True)["at_once"]
        for folder in (context.workdir, tmp_path / "parts")
    ]
    assert at_once == [64, 2]
    assert parts.metrics["val_loss"] == pytest.approx(whole.metrics["val_loss"], rel=1e-4)
    assert parts.metrics["train_loss"] == pytest.approx(whole.metrics["train_loss"], rel=1e-4)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.5, 1, 1, 1, 1, 1, 1, 1]),
        ("linear", [0.5, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]),
        ("cosine", [0.5, 1, 1, 0.933, 0.75, 0.5, 0.25, 0.067]),
    ],
)
def test_the_learning_rate_rises_within_the_first_epoch_and_then_follows_its_schedule(
    schedule: str, expected: list[float]
) -> None:
    config = llm.Config(schedule=schedule, warmup=0.5, epochs=2)
    factors = [llm.lr_factor(config, step, steps_per_epoch=4) for step in range(1, 9)]

    assert factors == pytest.approx(expected, abs=5e-4)
    assert llm.lr_factor(replace(config, warmup=0.0), 1, 4) == 1


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_a_training_under_a_falling_schedule_resumes_where_it_was(
    config: llm.Config, context: Context, tmp_path: Path, schedule: str
) -> None:
    falling = replace(config, schedule=schedule, label_smoothing=0.1, epochs=3)
    *_, whole = llm.train(falling, replace(context, workdir=tmp_path / "whole"))
    next(llm.train(falling, context))
    resuming = replace(context, resume_from=checkpoint_path(context.workdir, 1))
    *_, resumed = llm.train(falling, resuming)

    assert resumed.metrics["val_loss"] == whole.metrics["val_loss"]
    assert resumed.metrics["baseline_perplexity"] == whole.metrics["baseline_perplexity"]


def test_pickled_weights_are_refused_and_not_opened(
    config: llm.Config, context: Context, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")

    with pytest.raises(FileNotFoundError, match="only safetensors weights are loaded"):
        next(llm.train(replace(config, model=str(folder)), context))


def test_code_beside_a_model_is_not_run(
    config: llm.Config, context: Context, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "with-code")
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    settings = json.loads((folder / "config.json").read_text())
    classes = {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own"}
    settings |= {"model_type": "own", "auto_map": classes}
    (folder / "config.json").write_text(json.dumps(settings))

    with pytest.raises(ValueError, match="trust_remote_code"):
        next(llm.train(replace(config, model=str(folder)), context))
    assert not (tmp_path / "ran").exists()


def test_a_model_that_lacks_weights_is_not_trained_as_if_it_had_them(
    config: llm.Config, context: Context, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "two-layers")
    settings = json.loads((folder / "config.json").read_text()) | {"n_layer": 2}
    (folder / "config.json").write_text(json.dumps(settings))

    with pytest.raises(
        ValueError, match=r"not a whole causal language model; it lacks transformer\.h\.1"
    ):
        next(llm.train(replace(config, model=str(folder)), context))


@pytest.mark.parametrize("change", [{"context": 8}, {"model": "embedded"}])
def test_a_checkpoint_of_another_training_is_refused(
    config: llm.Config, context: Context, change: dict[str, object]
) -> None:
    list(llm.train(config, context))
    resuming = replace(context, resume_from=checkpoint_path(context.workdir, 1))
    other = replace(config, **change)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match=r"the checkpoint is of a training on .*, not on "):
        next(llm.train(other, resuming))


def test_a_checkpoint_of_the_full_model_is_refused_by_lora(
    config: llm.Config, context: Context
) -> None:
    list(llm.train(config, context))
    resuming = replace(context, resume_from=checkpoint_path(context.workdir, 1))

    with pytest.raises(ValueError, match="of another model, or of other parts"):
        next(llm.train(replace(config, adaptation="lora"), resuming))


def test_it_never_reads_the_test_part(
    config: llm.Config, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    load = texts.Corpus.load

    def recording(corpus: texts.Corpus, part: texts.Part) -> torch.Tensor:
        read.append(part)
        return load(corpus, part)

    monkeypatch.setattr(texts.Corpus, "load", recording)
    list(llm.train(config, context))

    assert read == ["train", "validation"]


def test_a_final_training_reads_the_validation_part_too_and_is_judged_by_the_test_part(
    config: llm.Config, context: Context
) -> None:
    base = language_models.find(config.model)
    corpus = texts.prepare(context.data_dir, config.text, base.tokenizer)
    tokens, judge = corpus.parts(final=True)
    assert torch.equal(tokens, torch.cat([corpus.load("train"), corpus.load("validation")]))
    assert torch.equal(judge, corpus.load("test"))


@pytest.mark.parametrize(
    "wrong",
    [{"schedule": "one-cycle"}, {"adaptation": "half"}, {"warmup": 1.5}, {"label_smoothing": 1.0}],
)
def test_a_value_that_means_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        llm.Config(**wrong)  # type: ignore[arg-type]


def test_it_runs_alone_logs_to_stderr_and_ends_with_the_test_perplexity(
    config: llm.Config, context: Context, model: Path
) -> None:
    command = [sys.executable, "-m", "trainers.llm", "--model", config.model, "--text", config.text]
    folders = ["--workdir", str(context.workdir), "--data-dir", str(context.data_dir)]
    done = subprocess.run(
        [*command, "--lr", "1e-2", "--epochs", "1", *folders, "--device", "cpu"],
        capture_output=True,
        text=True,
        timeout=50,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert f"{model.name} (8k parameters) on notes.txt, " in done.stderr
    *_, epoch, test = done.stderr.splitlines()
    assert epoch.startswith("epoch 1  val_perplexity ")
    assert test.startswith("test perplexity ")
