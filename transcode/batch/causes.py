"""Of what a process died, by its exit status."""

from __future__ import annotations

import signal


def cause_of(code: int) -> str:
    """In words.

    :param code: negative: the signal, as `subprocess` and `multiprocessing` tell it
    """
    if code == -signal.SIGALRM:
        return "it took too long"
    if code == -signal.SIGKILL:
        return "it was killed, as the system does when memory runs out"
    return f"{signal.strsignal(-code) or code}" if code < 0 else f"it ended with status {code}"
