"""Which bytes a viewer needs next. Pure: no threads, no clock, no wire; see `scheduler`."""
