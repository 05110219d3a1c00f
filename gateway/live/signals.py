"""The risk signals that are active now: raised and not cleared since. Pure."""

from collections.abc import Iterable

import msgspec

from gateway.live.frames import Frame
from storage.models.reading import UNREADABLE


class _Signal(msgspec.Struct):
    signal_id: str
    state: str


_decode = msgspec.json.Decoder(_Signal).decode


class ActiveSignals:
    """Folds risk frames by the router key that they go to (one account's, or the platform's).

    Only of the keys that were seeded: `note` a key, read what is active from the store, then `seed` it with that; what came
    meanwhile is folded over it.
    """

    def __init__(self) -> None:
        self._active: dict[str, dict[str, Frame]] = {}
        self._noted: dict[str, list[Frame]] = {}
        self.unreadable = 0

    def fold(self, frame: Frame) -> None:
        """Take the next frame of any key."""
        route = frame.address.route
        if route in self._active:
            self._take(self._active[route], frame)
        elif route in self._noted:
            self._noted[route].append(frame)

    def note(self, route: str) -> None:
        """Keep the frames of a key from here on, until it is seeded or given up."""
        self._noted[route] = []

    def give_up(self, route: str) -> None:
        """It will not be seeded; nothing where it was."""
        self._noted.pop(route, None)

    def seed(self, route: str, stored: Iterable[Frame]) -> None:
        """What was active at or after the moment at which noting began; `KeyError` for a key that is not noted."""
        noted = self._noted.pop(route)
        active: dict[str, Frame] = {}
        for frame in (*stored, *noted):
            self._take(active, frame)
        self._active[route] = active

    def is_seeded(self, route: str) -> bool:
        """Whether `of` knows it all."""
        return route in self._active

    def is_noted(self, route: str) -> bool:
        """Whether its frames have been kept ever since `note`."""
        return route in self._noted

    def forget(self) -> None:
        """Frames were missed: everything has to be seeded anew."""
        self._active.clear()
        self._noted.clear()

    def of(self, route: str) -> list[Frame]:
        """The frames that raised what is active, in the order of `seq`; none of a key that is not seeded."""
        return list(self._active.get(route, {}).values())

    def _take(self, active: dict[str, Frame], frame: Frame) -> None:
        """A raised signal is active until one with the same id says that it is cleared."""
        try:
            signal = _decode(frame.value)
        except UNREADABLE:
            self.unreadable += 1
            return
        active.pop(signal.signal_id, None)
        if signal.state != "cleared":
            active[signal.signal_id] = frame
