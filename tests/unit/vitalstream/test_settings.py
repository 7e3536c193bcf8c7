"""Settings: read in one place, all wrong ones told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitalstream.settings import SETTINGS, BadSettings, parse_duration_s, read


def test_defaults() -> None:
    settings = read({"VITALSTREAM_DATA_DIR": "/data"})
    assert settings.data_dir == Path("/data")
    assert settings.postgres_dir == Path("/data/postgres")
    assert (settings.bind, settings.http_port, settings.mqtt_port) == ("127.0.0.1", 8080, 1883)
    assert not settings.http_port_set
    assert settings.lateness_s == 7 * 86_400
    assert settings.log == "postgres"


def test_chosen_port_is_known_as_chosen() -> None:
    settings = read({"VITALSTREAM_HTTP_PORT": "8080"})
    assert settings.http_port_set
    assert not settings.mqtt_port_set


def test_every_wrong_setting_is_named() -> None:
    wrong = {
        "VITALSTREAM_HTTP_PORT": "http",
        "VITALSTREAM_MQTT_PORT": "70000",
        "VITALSTREAM_LOG": "rabbit",
        "VITALSTREAM_LATENESS": "soon",
    }
    with pytest.raises(BadSettings) as raised:
        read(wrong)
    assert all(name in raised.value.message for name in wrong)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5m", 300), ("2h", 7200), ("7d", 604_800)])
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration_s(text) == seconds


def test_secrets_are_marked() -> None:
    secret = {setting.name for setting in SETTINGS if setting.secret}
    assert secret == {"DATABASE_URL", "VITALSTREAM_EMR_TOKEN", "VITALSTREAM_MQTT_URL"}
