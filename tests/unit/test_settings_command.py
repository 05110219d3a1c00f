"""`omniaxs settings`: every setting with its source, and no secret among them, also none inside a URL."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ops.cli.settings import mount
from ops.runtime.settings import Settings, SettingsError, load_settings, without_password

SECRET = "hunter2hunter2hunter2"
HOLDING = {
    "OMNIAXS_STORE_URL": f"mongodb://hub:{SECRET}@db-1:27017,db-2:27017/?replicaSet=rs0",
    "OMNIAXS_JOBS_URL": f"amqps://hub:{SECRET}@jobs:5671/hub",
    "OMNIAXS_LIMITS_URL": f"rediss://:{SECRET}@limits:6380/0",
    "OMNIAXS_MAIL_URL": f"smtps://hub:{SECRET}@mail.example",
    "OMNIAXS_KEY_RING": f"k1:{SECRET}",
    "OMNIAXS_SIGNING_KEYS": f"k1:{SECRET}",
    "OMNIAXS_ALERTMANAGER_TOKEN": SECRET,
    "OMNIAXS_ALERT_WEBHOOKS": json.dumps([{"name": "pager", "url": "https://pager.example/in", "secret": SECRET}]),
}


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """The command, in a folder without `.env`, with a secret in every setting that can hold one."""
    monkeypatch.chdir(tmp_path)
    for name, value in HOLDING.items():
        monkeypatch.setenv(name, value)
    made = typer.Typer()
    mount(made)
    return made


@pytest.mark.parametrize("as_json", [False, True])
def test_no_secret_is_shown(application: typer.Typer, as_json: bool) -> None:
    shown = CliRunner().invoke(application, ["--json"] if as_json else [], env={"COLUMNS": "400"})
    assert shown.exit_code == 0, shown.output
    assert SECRET not in shown.output
    assert "db-1:27017,db-2:27017" in shown.output


def test_every_setting_is_shown_with_its_source(application: typer.Typer) -> None:
    Path(".env").write_text("OMNIAXS_PORT=9000\n")
    rows = json.loads(CliRunner().invoke(application, ["--json"]).output)
    assert rows.keys() == Settings.model_fields.keys()
    assert rows["port"] == {"value": 9000, "source": ".env"}
    assert rows["key_ring"] == {"value": "(hidden)", "source": "environment"}
    assert rows["store_url"]["value"] == "mongodb://hub:(hidden)@db-1:27017,db-2:27017/?replicaSet=rs0"
    assert rows["host"] == {"value": "127.0.0.1", "source": "default"}


def test_a_url_that_is_refused_is_not_shown_with_its_password() -> None:
    for name, url in (
        ("OMNIAXS_STORE_URL", f"mongo://hub:{SECRET}@db"),
        ("OMNIAXS_LIMITS_URL", f"redis:/:{SECRET}@db"),
    ):
        with pytest.raises(SettingsError, match=name) as refused:
            load_settings({name: url}, Path("absent"))
        assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("kafka://127.0.0.1:9092", "kafka://127.0.0.1:9092"),
        ("memory://", "memory://"),
        ("redis://:p@ss:word@host:6379/0", "redis://:(hidden)@host:6379/0"),
        ("mongodb://user@host/?a=b:c@d", "mongodb://user@host/?a=b:c@d"),
        ("OMNIAXS Global Hub <no-reply@omniaxs.example>", "OMNIAXS Global Hub <no-reply@omniaxs.example>"),
    ],
)
def test_only_the_password_is_hidden(url: str, shown: str) -> None:
    assert without_password(url) == shown
