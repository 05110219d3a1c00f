"""A run as documentation tells it: when, on what machine, and its tables. Pure."""

from collections.abc import Sequence
from typing import Final

from ops.bench.report import Report

BEGIN: Final = "<!-- tables -->"
END: Final = "<!-- end of tables -->"


def told(reports: Sequence[Report]) -> str:
    """The tables, after a line that says when and where they were measured."""
    first = min((report.at for report in reports), default="")
    found = [report.machine.get("load_average") for report in reports]
    loads = [load for load in found if isinstance(load, float)] or [0.0]
    machine = reports[0].machine
    line = (
        f"Measured on {first[:10]} with {machine.get('cpus')} processors and Python {machine.get('python')}; the load average "
        f"after each table was {min(loads):.1f} to {max(loads):.1f}."
    )
    return "\n\n".join([line, *(report.markdown() for report in reports)])


def replaced(page: str, tables: str) -> str:
    """The page with the tables between its marks. Raises `ValueError` where it has not both, in that order."""
    before, begins, rest = page.partition(BEGIN)
    _, ends, after = rest.partition(END)
    if not begins or not ends:
        raise ValueError(f"it needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"
