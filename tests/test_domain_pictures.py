"""What is drawn of a study, and that the words say it."""

import random
import re
from dataclasses import replace

import pytest

from mcp_automl.catalog import Catalog
from mcp_automl.domain.errors import InvalidRequest, NothingToShow
from mcp_automl.domain.figures import cut, cut_within, figure
from mcp_automl.domain.finished import Finished, value_of
from mcp_automl.domain.insight import by_importance, insight
from mcp_automl.domain.occupation import Occupation
from mcp_automl.domain.pictures.canvas import Bars, Label, Line, Look, Marks, Picture, Surface
from mcp_automl.domain.pictures.contour import contour
from mcp_automl.domain.pictures.history import history, improvements
from mcp_automl.domain.pictures.importances import importances
from mcp_automl.domain.pictures.intermediate import intermediate, worth_curves
from mcp_automl.domain.pictures.kinds import Kind
from mcp_automl.domain.pictures.parallel import parallel
from mcp_automl.domain.pictures.pareto import MOST_DRAWN, front, pareto
from mcp_automl.domain.pictures.regions import region_in_words
from mcp_automl.domain.pictures.scales import Scale, Values, in_width
from mcp_automl.domain.pictures.slices import slices
from mcp_automl.domain.pictures.timeline import in_lanes, timeline
from mcp_automl.domain.space import Categorical, Float, Int, SearchSpace
from mcp_automl.domain.study import Objective, Trial, TrialState
from mcp_automl.pictures import Pictures
from tests.fakes_server import FakeArchive, FakeRegistry
from tests.pictures_for_tests import SPACE, finished, sampled, some_trials, the_study

ACCURACY = Objective(name="val_accuracy", maximize=True)
LOSS = Objective(name="val_loss", maximize=False)


def layers(picture: Picture, kind: type, look: Look | None = None) -> list:  # type: ignore[type-arg]
    found = [it for panel in picture.panels for it in panel.layers if isinstance(it, kind)]
    return [it for it in found if look is None or getattr(it, "look", None) is look]


def words(picture: Picture) -> str:
    return "\n".join(picture.words)


def valued(*values: float, state: TrialState = TrialState.COMPLETE) -> list[Trial]:
    return [
        replace(trial, value=value, state=state)
        for trial, value in zip(some_trials(len(values)), values, strict=True)
    ]


# --- history ---------------------------------------------------------------------------------


def test_the_history_shows_who_was_best_when() -> None:
    seen = finished(valued(0.5, 0.4, 0.7, 0.7, 0.8))
    picture = history(seen)
    assert [trial.number for trial in improvements(seen)] == [0, 2, 4]
    (line,) = layers(picture, Line)
    assert line.points == ((0, 0.5), (2, 0.7), (4, 0.8), (4, 0.8)) and line.stepped
    assert "Best so far: #0 0.5000, #2 0.7000, #4 0.8000" in words(picture)
    assert "Median of the complete: 0.7000" in words(picture)
    (best,) = layers(picture, Marks, Look.BEST)
    assert best.name == "best: #4"


def test_a_study_of_pruned_trials_says_so() -> None:
    picture = history(finished(valued(0.5, 0.6, state=TrialState.PRUNED)))
    assert "#1 with val_accuracy 0.6000 (pruned: no trial was trained to its end)" in words(picture)
    assert "Median of the pruned: 0.5000" in words(picture)


def test_a_large_history_is_thinned_and_says_so() -> None:
    picture = history(finished(valued(*(i / 2_000 for i in range(1, 1_501)))))
    assert picture.shown == 1_000 == sum(len(it.points) for it in layers(picture, Marks)[:2])
    assert "Drawn: 1,000 of 1,500 finished trials (1,500 complete, 0 pruned), evenly" in words(
        picture
    )
    assert "Best so far: ... #1488" in words(picture)


def test_what_is_far_worse_is_drawn_at_the_edge_and_counted() -> None:
    seen = finished(valued(0.9, 0.91, 0.92, 0.93, 0.1))
    assert "1 value below 0.9000; those drawn are at the edge, as triangles" in words(history(seen))
    window = Values.of(LOSS, [1.0, 1.1, 1.2, 1.3, 1e9])
    assert (window.low, window.high, window.place(1e9)) == (1.0, 1.3, 1.3)
    assert window.words("end there") == ("1 value above 1.3000; those drawn end there",)
    (triangle,) = layers(history(seen), Marks, Look.BELOW)
    assert triangle.points == ((4, 0.9),) and triangle.name == "far below"
    assert window.ends == ("1.0000", "≥ 1.3000") and window.beyond is Look.ABOVE
    axis = window.axis()
    assert axis.low is not None and axis.low < 0.98 and axis.label == "val_loss (lower is better)"


@pytest.mark.parametrize("maximize", [True, False])
def test_values_too_large_for_an_axis_are_said_to_be_and_outliers_are_only_outside(
    maximize: bool,
) -> None:
    sign = 1 if maximize else -1
    worst = -sign * 1.7e308
    study = the_study(maximize=maximize)
    few = sampled(valued(*(sign * v for v in (0.9, 0.91, 0.92, 0.93, 0.94)), worst), study)
    for picture in (history(few.whole), slices(few), parallel(few), contour(few)):
        assert re.search(r"^1 value (below|above) -?0\.9.*; those drawn ", words(picture), re.M)
    all_large = sampled(valued(1.7e308, -1.7e308, 1.1e308, -1e300), study)
    for draw in (slices, parallel, contour, lambda sample: history(sample.whole)):
        with pytest.raises(NothingToShow, match=r"reaches .*e\+30\d, which no axis can show"):
            draw(all_large)


# --- parameters ------------------------------------------------------------------------------


def pictured(n: int = 40, space: SearchSpace = SPACE) -> tuple[Finished, dict[str, Picture]]:
    sample = sampled(some_trials(n), the_study(space))
    makers = {"parallel": parallel, "slice": slices, "contour": contour}
    return sample.whole, {name: make(sample) for name, make in makers.items()}


def test_importances_are_shown_beside_the_reach_of_luck() -> None:
    seen = finished(some_trials(40))
    found = insight(sampled(some_trials(40)))
    picture = importances(seen, found)
    (clear,), (unclear,) = layers(picture, Bars, Look.CLEAR), layers(picture, Bars, Look.UNCLEAR)
    assert [row for row, _, _ in clear.bars] == [0] and len(unclear.bars) == 4
    assert clear.bars[0][2] == pytest.approx(100 * found.findings[0].share)
    for label, line in zip(layers(picture, Label), picture.words, strict=False):
        assert label.text in line
    assert "lr: " in picture.words[0] and "stands out (luck alone could reach" in picture.words[0]
    assert "a hint and no proof" in picture.words[-1]


def test_importances_of_many_trials_and_parameters_are_cut_and_counted() -> None:
    many = {f"p{i}": Float(low=0, high=1) for i in range(14)}
    trials = [
        replace(trial, params={**trial.params, **{n: (trial.number * i) % 60 / 60 for i, n in
                                                  enumerate(many, start=1)}})
        for trial in some_trials(60)
    ]  # fmt: skip
    seen = finished(trials, the_study(SearchSpace({**SPACE.parameters, **many})))
    sample = sampled(trials, seen.study)
    found = replace(insight(sample), finished=600)
    text = words(importances(seen, found))
    assert text.count("stands out (") + text.count("may be luck (") == 12
    assert "Not drawn, as less important: " in text
    assert "against all 60 picked evenly from 600 finished trials; one training each" in text
    order = by_importance(sample)
    for picture, first in ((parallel(sample), 7), (slices(sample), 6), (contour(sample), 2)):
        assert f"Not drawn, as less important: {', '.join(order[first:])}" in words(picture)
    assert order[:3] == [it.name for it in found.findings[:3]]


def test_importances_of_few_trials_are_not_drawn() -> None:
    sample = sampled(some_trials(5))
    with pytest.raises(NothingToShow, match='takes at least 10; call plot.*kind="history"'):
        importances(sample.whole, insight(sample))
    assert "Which region is good cannot be said: 5 finished" in words(slices(sample))
    assert by_importance(sample) == list(SPACE.parameters)


def test_luck_without_bounds_has_no_mark() -> None:
    seen = finished(some_trials(40))
    found = insight(sampled(some_trials(40)))
    endless = replace(found, findings=tuple(replace(f, luck=7.0) for f in found.findings))
    picture = importances(seen, endless)
    assert "luck alone could reach any share" in picture.words[0]
    assert layers(picture, Bars, Look.CLEAR)[0].name == ""


def test_each_trial_is_a_line_through_its_parameters() -> None:
    seen, pictures = pictured()
    picture = pictures["parallel"]
    (best,) = layers(picture, Line, Look.BEST)
    assert len(best.points) == 1 + len(seen.best.params)
    assert all(0 <= y <= 1 for line in layers(picture, Line) for _, y in line.points)
    assert f"#{seen.best.number} {figure(value_of(seen.best))}: lr=" in words(picture)
    assert picture.key is not None and picture.key.best == figure(value_of(seen.best))


def test_slices_share_the_values_axis_and_mark_the_best() -> None:
    seen, pictures = pictured()
    picture = pictures["slice"]
    assert len(picture.panels) == 5
    assert [panel.y.label for panel in picture.panels] == ["val_accuracy", "", "", "", ""]
    assert picture.panels[0].x.log and picture.panels[0].x.label == "lr (log)"
    assert sum(len(it.points) for it in layers(picture, Marks, Look.BEST)) == len(seen.best.params)
    assert "Where the best 5 trials lie:" in words(picture)
    assert "lr: 0.000" in words(picture) and "(searched: 1e-05 to 0.1)" in words(picture)


def test_a_contour_is_white_where_nobody_was() -> None:
    _, pictures = pictured()
    (ground,) = layers(pictures["contour"], Surface)
    assert 0 < len(ground.cells) < 32 * 32
    assert all(0 <= shade <= 1 for *_, shade in ground.cells)
    choices = SearchSpace(
        {"optimizer": SPACE.parameters["optimizer"], "epochs": Int(low=1, high=8)}
    )
    assert "optimizer=" in words(contour(sampled(some_trials(8), the_study(choices))))


def test_a_contour_needs_two_parameters_that_exist_together() -> None:
    one = sampled(some_trials(5), the_study(SearchSpace({"lr": SPACE.parameters["lr"]})))
    with pytest.raises(NothingToShow, match="needs two searched parameters"):
        contour(one)
    apart = SearchSpace({"lr": SPACE.parameters["lr"], "other": Float(low=0, high=1)})
    none = sampled(some_trials(5), the_study(apart))
    with pytest.raises(NothingToShow, match="no trial has both lr and other"):
        contour(none)


def test_many_choices_have_some_ticks_and_values_of_other_kinds_no_place() -> None:
    many = Scale("c", Categorical(choices=tuple(range(20))))
    assert [text for _, text in many.choices] == ["0", "3", "6", "9", "12", "15", "18"]
    assert many.ends == ("", "") and many.place("x") is None
    assert [text for _, text in in_width(many.axis(), 12).ticks] == ["0", "9", "18"]
    lr = Scale("lr", SPACE.parameters["lr"])
    assert [lr.place(value) for value in ("x", 0.0, True, 0.5)] == [None, None, None, 0.5]
    same = Scale("x", Float(low=1, high=1, log=True)).axis()
    assert (same.low, same.high) == (0.5, 2.0)


def test_a_single_value_and_a_parameter_that_the_best_lack_are_said() -> None:
    found = insight(sampled(some_trials(40)))
    where = found.findings[0].region
    lr = SPACE.parameters["lr"]
    assert region_in_words(lr, replace(where, trials=0)) == "none of the best trials has it"
    assert region_in_words(lr, replace(where, low=0.1, high=0.1)).startswith("0.1 (searched")
    assert cut("a_very_long_name", 8) == "a_very_…"
    assert cut_within("a_very_long_name_7", 8) == "a_v…me_7" and cut_within("lr", 8) == "lr"


# --- time, epochs and money ------------------------------------------------------------------


def held(trial: int, slot: str, start: float, end: float, state: str = "COMPLETE") -> Occupation:
    return Occupation(
        trial=trial, slot=slot, started_at=start, ended_at=end, state=TrialState(state)
    )


def test_a_timeline_has_a_row_for_each_slot() -> None:
    spans = [held(0, "slot-1", 0, 60), held(1, "slot-0", 0, 240, "FAIL"), held(2, "slot-1", 60, 61)]
    picture = timeline(the_study(), spans, 9, best=0)
    assert [text for _, text in picture.panels[0].y.ticks] == ["slot-0", "slot-1"]
    assert layers(picture, Bars, Look.COMPLETE)[0].bars == ((1, 0, 1), (1, 1, 61 / 60))
    assert [label.text for label in layers(picture, Label)] == ["1", "★ 0"]
    assert picture.words == (
        "3 attempts in 4 min: 2 complete, 1 failed",
        "slot-0: 1 attempt, busy 100 % of the time",
        "slot-1: 2 attempts, busy 25 % of the time",
        "The longest: #1, 4 min",
        "The best: #0, in slot-1 (★)",
        "The latest 3 of 9 attempts",
    )


def test_what_overlaps_without_slots_gets_rows_of_its_own() -> None:
    spans = [held(0, "", 0, 2), held(1, "", 1, 3), held(2, "", 2, 4)]
    assert [[it.trial for it in lane.held] for lane in in_lanes(spans)] == [[0, 2], [1]]
    assert "The best: #9, not among these" in timeline(the_study(), spans, 3, best=9).words
    assert "in 4 seconds" in timeline(the_study(), spans, 3, best=9).words[0]
    with pytest.raises(NothingToShow, match="not known"):
        timeline(the_study(), [], 0, best=0)


def test_curves_end_in_a_cross_where_a_trial_was_pruned() -> None:
    seen = finished(some_trials(8))
    curves = {n: {e: 0.5 + e / 40 - n / 100 for e in range(1, 13)} for n in worth_curves(seen)}
    del curves[seen.ranked[-1].number]
    curves[seen.ranked[-2].number] = {1: 0.4}
    picture = intermediate(seen, curves)
    (crosses,) = layers(picture, Marks, Look.PRUNED)
    assert crosses.points == ((1.0, 0.4),)
    best = curves[seen.best.number]
    assert f"By epoch, #{seen.best.number} beside the median of the drawn" in words(picture)
    assert f"epoch 12: {figure(best[12])}, median " in words(picture), "the last epoch is told"
    assert "2 pruned, half of those drawn within 1 epoch" in words(picture)
    assert "Drawn: 7 of 8 finished trials (6 complete, 2 pruned)" in words(picture)
    with pytest.raises(NothingToShow, match="after an epoch"):
        intermediate(seen, {})
    foreign = finished([seen.best], the_study(id=-1))
    single = intermediate(foreign, {seen.best.number: {0: 1.0}})
    marked = [it for it in single.panels[0].layers if isinstance(it, Marks) and it.points]
    assert [it.points for it in marked] == [((0.0, 1.0),)], "one step makes no line"
    alone = words(single)
    assert "step 0: 1.0000, median 1.0000 of 1" in alone
    assert "pruned, half" not in alone


def test_the_front_is_what_no_trial_beats_in_both() -> None:
    costs = [0.01, 0.02, 0.02, 0.3]
    trials = [
        replace(trial, cost_usd=cost)
        for trial, cost in zip(valued(0.5, 0.7, 0.6, 0.9), costs, strict=True)
    ]
    seen = finished(trials)
    picture = pareto(seen)
    assert [trial.number for trial in front(seen)] == [0, 1, 3]
    assert picture.panels[0].x.label == "cost of a trial (US cents, log)"
    assert "#3: 0.9000 for $0.30" in words(picture) and "#0: 0.5000 for $0.0100" in words(picture)
    assert {label.text for label in layers(picture, Label)} == {"#0", "#1", "#3"}


def test_no_trial_that_is_left_out_of_the_picture_is_better_and_cheaper() -> None:
    rng = random.Random(3)
    trials = [replace(t, cost_usd=0.001 + rng.random() / 20) for t in some_trials(3_000)]
    registry = FakeRegistry()
    registry.add(the_study(), trials)
    # It reads every trial by itself, which would take seconds for all of them.
    archive = FakeArchive(registry)
    archive.chosen = None  # type: ignore[method-assign,assignment]
    picture = Pictures(registry, archive, Catalog()).picture(the_study(), "pareto")
    best = front(finished(trials))
    (line,) = layers(picture, Line)
    assert len(line.points) == len(best)
    assert all(f"#{trial.number}: " in words(picture) for trial in best[-10:])
    assert picture.shown == MOST_DRAWN + len(best)
    assert f"Drawn: {picture.shown} of 3,000 finished trials" in words(picture)


def test_labels_that_would_overlap_are_left_out() -> None:
    trials = [
        replace(trial, cost_usd=1 + trial.number / 1000) for trial in valued(0.90, 0.901, 0.99)
    ]
    tied = replace(trials[0], number=7, value=0.99, cost_usd=0.5)
    both = pareto(finished([*trials, tied]))
    assert {marks.name for marks in layers(both, Marks, Look.BEST)} == {"as good, cheaper: #7"}
    assert "Best: #2 with val_accuracy 0.9900; #7 is as good and cheaper\n" in words(both)
    assert "No other complete trial is both better and cheaper:" in words(both)
    picture = pareto(finished([*trials, *(replace(t, number=9, value=0.1) for t in trials[:1])]))
    assert picture.panels[0].x.label == "cost of a trial (US dollars)"
    assert [label.text for label in layers(picture, Label)] == ["#2", "#1"]
    alone = pareto(finished(trials[:1]))
    assert layers(alone, Marks, Look.FRONT)[0].name == ""


def test_labels_that_lie_apart_on_a_log_scale_are_all_shown() -> None:
    costs = [0.0001, 0.0004, 0.01]
    trials = [
        replace(trial, cost_usd=cost)
        for trial, cost in zip(valued(0.98, 0.9805, 0.99), costs, strict=True)
    ]
    worse = replace(trials[0], number=9, value=0.1)
    picture = pareto(finished([*trials, worse]))
    assert picture.panels[0].x.log
    assert [label.text for label in layers(picture, Label)] == ["#2", "#1", "#0"]


def test_value_against_cost_needs_costs_and_complete_trials() -> None:
    free = [replace(trial, cost_usd=0.0) for trial in some_trials(4)]
    with pytest.raises(NothingToShow, match="not known, or was nothing"):
        pareto(finished(free))
    with pytest.raises(NothingToShow, match="trained to its end"):
        pareto(finished(valued(0.5, state=TrialState.PRUNED)))


def test_a_kind_that_is_none_is_told_the_valid_ones() -> None:
    assert Kind.of(None) is Kind.HISTORY and Kind.of("pareto") is Kind.PARETO
    with pytest.raises(InvalidRequest, match="'history', 'importance', .* 'pareto', not 'pie'"):
        Kind.of("pie")
