"""Settings: who wins, what is refused, and what is never shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from medtiles.settings import Address, Settings, SettingsError, load, shown


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine that runs the tests."""
    monkeypatch.chdir(tmp_path)


def toml(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    file = toml(tmp_path / "my.toml", "workers = 2\nqueue = 20\nthreads = 200\n")
    loaded = load(
        {"workers": 4, "queue": None}, config=file, environment={"MEDTILES_WORKERS": "3", "MEDTILES_QUEUE": "30"}
    )
    settings = loaded.settings
    assert (settings.workers, settings.queue, settings.threads, settings.open_images) == (4, 30, 200, 64)
    origins = {name: origin for name, _, origin in shown(loaded)}
    assert origins["workers"] == "--workers"
    assert origins["queue"] == "MEDTILES_QUEUE"
    assert origins["threads"] == str(file)
    assert origins["open_images"] == "default"


def test_the_file_is_found_by_variable_and_in_the_working_folder(tmp_path: Path) -> None:
    toml(tmp_path / "medtiles.toml", "workers = 5\n")
    other = toml(tmp_path / "other.toml", "workers = 6\n")
    assert load(environment={}).settings.workers == 5
    assert load(environment={"MEDTILES_CONFIG": str(other)}).settings.workers == 6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("worker = 1", r"my\.toml: unknown setting 'worker'; did you mean workers\?"),
        ("[server]\nport = 1", r"my\.toml: unknown setting 'server'"),
        ("workers = 'many'", r"my\.toml: Input should be a valid integer"),
        ("workers = ", r"my\.toml: Invalid value"),
        ("http = '8080'", r"my\.toml: '8080' is not HOST:PORT, such as 127\.0\.0\.1:8080"),
        ("decode_seconds = nan", r"my\.toml: Input should be"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        load(config=toml(tmp_path / "my.toml", text), environment={})


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load(config=tmp_path / "none.toml", environment={})


def test_an_unknown_variable_is_refused_with_the_likely_name() -> None:
    with pytest.raises(SettingsError, match=r"unknown variable MEDTILES_WORKER; did you mean MEDTILES_WORKERS\?"):
        load(environment={"MEDTILES_WORKER": "1"})


def test_variables_of_a_kubernetes_service_are_left_alone() -> None:
    service = {
        "MEDTILES_SERVICE_HOST": "10.0.0.1",
        "MEDTILES_SERVICE_PORT_HTTP": "80",
        "MEDTILES_PORT": "tcp://10.0.0.1:80",
        "MEDTILES_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    assert load(environment=service).origins == {}


def test_lists_in_the_environment_are_split(tmp_path: Path) -> None:
    settings = load(
        environment={"MEDTILES_ROOTS": os.pathsep.join(["/a b", "/c"]), "MEDTILES_HOSTS": "one, two,"}
    ).settings
    assert settings.roots == (Path("/a b"), Path("/c"))
    assert settings.hosts == ("one", "two")


def test_no_cache_folder_is_said_by_none() -> None:
    assert load({"cache": "none"}, environment={}).settings.cache is None
    assert load({"cache": "/x"}, environment={}).settings.cache == Path("/x")


def test_settings_do_not_change() -> None:
    settings = load(environment={}).settings
    with pytest.raises(ValidationError):
        settings.workers = 3


def test_settings_survive_the_way_to_a_worker() -> None:
    settings = load({"roots": ["/a"], "http": "[::1]:0", "cache": "none"}, environment={}).settings
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_every_setting_is_explained() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:1"])
def test_loopback_needs_no_word(address: str) -> None:
    load({"http": address, "grpc": address}, environment={}).settings.require_safe_addresses()


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.org:1", "localhost.evil.org:1"])
def test_an_address_that_others_reach_is_refused(address: str) -> None:
    for name in ("http", "grpc"):
        settings = load({name: address}, environment={}).settings
        with pytest.raises(SettingsError, match="--insecure-no-auth"):
            settings.require_safe_addresses()
    load({"http": address, "insecure_no_auth": True}, environment={}).settings.require_safe_addresses()


def test_grpc_may_be_reached_by_others_when_clients_show_certificates() -> None:
    pems = {f"grpc_tls_{name}": Path(name) for name in ("certificate", "key", "client_ca")}
    load({"grpc": "0.0.0.0:1", **pems}, environment={}).settings.require_safe_addresses()


@pytest.mark.parametrize("name", ["grpc_tls_certificate", "grpc_tls_key", "grpc_tls_client_ca"])
def test_half_of_tls_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="grpc_tls_certificate and grpc_tls_key"):
        load({name: "x.pem"}, environment={})


@pytest.mark.parametrize("name", ["engine_tls_certificate", "engine_tls_key", "engine_tls_name"])
def test_half_of_the_tls_of_a_far_engine_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="engine_tls"):
        load({name: "x.pem"}, environment={})


def test_secrets_are_not_shown() -> None:
    loaded = load({"grpc_tls_key": "/etc/secret/key.pem", "grpc_tls_certificate": "/c.pem"}, environment={})
    assert "secret" not in str(shown(loaded))


@pytest.mark.parametrize(
    "text", ["", "host", ":80", "1.2.3.4:", "1.2.3.4:70000", "::1:80", "a b:1", "[x]:1", "h:-1", "h:1/"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("http", "hosts", "expected"),
    [
        ("127.0.0.7:80", [], {"localhost", "127.0.0.1", "::1", "127.0.0.7"}),
        ("0.0.0.0:80", [], set()),
        ("127.0.0.1:80", ["*"], set()),
        ("127.0.0.1:80", ["tiles.example.org"], {"tiles.example.org"}),
    ],
)
def test_a_server_on_loopback_answers_to_names_of_this_machine_only(
    http: str, hosts: list[str], expected: set[str]
) -> None:
    settings = load({"http": http, "hosts": hosts}, environment={}).settings
    assert set(settings.accepted_hosts) == expected
