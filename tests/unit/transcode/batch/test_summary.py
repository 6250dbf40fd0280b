"""What a batch came to: sums, the few that are listed, and bounds that hold for any number of files."""

from __future__ import annotations

import io
import json
import math

import pytest
from rich.console import Console

from tests.unit.transcode.batch.outcomes import batch, outcome
from transcode.batch.model import Quality, Status
from transcode.batch.summary import MOST_FAILURES, MOST_LISTED, SAMPLE, Summary
from transcode.batch.sums import without_numbers
from transcode.cli.batch_summary import print_summary


def test_bytes_are_summed_by_modality_and_codec() -> None:
    summary = Summary([outcome(1), outcome(2, modality="MR"), outcome(3, target="htj2k", bytes_written=100)])
    assert (summary.total.files, summary.total.bytes_read, summary.total.bytes_written) == (3, 3000, 900)
    assert {name: sums.files for name, sums in summary.by_modality.items()} == {"CT": 2, "MR": 1}
    assert summary.by_both["CT", "htj2k"].ratio == 10


def test_failures_are_listed_and_not_summed() -> None:
    summary = Summary([outcome(1), outcome(2, status=Status.FAILED), outcome(3, status=Status.REFUSED)])
    assert (summary.files, summary.bad, summary.total.files) == (3, 2, 1)
    assert [one.number for one in summary.failures] == [2, 3]


def test_what_was_copied_is_counted_by_its_reason() -> None:
    copied = [outcome(n, status=Status.COPIED, target="", reason="ab"[n % 2]) for n in range(5)]
    summary = Summary(copied)
    assert {reason: told.files for reason, told in summary.copied.items()} == {"a": 3, "b": 2}
    assert summary.copied["b"].examples == ["study/1.dcm", "study/3.dcm"]
    assert not summary.sample


def test_what_the_job_said_goes_before_what_the_policy_said() -> None:
    told = [f"htj2k would be {n} bytes larger" for n in (7, 1204)]
    copied = [outcome(n, status=Status.COPIED, message=said, reason="grey") for n, said in enumerate(told)]
    assert [(reason, found.files) for reason, found in Summary(copied).copied.items()] == [
        ("htj2k would be n bytes larger", 2)
    ]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("1204 bytes larger than its source", "n bytes larger than its source"),
        ("PSNR 38.25 dB below 40", "PSNR n dB below n"),
        ("jpeg missed (PSNR 38.25 dB below 40): lossless", "jpeg missed (PSNR n dB below n): lossless"),
        ("no target holds 1-bit samples", "no target holds 1-bit samples"),
        ("Digital Signatures Sequence (FFFA,FFFA) and (0028,2110) 1.2.840.10008.1.2.4.50 htj2k JPEG 2000", None),
    ],
)
def test_messages_are_counted_without_their_numbers(message: str, kind: str | None) -> None:
    assert without_numbers(message) == (message if kind is None else kind)


def test_what_is_lossy_now_is_counted_even_without_verification() -> None:
    summary = Summary([outcome(1, is_lossy=True), outcome(2, is_lossy=True, quality=Quality(41, 0.98, 9)), outcome(3)])
    assert summary.lossy.files == 2
    assert [one.number for one in summary.worst] == [2]


def test_the_slowest_and_the_worst_come_first_and_are_bounded() -> None:
    many = [outcome(n, encode_seconds=float(n % 50), quality=Quality(30 + n % 40, 0.9, 1)) for n in range(200)]
    summary = Summary(many)
    assert [one.encode_seconds for one in summary.slowest] == [49.0] * 4 + [48.0] * 4 + [47.0] * 4 + [46.0] * 4 + [
        45.0
    ] * 4
    assert [one.number for one in summary.slowest[:4]] == [49, 99, 149, 199]
    assert [one.quality.psnr_db for one in summary.worst if one.quality][:6] == [30] * 5 + [31]
    assert len(summary.worst) == MOST_LISTED


def test_many_failures_are_counted_but_only_the_first_are_kept() -> None:
    summary = Summary(outcome(n, status=Status.FAILED) for n in range(MOST_FAILURES + 7))
    assert (summary.bad, len(summary.failures)) == (MOST_FAILURES + 7, MOST_FAILURES)


def test_the_sample_is_bounded_and_the_same_each_time() -> None:
    many = list(batch(SAMPLE * 3))
    first, second = Summary(many), Summary(many)
    assert len(first.sample) == SAMPLE
    assert first.sample == second.sample
    assert max(int(point.name[6:-4]) for point in first.sample) > SAMPLE * 2


def test_time_runs_from_the_first_end_to_the_last() -> None:
    summary = Summary(
        [outcome(1, finished_at="2026-01-31T12:00:00.900Z"), outcome(2, finished_at="2026-01-31T13:00:10+01:00")]
    )
    assert summary.seconds == 11
    assert Summary([outcome(finished_at="")]).seconds == 0


def test_the_document_is_plain_json() -> None:
    document = json.loads(json.dumps(Summary(batch(300)).document(), allow_nan=False))
    assert (document["schema"], document["version"], document["files"]) == ("medtiles.transcode.summary", 1, 300)
    assert sum(document["statuses"].values()) == 300
    assert json.loads(json.dumps(Summary().document()))["total"]["ratio"] is None


def printed(summary: Summary) -> str:
    file = io.StringIO()
    print_summary(summary, Console(file=file, width=120, highlight=False, markup=False))
    return file.getvalue()


def test_what_is_lossy_now_has_a_line_of_its_own() -> None:
    lines = printed(Summary([outcome(1, is_lossy=True), outcome(2)])).splitlines()
    assert [line for line in lines if line.startswith("lossy now:")] == [
        "lossy now: 1 file (1 kB) lost something in this batch"
    ]


def test_failures_are_printed_last_with_their_reasons() -> None:
    bad = [
        outcome(1, status=Status.FAILED, message="no [bold]room"),
        outcome(2, status=Status.REFUSED, message="not the same"),
    ]
    told = printed(Summary([*bad, outcome(3, warnings=("a signature broke",))]))
    assert "warning: 1, a signature broke" in told
    assert told.index("not the same") < told.index("no [bold]room")
    assert told.rstrip().endswith("no [bold]room")


def test_an_empty_batch_is_told_as_such() -> None:
    assert printed(Summary()) == "0 files: nothing to do\n"


def test_equal_frames_of_a_lossy_file_do_no_harm() -> None:
    assert Summary([outcome(1, is_lossy=True, quality=Quality(math.inf, 1.0, 0))]).worst[0].number == 1
