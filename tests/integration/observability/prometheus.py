"""A real Prometheus and a real Alertmanager of a test's own, with the rules and the routes that are deployed."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import yaml

from ops.bench.ports import free_port

DEPLOY = Path(__file__).resolve().parents[3] / "ops/deploy"
PROGRAMS = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
RATE_INTERVAL = "15s"
Found = TypeVar("Found")


def programs() -> Mapping[str, str]:
    """Where the programs are; without them the test is skipped on a laptop and failed in CI."""
    found = {name: shutil.which(name) for name in PROGRAMS}
    missing = [name for name, path in found.items() if path is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI must run with {', '.join(missing)}")
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")
    return {name: str(path) for name, path in found.items()}


def expressions(dashboard: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Title and expression of each query, as Grafana would send it."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", RATE_INTERVAL)


def eventually(look: Callable[[], Found | None], seconds: float, what: str) -> Found:
    """What `look` finds, as soon as it does."""
    until = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < until, f"not seen within {seconds:g} s: {what}"
        time.sleep(0.2)


class Prometheus:
    """Scrapes `targets` (service -> ops address) once a second under the deployed rules, whose waiting times are cut to `waits`."""

    def __init__(self, folder: Path, targets: Mapping[str, str], alertmanager: str = "", waits: str = "2s") -> None:
        self.folder, self._port = folder, free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rules").mkdir()
        for rules in (DEPLOY / "prometheus/rules").glob("*.yml"):
            text = re.sub(r"\bfor: \w+", f"for: {waits}", rules.read_text())
            (folder / "rules" / rules.name).write_text(text)
        (folder / "prometheus.yml").write_text(yaml.safe_dump(_configuration(targets, alertmanager)))

    @contextmanager
    def running(self) -> Iterator["Prometheus"]:
        arguments = [
            programs()["prometheus"],
            f"--config.file={self.folder}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/data",
            f"--web.listen-address=127.0.0.1:{self._port}",
        ]
        with _process(arguments, self.folder / "prometheus.log", f"{self.url}/-/ready"):
            yield self

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression now."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=10).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        return list(answer["data"]["result"])

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with its health."""
        groups = httpx.get(f"{self.url}/api/v1/rules", timeout=10).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def known(self) -> set[str]:
        """The metrics that processes tell about, whether or not they have series yet."""
        return set(httpx.get(f"{self.url}/api/v1/metadata", timeout=10).json()["data"])


class Alertmanager:
    """The deployed routes, telling `webhook` instead of the gateway, with the token of `token_file`."""

    def __init__(self, folder: Path, webhook: str, token_file: Path) -> None:
        self.folder, self._port = folder, free_port()
        self.address = f"127.0.0.1:{self._port}"
        folder.mkdir(parents=True, exist_ok=True)
        configuration = yaml.safe_load((DEPLOY / "alertmanager/alertmanager.yml").read_text())
        [receiver] = configuration["receivers"][0]["webhook_configs"]
        receiver["url"] = webhook
        receiver["http_config"]["authorization"]["credentials_file"] = str(token_file)
        configuration["route"] |= {"group_wait": "1s", "group_interval": "1s"}
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(configuration))

    @contextmanager
    def running(self) -> Iterator["Alertmanager"]:
        arguments = [
            programs()["prometheus-alertmanager"],
            f"--config.file={self.folder}/alertmanager.yml",
            f"--storage.path={self.folder}/data",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        ]
        with _process(arguments, self.folder / "alertmanager.log", f"http://{self.address}/-/ready"):
            yield self


def _configuration(targets: Mapping[str, str], alertmanager: str) -> dict[str, Any]:
    """The deployed one, with addresses of this machine and everything once a second."""
    configuration: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    configuration["global"] = dict.fromkeys(configuration["global"], "1s")
    [hub] = [job for job in configuration["scrape_configs"] if job["job_name"] == "omniaxs"]
    static = [
        {"targets": [address.removeprefix("http://")], "labels": {"service": service}}
        for service, address in targets.items()
    ]
    configuration["scrape_configs"] = [{"job_name": hub["job_name"], "static_configs": static}]
    configuration["alerting"] = (
        {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]} if alertmanager else {}
    )
    return configuration


@contextmanager
def _process(arguments: list[str], log: Path, ready: str) -> Iterator[None]:
    with log.open("w") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: process.poll() is None and _answers(ready), 20, f"{ready}; it said: {log.read_text()}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1).status_code == 200
    except httpx.TransportError:
        return False
