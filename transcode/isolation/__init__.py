"""Decoders that can hang or die on damaged streams live in child processes that can be killed.

Theory of operation. A child runs `transcode.isolation.worker`: plain Python, started when it is first needed and kept.
A call leases an idle child, writes the encoded bytes into memory that the two share, sends a short request through
a pipe and waits for a short answer; the samples then lie in the same memory. A child that takes too long is killed, one
that dies of itself is noticed by its closed pipe; either way the frame is at fault, and the next call gets a new child.

Three limits hold at once: the wall clock (a decoder may wait for something), the processor (one that runs in circles is
stopped sooner on a machine that is not busy) and the memory. They grow with the samples that the frame promises.

Children die with the process that started them. Linux sends that signal when the *thread* that started a child ends,
so one thread that lives as long as the pool starts them all.
"""

from transcode.isolation.messages import NativeDecoder
from transcode.isolation.pool import Isolation, IsolationLimits, Run, run_here

__all__ = ["Isolation", "IsolationLimits", "NativeDecoder", "Run", "run_here"]
