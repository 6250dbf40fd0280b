"""The files of deploy/: what can be checked of them without a container engine or systemd."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from medtiles.settings import Settings, load

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BIN = Path(sys.executable).parent
ASSIGNMENT = re.compile(r"^# (\w+) = (.+)$", re.MULTILINE)


def run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(part) for part in (BIN / tool, *arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def commented_settings() -> dict[str, Any]:
    return tomllib.loads(
        "\n".join(f"{name} = {value}" for name, value in ASSIGNMENT.findall((DEPLOY / "medtiles.toml").read_text()))
    )


def test_the_settings_file_as_it_is_changes_nothing() -> None:
    loaded = load(config=DEPLOY / "medtiles.toml", environment={})
    assert loaded.settings == Settings()


def test_the_settings_file_tells_of_every_setting() -> None:
    assert set(commented_settings()) == set(Settings.model_fields)


def test_every_line_of_the_settings_file_can_be_switched_on(tmp_path: Path) -> None:
    file = tmp_path / "medtiles.toml"
    file.write_text(ASSIGNMENT.sub(r"\1 = \2", (DEPLOY / "medtiles.toml").read_text()))
    told = load(config=file, environment={}).settings
    assert set(told.model_fields_set) == set(Settings.model_fields)


def test_the_settings_file_tells_the_defaults() -> None:
    examples = {
        *("roots", "cache", "engine", "cors_origins", "access_log", "rights", "uploads", "watermark", "jpip_tcp"),
        *(name for name in Settings.model_fields if name.startswith(("grpc_tls", "engine_tls"))),
    }
    defaults = json.loads(Settings().model_dump_json())
    told = {name: value for name, value in commented_settings().items() if name not in examples}
    assert told == {name: defaults[name] for name in told}


def test_the_dockerfile_passes_its_linter() -> None:
    done = run("hadolint", DEPLOY / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_dockerfile_runs_the_server_as_nobody_in_particular() -> None:
    last_stage = (DEPLOY / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last_stage, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", last_stage, re.MULTILINE)


def test_the_compose_file_keeps_to_its_schema() -> None:
    done = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_compose_file_publishes_nothing_but_the_proxy_and_that_on_loopback() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert list(published) == ["envoy"]
    assert all(port.startswith("127.0.0.1:") for port in published["envoy"])


@pytest.mark.parametrize("name", ["medtiles-1", "medtiles-2"])
def test_the_compose_file_and_the_proxy_agree_about_servers(name: str) -> None:
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"][name]
    command = service["command"]
    ports = {flag: command[command.index(flag) + 1].rpartition(":")[2] for flag in ("--http", "--grpc")}
    clusters = yaml.safe_load((DEPLOY / "envoy.yaml").read_text())["static_resources"]["clusters"]
    for cluster, flag in zip(clusters, ("--http", "--grpc"), strict=True):
        endpoints = [
            endpoint["endpoint"]["address"]["socket_address"]
            for endpoint in cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        ]
        assert {"address": name, "port_value": int(ports[flag])} in endpoints


def test_the_proxy_takes_its_configuration() -> None:
    done = run("envoy", "--mode", "validate", "-l", "error", "-c", DEPLOY / "envoy.yaml")
    assert done.returncode == 0, done.stderr


def test_the_unit_of_systemd_lets_the_server_write_to_nothing_but_its_folders() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((DEPLOY / "medtiles.service").read_text())
    service = dict(unit["Service"])
    assert {name: service[name] for name in ("DynamicUser", "NoNewPrivileges", "ProtectSystem", "PrivateTmp")} == {
        "DynamicUser": "yes",
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "PrivateTmp": "yes",
    }
    assert "ReadWritePaths" not in service
