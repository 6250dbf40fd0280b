"""The sources of the page that lists and shows images, and how they are built."""
