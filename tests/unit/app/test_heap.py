"""The heap of a serving process is set once, and left alone where somebody has set it."""

from __future__ import annotations

import ctypes
import os
import sys

import pytest

from medtiles.app.heap import tune_heap


class Library:
    """A C library that remembers what it was told."""

    def __init__(self, *, is_glibc: bool) -> None:
        self.told: list[tuple[int, int]] = []
        if is_glibc:
            self.mallopt = lambda option, value: self.told.append((option, value))


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Library:
    found = Library(is_glibc=getattr(request, "param", True))
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: found)
    monkeypatch.setattr(sys, "platform", "linux")
    for name in list(os.environ):
        if name.startswith(("MALLOC_", "GLIBC_TUNABLES")):
            monkeypatch.delenv(name)
    return found


def test_what_is_freed_is_kept_and_arenas_are_few(library: Library) -> None:
    tune_heap()
    assert dict(library.told) == {-1: 8 << 20, -3: 2 << 20, -8: 2}


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_who_has_set_it_is_obeyed(library: Library, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    tune_heap()
    assert library.told == []


@pytest.mark.parametrize("library", [False], indirect=True)
def test_another_library_is_left_as_it_is(library: Library) -> None:
    tune_heap()
    assert library.told == []


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_other_systems_are_left_as_they_are(library: Library, monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    tune_heap()
    assert library.told == []
