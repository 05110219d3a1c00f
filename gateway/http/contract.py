"""The contract that clients hold, as data: read once a process. Nobody may change what the loaders return."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

CONTRACT_PATH: Final = Path(__file__).parent / "contract.yaml"
ADDITIONS: Final = (
    "additions.yaml",
    "additions_trading.yaml",
    "additions_account.yaml",
    "additions_identity.yaml",
    "additions_people.yaml",
    "additions_admin.yaml",
    "additions_observability.yaml",
    "additions_access.yaml",
    "additions_alerts.yaml",
    "additions_connectors.yaml",
    "additions_provisioning.yaml",
)
METHODS: Final = ("get", "post", "put", "patch", "delete")
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: `path` as the contract writes it, e.g. `/v1/orders/{order_id}`; `method` in capitals."""

    operation_id: str
    method: str
    path: str

    @property
    def rule(self) -> str:
        """The path as a Quart rule."""
        return self.path.replace("{", "<").replace("}", ">")


@cache
def load_contract() -> Document:
    """The contract as it is, before anything is added."""
    return _load(CONTRACT_PATH)


@cache
def load_additions() -> Document:
    """What this product adds: schemas, fields, parameters and paths, laid over the contract."""
    whole: Document = {"paths": {}, "components": {"parameters": {}, "schemas": {}, "securitySchemes": {}}}
    for name in ADDITIONS:
        part = _load(CONTRACT_PATH.with_name(name))
        whole["paths"] |= part["paths"]
        for kind, named in part["components"].items():
            whole["components"][kind] |= named
        for data in part.get("envelopes", ()):
            whole["components"]["schemas"][f"{data}Response"] = _envelope(data)
    return whole


def operations_of(document: Document) -> list[Operation]:
    """Every operation of an OpenAPI document, in its order."""
    return [
        Operation(item["operationId"], method.upper(), path)
        for path, methods in document["paths"].items()
        for method, item in methods.items()
        if method in METHODS
    ]


def _envelope(name: str) -> Document:
    """The answer whose `data` is the schema `name`."""
    return {
        "type": "object",
        "required": ["success", "data", "trace_id"],
        "properties": {
            "success": {"type": "boolean", "enum": [True]},
            "data": {"$ref": f"#/components/schemas/{name}"},
            "trace_id": {"type": "string"},
        },
    }


def _load(path: Path) -> Document:
    with path.open("rb") as file:
        loaded: Document = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  (safe, in C)
    return loaded
