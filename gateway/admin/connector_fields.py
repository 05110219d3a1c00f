"""The bodies of writes to the catalog of connectors. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.http.fields import CONTROL, BodyReader
from storage.models.connectors import CONNECTOR_ID, RESERVED, STAGES

MOST_TEXTS: Final = 64
LONGEST_TEXT: Final = 64
_LONGEST_PROVIDER: Final = 160
_AN_ID: Final = "2 to 64 letters, digits, '.', '_' or '-', the first a letter or digit"
_TEXTS: Final = f"an array of at most {MOST_TEXTS} strings of 1 to {LONGEST_TEXT} characters"
_LISTS: Final = ("asset_classes", "regions", "connectivity")
Given = dict[str, Any]


def connector_given(body: Mapping[str, Any], path_id: str | None = None) -> Given:
    """The fields of a connector that a body gives, `connector_id` among them, which must be that of the path if there is
    one. Raises `request.invalid` that names every bad field.
    """
    reader = BodyReader(body)
    given: Given = {
        "connector_id": _connector_id(reader, path_id),
        "provider": reader.text("provider", required=True, least=2, most=_LONGEST_PROVIDER),
        "provider_type": reader.text("provider_type", required=True, least=2, most=LONGEST_TEXT),
        **{name: _texts(reader, name) for name in _LISTS},
        "integration_stage": reader.choice("integration_stage", STAGES),
    }
    reader.finish()
    return {name: value for name, value in given.items() if value is not None}


def _connector_id(reader: BodyReader, path_id: str | None) -> str | None:
    connector_id = reader.text("connector_id", required=True, least=2, most=LONGEST_TEXT)
    if connector_id is None:
        return None
    if path_id is not None and connector_id != path_id:
        reader.refuse("connector_id", "not the id of the path", f"the id of the path, {path_id[:LONGEST_TEXT]}")
    elif connector_id in RESERVED:
        reader.refuse("connector_id", "reserved", f"another id than {' and '.join(sorted(RESERVED))}")
    elif CONNECTOR_ID.fullmatch(connector_id) is None:
        reader.refuse("connector_id", "not an id", _AN_ID)
    return connector_id


def _texts(reader: BodyReader, name: str) -> tuple[str, ...] | None:
    values = reader.array(name)
    if values is None:
        return None
    if len(values) > MOST_TEXTS or not all(_is_text(value) for value in values):
        reader.refuse(name, "not such an array", _TEXTS)
        return None
    return tuple(values)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= LONGEST_TEXT and CONTROL.search(value) is None
