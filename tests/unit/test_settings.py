"""Settings are checked before anything starts, and say what is wrong."""

import json
from pathlib import Path

import pytest

from ops.runtime.settings import DEMO_KEY_RING, SettingsError, load_settings, sources

NO_FILE = Path("/nonexistent/.env")


def test_an_unknown_variable_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError, match="OMNIAXS_LOGURL is not a setting; the nearest is OMNIAXS_LOG_URL"):
        load_settings({"OMNIAXS_LOGURL": "memory://"}, NO_FILE)


def test_a_bad_value_is_named_with_what_it_was() -> None:
    with pytest.raises(SettingsError, match=r"OMNIAXS_PORT.*70000"):
        load_settings({"OMNIAXS_PORT": "70000"}, NO_FILE)


def test_a_bad_key_ring_is_not_shown() -> None:
    with pytest.raises(SettingsError, match="OMNIAXS_TOPIC_PARTITIONS must be JSON"):
        load_settings({"OMNIAXS_TOPIC_PARTITIONS": "quotes=3"}, NO_FILE)


def test_production_refuses_the_demonstration_secrets_and_in_process_stores() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"OMNIAXS_MODE": "production"}, NO_FILE)
    assert {line.split()[0] for line in str(refused.value).splitlines()} == {
        "OMNIAXS_KEY_RING",
        "OMNIAXS_SIGNING_KEYS",
        "OMNIAXS_MAIL_URL",
        "OMNIAXS_JOBS_URL",
        "OMNIAXS_LOG_URL",
        "OMNIAXS_STORE_URL",
    }


def test_the_environment_wins_over_the_file_and_sources_say_so(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("OMNIAXS_PORT=9000\nOMNIAXS_OPS_PORT=9001\n")
    environment = {"OMNIAXS_PORT": "9100", "OMNIAXS_TOPIC_PARTITIONS": '{"trades": 3}', "OMNIAXS_API_KEY": "pmk_x"}
    settings = load_settings(environment, env_file)
    assert (settings.port, settings.ops_port, settings.topic_partitions) == (9100, 9001, {"trades": 3})
    said = sources(environment, env_file)
    assert (said["port"], said["ops_port"], said["host"]) == ("environment", ".env", "default")


def test_production_refuses_a_ring_that_still_has_the_demonstration_key() -> None:
    with pytest.raises(SettingsError, match="OMNIAXS_KEY_RING has the demonstration key"):
        load_settings(
            {"OMNIAXS_MODE": "production", "OMNIAXS_KEY_RING": f"new:a secret of enough characters,{DEMO_KEY_RING}"},
            NO_FILE,
        )


def test_alert_settings_are_checked_and_shown_without_secrets() -> None:
    hook = {"name": "pager", "url": "http://pager.example/in", "secret": "s" * 16}
    given = {
        "OMNIAXS_ALERT_WEBHOOKS": json.dumps([hook]),
        "OMNIAXS_ALERT_RECIPIENTS": '["ops@corp.internal"]',
        "OMNIAXS_ALERTMANAGER_TOKEN": "t" * 16,
    }
    settings = load_settings(given, Path("absent"))
    assert settings.alert_webhooks[0].secret.get_secret_value() == "s" * 16
    assert "s" * 16 not in repr(settings)
    wrong = {
        "OMNIAXS_ALERT_WEBHOOKS": json.dumps([hook, hook]),
        "OMNIAXS_ALERT_RECIPIENTS": '["nobody"]',
        "OMNIAXS_ALERTMANAGER_TOKEN": "short",
    }
    for name, value in wrong.items():
        with pytest.raises(SettingsError, match=name) as error:
            load_settings({name: value}, Path("absent"))
        assert "ssss" not in str(error.value)
    with pytest.raises(SettingsError, match="pager is http://"):
        load_settings({**given, "OMNIAXS_MODE": "production"}, Path("absent"))


def test_the_defaults_are_those_that_clients_and_operators_are_told() -> None:
    told = {
        "port": 8080, "ops_port": 8081, "mode": "non-production",
        "auth_requests_per_minute": 10, "auth_attempts_per_minute": 5, "wrong_passwords": 10,
        "market_weight_per_minute": 1_200, "account_reads_per_minute": 600, "admin_requests_per_minute": 300,
        "orders_per_second": 50, "orders_per_day": 100_000, "cancels_per_second": 100,
        "connections_per_key": 20, "websocket_message_bytes": 65_536, "websocket_topics": 1_024,
        "websocket_messages_per_second": 20, "websocket_buffer_bytes": 8 * 1024 * 1024, "websocket_lossless_bytes": 1024 * 1024,
        "late_trade_seconds": 86_400, "cors_origins": (), "trusted_proxy_hops": 0,
    }  # fmt: skip
    settings = load_settings({}, NO_FILE)
    assert {name: getattr(settings, name) for name in told} == told
    assert settings.local_log
    assert settings.local_store
    assert settings.local_jobs
