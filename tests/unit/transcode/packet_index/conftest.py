"""The picture of the tests of codestreams."""

from tests.unit.transcode.codestream.conftest import picture

__all__ = ["picture"]
