"""Whether a series of samples is flat: a straight line through it, and what it may rise in an hour. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, linear_regression, median
from typing import Final, NamedTuple

from ops.bench.soak.sampling import CPU, DESCRIPTORS, LAG, MEMORY, THREADS

HOUR: Final = 3_600.0
FEWEST: Final = 6
_ERRORS: Final = 2.0
_EDGE: Final = 10


class Bound(NamedTuple):
    """What a series may rise in an hour: the larger of `absolute` (in its unit) and `part` of its median."""

    absolute: float
    part: float


BOUNDS: Final[Mapping[str, Bound]] = {
    MEMORY: Bound(4.0, 0.04),
    DESCRIPTORS: Bound(2.0, 0.02),
    THREADS: Bound(1.0, 0.0),
    CPU: Bound(1.0, 0.2),
    LAG: Bound(20.0, 0.2),
}
DELAY_BOUND: Final = Bound(1.0, 0.25)
"""Of every p50 and p99, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One series: its median in the first and the last tenth of the samples that are judged, the rise an hour by the line of
    least squares, two standard errors of that, and what it may be.
    """

    process: str
    series: str
    first: float
    last: float
    rise: float
    error: float
    bound: float

    @property
    def grows(self) -> bool:
        """Whether it rises by more than it may, and by more than its noise explains."""
        return self.rise - self.error > self.bound

    @property
    def word(self) -> str:
        """What to say of it."""
        if self.grows:
            return "GROWS"
        return "flat" if self.rise <= self.bound else "within its noise"


def judged(process: str, series: str, points: Sequence[tuple[float, float]]) -> Verdict | None:
    """Of (seconds, value); None with fewer than six points."""
    if len(points) < FEWEST:
        return None
    hours, values = [at / HOUR for at, _ in points], [value for _, value in points]
    rise, start = linear_regression(hours, values)
    left = sum((value - start - rise * hour) ** 2 for hour, value in zip(hours, values, strict=True))
    middle = fmean(hours)
    spread = sum((hour - middle) ** 2 for hour in hours)
    edge = max(3, len(values) // _EDGE)
    bound = BOUNDS.get(series, DELAY_BOUND)
    return Verdict(
        process=process,
        series=series,
        first=median(values[:edge]),
        last=median(values[-edge:]),
        rise=rise,
        error=_ERRORS * sqrt(left / (len(points) - 2) / spread),
        bound=max(bound.absolute, bound.part * median(values)),
    )
