"""A driver of batches for tests that kill it: `python -m tests.e2e.batch_driver SOURCE DESTINATION ...`.

Prints how the batch ended, as one line of JSON, and exits as the command line does.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.unit.transcode.batch import jobs
from transcode.batch.cluster import engine_of
from transcode.batch.conversion import Conversion, Options
from transcode.batch.errors import StorageError
from transcode.batch.execute import EXIT_AGAIN
from transcode.batch.limits import JobLimits
from transcode.batch.stopping import Stop


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path)
    parser.add_argument("destination", type=Path)
    parser.add_argument("--engine", default="local")
    parser.add_argument("--convert", default="obey")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--grace", type=float, default=10)
    arguments = parser.parse_args()
    stop = Stop()
    engine = engine_of(arguments.engine, 2)
    options = Options(
        resumes=True, limits=JobLimits(seconds=arguments.seconds, memory=256 << 20), grace_seconds=arguments.grace
    )
    try:
        with stop.on_signals():
            plan = jobs.plan_of(arguments.source, arguments.destination)
            with Conversion(plan, jobs.settings_of(plan), options) as conversion:
                convert = getattr(jobs, arguments.convert)
                summary = conversion.run(
                    convert, engine, stop, lambda outcome: print(f"{outcome.name} ended", flush=True)
                )
                messages = {one.name: one.message for one in conversion.journal.outcomes() if one.message}
    except StorageError as error:
        print(json.dumps({"stopped": str(error)}))
        return EXIT_AGAIN
    finally:
        engine.close()
    counts = {state.value: count for state, count in summary.counts.items()}
    print(json.dumps({"counts": counts, "messages": messages, "stopped": summary.stopped}))
    return summary.exit_code


if __name__ == "__main__":
    sys.exit(main())
