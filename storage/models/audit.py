"""The audit trail's nouns: what somebody did (`Act`), and how it stands in the trail (`AuditEvent`). Times are nanoseconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

ActorType = Literal["user", "admin", "system"]
Stage = Literal["intended", "done", "recorded"]
ACTOR_TYPES: Final[tuple[ActorType, ...]] = ("user", "admin", "system")
SYSTEM_ACTOR: Final = "omniaxs"
"""The actor id of what an operator does on the command line."""


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be told. `before` and `after` are JSON values, and hold no secret, code, token or password.

    `effect_id` is the same for every try of one write ("": it is tried once).
    """

    actor_type: ActorType
    actor_id: str
    action: str
    target_type: str
    target_id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    ip: str
    trace_id: str
    effect_id: str = ""


class AuditEvent(BaseModel):
    """One link of the trail. `seq` counts from 1 without a gap; `prev_hash` is the hash of the link before, "" in the first.

    `intended` stands before a write's effect and `done` after it, with one `effect_id`; what needs no announcement (a
    login) is `recorded`. The `after` of a `done` is {"refused": code} where the effect was refused.
    """

    model_config = ConfigDict(frozen=True)

    event_id: str
    seq: int
    ts: int
    actor_type: ActorType
    actor_id: str
    action: str
    target_type: str
    target_id: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    ip: str
    trace_id: str
    stage: Stage
    effect_id: str = ""
    prev_hash: str
    hash: str
