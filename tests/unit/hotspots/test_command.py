"""`medtiles hotspots` as people call it."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner, Result

from medtiles.cli.commands import app
from tests.unit.hotspots.conftest import Log

SIZE = ("--size", "20000x20000", "--tile", "256", "--levels", "8")


def run(*words: object, code: int = 0, stdin: bytes | None = None) -> Result:
    found = CliRunner().invoke(app, ["hotspots", *map(str, words)], input=stdin)
    assert found.exit_code == code, found.output
    return found


@pytest.fixture
def logfile(tmp_path: Path, log: Log) -> Path:
    """Tile 10 five times, tile 89 (of row 1) four times, another image once, and what does not count."""
    lines = [
        *[log.line("/iip?FIF=/data/a.tif&JTL=7,10", time=f"10/Oct/2025:13:55:{at:02} +0000") for at in range(5)],
        *[log.line("/iip?FIF=/data/a.tif&JTL=7,89&QLT=80", address="192.0.2.9", time="10/Oct/2025:14:10:00 +0000")] * 4,
        log.line("/iip?FIF=/data/a.tif&JTL=0,0"),
        log.line("/iip?FIF=/data/a.tif&JTL=7,10", status=404),
        "no line of a log",
    ]
    path = tmp_path / "access.log"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_json_is_one_object(logfile: Path) -> None:
    found = json.loads(run(logfile, *SIZE, "--format", "json").stdout)
    assert (found["image"], found["unreadable_lines"], found["lines"], found["filtered_lines"]) == (
        "/data/a.tif",
        1,
        12,
        1,
    )
    shown = [[tile[name] for name in ("level", "column", "row", "count", "x", "y", "width")] for tile in found["tiles"]]
    assert shown == [[0, 10, 0, 5, 2560, 0, 256], [0, 10, 1, 4, 2560, 256, 256], [7, 0, 0, 1, 0, 0, 20000]]


def test_json_without_a_geometry_has_the_protocols_own_numbers(logfile: Path) -> None:
    found = json.loads(run(logfile, "--format", "json").stdout)
    assert found["tiles"][0] == {"protocol": "iip", "level": 7, "index": 10, "count": 5}


def test_the_options_of_iipanalyze(logfile: Path, tmp_path: Path) -> None:
    out = tmp_path / "map.png"
    words = ("-l", logfile, "-i", "/data/a.tif", "-r", 7, "-a", "192.0.2.7", "-u", "mozilla", "-w", 200, "-g", 0.5)
    found = run(*words, "-o", out, "-p", "-t", "-n", 10, "-d", 60, *SIZE)
    assert "/data/a.tif: 5 hits on 1 tiles" in found.stdout
    assert "Requests of each tile (5)" in found.stdout
    assert "Requests since a visitor's first one (5)" in found.stdout
    picture = np.asarray(Image.open(out))
    assert picture.shape == (200, 200)
    assert np.argwhere(picture == 255).tolist() == [[row, column] for row in range(3) for column in (26, 27)][
        : (picture == 255).sum()
    ] or (picture[0:3, 25:28].max() == 255 and picture[4:].max() == 0)


def test_csv_and_parquet(logfile: Path, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run(logfile, *SIZE, "--format", "csv").stdout)))
    assert [(row["level"], row["column"], row["row"], row["count"]) for row in rows][:2] == [
        ("0", "10", "0", "5"),
        ("0", "10", "1", "4"),
    ]
    out = tmp_path / "tiles.parquet"
    run(logfile, *SIZE, "--format", "parquet", "--list", out)
    assert pl.read_parquet(out)["count"].to_list() == [5, 4, 1]


def test_standard_input(logfile: Path) -> None:
    found = run("-", *SIZE, "--format", "json", stdin=logfile.read_bytes())
    assert json.loads(found.stdout)["tiles"][0]["count"] == 5


def test_histograms_as_files(logfile: Path, tmp_path: Path) -> None:
    names = [tmp_path / name for name in ("tiles.svg", "clock.png", "age.svg")]
    run(logfile, *SIZE, "--format", "none", "--plot-file", names[0], "--clock-file", names[1], "--age-file", names[2])
    bars = ET.parse(names[0]).getroot().findall(".//{http://www.w3.org/2000/svg}title")
    assert [bar.text for bar in bars] == ["1: 5", "2: 4", "3: 1"]
    with Image.open(names[1]) as picture:
        assert picture.size == (1920, 640)


def test_statistics_and_sessions(logfile: Path, tmp_path: Path) -> None:
    out = tmp_path / "sessions.json"
    found = run(logfile, *SIZE, "--format", "none", "--statistics", "--sessions", out)
    assert "requests 10, visits 2, visitors 2" in found.stdout
    text = out.read_text()
    assert "192.0.2" not in text
    assert sorted(len(session["steps"]) for session in json.loads(text)["sessions"]) == [1, 6]
    run(logfile, *SIZE, "--format", "none", "--sessions", out, "--plain-addresses", "--force")
    assert "192.0.2.9" in out.read_text()


class _Page(HTMLParser):
    """Addresses that a page names."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag != "script"
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]


def test_the_report_needs_nothing_from_elsewhere(logfile: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    run(logfile, *SIZE, "--format", "none", "--report", out)
    text = out.read_text()
    page = _Page()
    page.feed(text)
    assert page.addresses
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert "/data/a.tif" in text
    assert "192.0.2" not in text


def test_what_a_file_brings_is_no_markup(log: Log, tmp_path: Path) -> None:
    path, out = tmp_path / "access.log", tmp_path / "report.html"
    path.write_text(log.line("/iip?FIF=%3Cscript%3Ealert(1)%3C/script%3E&JTL=0,0") + "\n")
    run(path, *SIZE, "--format", "none", "--report", out)
    assert "<script" not in out.read_text()


def test_images_themselves_say_what_they_are(tmp_path: Path, log: Log) -> None:
    """Geometry and background from a file; the path, the file's name and the folder of Deep Zoom all mean it."""
    y, x = np.mgrid[0:700, 0:1100]
    folder = tmp_path / "slides"
    folder.mkdir()
    tifffile.imwrite(
        folder / "waves.tif", (127 + 120 * np.sin(x / 30) * np.cos(y / 20)).astype(np.uint8), tile=(256, 256)
    )
    lines = [
        log.line("/iip?FIF=/srv/slides/waves.tif&JTL=3,4"),
        log.line("/dzi/waves_files/11/4_0.jpeg"),
        log.line("/iiif/3/waves.tif/1024,0,76,256/max/0/default.jpg"),
    ]
    path, out = tmp_path / "access.log", tmp_path / "map.jpg"
    path.write_text("\n".join(lines) + "\n")
    words = (path, "--images", folder, "--format", "json", "-o", out, "-b", "-w", 550, "--colours", "inferno")
    found = json.loads(run(*words).stdout)
    assert [(tile["level"], tile["column"], tile["row"], tile["count"]) for tile in found["tiles"]] == [(0, 4, 0, 3)]
    assert Image.open(out).size == (550, 350)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--format", "xml"), "text, csv, json"),
        (("--size", "x"), "WIDTHxHEIGHT"),
        (("-o", "map.png"), "--images FOLDER"),
        (("--tile", "256"), "belong to --size"),
        (("--since", "soon"), "2026-11-27"),
        (("--latency", "fast"), "LEAST-MOST"),
        (("--protocol", "gopher"), "iip"),
        (("--log-format", "clf"), "format string"),
        (("--status", "2x"), "4xx"),
        (("--size", "100", "-o", "map.gif"), ".png"),
        (("--size", "100", "-b"), "--images FOLDER"),
        (("--gamma", "0"), "gamma"),
    ],
)
def test_wishes_that_make_no_sense(
    logfile: Path, words: tuple[str, ...], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(app, ["hotspots", str(logfile), *words])
    assert found.exit_code in {1, 2}
    assert says in found.output


def test_a_file_that_is_there_is_not_overwritten(logfile: Path, tmp_path: Path) -> None:
    out = tmp_path / "map.png"
    out.write_bytes(b"mine")
    run(logfile, *SIZE, "-o", out, code=1)
    assert out.read_bytes() == b"mine"
    run(logfile, *SIZE, "-o", logfile, "--force", code=1)
