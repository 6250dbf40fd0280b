"""Tasks in a child: what they give and raise comes back, and their death is told and harms nobody else."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from transcode.batch import contained as module
from transcode.batch.causes import cause_of
from transcode.batch.contained import ContainedDeath, contained

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="not applicable: processes are those of POSIX"),
]


@pytest.fixture(autouse=True)
def _no_child_stays() -> Iterator[None]:
    yield
    child = getattr(module._OWN, "child", None)
    if child is not None:
        child._process.kill()
        child._process.communicate()
        del module._OWN.child


def twice(number: int, *, plus: int = 0) -> int:
    return 2 * number + plus


def own_pid() -> int:
    return os.getpid()


def talk() -> str:
    os.write(1, b"a library that talks\n" * 10)
    return "done"


def fail() -> None:
    message = "nobody expected this"
    raise LookupError(message)


def die() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def test_results_come_back_from_one_child() -> None:
    assert contained(twice, 20, plus=2) == 42
    assert contained(own_pid) == contained(own_pid) != os.getpid()


def test_what_a_task_raises_is_raised() -> None:
    with pytest.raises(LookupError, match="nobody expected this"):
        contained(fail)
    assert contained(twice, 1) == 2


def test_what_a_library_prints_is_no_answer() -> None:
    assert contained(talk) == "done"


def test_the_death_of_a_child_is_told_and_the_next_task_gets_a_new_one() -> None:
    first = contained(own_pid)
    with pytest.raises(ContainedDeath, match="Segmentation fault"):
        contained(die)
    assert contained(own_pid) not in {first, os.getpid()}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-signal.SIGALRM, "it took too long"),
        (-signal.SIGKILL, "it was killed, as the system does when memory runs out"),
        (-signal.SIGFPE, "Floating point exception"),
        (3, "it ended with status 3"),
    ],
)
def test_a_cause_is_told_in_words(code: int, words: str) -> None:
    assert cause_of(code) == words
