"""The order of planes: in space, in time, by number."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from medtiles.dicom.frame_facts import FrameFacts, frame_facts
from medtiles.dicom.stacking import Stack, stack
from tests.dicom_files import header_of, item
from transcode.dicom.functional_groups import FunctionalGroups

AXIAL = (0.0, 0.0, 1.0)


def facts_of(dataset: Dataset, frames: int) -> list[FrameFacts]:
    header = header_of(dataset)
    return list(frame_facts(header.dataset, FunctionalGroups(header), 0, frames))


def at(*positions: float, normal: tuple[float, float, float] = AXIAL) -> list[FrameFacts]:
    return [
        FrameFacts(index, 0, instance_number=100 - index, position=(0.0, 0.0, z), normal=normal)
        for index, z in enumerate(positions)
    ]


def instances(found: Stack) -> list[int]:
    return [placed.facts.instance for placed in found.frames]


def test_slices_are_sorted_along_their_normal_whatever_their_numbers() -> None:
    found = stack(at(10.0, -5.0, 0.0, 5.0))
    assert instances(found) == [1, 2, 3, 0]
    assert [placed.position_mm for placed in found.frames] == [-5.0, 0.0, 5.0, 10.0]
    assert found.slice_spacing_mm == 5.0


def test_a_normal_that_points_down_turns_the_order() -> None:
    assert instances(stack(at(0.0, 5.0, 10.0, normal=(0.0, 0.0, -1.0)))) == [2, 1, 0]


def test_uneven_slices_have_no_spacing() -> None:
    assert stack(at(0.0, 5.0, 11.0)).slice_spacing_mm is None


def test_rounded_positions_are_even() -> None:
    assert stack(at(0.0, 0.333, 0.667, 1.0)).slice_spacing_mm == pytest.approx(1 / 3)


def test_frames_at_one_position_are_time_points_apart() -> None:
    frames = [
        FrameFacts(index, 0, position=(0.0, 0.0, z), normal=AXIAL, times=(time,))
        for index, (z, time) in enumerate([(5.0, 2.0), (0.0, 2.0), (5.0, 1.0), (0.0, 1.0)])
    ]
    found = stack(frames)
    assert instances(found) == [3, 2, 1, 0]
    assert [(placed.z, placed.t) for placed in found.frames] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert found.slice_spacing_mm == 5.0


def test_segments_are_channels_with_slices_of_their_own() -> None:
    frames = [
        FrameFacts(0, index, position=(0.0, 0.0, z), normal=AXIAL, channel=channel)
        for index, (z, channel) in enumerate([(0.0, 1), (0.0, 0), (5.0, 0), (5.0, 1)])
    ]
    found = stack(frames)
    assert [(placed.facts.channel, placed.z, placed.t) for placed in found.frames] == [
        (0, 0, 0),
        (0, 1, 0),
        (1, 0, 0),
        (1, 1, 0),
    ]


def test_localizers_of_several_directions_stay_together_by_direction() -> None:
    sagittal = [
        FrameFacts(10 + index, 0, position=(x, 0.0, 0.0), normal=(1.0, 0.0, 0.0)) for index, x in enumerate((3.0, 1.0))
    ]
    found = stack([*at(5.0, 0.0), *sagittal])
    assert instances(found) in ([1, 0, 11, 10], [11, 10, 1, 0])
    assert [placed.z for placed in found.frames] == [0, 1, 2, 3]
    assert found.slice_spacing_mm is None


def test_without_geometry_the_instance_number_decides() -> None:
    frames = [FrameFacts(index, 0, instance_number=number) for index, number in enumerate((3, 1, 2))]
    found = stack(frames)
    assert instances(found) == [1, 2, 0]
    assert [placed.z for placed in found.frames] == [0, 1, 2]


def test_without_numbers_the_acquisition_decides() -> None:
    frames = [FrameFacts(index, 0, acquired=time) for index, time in enumerate(("120000", "110000", "130000"))]
    assert instances(stack(frames)) == [1, 0, 2]


def test_one_frame_without_position_makes_numbers_decide() -> None:
    frames = [*at(10.0, 0.0), FrameFacts(2, 0, instance_number=1)]
    assert instances(stack(frames)) == [2, 1, 0]


def test_frames_of_a_cine_follow_one_another_in_time() -> None:
    found = stack([FrameFacts(0, index, is_cine=True) for index in range(3)])
    assert [(placed.z, placed.t) for placed in found.frames] == [(0, 0), (0, 1), (0, 2)]


@given(st.permutations(list(range(8))))
def test_the_order_of_files_makes_no_difference(order: list[int]) -> None:
    frames = at(*(2.5 * index for index in range(8)))
    assert instances(stack([frames[index] for index in order])) == list(range(8))


def test_oblique_slices_are_projected_on_their_normal() -> None:
    half = math.sqrt(0.5)
    dataset = item(ImageOrientationPatient=[1, 0, 0, 0, half, half], ImagePositionPatient=[100, 3, 4])
    facts = facts_of(dataset, 1)[0]
    assert facts.normal == pytest.approx((0.0, -half, half))
    assert stack([facts]).frames[0].position_mm == pytest.approx(half)


def enhanced() -> Dataset:
    def of_frame(z: float, time: int) -> Dataset:
        return item(
            PlanePositionSequence=[item(ImagePositionPatient=[0, 0, z])],
            FrameContentSequence=[item(TemporalPositionIndex=time)],
        )

    return item(
        InstanceNumber=1,
        SharedFunctionalGroupsSequence=[
            item(PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])])
        ],
        PerFrameFunctionalGroupsSequence=[of_frame(4, 1), of_frame(0, 1), of_frame(4, 2), of_frame(0, 2)],
    )


def test_enhanced_frames_take_their_place_from_functional_groups() -> None:
    found = stack(facts_of(enhanced(), 4))
    assert [placed.facts.frame for placed in found.frames] == [1, 0, 3, 2]
    assert [(placed.z, placed.t) for placed in found.frames] == [(0, 0), (1, 0), (0, 1), (1, 1)]


def test_doses_take_their_place_from_the_offset_vector() -> None:
    dataset = item(
        ImagePositionPatient=[0, 0, 7], ImageOrientationPatient=[1, 0, 0, 0, 1, 0], GridFrameOffsetVector=[0, 3, 6]
    )
    found = stack(facts_of(dataset, 3))
    assert [placed.position_mm for placed in found.frames] == [7.0, 10.0, 13.0]
    assert found.slice_spacing_mm == 3.0


@pytest.mark.parametrize(
    "attributes",
    [
        {"ImageOrientationPatient": [0, 0, 0, 0, 0, 0], "ImagePositionPatient": [0, 0, 0]},
        {"ImageOrientationPatient": [1, 0, 0], "ImagePositionPatient": [0, 0, 0]},
        {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [0, 0]},
    ],
)
def test_geometry_that_is_none_counts_as_absent(attributes: dict[str, object]) -> None:
    facts = facts_of(item(**attributes), 1)[0]
    assert stack([facts]).frames[0].position_mm is None
