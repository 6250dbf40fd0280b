"""What people look at, from access logs: which tiles how often, maps of them, visits and when they were.

A log is read once. Blocks of lines become columns (`scan`), lines that ask for the same become one (`tally`), and only
what is left is understood in Python: an address once, however often it was asked for (`asks`). Memory goes with the
number of distinct tiles and visitors, not with that of lines.
"""
