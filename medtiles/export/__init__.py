"""Images as static files: folders of tiles, archives of them, pyramidal TIFF, DICOM.

Theory of operation. A *layout* says which tiles there are, in which order, and what each of them shows (`layouts`,
pure). A *sink* is where they go: a folder, a ZIP archive, a TIFF file, DICOM instances. `running` has the tiles made
by several threads and gives them to the sink in the order of the layout. That order is all a resumed export must
know: the `journal` holds how many tiles lie safely in the sink, and the few numbers that the sink needs of each of
them.
"""
