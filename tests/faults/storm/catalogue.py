"""The faults, as data: what each may touch, how long it lasts, how it begins and ends.

What can be touched has a name: `process/gateway-0`, `link/gateway-0/kafka`, `clock/gateway-0`, `readers/gateway-0`,
`service/kafka`, `disk/kafka`, `venue/sim-a`. Two faults of a pair never touch the same.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from tests.faults.storm.acts import (
    cut,
    disk_full,
    emptied,
    killed,
    poisoned,
    readers_stuck,
    service_killed,
    service_paused,
    service_restarted,
    stepped,
    stopped,
    venue_faulted,
)
from tests.faults.storm.scene import Scene

Act = Callable[[Scene, str], AbstractAsyncContextManager[None]]
"""Of the scene and the last parts of the target's name: within it the fault lasts."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`touches` are patterns of names; `seconds` from least to most. `often` weighs it against others; `brief`: nothing has
    to be started or elected anew, so that a short series can have it.
    """

    name: str
    touches: tuple[str, ...]
    seconds: tuple[float, float]
    act: Act
    often: int = 2
    brief: bool = False

    def may_touch(self, target: str) -> bool:
        """Whether it is made for that target."""
        return any(fnmatchcase(target, pattern) for pattern in self.touches)

    def shortened(self, longest: float) -> "Fault":
        """The same, over sooner."""
        return replace(self, seconds=(min(self.seconds[0], longest), min(self.seconds[1], longest)))


LINKS = ("link/*",)
KILLED = {"gateway": 5, "orders": 4, "market": 2, "projection": 2, "venues": 2, "feed": 1}
"""How often, by role: each role is a fault of its own, so that a long series leaves none out."""
CATALOGUE: tuple[Fault, ...] = (
    *(
        Fault("SIGKILL", (f"process/{role}-*",), (0.0, 3.0), killed, often=often, brief=True)
        for role, often in KILLED.items()
    ),
    Fault("SIGSTOP", ("process/*",), (0.5, 10.0), stopped, often=8),
    Fault("cut", LINKS, (0.5, 8.0), cut, often=6, brief=True),
    Fault("hang from service", LINKS, (0.5, 8.0), poisoned(("timeout", "downstream", {"timeout": 0})), often=4),
    Fault("hang to service", LINKS, (0.5, 8.0), poisoned(("timeout", "upstream", {"timeout": 0})), often=4),
    Fault(
        "latency", LINKS, (1.0, 8.0), poisoned(("latency", "downstream", {"latency": 250, "jitter": 200})), brief=True
    ),
    Fault("slow link", LINKS, (1.0, 8.0), poisoned(("bandwidth", "downstream", {"rate": 16})), often=4, brief=True),
    Fault("reset", LINKS, (0.2, 3.0), poisoned(("reset_peer", "downstream", {"timeout": 50})), often=4, brief=True),
    Fault("limited data", LINKS, (1.0, 5.0), poisoned(("limit_data", "downstream", {"bytes": 20_000})), often=4),
    Fault(
        "slow close",
        LINKS,
        (1.0, 5.0),
        poisoned(("limit_data", "upstream", {"bytes": 2_000}), ("slow_close", "upstream", {"delay": 1_000})),
    ),
    Fault("SIGKILL", ("service/kafka",), (0.0, 4.0), service_killed, often=3),
    Fault("gone for 30 s", ("service/kafka",), (30.0, 30.0), service_killed, often=1),
    Fault("restart", ("service/kafka",), (0.0, 0.0), service_restarted),
    Fault("SIGSTOP", ("service/kafka",), (1.0, 9.0), service_paused, often=3),
    Fault("disk full", ("disk/kafka",), (4.0, 8.0), disk_full),
    Fault("SIGKILL", ("service/mongo",), (0.0, 5.0), service_killed, often=4),
    Fault("SIGSTOP", ("service/mongo",), (0.5, 8.0), service_paused, often=3),
    Fault("SIGKILL", ("service/redis",), (0.0, 4.0), service_killed),
    Fault("SIGSTOP", ("service/redis",), (0.5, 8.0), service_paused),
    Fault("flush", ("service/redis",), (0.0, 0.0), emptied, brief=True),
    Fault("clock 3 s on", ("clock/*",), (2.0, 8.0), stepped(3.0), brief=True),
    Fault("clock 3 s back", ("clock/*",), (2.0, 8.0), stepped(-3.0), brief=True),
    Fault("clock 40 s on", ("clock/*",), (2.0, 6.0), stepped(40.0)),
    Fault("clock 40 s back", ("clock/*",), (2.0, 6.0), stepped(-40.0)),
    Fault("slow readers", ("readers/*",), (2.0, 12.0), readers_stuck, often=4, brief=True),
    Fault("no answer", ("venue/*",), (1.0, 6.0), venue_faulted("timeout"), often=3, brief=True),
    Fault("refuses", ("venue/*",), (1.0, 6.0), venue_faulted("refuse"), often=1),
)


def label(fault: Fault, target: str) -> str:
    """What the table calls it: the fault, and the kind of what it touches (`SIGKILL gateway`, `cut orders-kafka`)."""
    kind, *parts = target.split("/")
    names = ["venue"] if kind == "venue" else [part.partition("-")[0] for part in parts]
    return f"{fault.name} {'-'.join(names)}"
