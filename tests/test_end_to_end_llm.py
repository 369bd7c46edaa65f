"""A language model tuned by the real processes, asked for as a chat client asks."""

import re
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from tests.workspace_for_tests import Workspace, structure_of, text_of
from trainers import language_models, texts


def lay_short_text(data_dir: Path) -> None:
    """Leaves of the embedded text, already cut into tokens, as much as trains in a second."""
    corpus = texts.prepare(data_dir, texts.EMBEDDED, language_models.BYTES)
    parts = {name: tokens[:9000] for name, tokens in load_file(corpus.path).items()}
    save_file(parts, corpus.path, metadata={"title": "a short text for a test"})


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_study_of_the_embedded_language_model_tells_how_far_perplexity_fell(
    tmp_path: Path,
) -> None:
    workspace = Workspace(tmp_path / "home")
    lay_short_text(workspace.home / "data")
    study = {"study_name": "words", "model_type": "llm", "n_trials": 2, "epochs_max": 1}
    started = text_of(await workspace.call("start_automl_study", **study))
    ended = await workspace.until_ended("words")
    best = structure_of(await workspace.call("get_automl_best_params", study_name="words"))

    assert started.startswith("[OK] AutoML Study Started: words\nModel: llm (")
    status, metrics = text_of(ended), structure_of(ended)["best_metrics"]
    assert re.search(r"Trials completed: 2\nBest val_perplexity: [\d.]+\n", status)
    assert re.search(r"other metrics: .*baseline_perplexity 2\d\d\.\d+, improvement_pct \d", status)
    assert "Data: embedded default, nothing downloaded: an untrained byte-level GPT-2" in status
    assert metrics["val_perplexity"] == best["trial"]["value"]
    assert metrics["val_perplexity"] < metrics["baseline_perplexity"]
    assert set(best["trial"]["params"]) == {"lr", "batch_size", "epochs", "weight_decay"}
    number = best["trial"]["number"]
    assert load_file(workspace.home / f"studies/1/trials/{number}" / "model.safetensors")
