"""Which parameters matter, beside how far luck alone would go."""

from mcp_automl.domain.figures import cut, percent
from mcp_automl.domain.finished import Finished
from mcp_automl.domain.insight import Finding, Insight
from mcp_automl.domain.pictures.canvas import Axis, Bars, Label, Layer, Look, Panel, Picture, Ticks
from mcp_automl.domain.pictures.kinds import not_drawn
from mcp_automl.domain.pictures.points import not_drawn_in_words
from mcp_automl.domain.pictures.scales import NAME, title

MOST = 12
LABEL = 0.08
"""What a label takes of the axis."""

TOLD = 4
"""Parameters of which it is told why nothing can be said of them."""


def importances(seen: Finished, found: Insight) -> Picture:
    """Bars, most important first.

    Raises:
        NothingToShow: nothing can be said of any parameter.
    """
    if found.trouble:
        raise not_drawn(seen.study, found.trouble)
    shown = found.findings[:MOST]
    rows = tuple((float(row), cut(f.name, NAME)) for row, f in enumerate(shown))
    longest = max(1e-9, *(finding.share for finding in shown))
    # What luck could do to a parameter that hardly matters may lie far outside.
    end = 100 * max(longest, *(min(1.0, f.luck) for f in shown), 0.1) * 1.15
    y = Axis(label="", ticks=rows, low=-0.6, high=len(shown) - 0.4, downward=True)
    return Picture(
        kind="importance",
        title=title(seen, "Which parameters mattered"),
        panels=(
            Panel(
                x=Axis(label="importance (%)", low=0.0, high=end),
                y=y,
                layers=(
                    _bars(shown, Look.CLEAR),
                    _bars(shown, Look.UNCLEAR),
                    _luck(shown),
                    *_labels(shown, end),
                ),
            ),
        ),
        words=(*map(in_words, shown), *_rest(found, seen.study.config.name), basis(found)),
        shown=found.used,
    )


def _bars(shown: tuple[Finding, ...], look: Look) -> Bars:
    clear = look is Look.CLEAR
    of_look = [(i, f.share) for i, f in enumerate(shown) if f.stands_out is clear]
    bars = tuple((float(row), 0.0, 100 * share) for row, share in of_look)
    return Bars(look=look, bars=bars, name=look.value if bars else "")


def _luck(shown: tuple[Finding, ...]) -> Ticks:
    reach = tuple((100 * f.luck, float(row)) for row, f in enumerate(shown) if f.luck <= 1)
    return Ticks(look=Look.LUCK, points=reach, name=Look.LUCK.value if reach else "")


def _labels(shown: tuple[Finding, ...], end: float) -> tuple[Layer, ...]:
    def at(finding: Finding) -> float:
        """Beside the bar, or beside the stroke where that is in the way."""
        share, luck = 100 * finding.share, 100 * finding.luck
        return luck if share <= luck < share + LABEL * end else share

    return tuple(
        Label(at=(at(f), float(row)), text=percent(f.share)) for row, f in enumerate(shown)
    )


def in_words(finding: Finding) -> str:
    """Such as `lr: 68 % (luck alone could reach 31 %)`."""
    reach = "any share" if finding.luck >= 1 else percent(finding.luck)
    clearly = "just above luck" if finding.is_close else "stands out"
    verdict = clearly if finding.stands_out else "may be luck"
    share = percent(finding.share)
    return f"{cut(finding.name, 40)}: {share}, {verdict} (luck alone could reach {reach})"


def _rest(found: Insight, study: str) -> list[str]:
    less = [finding.name for finding in found.findings[MOST:]]
    unjudged = [
        f"{cut(name, 40)}: nothing can be said, {why}" for name, why in found.unjudged[:TOLD]
    ]
    more = len(found.unjudged) - TOLD
    rest = [f"and of {more} more nothing can be said: automl://studies/{study}/importance"]
    return [*not_drawn_in_words(less, study), *unjudged, *(rest if more > 0 else [])]


def basis(found: Insight) -> str:
    """What was compared with what."""
    of_all = f"{found.used:,} finished trials"
    if found.used < found.finished:
        of_all = f"{found.used:,} picked evenly from {found.finished:,} finished trials"
    return f"PED-ANOVA: the best {found.good:,} against all {of_all}; {'; '.join(_caveats(found))}"


def _caveats(found: Insight) -> list[str]:
    seeds = "one training each, so single values are noisy"
    return ["with so few trials it is a hint and no proof", seeds] if found.used < 50 else [seeds]
