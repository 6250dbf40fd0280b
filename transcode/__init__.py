"""transcode knows frames: one rectangle of pixels, encoded or not, and the files that frames lie in."""
