"""What can go wrong with an image or a request.

MedTilesError
├─ ImageNotFoundError       (LookupError)  no image, plane or associated image of that name
├─ TileOutOfRangeError      (LookupError)  the image has no such level or tile
├─ BadRequestError          (ValueError)   the request makes no sense
│  ├─ ViewTooLargeError                    more pixels than the server's limits allow
│  └─ UploadTooLargeError                  more bytes than the server takes
├─ UnsupportedFormatError                  the file is of no format that we open, or uses a part of it that we lack
├─ DamagedImageError                       the file is of a known format, but broken
├─ ForbiddenError                          this client, or this page, may not do so
├─ NoSpaceError                            the disk is full
└─ BusyError                               the queue of work is full; try again
"""


class MedTilesError(Exception):
    """Base of every error that this package raises on purpose."""


class ImageNotFoundError(MedTilesError, LookupError):
    """There is no image, plane or associated image of that name."""


class TileOutOfRangeError(MedTilesError, LookupError):
    """The image has no such level, tile or plane."""


class BadRequestError(MedTilesError, ValueError):
    """The request makes no sense for this image."""


class ViewTooLargeError(BadRequestError):
    """The request asks for more than the server's limits allow."""


class UploadTooLargeError(BadRequestError):
    """The client brings more than the server takes."""


class ForbiddenError(MedTilesError):
    """This client, or the page that it shows, may not do so."""


class NoSpaceError(MedTilesError):
    """There is no room left on the server's disk."""


class UnsupportedFormatError(MedTilesError):
    """The file is of no format that we open, or uses a part of it that nothing here reads."""


class DamagedImageError(MedTilesError):
    """The file is of a known format, but broken."""


class NotCountedError(MedTilesError):
    """The server does not count what is looked at."""


class BusyError(MedTilesError):
    """The queue of work is full; try again later."""
