"""The value over each parameter, one beside the other."""

from dataclasses import replace

from mcp_automl.domain.figures import cut
from mcp_automl.domain.finished import Finished, value_of
from mcp_automl.domain.insight import region, trouble
from mcp_automl.domain.pictures.canvas import Look, Marks, Panel, Picture, Point
from mcp_automl.domain.pictures.parallel import scales_by_importance
from mcp_automl.domain.pictures.points import drawn_in_words, marks, not_drawn_in_words
from mcp_automl.domain.pictures.regions import region_in_words
from mcp_automl.domain.pictures.scales import (
    NAME,
    Scale,
    Values,
    best_in_words,
    in_width,
    title,
    window_of,
)
from mcp_automl.domain.sample import Sample
from mcp_automl.domain.study import Trial

MOST_PANELS = 6
MOST = 400
WIDTH = 28
"""Characters that fit beside each other beneath a panel."""


def slices(sample: Sample) -> Picture:
    seen, drawn = sample.whole, sample.picked.thinned(MOST)
    scales, others = scales_by_importance(sample, MOST_PANELS)
    window = window_of(seen)
    return Picture(
        kind="slice",
        title=title(seen, "Value by parameter"),
        panels=tuple(_panel(drawn, scale, window, first=i == 0) for i, scale in enumerate(scales)),
        words=(
            best_in_words(seen),
            *_regions(sample, scales),
            drawn_in_words(seen, len(drawn.ranked)),
            *window.words(),
            *not_drawn_in_words(others, seen.study.config.name),
        ),
        shown=len(drawn.ranked),
    )


def _regions(sample: Sample, scales: list[Scale]) -> list[str]:
    why = trouble(sample)
    if why:
        return [f"Which region is good cannot be said: {why}"]
    where = [(s, region(s.name, s.parameter, sample.top)) for s in scales]
    lines = [f"{cut(s.name, 40)}: {region_in_words(s.parameter, it)}" for s, it in where]
    return [f"Where the best {len(sample.top)} trials lie:", *lines]


def _panel(seen: Finished, scale: Scale, window: Values, *, first: bool) -> Panel:
    def at(trial: Trial) -> Point | None:
        place = scale.of(trial)
        return None if place is None else (place, window.place(value_of(trial)))

    best = at(seen.best)
    # Beside half a picture's height there is no room for more than the name.
    y = replace(window.axis(), label=cut(seen.objective.name, NAME) if first else "")
    return Panel(
        x=in_width(scale.axis(), WIDTH),
        y=y,
        layers=(
            *marks(seen.ranked[1:], at, window, named=first),
            Marks(
                look=Look.BEST,
                points=() if best is None else (best,),
                name=f"best: #{seen.best.number}" if first else "",
            ),
        ),
    )
