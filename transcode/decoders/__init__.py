"""What several codecs share of calling a library."""
