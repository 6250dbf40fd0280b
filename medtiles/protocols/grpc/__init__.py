"""The gRPC API: a server over any `Tiles`, and `RemoteTiles`, the same port over a channel."""
