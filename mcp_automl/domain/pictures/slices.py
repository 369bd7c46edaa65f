"""The value over each parameter, one beside the other."""

from dataclasses import replace

from mcp_automl.domain.figures import cut
from mcp_automl.domain.finished import Finished, is_complete, value_of
from mcp_automl.domain.insight import Insight, region
from mcp_automl.domain.pictures.canvas import Look, Marks, Panel, Picture, Point
from mcp_automl.domain.pictures.parallel import by_importance
from mcp_automl.domain.pictures.regions import region_in_words
from mcp_automl.domain.pictures.scales import NAME, Scale, Values, best_in_words, title

MOST_PANELS = 6
MOST = 400


def slices(seen: Finished, found: Insight) -> Picture:
    drawn = seen.thinned(MOST)
    scales = by_importance(seen, found)[:MOST_PANELS]
    window = Values.of(seen.objective, [value_of(trial) for trial in seen.ranked])
    more = len(seen.study.config.space.parameters) - len(scales)
    return Picture(
        kind="slice",
        title=title(seen, "Value by parameter"),
        panels=tuple(_panel(drawn, scale, window, first=i == 0) for i, scale in enumerate(scales)),
        words=(
            best_in_words(seen),
            *_regions(seen, scales, found),
            *window.words,
            *([f"{more} less important parameters are not drawn"] if more > 0 else []),
        ),
        shown=len(drawn.ranked),
    )


def _regions(seen: Finished, scales: list[Scale], found: Insight) -> list[str]:
    if found.trouble:
        return [f"Which region is good cannot be said: {found.trouble}"]
    best = seen.ranked[: found.best]
    where = [(s, region(s.name, s.parameter, best)) for s in scales]
    lines = [f"{cut(s.name, 40)}: {region_in_words(s.parameter, it)}" for s, it in where]
    return [f"Where the best {len(best)} trials lie:", *lines]


def _panel(seen: Finished, scale: Scale, window: Values, *, first: bool) -> Panel:
    # Beside half a picture's height there is no room for more than the name.
    y = replace(window.axis(), label=cut(seen.objective.name, NAME) if first else "")
    return Panel(
        x=scale.axis(),
        y=y,
        layers=(
            _marks(seen, scale, window, Look.PRUNED, first=first),
            _marks(seen, scale, window, Look.COMPLETE, first=first),
            _best(seen, scale, window, first=first),
        ),
    )


def _marks(seen: Finished, scale: Scale, window: Values, look: Look, *, first: bool) -> Marks:
    chosen = [t for t in seen.ranked[1:] if is_complete(t) is (look is Look.COMPLETE)]
    points: list[Point] = [
        (place, window.place(value_of(trial)))
        for trial in chosen
        if (place := scale.of(trial)) is not None
    ]
    name = look.value if first and chosen else ""
    return Marks(look=look, points=tuple(points), name=name)


def _best(seen: Finished, scale: Scale, window: Values, *, first: bool) -> Marks:
    place = scale.of(seen.best)
    points = () if place is None else ((place, window.place(value_of(seen.best))),)
    name = f"best: #{seen.best.number}" if first else ""
    return Marks(look=Look.BEST, points=points, name=name)
