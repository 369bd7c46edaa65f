"""Texts, word for word: users of the product know how they begin."""

from dataclasses import replace
from pathlib import Path

import pytest

from mcp_automl.answers import BestParams, Comparison, RunningTrial
from mcp_automl.domain.savings import Savings
from mcp_automl.domain.space import Float, SearchSpace
from mcp_automl.domain.study import Measurement, StudyState, Trial, TrialState
from mcp_automl.domain.tracking import TrackedRun
from mcp_automl.server import recipe, tables, text
from mcp_automl.server.words import dollars, duration, plain, score
from tests.fakes_server import (
    MNIST,
    a_config,
    a_start,
    a_status,
    a_study,
    a_trial,
    the_top_five,
)

COMPLETE, PRUNED = TrialState.COMPLETE, TrialState.PRUNED
RUNNING, FAIL, WAITING = TrialState.RUNNING, TrialState.FAIL, TrialState.WAITING


def test_a_new_study_on_data_that_an_earlier_one_used() -> None:
    study = a_study(StudyState.QUEUED, data="")
    assert text.started(a_start(study, expected_data=MNIST)) == (
        "[OK] AutoML Study Started: mnist-opt-20260104\n"
        "Model: mnist (expected: MNIST, 50000 train / 10000 validation)\n"
        "Trials: 10 in total, up to 3 in parallel on cuda:0\n"
        "Search space:\n"
        "  lr: 1e-05 to 0.01, log scale\n"
        "  batch_size: 32, 64, 128 or 256\n"
        "  epochs: 1 to 5\n"
        "Budget: none\n"
        'Next: get_automl_study_status(study_name="mnist-opt-20260104")'
    )


def test_a_study_whose_data_set_is_known_names_it_as_the_issue_has_it() -> None:
    begun = text.started(a_start(a_study(StudyState.QUEUED)))
    assert begun.splitlines()[1] == "Model: mnist (MNIST, 50000 train / 10000 validation)"


def test_a_first_study_does_not_guess_its_data_set() -> None:
    begun = text.started(a_start(a_study(StudyState.QUEUED, data="")))
    assert "Model: mnist (the data set is chosen when the study begins; the status" in begun


def test_a_resumed_study_repeats_what_holds_now() -> None:
    study = a_study(StudyState.QUEUED, config=a_config(n_trials=30, budget=0.5))
    answer = a_start(study, created=False, done=20, notes=("the orchestrator was started again",))
    short = replace(answer, study=replace(study, config=replace(study.config, epochs_max=1)))
    assert "\nUp to 1 epoch a trial\n" in text.started(short)
    assert text.started(answer) == (
        "[OK] AutoML Study Resumed: mnist-opt-20260104\n"
        "Model: mnist (MNIST, 50000 train / 10000 validation)\n"
        "Trials: 20 of 30 done, up to 3 in parallel on cuda:0\n"
        "Up to 5 epochs a trial\n"
        "Search space:\n"
        "  lr: 1e-05 to 0.01, log scale\n"
        "  batch_size: 32, 64, 128 or 256\n"
        "  epochs: 1 to 5\n"
        "Budget: $0.50 over the study's whole life\n"
        "Note: the orchestrator was started again\n"
        'Next: get_automl_study_status(study_name="mnist-opt-20260104")'
    )


def test_a_study_with_nothing_to_run_says_how_to_ask_for_more() -> None:
    answer = a_start(a_study(), created=False, done=10, nothing_to_run=True)
    assert text.started(answer) == (
        "[OK] AutoML Study Already Complete: mnist-opt-20260104\n"
        "Model: mnist (MNIST, 50000 train / 10000 validation)\n"
        "Trials: 10 of 10 done; nothing was left to run\n"
        "Budget: none\n"
        "For more, name a larger total: "
        'start_automl_study(study_name="mnist-opt-20260104", n_trials=20)\n'
        'Next: get_automl_best_params(study_name="mnist-opt-20260104")'
    )


def test_a_complete_study_begins_as_the_guide_shows_it() -> None:
    answer = a_status(a_study(), {COMPLETE: 7, PRUNED: 3, FAIL: 1}, best=a_trial())
    assert text.status(answer) == (
        "[OK] AutoML Study Complete: mnist-opt-20260104\n"
        "Model: mnist\n"
        "Trials completed: 10\n"
        "Best val_accuracy: 0.9847\n"
        "\n"
        "Best hyperparameters:\n"
        "  lr: 0.001547\n"
        "  batch_size: 128\n"
        "  epochs: 4\n"
        "\n"
        "Data: MNIST, 50000 train / 10000 validation\n"
        "Trials: 7 complete, 3 pruned, 1 failed\n"
        "Elapsed: 1 min 12 s\n"
        "Total cost: $0.0312\n"
        "MLflow: experiment mnist-training, tag study_name\n"
        'Next: compare_automl_trials(study_name="mnist-opt-20260104") or '
        'get_automl_best_params(study_name="mnist-opt-20260104")'
    )


def test_a_complete_study_tells_what_pruning_saved() -> None:
    answer = a_status(a_study(), {COMPLETE: 7, PRUNED: 3}, savings=Savings(epochs=14, usd=0.0312))
    lines = text.status(answer).splitlines()
    saved = lines.index("Pruning saved about $0.0312 (14 epochs not trained)")
    assert lines[saved - 1] == "Trials: 7 complete, 3 pruned"


def test_a_stopped_study_tells_it_too_and_counts_one_epoch_as_one() -> None:
    answer = a_status(a_study(StudyState.STOPPED), {PRUNED: 1}, savings=Savings(epochs=1, usd=0.2))
    assert "Pruning saved about $0.20 (1 epoch not trained)" in text.status(answer)


def test_a_saving_below_what_can_be_shown_is_said_to_be_below_that() -> None:
    answer = a_status(a_study(), {COMPLETE: 7, PRUNED: 3}, savings=Savings(epochs=2, usd=1e-6))
    assert "Pruning saved under $0.0001 (2 epochs not trained)" in text.status(answer)


def test_where_pruning_saved_nothing_no_word_is_lost_on_it() -> None:
    assert "saved" not in text.status(a_status(a_study(), {COMPLETE: 9}, savings=Savings()))


def test_a_complete_study_tells_what_else_its_best_trial_was_measured_by() -> None:
    metrics = {"val_accuracy": 0.9847, "val_loss": 0.0512, "improvement_pct": 97.123456}
    answer = replace(
        a_status(a_study(), {COMPLETE: 10}, best=a_trial()),
        best_measured=Measurement(epoch=4, metrics=metrics, seconds=1.0),
    )
    told = "\nBest trial's other metrics: val_loss 0.0512, improvement_pct 97.123\nData: MNIST"
    assert told in text.status(answer)


def test_a_study_under_a_budget_tells_what_was_pruned_for_cost_and_what_it_cost() -> None:
    config = a_config("mnist-budget", n_trials=30, budget=0.5)
    study = a_study(config=config, reason="cost budget: $0.4800 of $0.5000 spent")
    best = a_trial(value=0.9767, params={"lr": 0.00234, "batch_size": 64, "epochs": 3})
    answer = a_status(study, {COMPLETE: 22, PRUNED: 8}, best=best, cost_usd=0.48, pruned_for_cost=8)
    told = text.status(answer)
    assert told.startswith(
        "[OK] AutoML Study Complete: mnist-budget\n"
        "Model: mnist\n"
        "Trials completed: 22 (8 pruned for cost)\n"
        "Best val_accuracy: 0.9767\n"
        "Total cost: $0.48\n"
        "\n"
        "Best hyperparameters:\n"
        "  lr: 0.00234\n"
        "  batch_size: 64\n"
        "  epochs: 3\n"
    )
    assert "Budget: $0.50" in told and "Reason: cost budget: $0.4800" in told
    assert 'start_automl_study(study_name="mnist-budget", cost_budget_usd=...)' in told


def test_trials_that_a_budget_left_out_are_counted_by_what_became_of_them() -> None:
    study = a_study(config=a_config(n_trials=30, budget=0.5))
    answer = a_status(study, {COMPLETE: 20, PRUNED: 4}, pruned_for_cost=2, interrupted=1)
    assert (
        "Trials completed: 22 (2 pruned for cost, 1 interrupted, 5 never started)"
    ) in text.status(answer)


@pytest.mark.parametrize(
    ("cost", "done", "warning"),
    [
        (0.41, 10, "Warning: 82% of the budget is spent; the rest pays for about 2 more trials"),
        (0.45, 9, "Warning: 90% of the budget is spent; the rest pays for about 1 more trial"),
        (0.49, 2, "Warning: 98% of the budget is spent; the rest pays for no further trial"),
        (0.40, 0, "Warning: 80% of the budget is spent before the first trial was finished"),
    ],
)
def test_a_running_study_warns_that_its_budget_comes_to_an_end(
    cost: float, done: int, warning: str
) -> None:
    study = a_study(StudyState.RUNNING, config=a_config(n_trials=30, budget=0.5))
    assert warning in text.status(a_status(study, {COMPLETE: done}, cost_usd=cost)).splitlines()


def test_nobody_is_warned_of_a_budget_that_lasts_or_is_none() -> None:
    for budget in (0.5, None):
        study = a_study(StudyState.RUNNING, config=a_config(n_trials=30, budget=budget))
        assert "Warning" not in text.status(a_status(study, {COMPLETE: 3}, cost_usd=0.39))


def test_a_ceiling_for_each_trial_is_repeated() -> None:
    config = replace(a_config(budget=0.5), max_cost_per_trial_usd=0.05)
    told = text.started(a_start(a_study(StudyState.QUEUED, config=config)))
    assert "Budget: $0.50 over the study's whole life; each trial at most $0.0500" in told


def test_a_best_trial_that_was_pruned_is_called_that() -> None:
    answer = a_status(a_study(), {PRUNED: 10}, best=a_trial(state=PRUNED))
    pruned = "Best val_accuracy: 0.9847 (the best PRUNED trial; none is COMPLETE)"
    assert pruned in text.status(answer)


def test_a_complete_study_without_any_value_says_so() -> None:
    told = text.status(a_status(a_study(), {COMPLETE: 1}))
    assert "Best val_accuracy: none; no trial has a value" in told
    assert "Best hyperparameters" not in told


def test_a_running_study_tells_all_that_goes_on() -> None:
    study = a_study(StudyState.RUNNING, config=a_config(budget=0.5))
    trial = a_trial(4, 0.9712, state=RUNNING, epoch=2)
    last = Measurement(epoch=2, metrics={"val_accuracy": 0.9712}, seconds=1.0)
    begun = Trial(number=5, state=RUNNING, params={"lr": 1e-05, "epochs": 3})
    counts = {COMPLETE: 3, PRUNED: 1, RUNNING: 2, FAIL: 1, WAITING: 1}
    running = (
        RunningTrial(trial=trial, last=last),
        RunningTrial(trial=begun, last=None),
    )
    answer = a_status(study, counts, best=a_trial(), running=running, remaining_s=125.0)
    assert text.status(answer) == (
        "[RUNNING] AutoML Study: mnist-opt-20260104\n"
        "Model: mnist (MNIST, 50000 train / 10000 validation)\n"
        "Trials: 4 of 10 done (3 complete, 1 pruned), 2 running, 1 failed, 1 waiting\n"
        "Best val_accuracy so far: 0.9847 in trial #2 (lr=0.001547, batch_size=128, epochs=4)\n"
        "Running:\n"
        "  #4: epoch 2 of 4 done, val_accuracy 0.9712 (lr=0.001547, batch_size=128)\n"
        "  #5: epoch 0 of 3 done (lr=1e-05)\n"
        "Elapsed: 1 min 12 s; about 2 min 5 s remaining\n"
        "Cost so far: $0.0312 of $0.50\n"
        'Next: get_automl_study_status(study_name="mnist-opt-20260104", wait_seconds=45), '
        "or without waiting in about 20 s"
    )


def test_a_queued_study_says_what_it_waits_for() -> None:
    queued = text.status(a_status(a_study(StudyState.QUEUED, data=""), {}))
    assert "[QUEUED] AutoML Study: mnist-opt-20260104" in queued
    assert "Waiting for: the background process" in queued
    assert "remaining time unknown until a trial has finished" in queued
    reason = a_study(StudyState.QUEUED, reason="cuda:0 has 1.2 GB free, this trainer needs 2 GB")
    assert "Waiting for: cuda:0 has 1.2 GB free" in text.status(a_status(reason, {}))


def test_a_failed_study_gives_its_reason_and_what_to_do() -> None:
    reason = "5 trials in a row failed: RuntimeError: no such\x1b[31m data\nset"
    told = text.status(a_status(a_study(StudyState.FAILED, reason=reason), {FAIL: 5}))
    assert told.startswith(
        "[FAILED] AutoML Study: mnist-opt-20260104\n"
        "Reason: 5 trials in a row failed: RuntimeError: no such [31m data set\n"
    )
    assert 'correct the cause, then start_automl_study(study_name="mnist-opt-20260104")' in told


def test_a_stopped_study_tells_how_it_goes_on() -> None:
    study = a_study(StudyState.STOPPED, reason="stopped by the user")
    told = text.status(a_status(study, {COMPLETE: 2, WAITING: 1}, best=a_trial()))
    assert told.startswith("[STOPPED] AutoML Study: mnist-opt-20260104\nReason: stopped by")
    assert "Best val_accuracy so far: 0.9847" in told
    assert 'Next: start_automl_study(study_name="mnist-opt-20260104") goes on with it' in told


def test_the_comparison_is_the_guides_table() -> None:
    assert tables.comparison(the_top_five()).startswith(
        "[Info] Top 5 Trials for mnist-opt-20260104:\n"
        "================================================================================\n"
        "Trial    Val Acc    LR           Batch    Epochs\n"
        "────────────────────────────────────────────────────────────────\n"
        "#2       0.9847     1.55e-03     128      4\n"
        "#5       0.9823     2.34e-03     64       5\n"
        "#0       0.9812     1.12e-03     256      4\n"
        "#1       0.9798     8.90e-04     64       3\n"
        "#3       0.9765     5.67e-04     32       5\n"
    )


def test_a_comparison_follows_the_studys_own_parameters_and_marks_pruned_trials() -> None:
    space = SearchSpace({"weight_decay": Float(low=0.0, high=0.1), "lr": Float(low=0.1, high=1.0)})
    study = a_study(config=a_config(space=space))
    trial = a_trial(state=PRUNED, params={"lr": 0.5, "weight_decay": 0.04321})
    table = tables.comparison(Comparison(study=study, trials=(trial,))).splitlines()
    assert table[2].split("  ")[0::1][0] == "Trial"
    assert table[2].index("Weight Decay") < table[2].index("LR")
    assert table[4].split() == ["#2*", "0.9847", "0.04321", "0.5"]
    assert "* pruned: its value is that of the epoch it was stopped at" in table


def test_the_best_parameters_begin_as_the_guide_shows_them_and_can_be_run_from_a_terminal() -> None:
    answer = BestParams(
        study=a_study(),
        trial=a_trial(),
        model_file=Path("/home/ada/studies/1/trials/2/model.safetensors"),
        run=TrackedRun(experiment="mnist-training", key="mnist-opt-20260104/2"),
    )
    assert recipe.best(answer) == (
        "[Info] Best Hyperparameters for mnist-opt-20260104:\n"
        "\n"
        "Use with trigger_training_job():\n"
        "  epochs=4\n"
        "  lr=0.001547\n"
        "  batch_size=128\n"
        "\n"
        "Full command:\n"
        "trigger_training_job(epochs=4, lr=0.001547, batch_size=128)\n"
        "\n"
        "The same training now, from a terminal: python -m trainers.mnist --epochs 4 "
        "--lr 0.001547 --batch-size 128 --dataset mnist --seed 7\n"
        "Trial #2 reached val_accuracy 0.9847 on MNIST, 50000 train / 10000 validation\n"
        "Model file: /home/ada/studies/1/trials/2/model.safetensors\n"
        "MLflow run: experiment mnist-training, "
        'search tags.`automl.key` = "mnist-opt-20260104/2"\n'
        "Whether it beats the second best by more than luck: "
        'trigger_training_job(study_name="mnist-opt-20260104", verify_seeds=3)'
    )


def test_a_model_that_is_not_kept_is_not_named() -> None:
    told = recipe.best(BestParams(study=a_study(), trial=a_trial()))
    assert "Model file: none is kept here" in told


def test_the_command_names_every_model_but_mnist() -> None:
    study = a_study(config=a_config(model="llm"))
    answer = BestParams(study=study, trial=a_trial(params={"lr": 1e-05, "scheme": 'a"b'}))
    assert recipe.command(answer) == (
        r'trigger_training_job(model_type="llm", lr=1e-05, params={"scheme": "a\"b"})'
    )


def test_a_study_of_plain_optuna_is_shown_but_never_said_to_be_trainable() -> None:
    study = replace(a_study(reason="made by Optuna itself: it can be read, but not run"), id=-3)
    told = recipe.best(BestParams(study=study, trial=a_trial()))
    assert "made by Optuna itself" in told
    assert "trigger_training_job" not in told and "python -m" not in told


def test_one_is_one_and_not_several() -> None:
    rows = ["x" * 1_999] * 3
    assert tables.fitting(rows, "trials")[-1] == "... and 1 more trial"
    assert tables.fitting([*rows, "y"], "trials")[-1] == "... and 2 more trials"
    one = Comparison(study=a_study(), trials=(a_trial(),))
    assert tables.comparison(one).startswith("[Info] Top 1 Trial for mnist-opt-20260104:\n")


def test_texts_stay_short_whatever_a_study_holds() -> None:
    wild = {f"parameter_{i}" * 30: "x" * 10_000 for i in range(300)}
    trials = tuple(a_trial(n, params=wild) for n in range(50))
    running = tuple(RunningTrial(trial=t, last=None) for t in trials)
    study = a_study(StudyState.RUNNING, reason="r" * 10_000, data="d" * 10_000)
    answer = a_status(study, {}, best=trials[0], running=running, notes=("n" * 9_000,) * 40)
    for told in (
        text.status(answer),
        text.status(replace(answer, study=replace(study, state=StudyState.COMPLETE))),
        text.started(a_start(study, notes=answer.notes)),
        tables.comparison(Comparison(study=study, trials=trials)),
        recipe.best(BestParams(study=study, trial=trials[0])),
    ):
        assert len(told) < 6_500


def test_numbers_have_four_or_five_significant_digits() -> None:
    shown = [
        score(v) for v in (0.98471, 1.0, 0.012345678, 123.456789, 1234567.0, None, float("nan"))
    ]
    assert shown == ["0.9847", "1.0000", "0.012346", "123.46", "1.2346e+06", "-", "-"]


def test_money_and_time_are_told_as_people_do() -> None:
    assert [dollars(v) for v in (0.0, 0.00001, 0.0312, 0.48, 12.345)] == [
        "$0.00",
        "under $0.0001",
        "$0.0312",
        "$0.48",
        "$12.35",
    ]
    spans = [duration(v) for v in (4.4, 72, 3_725, 200_000)]
    assert spans == ["4 s", "1 min 12 s", "1 h 2 min", "2 d 7 h"]


def test_foreign_text_is_one_line_without_control_characters() -> None:
    assert plain("a\r\nb\x1b[2J\u202e c\0") == "a b [2J c"
    assert len(plain("x" * 1_000)) == 200
