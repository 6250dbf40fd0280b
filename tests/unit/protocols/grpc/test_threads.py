"""Threads that take tasks in turn."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from medtiles.protocols.grpc.threads import Threads


def test_tasks_run_side_by_side() -> None:
    threads, meeting = Threads(4), threading.Barrier(5)
    for _ in range(4):
        threads.submit(meeting.wait, 20)

    meeting.wait(20)

    threads.close()


def test_a_callback_is_called_once_whenever_it_is_added() -> None:
    threads, called, all_called = Threads(2), [], threading.Semaphore(0)

    def note(task: object) -> None:
        called.append(task)
        all_called.release()

    tasks = []
    for _ in range(500):
        task = threads.submit(int)
        task.add_done_callback(note)
        tasks.append(task)
    for _ in range(500):
        assert all_called.acquire(timeout=20)

    threads.close()
    assert {id(task) for task in called} == {id(task) for task in tasks}


def test_a_thread_survives_a_task_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    threads, done = Threads(1), threading.Event()
    threads.submit(int, "no number")

    threads.submit(done.set)

    assert done.wait(20)
    assert "beyond its servicer" in caplog.text
    threads.close()


def test_tasks_submitted_before_the_end_are_done() -> None:
    threads, done = Threads(1), threading.Event()
    hold = threading.Event()
    threads.submit(hold.wait, 20)
    threads.submit(done.set)
    threads.close()

    hold.set()

    assert done.wait(20)


def test_a_thread_that_waits_holds_nothing_of_the_call_before() -> None:
    class Request:
        """Something large."""

    threads, done = Threads(1), threading.Event()
    request = Request()
    alive = weakref.ref(request)
    threads.submit(lambda _: None, request).add_done_callback(lambda _: done.set())
    del request
    assert done.wait(20)
    again = threading.Event()
    threads.submit(again.set)
    assert again.wait(20)
    gc.collect()

    assert alive() is None
    threads.close()
