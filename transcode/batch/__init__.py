"""Whole archives: discover, plan, execute, verify, publish, report. Serving never imports this."""
