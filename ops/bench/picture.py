"""One picture of a run: the tables that show how cost grows with work as lines, the others as bars."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from ops.bench.report import Cell, Report

Draw = Callable[[Axes, Report], None]
Row = Mapping[str, Cell]
OURS_COLOUR, OTHER_COLOUR = "tab:red", "tab:gray"
_LINES = ("tab:gray", "tab:green", "tab:blue", "tab:orange", "tab:purple")


def lines(across: str, up: str, by: str) -> Draw:
    """A line for each value of `by`, on scales of powers of ten."""

    def draw(cell: Axes, report: Report) -> None:
        for number_of, (name, rows) in enumerate(grouped(report, by).items()):
            points = sorted((number(row, across), number(row, up)) for row in rows if row.get(up) is not None)
            ours = name.startswith("ours")
            width, colour = (2.5, OURS_COLOUR) if ours else (1.2, _LINES[number_of % len(_LINES)])
            cell.plot(*zip(*points, strict=True), marker="o", label=name, linewidth=width, color=colour)
        cell.set_xscale("log")
        cell.set_yscale("log")
        ticks = sorted({number(row, across) for row in report.rows})
        cell.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
        cell.minorticks_off()
        cell.set_xlabel(across)
        cell.set_ylabel(up)
        cell.legend(fontsize=7)

    return draw


def bars(up: str) -> Draw:
    """A bar for each row, named by its keys."""

    def draw(cell: Axes, report: Report) -> None:
        rows = [row for row in report.rows if row.get(up) is not None][::-1]
        names = [report.named(row) for row in rows]
        colours = [OURS_COLOUR if "ours" in name else OTHER_COLOUR for name in names]
        drawn = cell.barh(range(len(rows)), [number(row, up) for row in rows], color=colours)
        cell.bar_label(drawn, fmt="%.4g", fontsize=7, padding=2)
        cell.set_yticks(range(len(rows)), names, fontsize=7)
        cell.margins(x=0.15)
        cell.set_xlabel(up)

    return draw


PANELS: Final[Mapping[str, tuple[str, Draw]]] = {
    "fan-out-steady": ("Fan-out, one message at a time", lines("clients", "CPU us a message", "contender")),
    "fan-out-bursts": ("Fan-out, bursts of 16", lines("clients", "CPU us a message", "contender")),
    "one-stuck-reader": ("200 readers, one of them stuck", bars("others' p99 ms")),
    "append-to-socket": ("From the log to a socket", bars("p50 ms")),
    "rest": ("Signed read, and the edge part of a signed order", bars("CPU us a request")),
    "orders": ("Orders", bars("CPU us an order")),
    "order-decisions": ("The order core by open orders", lines("open orders", "CPU us a decision", "contender")),
    "recovery": ("Take-over of a partition", lines("records", "seconds", "log")),
    "trades-to-bars": ("Trades to bars", bars("CPU us a trade")),
    "streams": ("Streams: partitions, processes", bars("CPU us a trade")),
    "idle-connections": ("Memory of an idle connection", bars("KiB a connection")),
    "halts": ("Halts: first refusal", bars("first refusal ms")),
}


def draw(reports: Sequence[Report], path: Path, title: str) -> None:
    """Write the picture (PNG or SVG by the name of `path`): a panel for each table that has one."""
    mpl.use("agg")
    shown = [(report, *PANELS[report.name]) for report in reports if report.name in PANELS and report.rows]
    shown.sort(key=lambda one: list(PANELS).index(one[0].name))
    down = max(1, -(-len(shown) // 3))
    figure, grid = plt.subplots(down, 3, figsize=(17, 4.2 * down), squeeze=False)
    cells = list(grid.flat)
    for cell, (report, name, panel) in zip(cells, shown, strict=False):
        panel(cell, report)
        cell.set_title(name, fontsize=11)
        cell.grid(alpha=0.25)
    for cell in cells[len(shown) :]:
        cell.set_axis_off()
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def grouped(report: Report, by: str) -> dict[str, list[Row]]:
    """The rows by the text of a column."""
    found: dict[str, list[Row]] = {}
    for row in report.rows:
        found.setdefault(str(row[by]), []).append(row)
    return found


def number(row: Row, column: str) -> float:
    """A cell that is a number. Raises `TypeError` where it is not."""
    cell = row[column]
    if not isinstance(cell, int | float):
        raise TypeError(f"{column} is {cell!r}, not a number")
    return float(cell)
