"""The command line of archives; `medtiles transcode`, `medtiles verify` and `medtiles watch` lead here."""
