"""Pictures as PNG: the only module that imports matplotlib, which takes a second the first time.

So it is itself imported at the first plot, in the thread of that call. Figures are made without
pyplot, which keeps them in a global list and is for one thread only. Fonts and text layout have
caches that are shared, too: one picture is drawn at a time.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; shape, line and hatching say
the same once more.
"""

import io
import threading
from typing import Any, assert_never

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from PIL import Image, ImageColor

from mcp_automl.domain.pictures.canvas import (
    Axis,
    Bars,
    Key,
    Label,
    Layer,
    Line,
    Look,
    Marks,
    Panel,
    Picture,
    Surface,
    Ticks,
)

WIDTH, HEIGHT, DPI = 8.0, 5.0, 110
MOST_BYTES = 95_000
PALETTES = (256, 64, 24)
"""Colours to make do with where a picture would be larger."""

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#6A6A6A"
INK, FAINT = "#222222", "#DDDDDD"
MEANINGS = (RED, BLUE, ORANGE, GREEN, GREY, INK, "#FFFFFF")
"""Are kept whatever colours have to be made do without."""

# Nobody's matplotlibrc, least of all one that lies in the working folder.
matplotlib.rcdefaults()
# Dollars are dollars, and a name such as `a_$b$` is no formula.
matplotlib.rcParams["text.parse_math"] = False
SHADES = LinearSegmentedColormap.from_list(
    "shades", ["#F2E6A6", "#8FCBA0", "#3E9AA8", "#2B6299", "#2A1F5C"]
)
"""From worst to best: darker is better, in grey print as well."""

_one_at_a_time = threading.Lock()
_letters = get_font(findfont(FontProperties()))

MARKS: dict[Look, dict[str, Any]] = {
    Look.COMPLETE: {"marker": "o", "c": BLUE, "s": 30, "alpha": 0.8, "linewidths": 0},
    Look.PRUNED: {"marker": "x", "c": GREY, "s": 30, "linewidths": 1.4},
    Look.BELOW: {"marker": "v", "c": ORANGE, "s": 44, "linewidths": 0},
    Look.ABOVE: {"marker": "^", "c": ORANGE, "s": 44, "linewidths": 0},
    Look.FRONT: {"marker": "D", "c": GREEN, "s": 42, "edgecolors": "white", "zorder": 4},
    Look.BEST: {"marker": "*", "c": RED, "s": 230, "edgecolors": "white", "zorder": 5},
}
LINES: dict[Look, dict[str, Any]] = {
    Look.COMPLETE: {"color": BLUE, "lw": 1.2, "alpha": 0.65},
    Look.PRUNED: {"color": GREY, "lw": 1.1, "ls": (0, (3, 2)), "alpha": 0.8},
    Look.BEST_SO_FAR: {"color": RED, "lw": 2, "zorder": 3},
    Look.FRONT: {"color": GREEN, "lw": 1.6, "zorder": 2},
    Look.BEST: {"color": RED, "lw": 2.8, "zorder": 4},
}
BARS: dict[Look, dict[str, Any]] = {
    Look.CLEAR: {"color": BLUE},
    Look.UNCLEAR: {"facecolor": "white", "edgecolor": GREY, "hatch": "////"},
    Look.COMPLETE: {"facecolor": "#8EC1E0", "edgecolor": BLUE},
    Look.PRUNED: {"facecolor": "#F2F2F2", "edgecolor": GREY, "hatch": "////"},
    Look.FAIL: {"facecolor": "#F3B48B", "edgecolor": RED, "hatch": "xxx"},
    Look.INTERRUPTED: {"facecolor": "#FBE3AE", "edgecolor": ORANGE, "hatch": "..."},
    Look.RUNNING: {"facecolor": "white", "edgecolor": GREEN, "linestyle": "--"},
}
SIDES: dict[str, dict[str, Any]] = {
    "right": {"xytext": (7, 0), "ha": "left", "va": "center"},
    "left": {"xytext": (-7, 0), "ha": "right", "va": "center"},
    "above": {"xytext": (0, 9), "ha": "center", "va": "bottom"},
    "below": {"xytext": (0, -9), "ha": "center", "va": "top"},
    "on": {"xytext": (0, 0), "ha": "center", "va": "center"},
}


def png(picture: Picture) -> bytes:
    """The picture as a PNG of 880 by 550 pixels; any thread may call."""
    with _one_at_a_time:
        figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained", facecolor="white")
        canvas = FigureCanvasAgg(figure)
        _fill(figure, picture)
        canvas.draw()
        size = canvas.get_width_height()
        image = Image.frombuffer("RGBA", size, canvas.buffer_rgba()).convert("RGB")
    drawn = encoded(image)
    for colours in PALETTES:
        if len(drawn) <= MOST_BYTES:
            break
        drawn = encoded(in_few(image, colours))
    return drawn


def in_few(image: Image.Image, colours: int) -> Image.Image:
    """With so many colours, among them those that mean something: a star is but few pixels."""
    common = image.quantize(colours - len(MEANINGS)).getpalette() or []
    meant = [part for name in MEANINGS for part in ImageColor.getrgb(name)]
    palette = Image.new("P", (1, 1))
    palette.putpalette([*meant, *common[: 3 * (colours - len(MEANINGS))]])
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def encoded(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _fill(figure: Figure, picture: Picture) -> None:
    n = len(picture.panels)
    columns = n if n <= 3 else -(-n // 2)
    grid = figure.subplots(-(-n // columns), columns, squeeze=False)
    for axes in grid.flat[n:]:
        axes.set_axis_off()
    for axes, panel in zip(grid.flat, picture.panels, strict=False):
        _panel(axes, panel)
    _legend(figure, picture)
    if picture.key is not None:
        _key(figure, picture.key, list(grid.flat))


def _panel(axes: Axes, panel: Panel) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(labelsize=10, color=GREY, labelcolor=INK)
    _axis(axes, "x", panel.x)
    _axis(axes, "y", panel.y)
    axes.grid(axis="both", color=FAINT, lw=0.7)
    axes.set_axisbelow(True)
    for layer in panel.layers:
        _layer(axes, layer)
    # Set last: what is drawn must not move them.
    axes.set_xlim(panel.x.low, panel.x.high)
    axes.set_ylim(
        *((panel.y.high, panel.y.low) if panel.y.downward else (panel.y.low, panel.y.high))
    )


def _axis(axes: Axes, which: str, axis: Axis) -> None:
    own = axes.xaxis if which == "x" else axes.yaxis
    own.set_label_text(_text(axis.label), size=11, color=INK)
    if axis.hidden:
        own.set_visible(False)
        axes.spines["left"].set_visible(False)
    elif axis.ticks:
        own.set_ticks([at for at, _ in axis.ticks], [_text(text) for _, text in axis.ticks])
    elif axis.log:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        own.set_major_locator(LogLocator(numticks=6))
        own.set_minor_formatter(NullFormatter())
        own.set_major_formatter(FuncFormatter(_power))
        if axis.low and axis.high and axis.high / axis.low < 30:
            # Less than two decades may hold a single power of ten.
            own.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
            own.set_minor_locator(NullLocator())
    else:
        own.set_major_locator(MaxNLocator(6, integer=axis.whole, steps=[1, 2, 2.5, 5, 10]))
        own.set_major_formatter(FuncFormatter(lambda value, _: f"{round(value, 10):g}"))


def _power(value: float, _: int) -> str:
    """Such as `0.001` and `1e-5`, without the zero in between."""
    return f"{value:g}" if value >= 0.001 else f"{value:.0e}".replace("e-0", "e-")


def _layer(axes: Axes, layer: Layer) -> None:
    match layer:
        case Marks():
            _marks(axes, layer)
        case Line():
            _line(axes, layer)
        case Bars():
            _bars(axes, layer)
        case Ticks():
            _ticks(axes, layer)
        case Label():
            _label(axes, layer)
        case Surface():
            _surface(axes, layer)
        case _:
            assert_never(layer)


def _marks(axes: Axes, marks: Marks) -> None:
    if not marks.points:
        return
    style = dict(MARKS[marks.look])
    if marks.shades:
        style |= {"c": list(marks.shades), "cmap": SHADES, "norm": Normalize(0, 1), "alpha": 1.0}
        if marks.look is Look.COMPLETE:
            style |= {"s": 52, "linewidths": 0.8, "edgecolors": "white"}
    x, y = zip(*marks.points, strict=True)
    axes.scatter(x, y, label=_text(marks.name), **({"zorder": 3, "clip_on": False} | style))


def _line(axes: Axes, line: Line) -> None:
    style = dict(LINES[line.look])
    if line.shade is not None:
        style |= {"color": SHADES(line.shade), "alpha": 0.8, "zorder": 2 + line.shade}
    x, y = zip(*line.points, strict=True)
    steps = "steps-post" if line.stepped else "default"
    axes.plot(x, y, drawstyle=steps, label=_text(line.name), solid_capstyle="round", **style)


def _bars(axes: Axes, bars: Bars) -> None:
    rows = [row for row, _, _ in bars.bars]
    starts = [start for _, start, _ in bars.bars]
    widths = [end - start for _, start, end in bars.bars]
    style: dict[str, Any] = {"height": 0.62, "linewidth": 1, "zorder": 2, **BARS[bars.look]}
    if rows:
        axes.barh(rows, widths, left=starts, label=_text(bars.name), **style)


def _ticks(axes: Axes, ticks: Ticks) -> None:
    if not ticks.points:
        return
    x, y = zip(*ticks.points, strict=True)
    style: dict[str, Any] = {"marker": "|", "c": RED, "s": 420, "linewidths": 2.2, "zorder": 4}
    axes.scatter(x, y, label=_text(ticks.name), **style)


def _label(axes: Axes, label: Label) -> None:
    style: dict[str, Any] = {"textcoords": "offset points", "size": 10, "color": INK, "zorder": 6}
    box: dict[str, Any] = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.8}
    axes.annotate(_text(label.text), label.at, **style, **SIDES[label.side], bbox=box)


def _surface(axes: Axes, surface: Surface) -> None:
    cells = [Rectangle((x0, y0), x1 - x0, y1 - y0) for x0, x1, y0, y1, _ in surface.cells]
    ground = PatchCollection(cells, cmap=SHADES, norm=Normalize(0, 1), alpha=0.55, linewidths=0)
    ground.set_array([shade for *_, shade in surface.cells])
    ground.set_antialiased(False)
    axes.add_collection(ground)


def _legend(figure: Figure, picture: Picture) -> None:
    """Between title and panels, never over data; the title is its own, or they would overlap."""
    named: dict[str, Any] = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        named |= {label: handle for handle, label in zip(handles, labels, strict=True) if label}
    figure.legend(
        named.values(), named.keys(), loc="outside upper left", ncols=5, frameon=False,
        fontsize=10, labelcolor=INK, columnspacing=1.4, handletextpad=0.5, markerscale=0.85,
        title=_text(picture.title), title_fontproperties={"size": 14, "weight": "bold"},
        alignment="left",
    )  # fmt: skip


def _key(figure: Figure, key: Key, panels: list[Axes]) -> None:
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), SHADES), ax=panels, pad=0.02, aspect=30)
    bar.set_ticks([0, 1], labels=[_text(key.worst), _text(key.best)])
    bar.set_label(_text(key.label), size=11, color=INK)
    bar.outline.set_visible(False)


def _text(text: str) -> str:
    """With a question mark for what the font has no letter for, of which it would warn."""
    known = (c if c == " " or _letters.get_char_index(ord(c)) else "?" for c in text)
    return "".join(known)
