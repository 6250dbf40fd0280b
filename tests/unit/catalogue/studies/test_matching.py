"""What matches what, clause by clause of PS3.4 C.2.2.2."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtiles.catalogue.studies.matching import matcher, wildcard
from medtiles.core.errors import BadRequestError

MATCHES = [
    # C.2.2.2.1 single values: equal, letter by letter; names of persons in any case
    ("LO", "4711", "4711"),
    ("LO", " 4711 ", "4711"),
    ("CS", "CT", "CT"),
    ("IS", "7", "7"),
    ("IS", "07", "7"),
    ("DS", "1.50", "1.5"),
    ("PN", "Doe^Jane", "DOE^JANE"),
    ("PN", "doe^jane^^", "Doe^Jane"),
    ("PN", "müller", "MÜLLER"),
    # component groups
    ("PN", "山田^太郎", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    ("PN", "=山田*", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    ("PN", "yamada*==やまだ*", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    # C.2.2.2.2 lists of UIDs
    ("UI", "1.2.3,1.2.4", "1.2.4"),
    ("UI", "1.2.3\\1.2.4", "1.2.3"),
    # C.2.2.2.8 lists of other values
    ("CS", "CT,MR", "MR"),
    ("CS", "CT\\MR", "MR"),
    ("LO", "a\\b", "b"),
    # C.2.2.2.4 wildcards
    ("LO", "47*", "4711"),
    ("LO", "*11", "4711"),
    ("LO", "4?1?", "4711"),
    ("LO", "*", "anything"),
    ("PN", "*jan*", "Doe^Jane"),
    ("PN", "doe^j?ne", "Doe^Jane"),
    ("SH", "a.b*", "a.bc"),
    ("LO", "a[b]*", "a[b]c"),
    # C.2.2.2.5 ranges
    ("DA", "20200101-20201231", "20200615"),
    ("DA", "20200101-", "20200101"),
    ("DA", "-20201231", "20201231"),
    ("DA", "20200615", "2020.06.15"),
    ("DA", "20200614\\20200615", "20200615"),
    ("TM", "10-12", "123059.5"),
    ("TM", "1030", "103012"),
    ("TM", "103012.5", "103012.55"),
    ("TM", "-0900", "085959"),
    ("DT", "20200101-20201231", "20200615103000"),
    ("DT", "2020", "20200615103000.25"),
    ("DT", "20200615100000+0000", "20200615120000+0200"),
    ("DT", "20200615000000-0500-20200616000000-0500", "20200615120000-0500"),
]
OTHERS = [
    ("LO", "4711", "47111"),
    ("LO", "ab", "AB"),
    ("CS", "CT", "ct"),
    ("PN", "Doe", "Doe^Jane"),
    ("PN", "=Doe*", "Doe^Jane"),
    ("PN", "山田", "Yamada^Tarou=山田^太郎"),
    ("UI", "1.2.3", "1.2.33"),
    ("LO", "47?", "4711"),
    ("LO", "a.b", "axb"),
    ("LO", "?", ""),
    ("DA", "20200101-20201231", "20210101"),
    ("DA", "20200101", ""),
    ("DA", "20200101", "rubbish"),
    ("TM", "10-12", "130000"),
    ("TM", "10", "1100"),
    ("DT", "20200615100000+0000", "20200615100000+0200"),
    ("IS", "7", "8"),
    ("IS", "7", "seven"),
]
REFUSED = [
    ("DA", "2020"),
    ("DA", "20201301"),
    ("DA", "-"),
    ("DA", "20200101-20200102-20200103"),
    ("DA", "2020*"),
    ("TM", "25"),
    ("TM", "noon"),
    ("DT", "x"),
    ("IS", "seven"),
    ("US", "1*"),
    ("UI", "1.2.*"),
    ("UI", "../etc"),
    ("SQ", "x"),
    ("LO", "a*" * 40),
]


@pytest.mark.parametrize(("vr", "wanted", "value"), MATCHES)
def test_matches(vr: str, wanted: str, value: str) -> None:
    test = matcher(vr, wanted)
    assert test is None or test(value.split("\\"))


@pytest.mark.parametrize(("vr", "wanted", "value"), OTHERS)
def test_does_not_match(vr: str, wanted: str, value: str) -> None:
    test = matcher(vr, wanted)
    assert test is not None
    assert not test([value] if value else [])


@pytest.mark.parametrize(("vr", "wanted"), REFUSED)
def test_what_cannot_be_a_value_is_refused_without_repeating_it(vr: str, wanted: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        matcher(vr, wanted)
    assert len(wanted) < 3 or wanted not in str(refused.value)


@pytest.mark.parametrize(("vr", "wanted"), [("LO", ""), ("LO", "*"), ("PN", "**"), ("DA", ""), ("UI", " "), ("SQ", "")])
def test_universal_matching_takes_absent_values_too(vr: str, wanted: str) -> None:
    assert matcher(vr, wanted) is None


def test_any_of_several_values_may_match() -> None:
    test = matcher("CS", "SECONDARY")
    assert test is not None
    assert test(["DERIVED", "SECONDARY"])


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("jane doe", "DOE^JANE"),
        ("muller", "Müller^Jörg"),
        ("smyth", "Smith^John"),
        ("meier", "Meyer^A"),
        ("jo", "Smith^John"),
        ("Doe^J*", "Doe^Jane"),
    ],
)
def test_fuzzy_names_match_by_beginning_or_sound(wanted: str, name: str) -> None:
    test = matcher("PN", wanted, fuzzy=True)
    assert test is not None
    assert test([name])


@pytest.mark.parametrize(("wanted", "name"), [("smith", "Jones^Ann"), ("jane roe", "DOE^JANE"), ("山", "Yamada")])
def test_fuzzy_names_are_not_anybody(wanted: str, name: str) -> None:
    test = matcher("PN", wanted, fuzzy=True)
    assert test is not None
    assert not test([name])


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_wildcards_match_as_those_of_file_names_do(pattern: str, text: str) -> None:
    assert (wildcard(pattern).fullmatch(text) is not None) == fnmatch.fnmatchcase(text, pattern)


@pytest.mark.timeout(20)  # a pattern that backtracks would not end
def test_a_hostile_wildcard_ends() -> None:
    pattern = wildcard("*".join("a" * 30))
    assert pattern.fullmatch("a" * 20 + "b" * 5000) is None


@given(st.dates(), st.dates(), st.dates())
def test_a_range_of_dates_holds_what_lies_between(first: object, last: object, value: object) -> None:
    low, high, stored = (str(each).replace("-", "") for each in (first, last, value))
    test = matcher("DA", f"{low}-{high}")
    assert test is not None
    assert test([stored]) == (low <= stored <= high)


@given(st.times(), st.times(), st.times())
def test_a_range_of_times_holds_what_lies_between(first: object, last: object, value: object) -> None:
    low, high, stored = (f"{each:%H%M%S.%f}" for each in (first, last, value))
    test = matcher("TM", f"{low}-{high}")
    assert test is not None
    assert test([stored]) == (low <= stored <= high)


@given(st.sampled_from(["DA", "TM", "DT", "PN", "LO", "UI", "IS", "CS"]), st.text(max_size=20), st.text(max_size=20))
def test_whatever_is_searched_is_matched_or_refused(vr: str, wanted: str, value: str) -> None:
    try:
        test = matcher(vr, wanted)
    except BadRequestError:
        return
    assert test is None or test([value]) in {True, False}
