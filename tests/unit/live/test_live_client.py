"""One client whose transport ends under it: nobody else may feel it."""

import asyncio

from gateway.live.backlog import Losses
from gateway.live.client import Client
from gateway.live.frames import Address, Delivery, Frame
from gateway.live.limits import LiveLimits
from gateway.live.pump import Pump

TRADES = Address("trades", "trades.A.X", "trades-0", Delivery.QUEUED, wildcard="trades.*")


class EndedWire:
    """A transport as uvloop leaves it: its buffer is empty at once, and a write raises."""

    def __init__(self) -> None:
        self.ended = self.aborted = False
        self.waiting = 0
        self.data: list[bytes] = []

    def write(self, data: bytes) -> None:
        if self.ended:
            raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")
        self.data.append(data)

    def buffered(self) -> int:
        return 0 if self.ended else self.waiting

    def close(self, code: int, reason: str) -> None: ...

    def abort(self) -> None:
        self.aborted = True


def client_of(wire: EndedWire, pump: Pump) -> Client:
    return Client(wire, LiveLimits(), Losses(), pump.add, lambda: None)  # type: ignore[arg-type]


def frames(count: int) -> list[Frame]:
    return [Frame(TRADES, seq, "update", b"{}") for seq in range(count)]


async def test_a_message_to_an_ended_transport_ends_that_client_alone():
    wire = EndedWire()
    client = client_of(wire, Pump())
    wire.ended = True
    client.send(b"ping")
    assert client.closed
    assert wire.aborted
    assert client.written == 0


async def test_the_pump_goes_on_for_others_after_a_slow_client_was_cut_off():
    pump = Pump()
    wires = [EndedWire() for _ in range(2)]
    for wire in wires:
        wire.waiting = 10**6
        client_of(wire, pump).hold(frames(3))
    wires[0].ended = True
    wires[1].waiting = 0
    async with asyncio.timeout(10):
        while len(pump):  # noqa: ASYNC110  (what is waited for is the pump's own timer)
            await asyncio.sleep(0.001)
    assert wires[0].aborted
    assert not wires[0].data
    assert wires[1].data
