"""The engine: from a request to bytes, with as little work as the request allows."""
