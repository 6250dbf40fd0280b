"""`--explain`: which rule chooses what for one file, and why; and what is done with each of a policy's images."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from transcode.batch.choosing import chooser
from transcode.batch.facts import facts_of
from transcode.policy import Decision, Facts, Policy, not_an_image


def explain(file: Path, policy: Policy, *, as_json: bool) -> None:
    """Print what a policy does with a file.

    :raises OSError: it cannot be read
    """
    facts = facts_of(file)
    decision = not_an_image(facts) if isinstance(facts, str) else chooser(policy)(facts)
    if as_json:
        known = None if isinstance(facts, str) else asdict(facts)
        print(json.dumps({"file": str(file), "decision": asdict(decision), "facts": known}, indent=2))  # noqa: T201
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in (("file", str(file)), *_facts_rows(facts), *_decision_rows(decision)):
        table.add_row(name, value)
    Console().print(table)


def _facts_rows(facts: Facts | str) -> tuple[tuple[str, str], ...]:
    if isinstance(facts, str):
        return ()
    pixels = facts.pixels
    sign = "signed" if pixels.signed else "unsigned"
    frames = f", {facts.frames} frames" if facts.frames > 1 else ""
    return (
        ("image", f"{facts.width} x {facts.height}{frames}, {facts.modality or 'no modality'}"),
        ("pixels", f"{pixels.photometric}, {pixels.bits_stored} of {facts.bits_allocated} bits, {sign}"),
        ("stored as", f"{facts.transfer_syntax}{', has lost something' if facts.is_lossy else ''}"),
    )


def _decision_rows(decision: Decision) -> tuple[tuple[str, str], ...]:
    what = {
        "encode": f"encoded as {decision.target}",
        "keep": "its codestreams are copied into a new file",
        "copy": "copied unchanged",
    }[decision.action]
    loses = ("loses", "yes: a new SOP Instance UID, and it says so") if decision.is_lossy else ("loses", "nothing")
    return (("becomes", what), ("rule", decision.rule), ("because", decision.reason), loses)
