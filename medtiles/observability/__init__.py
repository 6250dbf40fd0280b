"""What a running server tells of itself: the access log's file and Prometheus metrics."""
