"""The command line: what is printed, what is written, how commands end."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

import medtiles
from medtiles.cli import app

CARD = "width = 1000\nheight = 600\ntile_width = 256\ntile_height = 256\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings and no cache of the machine that runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDTILES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """An image file that every machine has: a test card."""
    path = tmp_path / "card.testcard"
    path.write_text(CARD)
    return path


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def loaded_of(names: set[str], imports: str) -> str:
    """Which of the modules are loaded by a process with these imports alone."""
    code = f"import sys; {imports}; print(sorted({names!r} & sys.modules.keys()))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout.strip()


def test_help_comes_at_once_and_loads_neither_numpy_nor_pydantic() -> None:
    assert "serve" in run("--help").output
    assert loaded_of({"numpy", "pydantic", "grpc", "openslide"}, "import medtiles.cli") == "[]"


def test_a_server_loads_what_only_some_files_need_with_the_first_of_them() -> None:
    rare = {"openslide", "pydicom", "tifffile", "rich", "defusedxml", "PIL.PngImagePlugin"}
    assert loaded_of(rare, "import medtiles.cli.running, medtiles.app.worker") == "[]"


def test_version_is_printed() -> None:
    assert run("--version").output == f"medtiles {medtiles.__version__}\n"


def test_info_as_json_is_what_the_server_says(card: Path) -> None:
    done = run("info", card, "--json")
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert (document["width"], document["height"], document["name"]) == (1000, 600, "card.testcard")


def test_info_for_people_lists_the_levels(card: Path) -> None:
    done = run("info", card)
    assert "1000 x 600 pixels" in done.stdout
    assert "256 x 256" in done.stdout


def test_a_missing_file_is_told_in_one_line() -> None:
    done = run("info", "nowhere.svs")
    assert (done.exit_code, done.stderr) == (1, "medtiles: nowhere.svs does not exist\n")


def test_a_file_that_is_no_image_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    done = run("info", "notes.txt")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "notes.txt is no image that can be opened" in done.stderr


def test_a_folder_of_several_images_is_refused_by_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.testcard").write_text(CARD)
    done = run("info", tmp_path)
    assert done.exit_code == 1
    assert "holds 2 images (a.testcard, b.testcard)" in done.stderr


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".webp"])
def test_a_tile_is_written_in_the_encoding_of_its_suffix(card: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"tile{suffix}"
    assert run("tile", card, "--column", 3, "-o", out).exit_code == 0
    with Image.open(out) as picture:
        assert (picture.size, picture.format) == (
            (1000 - 3 * 256, 256),
            "JPEG" if "j" in suffix else suffix[1:].upper(),
        )


def test_samples_of_a_region_are_written_as_numpy_file(card: Path, tmp_path: Path) -> None:
    assert run("region", card, 10, 20, 300, 200, "--size", "150,100", "-o", tmp_path / "r.npy").exit_code == 0
    assert np.load(tmp_path / "r.npy").shape == (100, 150, 3)


def test_raw_samples_are_the_bytes_of_the_array(card: Path, tmp_path: Path) -> None:
    for suffix in ("npy", "raw"):
        run("tile", card, "-o", tmp_path / f"t.{suffix}")
    assert (tmp_path / "t.raw").read_bytes() == np.load(tmp_path / "t.npy").tobytes()


def test_a_picture_can_go_to_standard_output(card: Path) -> None:
    done = CliRunner().invoke(app, ["tile", str(card), "--accept", "image/png", "-o", "-"])
    with Image.open(io.BytesIO(done.stdout_bytes)) as picture:
        assert picture.size == (256, 256)


def test_an_existing_file_is_overwritten_only_by_force(card: Path, tmp_path: Path) -> None:
    out = tmp_path / "tile.png"
    out.write_text("mine")
    done = run("tile", card, "-o", out)
    assert (done.exit_code, out.read_text()) == (1, "mine")
    assert "--force" in done.stderr
    assert run("tile", card, "-o", out, "--force").exit_code == 0
    assert out.read_bytes().startswith(b"\x89PNG")


def test_the_image_itself_is_never_overwritten(card: Path, tmp_path: Path) -> None:
    link = tmp_path / "tile.png"
    link.hardlink_to(card)
    done = run("tile", card, "-o", link, "--force")
    assert done.exit_code == 1
    assert "is the image itself" in done.stderr
    assert card.read_text() == CARD


def test_nothing_is_left_behind_when_a_picture_cannot_be_made(card: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    done = run("tile", card, "--column", 99, "-o", tmp_path / "tile.png")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert [path for path in sorted(tmp_path.iterdir()) if path.name != "cache"] == before


def test_nothing_is_left_behind_when_the_disk_is_full(
    card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = run("tile", card, "-o", tmp_path / "tile.png")
    assert done.exit_code == 1
    assert "No space left on device" in done.stderr
    assert list(tmp_path.glob("*tile.png*")) == []


def test_a_suffix_without_meaning_is_wrong_usage(card: Path) -> None:
    done = run("tile", card, "-o", "tile.xyz")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert ".png" in done.stderr


def test_a_size_that_is_none_is_wrong_usage(card: Path) -> None:
    assert run("region", card, 0, 0, 10, 10, "--size", "large", "-o", "r.png").exit_code == 2


def test_a_region_is_rendered_as_asked(card: Path, tmp_path: Path) -> None:
    for name, words in (("plain.png", ()), ("inverted.png", ("--rendering", "invert=1"))):
        assert run("region", card, 0, 0, 100, 80, *words, "-o", tmp_path / name).exit_code == 0
    plain, inverted = (np.asarray(Image.open(tmp_path / name)) for name in ("plain.png", "inverted.png"))
    np.testing.assert_array_equal(inverted, 255 - plain)
    done = run("region", card, 0, 0, 10, 10, "--rendering", "invert=1", "-o", tmp_path / "r.npy")
    assert (done.exit_code, "as they are stored" in done.output) == (2, True)


def test_a_thumbnail_is_the_whole_in_small(card: Path, tmp_path: Path) -> None:
    assert run("thumbnail", card, "--size", 200, "--quality", 60, "-o", tmp_path / "t.jpg").exit_code == 0
    assert Image.open(tmp_path / "t.jpg").size == (200, 120)
    assert run("thumbnail", card, "--associated", "label", "-o", tmp_path / "l.jpg").exit_code == 0
    done = run("thumbnail", card, "--associated", "portrait", "-o", tmp_path / "p.jpg")
    assert (done.exit_code, "portrait" in done.output) == (1, True)


def test_an_export_says_what_it_wrote(card: Path, tmp_path: Path) -> None:
    done = run("export", card, tmp_path / "out" / "card", "--format", "png")
    assert done.exit_code == 0, done.output
    assert "card.dzi: " in done.output
    assert "tiles, " in done.output
    assert (tmp_path / "out" / "card_files" / "10" / "3_2.png").exists()
    again = run("export", card, tmp_path / "out" / "card", "--format", "png")
    assert (again.exit_code, "--force replaces it" in again.output) == (1, True)
    assert run("export", card, tmp_path / "out" / "card", "--force").exit_code == 0


def test_an_export_in_an_unknown_layout_is_wrongly_called(card: Path, tmp_path: Path) -> None:
    done = run("export", card, tmp_path / "out", "--layout", "dzz")
    assert done.exit_code == 2
    assert "must be one of dz, dz-zip, zoomify, google, iiif3, iip-tiff, ome-tiff, dicom" in done.output


def test_a_region_outside_the_image_is_refused(card: Path) -> None:
    done = run("region", card, -5, 0, 10, 10, "-o", "r.png")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)


def test_serving_nothing_is_wrong_usage() -> None:
    done = run("serve")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "name files or folders" in done.stderr


def test_serving_to_other_machines_is_refused(card: Path) -> None:
    done = run("serve", card, "--http", "0.0.0.0:0")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "--insecure-no-auth" in done.stderr


def test_a_gateway_without_an_engine_is_wrong_usage() -> None:
    done = run("gateway")
    assert done.exit_code == 2
    assert "--engine" in done.stderr


def test_settings_are_shown_with_their_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDTILES_WORKERS", "3")
    shown = json.loads(run("config", "show", "--json", "--set", "queue=7").stdout)
    assert shown["workers"] == {"value": 3, "from": "MEDTILES_WORKERS"}
    assert shown["queue"]["value"] == 7
    assert shown["threads"]["from"] == "default"
    assert "workers " in run("config", "show").stdout


@pytest.mark.parametrize("assignment", ["queue", "nothing=1", "=1"])
def test_a_setting_that_does_not_exist_is_wrong_usage(assignment: str) -> None:
    done = run("config", "show", "--set", assignment)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)


def test_the_doctor_finds_every_codec_at_work() -> None:
    checks = json.loads(run("doctor", "--json").stdout)
    codecs = {check["name"]: check["is_good"] for check in checks if check["subject"] == "codecs"}
    assert len(codecs) >= 13
    assert all(codecs.values()), codecs


def test_the_doctor_fails_when_a_port_is_occupied(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("MEDTILES_HTTP", f"127.0.0.1:{taken.getsockname()[1]}")
        done = run("doctor")
    assert done.exit_code == 1
    assert "is occupied by another program" in " ".join(done.stdout.split())


def test_no_colour_is_printed_when_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[3" not in run("doctor").stdout
