"""What can go wrong with a frame or with the file it lies in.

TranscodeError
├─ UnsupportedPixelsError     an encoding cannot hold these samples
├─ UnsupportedEncodingError   no codec for this encoding, or none that the client accepts
│  └─ UnsupportedFeatureError the stream uses a part of its standard that no codec here reads
├─ CorruptFrameError          the bytes do not decode, or contradict their own header
├─ DicomFileError             the DICOM file around the frames is damaged or lies
├─ TruncatedFileError         a file ends before the bytes that it promises
└─ FileChangedError           a file changed or went away while it was being read

ArchiveError                  what batches alone can meet; serving never does
└─ PolicyError                a policy, or a file that states one, cannot be followed
"""


class TranscodeError(Exception):
    """Base of every error that this package raises on purpose."""


class UnsupportedPixelsError(TranscodeError):
    """An encoding cannot hold samples of this format."""


class UnsupportedEncodingError(TranscodeError):
    """There is no codec for an encoding, or none that the client accepts."""


class UnsupportedFeatureError(UnsupportedEncodingError):
    """A stream uses a part of its standard that the codec for it does not read; nothing says that it is damaged."""


class CorruptFrameError(TranscodeError):
    """Encoded bytes do not decode, or contradict their own header."""


class DicomFileError(TranscodeError):
    """A DICOM file is damaged, or its header and its Pixel Data disagree."""


class TruncatedFileError(TranscodeError):
    """A file ends before the bytes that it promises."""


class FileChangedError(TranscodeError):
    """A file was changed, replaced or removed while it was open; open it again."""


class ArchiveError(Exception):
    """Base of what can go wrong with an archive as a whole."""


class PolicyError(ArchiveError):
    """A policy, or a file that states one, cannot be followed."""
