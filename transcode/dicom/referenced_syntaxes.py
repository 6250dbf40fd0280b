"""The JPIP Referenced transfer syntaxes (PS3.5 A.6, A.7, A.11, A.12): pixels are elsewhere, at a URL."""

from __future__ import annotations

JPIP = "1.2.840.10008.1.2.4.94"
JPIP_DEFLATE = "1.2.840.10008.1.2.4.95"
JPIP_HTJ2K = "1.2.840.10008.1.2.4.204"
JPIP_HTJ2K_DEFLATE = "1.2.840.10008.1.2.4.205"
REFERENCED = frozenset({JPIP, JPIP_DEFLATE, JPIP_HTJ2K, JPIP_HTJ2K_DEFLATE})
OF_HTJ2K = frozenset({JPIP_HTJ2K, JPIP_HTJ2K_DEFLATE})
"""Their codestreams are of Part 15; those of the others of Part 1."""
DEFLATED = frozenset({JPIP_DEFLATE, JPIP_HTJ2K_DEFLATE})
"""Their data sets are deflated, as A.5 says."""
