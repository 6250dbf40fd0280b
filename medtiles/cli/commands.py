"""The commands and their options. What they do is imported when they run, so that `--help` comes at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import medtiles
from medtiles.cli.errors import told_in_one_line
from transcode.cli import add_to

app = typer.Typer(
    name="medtiles",
    help="Tiles and progressive levels of whole-slide images and radiology DICOM, over gRPC and HTTP.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="Show the settings.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(config_app, name="config")
jpip_app = typer.Typer(help="Get pictures from JPIP servers.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(jpip_app, name="jpip")
add_to(app)

Config = Annotated[
    Path | None, typer.Option("--config", help="TOML file with settings [env: MEDTILES_CONFIG]", show_default=False)
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; `medtiles config show` lists them."),
]
Http = Annotated[
    str | None,
    typer.Option("--http", metavar="HOST:PORT", help="Address of the HTTP gateway [default: 127.0.0.1:8080]"),
]
Grpc = Annotated[
    str | None,
    typer.Option("--grpc", metavar="HOST:PORT", help="Address of the gRPC server [default: 127.0.0.1:50051]"),
]
Workers = Annotated[int | None, typer.Option("--workers", help="Processes [default: one for each CPU]")]
Cache = Annotated[
    str | None,
    typer.Option("--cache", metavar="FOLDER", help='For index and pyramids; "none": none [default: ~/.cache/medtiles]'),
]
AccessLog = Annotated[
    str | None, typer.Option("--access-log", metavar="FILE", help='A line for each HTTP answer; "-": standard output')
]
UploadsFolder = Annotated[
    Path | None,
    typer.Option("--uploads", metavar="FOLDER", help="Take images from clients (POST /images) into this folder"),
]
Hotspots = Annotated[
    bool | None, typer.Option("--hotspots", help="Count which parts of images are looked at: /images/{id}/hotspots")
]
Insecure = Annotated[
    bool | None,
    typer.Option("--insecure-no-auth", help="Listen where other machines can reach us, asking nobody who they are"),
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="An image file, or a folder with one DICOM image")]
Out = Annotated[
    Path, typer.Option("-o", "--output", metavar="OUT", help="File to write; its suffix chooses the encoding")
]
Plane = Annotated[int, typer.Option(help="Slice, channel, focal plane or time point, from 0")]
Quality = Annotated[
    int | None, typer.Option(min=1, max=100, help="Encode anew, so [default: stored bytes where they fit]")
]
RenderingText = Annotated[
    str, typer.Option("--rendering", help='As in addresses, such as "channels=DAPI:p1-p99:0000FF,1&blend=add"')
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Overwrite OUT")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON")]


def main() -> None:
    """Run the command line."""
    app()


def _version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"medtiles {medtiles.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version", is_eager=True, callback=_version)
    ] = False,
) -> None:
    pass


@app.command()
@told_in_one_line
def serve(  # noqa: PLR0913, PLR0917 - options are arguments in typer
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATH...", help="Files and folders to serve")] = None,
    http: Http = None,
    grpc: Grpc = None,
    workers: Workers = None,
    cache: Cache = None,
    access_log: AccessLog = None,
    uploads: UploadsFolder = None,
    hotspots: Hotspots = None,
    insecure_no_auth: Insecure = None,
    config: Config = None,
    settings: Set = None,
) -> None:
    """Serve images over HTTP and gRPC until Ctrl-C or SIGTERM."""
    from medtiles.cli import running  # noqa: PLC0415

    flags = {
        "roots": paths or None,
        "http": http,
        "grpc": grpc,
        "workers": workers,
        "cache": cache,
        "access_log": access_log,
        "uploads": uploads,
        "hotspots": hotspots,
        "insecure_no_auth": insecure_no_auth,
    }
    running.serve_images(flags, settings or [], config)


@app.command()
@told_in_one_line
def gateway(  # noqa: PLR0913, PLR0917
    engine: Annotated[
        str | None, typer.Option("--engine", metavar="HOST:PORT", help="The gRPC server that makes the tiles")
    ] = None,
    http: Http = None,
    workers: Workers = None,
    access_log: AccessLog = None,
    insecure_no_auth: Insecure = None,
    config: Config = None,
    settings: Set = None,
) -> None:
    """Serve over HTTP what an engine elsewhere makes."""
    from medtiles.cli import running  # noqa: PLC0415

    flags = {
        "engine": engine,
        "http": http,
        "workers": workers,
        "access_log": access_log,
        "insecure_no_auth": insecure_no_auth,
    }
    running.serve_gateway(flags, settings or [], config)


@app.command()
@told_in_one_line
def info(file: File, json: Json = False, config: Config = None) -> None:
    """Print what the server would say of an image."""
    from medtiles.cli import reading  # noqa: PLC0415

    reading.print_info(file, config, as_json=json)


@app.command()
@told_in_one_line
def tile(  # noqa: PLR0913, PLR0917
    file: File,
    out: Out,
    level: Annotated[int, typer.Option(help="Pyramid level; 0 is full resolution")] = 0,
    column: Annotated[int, typer.Option(help="Column of the tile, from 0")] = 0,
    row: Annotated[int, typer.Option(help="Row of the tile, from 0")] = 0,
    plane: Plane = 0,
    accept: Annotated[
        list[str] | None, typer.Option(help='Media types, best first; "*/*": the stored bytes, whatever they are')
    ] = None,
    force: Force = False,
    config: Config = None,
) -> None:
    """Write one tile to a file."""
    from medtiles.cli import reading  # noqa: PLC0415
    from medtiles.core.pyramid import TileKey  # noqa: PLC0415

    wish = reading.Wish(file, out, tuple(accept or ()), force)
    reading.write_picture(wish, TileKey(level, column, row, plane), config)


@app.command(context_settings={"ignore_unknown_options": True})
@told_in_one_line
def region(  # noqa: PLR0913, PLR0917
    file: File,
    x: Annotated[int, typer.Argument(help="Left edge, in full-resolution pixels")],
    y: Annotated[int, typer.Argument(help="Upper edge")],
    width: Annotated[int, typer.Argument(help="Width, in full-resolution pixels")],
    height: Annotated[int, typer.Argument(help="Height")],
    out: Out,
    size: Annotated[
        str | None, typer.Option(metavar="W,H", help="Size of the answer, in pixels [default: full resolution]")
    ] = None,
    plane: Plane = 0,
    quality: Quality = None,
    rendering: RenderingText = "",
    force: Force = False,
    config: Config = None,
) -> None:
    """Write a rectangle of an image, at any size, to a file."""
    from medtiles.cli import reading  # noqa: PLC0415
    from medtiles.core.geometry import Region  # noqa: PLC0415

    wish = reading.Wish(file, out, (), force, quality, rendering)
    reading.write_picture(wish, reading.view(Region(x, y, width, height), size, plane), config)


@app.command()
@told_in_one_line
def thumbnail(  # noqa: PLR0913, PLR0917
    file: File,
    out: Out,
    size: Annotated[int, typer.Option(min=1, help="Most pixels of a side")] = 512,
    plane: Plane = 0,
    associated: Annotated[str, typer.Option(help="A picture that comes with it instead: label, macro and so on")] = "",
    quality: Quality = None,
    rendering: RenderingText = "",
    force: Force = False,
    config: Config = None,
) -> None:
    """Write a small picture of an image, or its label or macro, to a file."""
    from medtiles.cli import reading  # noqa: PLC0415
    from medtiles.core.view import AssociatedName  # noqa: PLC0415

    wish = reading.Wish(file, out, (), force, quality, rendering)
    what = AssociatedName(associated, size) if associated else reading.Thumbnail(size, plane)
    reading.write_picture(wish, what, config)


@app.command(name="export")
@told_in_one_line
def export_(  # noqa: PLR0913, PLR0917
    file: File,
    destination: Annotated[
        Path, typer.Argument(metavar="DST", help="The file or folder to write; files of several layouts take its name")
    ],
    layout: Annotated[
        str,
        typer.Option(help="dz, dz-zip, zoomify, google, iiif3: tiles; iip-tiff, ome-tiff: TIFF; dicom"),
    ] = "dz",
    format_: Annotated[
        str, typer.Option("--format", help="Of tiles: jpg, png, webp, avif, jxl [default: jpg]", show_default=False)
    ] = "",
    quality: Quality = None,
    tile_size: Annotated[
        int | None, typer.Option(min=16, max=4096, help="Pixels of a side [default: as stored, where that can be]")
    ] = None,
    overlap: Annotated[int, typer.Option(min=0, max=256, help="Pixels that tiles of dz share")] = 0,
    plane: Plane = 0,
    rendering: RenderingText = "",
    address: Annotated[str, typer.Option(metavar="URL", help="Where it will be found, for documents that tell")] = "",
    spacing: Annotated[
        float | None, typer.Option(min=0.0001, help="Micrometres per pixel, where the image does not tell or is wrong")
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="Tiles made at a time [default: one for each CPU]")] = 0,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace an earlier export, begun or done")] = False,
    config: Config = None,
) -> None:
    """Write an image as static files: tiles, a pyramid, DICOM. The same command goes on where it was ended."""
    from medtiles.cli import exporting  # noqa: PLC0415
    from medtiles.export.choices import Choices  # noqa: PLC0415

    choices = Choices(
        layout, destination, format_, quality, tile_size, overlap, plane, rendering, address, threads, spacing, force
    )
    exporting.export_image(file, choices, config)


@app.command()
@told_in_one_line
def doctor(json: Json = False, config: Config = None) -> None:
    """Check what is installed: libraries, codecs, formats, cache folder, ports."""
    from medtiles.cli import doctor as checks  # noqa: PLC0415

    checks.examine(config, as_json=json)


Url = Annotated[
    str,
    typer.Argument(
        metavar="URL", help="Such as http://server:8080/jpip?target=IMAGE, or a DICOM file that refers to one"
    ),
]
Stream = Annotated[
    int | None,
    typer.Option(min=0, help="Codestream of the image; of a DICOM file the frame, from 1", show_default=False),
]
Kept = Annotated[
    str, typer.Option("--cache", metavar="FOLDER", help='Where what came is kept, for later calls; "none": nowhere')
]
Stateless = Annotated[bool, typer.Option("--stateless", help="Ask for no session")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds without a byte from the server")]
Header = Annotated[
    list[str] | None, typer.Option("--header", metavar="NAME: VALUE", help="Of each request, such as Authorization")
]


@app.command()
@told_in_one_line
def hotspots(  # noqa: PLR0913, PLR0917
    logs: Annotated[
        list[str] | None,
        typer.Argument(metavar="LOG...", help='Access logs, packed or not, globs, or "-"', show_default=False),
    ] = None,
    logfile: Annotated[
        list[str] | None, typer.Option("-l", "--logfile", metavar="LOG", help="The same as an option")
    ] = None,
    log_format: Annotated[
        str, typer.Option(metavar="FORMAT", help="auto, combined, common, vhost, json, w3c, or a format string")
    ] = "auto",
    image: Annotated[
        list[str] | None, typer.Option("-i", "--image", help="Exact name or id, glob, or re:REGEX; may be repeated")
    ] = None,
    resolution: Annotated[
        list[int] | None, typer.Option("-r", "--resolution", help="Level, counted from the smallest, as IIPImage does")
    ] = None,
    level: Annotated[list[int] | None, typer.Option("--level", help="Level, 0 being full resolution")] = None,
    address: Annotated[
        list[str] | None, typer.Option("-a", "--address", help="Client's address, or network as 10.0.0.0/8")
    ] = None,
    user: Annotated[str, typer.Option("-u", "--user", metavar="REGEX", help="User agent")] = "",
    referer: Annotated[str, typer.Option(metavar="REGEX", help="Referring page")] = "",
    status: Annotated[str, typer.Option(metavar="CODE,...", help='Such as 200,4xx; "any": all')] = "2xx,304",
    method: Annotated[str, typer.Option(metavar="NAME,...", help='"any": all')] = "GET,POST",
    since: Annotated[str, typer.Option(metavar="TIME", help="2026-11-27T14:00, with +01:00 or in --zone")] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="Not included")] = "",
    zone: Annotated[str, typer.Option(help="Time zone of --since, --until and what is shown")] = "UTC",
    bytes_: Annotated[str, typer.Option("--bytes", metavar="LEAST-MOST", help="Of the answer")] = "",
    latency: Annotated[str, typer.Option(metavar="LEAST-MOST", help="Seconds, where the log has them")] = "",
    protocol: Annotated[str, typer.Option(metavar="NAME,...", help="iip, deep-zoom, iiif, dicomweb, ...")] = "",
    exclude_bots: Annotated[bool, typer.Option("--exclude-bots", help="Leave out crawlers and the like")] = False,
    size: Annotated[
        str, typer.Option(metavar="WxH", help="Geometry by hand: pixels of the image at full resolution")
    ] = "",
    tile: Annotated[str, typer.Option(metavar="WxH", help="Of --size: pixels of a tile [default: 256]")] = "",
    levels: Annotated[int | None, typer.Option(min=1, max=32, help="Of --size: levels of the pyramid")] = None,
    images: Annotated[
        list[Path] | None, typer.Option("--images", metavar="PATH", help="Geometry from the images themselves")
    ] = None,
    server: Annotated[str, typer.Option(metavar="URL", help="Geometry from a running server")] = "",
    format_: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="Of the list: text, csv, json, parquet, none")
    ] = "text",
    list_: Annotated[Path | None, typer.Option("--list", metavar="FILE", help="Write the list there")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Hot-spot map, .png or .jpg")
    ] = None,
    width: Annotated[int, typer.Option("-w", "--width", help="Of the map, in pixels")] = 800,
    gamma: Annotated[float, typer.Option("-g", "--gamma", help="Of the map: exponent of counts")] = 1.0,
    scale: Annotated[str, typer.Option(help="Of the map: linear, log, percentile")] = "linear",
    colours: Annotated[str, typer.Option(help="Of the map: grey, inferno, viridis, ...")] = "grey",
    background: Annotated[bool, typer.Option("-b", "--background", help="Lay the map over the image")] = False,
    opacity: Annotated[float, typer.Option(min=0, max=1, help="Of the map over the image")] = 0.6,
    contrast: Annotated[float, typer.Option(min=0, max=4, help="Of the image below")] = 1.0,
    plot: Annotated[bool, typer.Option("-p", "--plot", help="Show the histogram of tiles")] = False,
    plot_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it as .svg or .png")] = None,
    time: Annotated[
        bool, typer.Option("-t", "--time", help="Show when: by clock, and since each visitor's first request")
    ] = False,
    clock_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the first as .svg or .png")] = None,
    age_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the second as .svg or .png")] = None,
    bins: Annotated[int, typer.Option("-n", "--bins", min=1, max=10000, help="Of histograms of time")] = 60,
    range_: Annotated[
        float | None, typer.Option("-d", "--range", min=0, metavar="SECONDS", help="Of the second [default: all]")
    ] = None,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Print visits, bytes, cache hits and latencies of each image")
    ] = False,
    sessions: Annotated[Path | None, typer.Option(metavar="FILE", help="Write visitors' ways as JSON")] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all of it as one HTML page")] = None,
    plain_addresses: Annotated[
        bool, typer.Option("--plain-addresses", help="Show clients' addresses; else visitors have made-up names")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what is written to the log, until Ctrl-C")
    ] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite files")] = False,
    config: Config = None,
) -> None:
    """Which parts of images are looked at, by access logs of any server: lists, maps, histograms, a report."""
    from medtiles.cli import hotspots as command  # noqa: PLC0415
    from medtiles.cli.errors import UsageError  # noqa: PLC0415
    from medtiles.hotspots.hot_map import Look  # noqa: PLC0415

    words = [*(logs or []), *(logfile or [])]
    if not words:
        message = 'which log? Name one, or "-" for standard input'
        raise UsageError(message)
    filters = command.filters_of(
        images=image or [],
        levels=level or [],
        resolutions=resolution or [],
        addresses=address or [],
        agent=user,
        referer=referer,
        status=status,
        methods=method,
        since=since,
        until=until,
        zone=zone,
        sizes=bytes_,
        latency=latency,
        protocols=protocol,
        exclude_bots=exclude_bots,
    )
    wanted = command.Outputs(
        format=format_,
        list_file=list_,
        map=output,
        look=Look(width, gamma, scale, colours, opacity, contrast),
        has_background=background,
        has_plot=plot,
        plot_file=plot_file,
        has_times=time,
        clock_file=clock_file,
        age_file=age_file,
        bins=bins,
        range=range_,
        zone=zone,
        report=report,
        sessions=sessions,
        statistics=statistics,
        is_plain=plain_addresses,
        is_forced=force,
        is_following=follow,
    )
    command.hotspots(
        words, log_format, filters, command.Sources(size, tile, levels, tuple(images or ()), server, config), wanted
    )


@app.command()
@told_in_one_line
def warm(
    tiles: Annotated[
        str,
        typer.Argument(metavar="LIST", help='Of `medtiles hotspots --format json --images ...`; "-": from there'),
    ],
    server: Annotated[str, typer.Argument(metavar="URL", help="The server, or the cache before it")],
    protocol: Annotated[str, typer.Option(help="Whose addresses: deep-zoom, iip, zoomify, iiif")] = "deep-zoom",
    limit: Annotated[int, typer.Option(min=1, help="Tiles, the most looked at first")] = 10_000,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="Requests under way")] = 4,
) -> None:
    """Ask a server for the tiles that are looked at most, so that it and the caches before it have them."""
    from medtiles.cli import hotspots as command  # noqa: PLC0415

    command.warm_server(server, tiles, protocol, limit, at_once)


@jpip_app.command(name="get")
@told_in_one_line
def jpip_get(  # noqa: PLR0913, PLR0917
    url: Url,
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="File to write: a picture by its suffix, .npy, or .j2k, .jp2, .jph for the packets as they came",
        ),
    ],
    region: Annotated[
        str, typer.Option(metavar="X,Y,W,H", help="In samples of full resolution [default: all]", show_default=False)
    ] = "",
    size: Annotated[
        int | None, typer.Option(min=1, help="Most samples of a side; resolutions are halves of one another")
    ] = None,
    reduction: Annotated[int | None, typer.Option(min=0, help="Halvings from full resolution [default: 0]")] = None,
    components: Annotated[str, typer.Option(metavar="N,...", help="From 0 [default: all]", show_default=False)] = "",
    layers: Annotated[int | None, typer.Option(min=1, help="Quality layers [default: all]")] = None,
    stream: Stream = None,
    stages: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write what is there each time that it is better, as PNG")
    ] = None,
    cache: Kept = "~/.cache/medtiles/jpip",
    stateless: Stateless = False,
    limit: Annotated[int, typer.Option(min=100, help="Bytes of one answer at the most; they begin small")] = 1 << 22,
    timeout: Timeout = 60.0,
    header: Header = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Get a picture, or a part of it; what was got before is not asked for again."""
    from medtiles.cli import jpip  # noqa: PLC0415

    wanted = jpip.Wanted(region, size, reduction, components, layers, stream)
    way = jpip.Way(cache, stateless, limit, timeout, tuple(header or ()))
    jpip.get(url, out, wanted, way, stages, is_forced=force, as_json=json)


@jpip_app.command(name="refer")
@told_in_one_line
def jpip_refer(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A DICOM file with pixels; it is not changed")],
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Where they are, such as http://server:8080/jpip?target=...")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The DICOM file to write")],
    transfer_syntax: Annotated[
        str, typer.Option(help="1.2.840.10008.1.2.4.94 or .95 (deflated) for JPEG 2000, .204 or .205 for HTJ2K")
    ] = "1.2.840.10008.1.2.4.204",
    force: Force = False,
) -> None:
    """Write a DICOM file that says where its pixels are (Pixel Data Provider URL) instead of bringing them."""
    from medtiles.cli import jpip  # noqa: PLC0415

    jpip.refer_to(source, url, out, transfer_syntax, is_forced=force)


@jpip_app.command(name="info")
@told_in_one_line
def jpip_info(
    url: Url,
    stream: Stream = None,
    cache: Kept = "~/.cache/medtiles/jpip",
    stateless: Stateless = False,
    timeout: Timeout = 60.0,
    header: Header = None,
) -> None:
    """Print sizes, components and layers of a picture, as JSON."""
    from medtiles.cli import jpip  # noqa: PLC0415

    jpip.print_info(url, stream, jpip.Way(cache, stateless, 1 << 22, timeout, tuple(header or ())))


@config_app.callback()
def _config() -> None:
    pass


@config_app.command()
@told_in_one_line
def show(json: Json = False, config: Config = None, settings: Set = None) -> None:
    """Print all settings, what they mean, and where each came from."""
    from medtiles.cli import running  # noqa: PLC0415

    running.show_settings(settings or [], config, as_json=json)
