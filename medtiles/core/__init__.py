"""Plain data, ports and arithmetic. Nothing here reads, waits or logs."""
