"""``python -m medtiles``: the command line."""

from medtiles.cli import main

if __name__ == "__main__":
    main()
