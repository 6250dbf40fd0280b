"""`medtiles verify BEFORE AFTER`: the command and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Before = Annotated[Path, typer.Argument(metavar="BEFORE", help="A folder, file, zip or tar as it was", exists=True)]
After = Annotated[Path, typer.Argument(metavar="AFTER", help="The folder or file that it became", exists=True)]
Psnr = Annotated[float, typer.Option("--psnr", metavar="DB", help="Least PSNR of a lossy frame")]
Ssim = Annotated[float, typer.Option("--ssim", min=-1, max=1, help="Least structural similarity of a lossy frame")]
MaxError = Annotated[
    int | None, typer.Option("--max-error", min=0, help="Largest error of a sample in a lossy frame [default: any]")
]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Processes [default: one for each CPU]")]
All = Annotated[bool, typer.Option("--all", help="List good files too")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line for each file and one for the sum")]


def verify(  # noqa: PLR0913, PLR0917 - options are arguments in typer
    before: Before,
    after: After,
    psnr: Psnr = 40.0,
    ssim: Ssim = 0.97,
    max_error: MaxError = None,
    workers: Workers = None,
    all_files: All = False,
    json: Json = False,
) -> None:
    """Compare two archives: every frame decoded, every element of every header.

    Lossless copies must hold the same samples; lossy ones, which say so by their Source Image Sequence, must keep the
    limits. Headers may differ only where transcoding changes them. Ends with 0 when all is good, 1 when something is
    missing or cannot be read, 3 when a copy is not what its source is.
    """
    from transcode.batch.comparison import Limits  # noqa: PLC0415 - so that --help comes at once
    from transcode.cli import verifying  # noqa: PLC0415

    code = verifying.verify(
        before, after, Limits(psnr, ssim, max_error), workers, verifying.Output(is_json=json, lists_all=all_files)
    )
    if code:
        raise typer.Exit(code)
