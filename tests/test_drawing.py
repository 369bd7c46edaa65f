"""What can be seen in a picture that had to be made small."""

import io
import random
from dataclasses import replace

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from mcp_automl import drawing
from mcp_automl.domain.pictures.contour import contour
from mcp_automl.domain.pictures.pareto import pareto
from mcp_automl.domain.study import TrialState
from tests.pictures_for_tests import finished, sampled, some_trials


def pixels(png: bytes, colour: str) -> int:
    """How many are nearly of that colour."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    wanted = ImageColor.getrgb(colour)
    counted = image.getcolors(image.width * image.height) or []
    return sum(
        n
        for n, found in counted
        if isinstance(found, tuple)
        and all(abs(a - b) < 24 for a, b in zip(found, wanted, strict=True))
    )


def test_the_best_trials_star_is_seen_in_however_few_colours_a_picture_is_drawn() -> None:
    rng = random.Random(5)
    sample = sampled([replace(t, value=rng.random()) for t in some_trials(3_000)])
    whole = drawing.png(contour(sample))
    assert len(whole) < 100_000
    image = Image.open(io.BytesIO(whole)).convert("RGB")
    for colours in drawing.PALETTES:
        assert pixels(drawing.encoded(drawing.in_few(image, colours)), drawing.RED) > 40


def test_a_legend_of_all_that_a_picture_of_costs_can_have_fits_into_its_width() -> None:
    values, costs = (0.9, 0.95, 0.1, 0.95, 0.9), (0.01, 0.07, 0.05, 0.06, 0.02)
    trials = [
        replace(trial, number=9_990 + trial.number, value=value, cost_usd=cost, state=state)
        for trial, value, cost, state in zip(
            some_trials(5),
            values,
            costs,
            [*[TrialState.COMPLETE] * 4, TrialState.PRUNED],
            strict=True,
        )
    ]
    picture = pareto(finished([*trials, replace(trials[0], number=9, value=0.89, cost_usd=0.02)]))
    figure = Figure(figsize=(drawing.WIDTH, drawing.HEIGHT), dpi=drawing.DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    drawing._fill(figure, picture)
    canvas.draw()
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 5
    assert legend.get_window_extent().x1 <= drawing.WIDTH * drawing.DPI
