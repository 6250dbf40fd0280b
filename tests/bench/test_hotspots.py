"""Lines a second and memory of `medtiles hotspots`, beside a plain Python loop with the same answers."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median

import pytest

from medtiles.hotspots.filters import Filters
from medtiles.hotspots.reading import read_logs
from medtiles.hotspots.tally import Tally
from tests.bench.conftest import Table

pytestmark = pytest.mark.bench
LINES = 1_000_000
TIMES = 10
ACROSS = 79
_PLAIN = re.compile(r'"GET (\S+) [^"]*" (\d{3}) ')
_TILE = re.compile(r"FIF=([^&]+)&JTL=(\d+),(\d+)")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A million lines of IIPImage behind Apache: five slides, 32,000 tiles."""
    path = tmp_path_factory.mktemp("log") / "access.log"
    chance = random.Random(1)
    agents = (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0",
        "Mozilla/5.0 (Windows NT 10.0) Firefox/118.0",
    )
    with path.open("w") as file:
        for at in range(LINES):
            moment = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(1_700_000_000 + at // 50))
            level = min(7, max(0, round(chance.gauss(6, 1.5))))
            side = max(1, ACROSS >> (7 - level))
            column, row = (round(chance.gauss(side / 2, side / 6)) % side for _ in range(2))
            target = (
                f"/fcgi-bin/iipsrv.fcgi?FIF=/data/{chance.randrange(5)}.tif&JTL={level},{row * side + column}&QLT=80"
            )
            status = 200 if chance.random() < 0.97 else 404
            client = f"10.0.{chance.randrange(4)}.{chance.randrange(256)}"
            file.write(f'{client} - - [{moment}] "GET {target} HTTP/1.1" {status} {chance.randrange(3000, 20000)} ')
            file.write(f'"https://example.org/view" "{agents[at % 2]}"\n')
    return path


def counted(path: Path) -> tuple[float, int, dict[tuple[str, int, int], int]]:
    """Seconds and kilobytes of the whole command, and its counts by image, level and index."""
    code = (
        "import resource, sys; from medtiles.cli.commands import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, "hotspots", str(path), "--format", "json"],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - started
    tiles = json.loads(done.stdout)["tiles"]
    counts = {(tile["image"], tile["level"], tile["index"]): tile["count"] for tile in tiles}
    return seconds, int(done.stderr.split()[-1]), counts


def plainly(path: Path) -> tuple[float, dict[tuple[str, int, int], int]]:
    started = time.perf_counter()
    counts: Counter[tuple[str, int, int]] = Counter()
    with path.open() as file:
        for line in file:
            request = _PLAIN.search(line)
            if request is not None and request[2] == "200" and (tile := _TILE.search(request[1])) is not None:
                counts[tile[1], int(tile[2]), int(tile[3])] += 1
    return time.perf_counter() - started, dict(counts)


def read(path: Path) -> tuple[float, dict[tuple[str, int, int], int]]:
    """Seconds until a log is counted, in this process, and the counts."""
    tally = Tally(lambda _: None, Filters())
    started = time.perf_counter()
    read_logs([str(path)], tally)
    seconds = time.perf_counter() - started
    own = ((place.image, dict(place.own), count) for place, count in tally.places.items())
    return seconds, {(image, words["level"], words["index"]): count for image, words, count in own}


def test_a_million_lines_beside_a_plain_loop(log: Path, table: Table) -> None:
    """Counting alone; ours also tells lines that cannot be read, other statuses and what is no tile."""
    runs = [(read(log), plainly(log)) for _ in range(3)]
    assert all(ours[1] == theirs[1] for ours, theirs in runs)
    seconds, plain = (median(run[side][0] for run in runs) for side in (0, 1))
    ours = f"{LINES / seconds / 1e6:.2f} million lines/s"
    peer = f"plain loop {LINES / plain / 1e6:.2f}"
    table.add("hot spots of a million lines", ours, peer, "as fast", is_met=plain / seconds >= 1)


def test_ten_million_lines_in_the_memory_of_one(log: Path, table: Table, tmp_path: Path) -> None:
    """The whole command, from the start of its process to the end of its JSON."""
    long = tmp_path / "long.log"
    with long.open("wb") as file:
        for _ in range(TIMES):
            file.write(log.read_bytes())
    short, small, counts = counted(log)
    seconds, large, more = counted(long)
    assert more == {key: TIMES * count for key, count in counts.items()}
    rates = f"{TIMES * LINES / seconds / 1e6:.2f} million lines/s, {large / 1e3:.0f} MB"
    table.add(
        f"hot spots of ten million lines ({long.stat().st_size / 1e9:.1f} GB), from the start of the process",
        rates,
        f"of one million {LINES / short / 1e6:.2f}, {small / 1e3:.0f} MB",
        "1.3 x the memory",
        is_met=large / small <= 1.3,
    )
