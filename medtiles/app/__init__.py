"""Puts the parts together: the one place that knows them all. Servers, the processes they run in, their supervisor."""
