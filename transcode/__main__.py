"""``python -m transcode``: the command line of archives."""

import typer

from transcode.cli import add_to


def main() -> None:
    """Run it."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    add_to(app)
    app()


if __name__ == "__main__":
    main()
