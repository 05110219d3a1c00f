"""What a soak comes to: every series judged, what the load did, who died; as tables and as they are plotted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.bench.report import Cell, Report
from ops.bench.soak.fleet import Death
from ops.bench.soak.plan import ALWAYS_TOLERATED, TOLERATED, WORK, Plan
from ops.bench.soak.told import MACHINE, Figures
from ops.bench.soak.verdict import Verdict, judged


@dataclass(frozen=True, slots=True)
class Sample:
    """Of all processes and of the load, `at` seconds since the load began."""

    at: float
    figures: Mapping[str, Figures]

    def line(self) -> dict[str, Any]:
        """As it is written to the file of samples."""
        return {"at": round(self.at, 1), "figures": {name: _rounded(figures) for name, figures in self.figures.items()}}


@dataclass(slots=True)
class Outcome:
    """`counts` are answers and frames of the load, by what they were."""

    plan: Plan
    samples: Sequence[Sample]
    counts: Mapping[str, int]
    deaths: Sequence[Death] = field(default_factory=tuple)

    def series(self) -> dict[tuple[str, str], list[tuple[float, float]]]:
        """All points of each series of each process, in the order in which they came up."""
        found: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for sample in self.samples:
            for process, figures in sample.figures.items():
                for name, value in figures.items():
                    found.setdefault((process, name), []).append((sample.at, value))
        return found

    def verdicts(self) -> list[Verdict]:
        """Of what came after the settling time; those that grow stand first."""
        settled = {
            names: [point for point in points if point[0] >= self.plan.settling]
            for names, points in self.series().items()
            if names[0] != MACHINE
        }
        found = [judged(*names, points) for names, points in settled.items()]
        return sorted((one for one in found if one is not None), key=lambda one: not one.grows)

    def unexpected(self) -> list[str]:
        """What clients counted that a sound run does not bring, and what it brings and did not come."""
        taken = self.counts.get("order: ok", 0)
        tolerated = {what: max(ALWAYS_TOLERATED, part * taken) for what, part in TOLERATED.items()}
        counted = [
            f"{what} ({count:,})"
            for what, count in sorted(self.counts.items())
            if what not in WORK and count > tolerated.get(what, 0)
        ]
        return [*counted, *(f"no {what}" for what in sorted(WORK) if not self.counts.get(what))]

    @property
    def failed(self) -> bool:
        """Whether anything is not as it should be."""
        return bool(self.deaths or self.unexpected() or any(one.grows for one in self.verdicts()))

    def reports(self) -> list[Report]:
        """A table of the series, one of what was done, and one of the processes that died."""
        verdicts, unexpected = self.verdicts(), self.unexpected()
        growing = sum(one.grows for one in verdicts)
        result = f"{len(verdicts)} series, {growing} of them grow; {len(self.deaths)} processes died"
        seen = f"unexpected: {', '.join(unexpected) or 'nothing'}"
        return [
            Report("soak", self._method(), _COLUMNS, [_row(one) for one in verdicts], [result, seen], keys=2),
            Report("soak-work", "Answers and frames of the whole run.", ("what", "count"), self._work(), [seen]),
            Report(
                "soak-deaths",
                "Processes that ended by themselves.",
                ("process", "at s", "code", "said"),
                self._deaths(),
            ),
        ]

    def _method(self) -> str:
        plan = self.plan
        return (
            f"{plan.seconds / 60:g} minutes of the cluster profile on real services: {plan.gateways} gateways, a process of each "
            f"stream role, workers and the feed; {plan.orders:g} orders and {plan.reads:g} signed reads a second, a login every "
            f"{1 / plan.logins:g} s, {plan.subscribers} WebSockets of market data at each gateway and {plan.traders} of orders; a "
            f"sample every {plan.sample_seconds:g} s, judged after {plan.settling / 60:.0f} minutes. `rise`: of the line of least "
            "squares, an hour; `error`: two standard errors of it; `GROWS`: the rise is above the bound by more than the error"
        )

    def _work(self) -> list[dict[str, Cell]]:
        return [{"what": what, "count": count} for what, count in sorted(self.counts.items())]

    def _deaths(self) -> list[dict[str, Cell]]:
        return [{"process": one.name, "at s": one.at, "code": one.code, "said": one.said} for one in self.deaths]


_COLUMNS = ("process", "series", "first", "last", "rise an hour", "error", "bound", "verdict")


def _row(verdict: Verdict) -> dict[str, Cell]:
    return {
        "process": verdict.process,
        "series": verdict.series,
        "first": verdict.first,
        "last": verdict.last,
        "rise an hour": verdict.rise,
        "error": verdict.error,
        "bound": verdict.bound,
        "verdict": verdict.word,
    }


def _rounded(figures: Figures) -> Figures:
    return {name: round(value, 3) for name, value in figures.items()}
