"""A policy as people write it: TOML with a table [policy] and exceptions as [[rule]]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from transcode.choices import Colour, LossySources
from transcode.errors import PolicyError
from transcode.policy import Policy, Rule


def policy_from(document: Mapping[str, Any], base: Policy | None = None) -> Policy:
    """The policy that a TOML document states, on top of another one.

    :raises PolicyError: a key is unknown or a value cannot be; the key is named
    """
    fields = _taken(document.get("policy", {}), _POLICY_KEYS, "[policy]")
    unknown = set(document) - {"policy", "rule"}
    if unknown:
        message = f"unknown table {min(unknown)!r}: there are [policy] and [[rule]]"
        raise PolicyError(message)
    for key, kind in (("colour", Colour), ("lossy_sources", LossySources)):
        if key in fields:
            fields[key] = _one_of(kind, fields[key], f"[policy] {key}")
    rules = document.get("rule", [])
    if not isinstance(rules, list):
        message = "rules are written as [[rule]]"
        raise PolicyError(message)
    found = tuple(_rule(number, each) for number, each in enumerate(rules, 1))
    base = base or Policy()
    return replace(base, **fields, rules=(*found, *base.rules))


_POLICY_KEYS: dict[str, type | tuple[type, ...]] = {
    "large_side": int,
    "small_grey": str,
    "large_grey": str,
    "colour": str,
    "lossless_colour": str,
    "quality": int,
    "near": int,
    "min_psnr_db": (int, float),
    "min_ssim": (int, float),
    "lossy_sources": str,
}
_RULE_LISTS = ("modality", "sop_class", "photometric", "transfer_syntax", "burned_in")
_RULE_KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "target": str,
    **dict.fromkeys(_RULE_LISTS, (str, list)),
    "colour": bool,
    **dict.fromkeys(("min_bits", "max_bits", "min_side", "max_side", "quality", "near"), int),
}


def _rule(number: int, table: object) -> Rule:
    where = f"[[rule]] {number}"
    fields = _taken(table, _RULE_KEYS, where)
    if "target" not in fields:
        message = f'{where}: target is missing (a target, "copy" or "keep")'
        raise PolicyError(message)
    for key in _RULE_LISTS:
        if key in fields:
            values = [fields[key]] if isinstance(fields[key], str) else fields[key]
            fields[key] = tuple(str(value).upper() for value in values)
    fields.setdefault("name", f"rule {number}")
    return Rule(**fields)


def _taken(table: object, keys: Mapping[str, type | tuple[type, ...]], where: str) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        message = f"{where} is not a table"
        raise PolicyError(message)
    for key, value in table.items():
        if key not in keys:
            message = f"{where}: unknown key {key!r}; there are {', '.join(sorted(keys))}"
            raise PolicyError(message)
        is_bool_for_number = isinstance(value, bool) and keys[key] is not bool
        if not isinstance(value, keys[key]) or is_bool_for_number:
            message = f"{where}: {key} is {value!r}"
            raise PolicyError(message)
    return dict(table)


def _one_of(kind: type[StrEnum], value: str, where: str) -> StrEnum:
    try:
        return kind(value)
    except ValueError:
        message = f"{where} is {value!r}; there are {', '.join(kind)}"
        raise PolicyError(message) from None
