"""Whether two names sound alike, by the rules of Soundex. Pure."""

from __future__ import annotations

from functools import lru_cache

_CODES = {
    letter: code for code, letters in enumerate(("bfpv", "cgjkqsxz", "dt", "l", "mn", "r"), 1) for letter in letters
}
_SHORTEST = 3


def sounds_like(one: str, other: str) -> bool:
    """Whether two words in small letters sound alike; short ones, and those of other scripts, never do."""
    is_latin = one.isascii() and other.isascii() and one.isalpha() and other.isalpha()
    return is_latin and min(len(one), len(other)) >= _SHORTEST and soundex(one) == soundex(other)


@lru_cache(maxsize=4096)
def soundex(word: str) -> str:
    """The first letter and up to three digits."""
    digits: list[str] = []
    last = _CODES.get(word[0], 0)
    for letter in word[1:]:
        code = _CODES.get(letter, 0)
        if code and code != last:
            digits.append(str(code))
        if letter not in "hw":  # they do not part letters of one sound
            last = code
    return (word[0] + "".join(digits) + "000")[:4]
