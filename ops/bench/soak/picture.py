"""The soak's plot: a panel for each kind of series, a line for each process, over the minutes of the run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from ops.bench.soak.outcome import Outcome
from ops.bench.soak.sampling import CPU, DESCRIPTORS, LAG, MEMORY, THREADS
from ops.bench.soak.told import LOAD_AVERAGE

Points = Sequence[tuple[float, float]]
_KINDS: Final = (MEMORY, DESCRIPTORS, THREADS, CPU, LAG, LOAD_AVERAGE)
_DELAYS: Final = frozenset(
    {"order answer", "order frame", "read", "log to socket", "log to fold", "request to decision", "read model"}
)
"""Those that are drawn; all of them are judged."""
_SMOOTHED: Final = 6
"""Delays are shown as medians of a minute of samples: single ones hide the trend."""


def draw(outcome: Outcome, path: Path) -> None:
    """Write it to `path` (PNG or SVG by its name)."""
    mpl.use("agg")
    series = outcome.series()
    panels: dict[str, dict[str, Points]] = {kind: {} for kind in _KINDS}
    for (process, name), points in series.items():
        delay, percentile = name.removesuffix(" ms")[:-4], name.removesuffix(" ms")[-3:]
        if name in panels:
            panels[name][process] = points
        elif delay in _DELAYS:
            panels.setdefault(f"{percentile}, ms", {})[f"{process}: {delay}"] = _smoothed(points)
    shown = {title: lines for title, lines in panels.items() if lines}
    figure, grid = plt.subplots(-(-len(shown) // 2), 2, figsize=(15, 3.6 * -(-len(shown) // 2)), squeeze=False)
    cells = list(grid.flat)
    for cell, (title, lines) in zip(cells, shown.items(), strict=False):
        _panel(cell, title, lines, outcome)
    for cell in cells[len(shown) :]:
        cell.set_axis_off()
    figure.suptitle(_title(outcome), fontsize=11)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _panel(cell: Axes, title: str, lines: Mapping[str, Points], outcome: Outcome) -> None:
    for name, points in lines.items():
        cell.plot([at / 60 for at, _ in points], [value for _, value in points], label=name, linewidth=1)
    cell.axvspan(0, outcome.plan.settling / 60, color="0.93")
    for death in outcome.deaths:
        cell.axvline(death.at / 60, color="red", linewidth=0.8)
    cell.set_title(title, fontsize=10)
    cell.set_xlabel("minutes", fontsize=8)
    cell.tick_params(labelsize=8)
    if title.startswith("p"):
        cell.set_yscale("log")
    else:
        cell.set_ylim(bottom=0)
    cell.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _smoothed(points: Points) -> list[tuple[float, float]]:
    found = []
    for start in range(0, len(points), _SMOOTHED):
        chunk = points[start : start + _SMOOTHED]
        ordered = sorted(value for _, value in chunk)
        found.append((chunk[-1][0], ordered[len(ordered) // 2]))
    return found


def _title(outcome: Outcome) -> str:
    growing = [f"{one.process} {one.series}" for one in outcome.verdicts() if one.grows]
    judged = "nothing grows" if not growing else f"{len(growing)} series grow, among them {', '.join(growing[:3])}"
    lasted = (
        f"{outcome.plan.seconds / 60:g} minutes under load; grey: settling, not judged; processes that died (red): "
    )
    return f"{lasted}{len(outcome.deaths)}\n{judged}"
