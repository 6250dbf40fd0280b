"""Slides of other formats as if they were whole-slide DICOM: a study of one series, an instance for each level.

Theory of operation. The two wrappers, `WithSlides` around `Studies` and `SlideFrames` around `Frames`, answer for
UIDs that are made of the ids of images, and hand everything else on. Nothing is written and nothing is kept but what a
slide is (`Offered`): metadata are made when they are asked for, frames are the stored tiles, untouched wherever they
are full tiles in the encoding of their level.
"""

from medtiles.virtual.frames import SlideFrames
from medtiles.virtual.full_tiles import FullTiles
from medtiles.virtual.offered import Offered
from medtiles.virtual.studies import WithSlides

__all__ = ["FullTiles", "Offered", "SlideFrames", "WithSlides"]
