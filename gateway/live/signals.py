"""The risk signals that are active now: raised and not cleared since. Pure."""

import msgspec

from gateway.live.frames import Frame


class _Signal(msgspec.Struct):
    signal_id: str
    state: str


_decode = msgspec.json.Decoder(_Signal).decode


class ActiveSignals:
    """Folds risk frames by the router key that they go to (one account's, or the platform's)."""

    def __init__(self) -> None:
        self._active: dict[str, dict[str, Frame]] = {}
        self.unreadable = 0

    def fold(self, frame: Frame) -> None:
        """A raised signal is active until one with the same id says that it is cleared."""
        try:
            signal = _decode(frame.value)
        except msgspec.MsgspecError:
            self.unreadable += 1
            return
        active = self._active.setdefault(frame.address.route, {})
        active.pop(signal.signal_id, None)
        if signal.state != "cleared":
            active[signal.signal_id] = frame

    def of(self, route: str) -> list[Frame]:
        """The frames that raised what is active, in the order of `seq`."""
        return list(self._active.get(route, {}).values())
