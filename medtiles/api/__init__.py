"""The API as generated from its definition in proto/."""
