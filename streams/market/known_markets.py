"""What the market processors ask of the reference data: which symbols there are, their days, sessions and patience."""

from collections.abc import Callable, Mapping

from storage.models.calendar_rules import day_start, session_state, trading_date, trading_date_bounds
from storage.models.market_data import SessionState
from storage.reference import ReferenceData
from streams.market.bars.intervals import SECOND, utc_day


class KnownMarkets:
    """The reference data of the moment: `reference` is asked each time, so that a reload shows at once."""

    def __init__(self, reference: Callable[[], ReferenceData]) -> None:
        self._reference = reference
        self._of: ReferenceData | None = None
        self._symbols: dict[bytes, str] = {}

    @property
    def symbols(self) -> Mapping[bytes, str]:
        """Record key -> symbol of every instrument."""
        reference = self._reference()
        if reference is not self._of:
            self._of = reference
            self._symbols = {symbol.encode(): symbol for symbol in reference.instruments}
        return self._symbols

    def day_of(self, symbol: str, moment: int) -> tuple[int, int, int]:
        """The venue's trading date (see `DayOf`); the UTC date for a symbol whose instrument was taken away."""
        reference = self._reference()
        if symbol not in reference.instruments:
            return utc_day(symbol, moment)
        calendar = reference.calendar_of(symbol)
        begin, end = trading_date_bounds(calendar, moment)
        return day_start(trading_date(calendar, moment)), begin, end

    def session_of(self, symbol: str, moment: int) -> SessionState:
        """The session state of a known symbol's venue at `moment` (ns)."""
        return session_state(self._reference().calendar_of(symbol), moment)

    def patience_of(self, symbol: str) -> int:
        """How long (ns) a known symbol's quotes may be silent while its venue is open."""
        return self._reference().instruments[symbol].stale_after_seconds * SECOND
