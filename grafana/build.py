"""Makes `grafana/dashboards/*.json` of `grafana/panels/*.yaml`: `python grafana/build.py`. A test says when they differ.

A panel has a title (a question), a unit of Grafana, queries, and either `warn` and `alarm` (from there on yellow, red) or
`good_from` (green from there on, red below). `kind` is `timeseries` where it is not said.
"""

import json
from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).resolve().parent
DATASOURCE: Final = {"type": "prometheus", "uid": "omniaxs-prometheus"}
_WIDTH, _HEIGHT, _ACROSS = 8, 8, 24


def dashboards() -> dict[str, dict[str, Any]]:
    """Each dashboard by its name."""
    return {path.stem: _dashboard(path) for path in sorted((HERE / "panels").glob("*.yaml"))}


def _dashboard(path: Path) -> dict[str, Any]:
    described = yaml.safe_load(path.read_text())
    return {
        "uid": f"omniaxs-{path.stem}",
        "title": described["title"],
        "description": described["about"],
        "tags": ["omniaxs"],
        "schemaVersion": 39,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "utc",
        "links": [
            {"type": "dashboards", "tags": ["omniaxs"], "title": "OMNIAXS", "asDropdown": True, "keepTime": True}
        ],
        "panels": [_panel(number, panel) for number, panel in enumerate(described["panels"])],
    }


def _panel(number: int, panel: dict[str, Any]) -> dict[str, Any]:
    kind = panel.get("kind", "timeseries")
    per_row = _ACROSS // _WIDTH
    return {
        "id": number + 1,
        "type": kind,
        "title": panel["title"],
        "datasource": DATASOURCE,
        "gridPos": {"x": number % per_row * _WIDTH, "y": number // per_row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": _defaults(panel, kind), "overrides": []},
        "options": _OPTIONS[kind],
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": DATASOURCE,
                "expr": query["expr"],
                "legendFormat": query["legend"],
                "range": kind == "timeseries",
                "instant": kind == "stat",
            }
            for index, query in enumerate(panel["queries"])
        ],
    }


def _defaults(panel: dict[str, Any], kind: str) -> dict[str, Any]:
    defaults = {"unit": panel["unit"], "min": 0, "thresholds": {"mode": "absolute", "steps": _steps(panel)}}
    if kind == "timeseries":
        defaults["custom"] = {"drawStyle": "line", "fillOpacity": 8, "thresholdsStyle": {"mode": "dashed"}}
    return defaults


def _steps(panel: dict[str, Any]) -> list[dict[str, Any]]:
    if "good_from" in panel:
        return [{"color": "red", "value": None}, {"color": "green", "value": panel["good_from"]}]
    warn, alarm = {"color": "yellow", "value": panel["warn"]}, {"color": "red", "value": panel["alarm"]}
    return [{"color": "green", "value": None}, *([warn] if panel["warn"] != panel["alarm"] else []), alarm]


_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "timeseries": {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {"colorMode": "background", "graphMode": "none", "reduceOptions": {"calcs": ["lastNotNull"]}},
}


def text_of(dashboard: dict[str, Any]) -> str:
    """As it is written."""
    return json.dumps(dashboard, indent=2) + "\n"


if __name__ == "__main__":
    for name, made in dashboards().items():
        (HERE / "dashboards" / f"{name}.json").write_text(text_of(made))
