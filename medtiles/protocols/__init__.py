"""The protocols that clients speak, each over the port `Tiles`."""
