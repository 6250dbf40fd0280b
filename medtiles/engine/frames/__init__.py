"""Frames as they travel: stored bytes where the client reads them, else encoded anew, verified and kept.

Theory of operation. A frame is known by the version of its file, its instance and its number. The first time it is
asked for, it is decoded once, by limits in a child where decoders are dangerous; that it decodes is *remembered* beside
the cache, so that later only its structure is looked at. What the client does not read is *derived*: the samples are
encoded for the transfer syntax that `choice` finds, decoded again by another library where there is one, held against
the samples, and kept in a folder that all processes share. A derived frame that cannot be vouched for is never sent.
"""

from medtiles.engine.frames.choice import preferred
from medtiles.engine.frames.frame_engine import FrameEngine, FrameOptions

__all__ = ["FrameEngine", "FrameOptions", "preferred"]
