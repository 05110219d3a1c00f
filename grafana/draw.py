"""Draws every panel of every dashboard as a picture, from what a Prometheus knows, where no Grafana is at hand.

`python grafana/draw.py --prometheus http://127.0.0.1:9090 --minutes 10 --folder pictures` (needs matplotlib, which nothing else of the
hub does). Exit code 1, with a line for each, when panels are empty.
"""

import argparse
import json
import re
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import dates
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

DASHBOARDS: Final = Path(__file__).resolve().parent / "dashboards"
ACROSS: Final = 3
MOST_NAMED: Final = 8
_DAY: Final = 86_400
COLOURS: Final = {"green": "#3a9d5d", "yellow": "#d9a514", "red": "#cf3c3c"}


def main() -> int:
    """Draw all dashboards; how many panels are empty decides the exit code."""
    given = _arguments()
    given.folder.mkdir(parents=True, exist_ok=True)
    ask = Questions(given.prometheus, given.minutes * 60)
    empty = [
        line
        for path in sorted(DASHBOARDS.glob("*.json"))
        for line in draw(json.loads(path.read_text()), ask, given.folder / path.stem)
    ]
    for line in empty:
        print(line)  # noqa: T201
    return 1 if empty else 0


class Questions:
    """Queries over the last `seconds`, in about 240 steps."""

    def __init__(self, prometheus: str, seconds: float) -> None:
        self._url, self._end = prometheus.rstrip("/"), time.time()
        self._start, self._step = self._end - seconds, max(1, round(seconds / 240))

    def series(self, target: Mapping[str, Any]) -> list[tuple[str, list[tuple[float, float]]]]:
        """Legend and points of each series of a panel's query."""
        interval = f"{max(20, 4 * self._step)}s"
        asked = {
            "query": target["expr"].replace("$__rate_interval", interval),
            "start": self._start,
            "end": self._end,
            "step": self._step,
        }
        with urllib.request.urlopen(f"{self._url}/api/v1/query_range?{urllib.parse.urlencode(asked)}") as answer:  # noqa: S310
            result = json.load(answer)["data"]["result"]
        return [
            (_legend(target["legendFormat"], one["metric"]), [(at, float(value)) for at, value in one["values"]])
            for one in result
        ]


def draw(dashboard: Mapping[str, Any], ask: Questions, target: Path) -> list[str]:
    """One picture; a line for each panel that shows nothing."""
    panels = dashboard["panels"]
    rows = -(-len(panels) // ACROSS)
    figure, grid = plt.subplots(rows, ACROSS, figsize=(ACROSS * 6.2, rows * 3.4), squeeze=False)
    axes = grid.flatten()
    empty = []
    for axis, panel in zip(axes, panels, strict=False):
        found = [one for query in panel["targets"] for one in ask.series(query)]
        found = [(name, [(at, value) for at, value in points if value == value]) for name, points in found]  # noqa: PLR0124
        if not any(points for _, points in found):
            empty.append(f"{dashboard['title']}: {panel['title']} shows nothing")
        (_stat if panel["type"] == "stat" else _lines)(axis, panel, found)
    for axis in axes[len(panels) :]:
        axis.axis("off")
    figure.suptitle(dashboard["title"], fontsize=15)
    figure.tight_layout(rect=(0, 0, 1, 0.985))
    figure.savefig(target.with_suffix(".png"), dpi=80)
    plt.close(figure)
    return empty


def _lines(axis: Axes, panel: Mapping[str, Any], found: list[tuple[str, list[tuple[float, float]]]]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    found.sort(key=lambda one: -max((value for _, value in one[1]), default=0))
    for number, (name, points) in enumerate(found):
        moments = [at / _DAY for at, _ in points]
        axis.plot(moments, [value for _, value in points], linewidth=1.2, label=name if number < MOST_NAMED else None)
    top = max((value for _, points in found for _, value in points), default=0)
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is not None and step["value"] <= 1.5 * top:
            axis.axhline(step["value"], color=COLOURS[step["color"]], linestyle="--", linewidth=0.8)
    axis.set_ylim(bottom=0)
    axis.set_title(panel["title"], fontsize=9)
    axis.yaxis.set_major_formatter(lambda value, _: _UNITS[defaults["unit"]](value))
    axis.xaxis.set_major_formatter(dates.DateFormatter("%H:%M:%S"))
    axis.tick_params(labelsize=7)
    axis.grid(alpha=0.25)
    if found:
        axis.legend(fontsize=6, loc="upper left", framealpha=0.6)


def _stat(axis: Axes, panel: Mapping[str, Any], found: list[tuple[str, list[tuple[float, float]]]]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    axis.axis("off")
    axis.set_title(panel["title"], fontsize=9)
    shown = [(name, points[-1][1]) for name, points in found if points]
    for number, (name, value) in enumerate(shown):
        at = 1 - (number + 0.5) / len(shown)
        axis.text(0.05, at, name, fontsize=9, va="center")
        text = _UNITS[defaults["unit"]](value)
        axis.text(0.95, at, text, fontsize=13, va="center", ha="right", color=_colour(defaults, value))


def _colour(defaults: Mapping[str, Any], value: float) -> str:
    reached = [step for step in defaults["thresholds"]["steps"] if step["value"] is None or value >= step["value"]]
    return COLOURS[reached[-1]["color"]]


def _legend(pattern: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), pattern).strip() or "(none)"


def _seconds(value: float) -> str:
    for size, unit in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return "0 s" if value == 0 else f"{value * 1e6:.2g} µs"


def _bytes(value: float) -> str:
    return f"{value / 1024**2:.4g} MiB" if value < 1024**3 else f"{value / 1024**3:.3g} GiB"


_UNITS: Final[Mapping[str, Callable[[float], str]]] = {
    "s": _seconds,
    "short": lambda value: f"{value:.4g}",
    "ops": lambda value: f"{value:.4g} /s",
    "reqps": lambda value: f"{value:.4g} req/s",
    "bytes": _bytes,
    "percentunit": lambda value: f"{value * 100:.3g} %",
    "bool_yes_no": lambda value: {0.0: "no", 1.0: "yes"}.get(value, ""),
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Draws the dashboards.")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--folder", type=Path, default=Path("pictures"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
