"""What the metadata of slides are given where the file lacks it."""

from __future__ import annotations

from typing import Any

import pytest

from medtiles.dicom.heads import WHOLE_SLIDE_STORAGE
from medtiles.dicom.slide_defaults import USUAL_ORIENTATION, origin, pixel_measures, with_slide_defaults

Json = dict[str, Any]


def slide(**more: Json) -> Json:
    """A slide of 30 x 20 mm in 3 x 2 tiles, which says little else."""
    numbers = {"00280010": 100, "00280011": 100, "00280008": 6, "00480006": 300, "00480007": 200}
    found: Json = {tag: {"vr": "UL", "Value": [value]} for tag, value in numbers.items()}
    found |= {tag: {"vr": "FL", "Value": [value]} for tag, value in (("00480001", 30.0), ("00480002", 20.0))}
    found["00080016"] = {"vr": "UI", "Value": [WHOLE_SLIDE_STORAGE]}
    return found | {tag.removeprefix("t"): element for tag, element in more.items()}


def test_what_viewers_need_is_filled_in() -> None:
    made = with_slide_defaults(slide())
    assert made["00080008"]["Value"][2] == "VOLUME"
    assert made["00209311"]["Value"] == ["TILED_FULL"]
    assert made["00480008"] == origin()
    assert made["00480102"]["Value"] == USUAL_ORIENTATION
    assert made["52009229"]["Value"] == [{"00289110": pixel_measures(0.1, 0.1)}]
    assert list(made) == sorted(made)


def test_what_the_file_says_stays() -> None:
    said = {
        "t00080008": {"vr": "CS", "Value": ["ORIGINAL", "PRIMARY", "LABEL", "NONE"]},
        "t00209311": {"vr": "CS", "Value": ["TILED_SPARSE"]},
        "t00480008": origin(1.5, 2.5),
        "t00480102": {"vr": "DS", "Value": [1, 0, 0, 0, 1, 0]},
        "t52009229": {"vr": "SQ", "Value": [{"00289110": pixel_measures(0.5, 0.25)}]},
    }
    made = with_slide_defaults(slide(**said))
    assert {f"t{tag}": made[tag] for tag in ("00080008", "00209311", "00480008", "00480102", "52009229")} == said


@pytest.mark.parametrize(
    "more",
    [
        {"t00280008": {"vr": "IS", "Value": [5]}},
        {"t52009230": {"vr": "SQ", "Value": [{}] * 6}},
        {"t00480006": {"vr": "UL"}},
        {"t00280010": {"vr": "US", "Value": [0]}},
    ],
)
def test_a_grid_that_is_not_known_to_be_full_is_not_called_so(more: Json) -> None:
    assert "00209311" not in with_slide_defaults(slide(**more))


def test_a_spacing_that_nobody_tells_is_not_made_up() -> None:
    made = with_slide_defaults(slide(t00480001={"vr": "FL"}))
    assert made["52009229"]["Value"] == [{}]


def test_a_spacing_of_each_frame_is_not_said_again() -> None:
    frames = {"vr": "SQ", "Value": [{"00289110": pixel_measures(0.5, 0.25)}]}
    assert with_slide_defaults(slide(t52009230=frames))["52009229"]["Value"] == [{}]


def test_what_is_no_slide_stays_as_it_is() -> None:
    found = slide(t00080016={"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]})
    assert with_slide_defaults(found) is found
