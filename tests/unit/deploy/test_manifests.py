"""The compose file, the Kubernetes manifests and what they mount, as far as can be seen without an engine."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from ops.runtime.settings import PREFIX, Settings

DEPLOY = Path(__file__).resolve().parents[3] / "ops/deploy"
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
ROLES = {"gateway", "streams-market", "streams-orders", "streams-venues", "streams-projection", "workers"}
SECRETS = {"KEY_RING", "SIGNING_KEYS", "STORE_URL", "LIMITS_URL", "JOBS_URL", "MAIL_URL", "ALERTMANAGER_TOKEN"}
KUBERNETES_VERSION = "1.36.0"


def documents() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path.stem} {document['kind']} {document['metadata']['name']}", document)
        for path in KUBERNETES
        for document in yaml.safe_load_all(path.read_text())
    ]


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {document["metadata"]["name"]: document for _, document in documents() if document["kind"] == kind}


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


@pytest.mark.parametrize(("name", "document"), documents(), ids=[name for name, _ in documents()])
def test_every_manifest_fits_the_schemas_of_kubernetes(name: str, document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)


def test_every_role_has_a_deployment_and_a_disruption_budget_that_selects_it() -> None:
    deployments, budgets = of_kind("Deployment"), of_kind("PodDisruptionBudget")
    assert set(deployments) == set(budgets) == ROLES
    for name, deployment in deployments.items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        for selector in (deployment["spec"]["selector"], budgets[name]["spec"]["selector"]):
            assert selector["matchLabels"].items() <= labels.items()
        assert deployment["spec"]["replicas"] > budgets[name]["spec"]["maxUnavailable"]


@pytest.mark.parametrize("name", sorted(ROLES))
def test_every_pod_is_probed_on_its_ops_port_and_may_do_little(name: str) -> None:
    pod = of_kind("Deployment")[name]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports["ops"] == Settings.model_fields["ops_port"].default
    probes = {probe: container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {get["port"] for get in probes.values()} == {"ops"}
    assert probes["livenessProbe"]["path"] == "/healthz"
    assert probes["readinessProbe"]["path"] == "/readyz"
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", sorted(ROLES))
def test_a_pod_has_longer_to_end_than_its_process_drains(name: str) -> None:
    pod = of_kind("Deployment")[name]["spec"]["template"]["spec"]
    drain = float(of_kind("ConfigMap")["omniaxs-settings"]["data"]["OMNIAXS_DRAIN_SECONDS"])
    assert pod["terminationGracePeriodSeconds"] > drain + 5


def test_every_service_selects_pods_that_have_its_port() -> None:
    pods = [deployment["spec"]["template"] for deployment in of_kind("Deployment").values()]
    for name, service in of_kind("Service").items():
        chosen = [pod for pod in pods if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()]
        assert chosen, name
        for pod in chosen:
            ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
        assert not name.startswith("omniaxs"), "its variables would be taken for settings"


def _variables() -> Iterator[str]:
    yield from of_kind("ConfigMap")["omniaxs-settings"]["data"]
    for path in KUBERNETES:
        yield from re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", path.read_text())
    for service in compose()["services"].values():
        yield from (name for name in service.get("environment", {}) if name.startswith(PREFIX))


def test_every_variable_is_a_setting() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    assert set(_variables()) - known == set()


def test_secrets_stand_in_no_config_map() -> None:
    data = of_kind("ConfigMap")["omniaxs-settings"]["data"]
    assert {f"{PREFIX}{name}" for name in SECRETS} & set(data) == set()


def test_compose_and_kubernetes_start_the_same_commands() -> None:
    services = compose()["services"]
    assert set(services) >= ROLES
    for name, deployment in of_kind("Deployment").items():
        assert services[name]["command"] == deployment["spec"]["template"]["spec"]["containers"][0]["command"]


def test_what_compose_mounts_and_waits_for_is_there() -> None:
    described = compose()
    services, secrets = described["services"], described.get("secrets", {})
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in described["volumes"] if not source.startswith(".") else (DEPLOY / source).exists(), name
        for other, condition in service.get("depends_on", {}).items():
            assert other in services, name
            assert condition["condition"] != "service_healthy" or "healthcheck" in services[other], name
        assert set(service.get("secrets", [])) <= set(secrets), name
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_prometheus_looks_for_every_process_of_the_compose_file() -> None:
    jobs = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    [discovered] = next(job for job in jobs if job["job_name"] == "omniaxs")["dns_sd_configs"]
    processes = {name for name, service in compose()["services"].items() if "build" in service and name != "setup"}
    assert set(discovered["names"]) == processes
    assert discovered["port"] == Settings.model_fields["ops_port"].default


def test_alertmanager_tells_the_gateway_with_the_token_that_both_are_given() -> None:
    described = compose()
    [webhook] = yaml.safe_load((DEPLOY / "alertmanager/alertmanager.yml").read_text())["receivers"][0][
        "webhook_configs"
    ]
    assert webhook["url"] == "http://gateway:8080/internal/v1/admin/alerts/alertmanager"
    assert webhook["http_config"]["authorization"]["credentials_file"] == "/run/secrets/alertmanager-token"
    assert described["secrets"]["alertmanager-token"] == {"environment": f"{PREFIX}ALERTMANAGER_TOKEN"}
    assert described["services"]["alertmanager"]["secrets"] == ["alertmanager-token"]
    assert f"{PREFIX}ALERTMANAGER_TOKEN" in described["services"]["gateway"]["environment"]


def test_grafana_is_provisioned_with_the_dashboards_and_their_source() -> None:
    grafana = compose()["services"]["grafana"]
    mounts = dict(reversed(volume.split(":")[:2]) for volume in grafana["volumes"])
    provisioning = DEPLOY.parents[1] / "grafana/provisioning"
    [provider] = yaml.safe_load((provisioning / "dashboards/omniaxs.yml").read_text())["providers"]
    [source] = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
    assert mounts[provider["options"]["path"]].endswith("grafana/dashboards")
    assert source["uid"] == "omniaxs-prometheus"
    assert source["url"].startswith("http://prometheus:")


def test_the_image_has_what_the_product_consists_of() -> None:
    copied = re.findall(r"^COPY (\S+) \S+$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    root = DEPLOY.parents[1]
    assert {"gateway", "streams", "workers", "storage", "ops"} <= set(copied)
    assert [name for name in copied if not (root / name).exists()] == []
