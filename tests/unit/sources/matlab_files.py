"""Small MATLAB files: version 5 by SciPy, 7.3 as MATLAB lays HDF5 out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io

_CLASSES = {
    "uint8": "uint8",
    "int8": "int8",
    "uint16": "uint16",
    "int16": "int16",
    "uint32": "uint32",
    "int32": "int32",
    "uint64": "uint64",
    "int64": "int64",
    "float32": "single",
    "float64": "double",
    "complex128": "double",
}


def version5(path: Path, **variables: Any) -> Path:
    """A file as `save` writes it by default, compressed."""
    scipy.io.savemat(path, variables, do_compression=True)
    return path


def version73(path: Path, **variables: Any) -> Path:
    """A file as `save -v7.3` writes it: 512 bytes of MATLAB's own, then HDF5 with the axes turned around."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in variables.items():
            array = np.asarray(values)
            turned = array.T
            if array.dtype.kind == "c":
                turned = np.empty(turned.shape, dtype=[("real", "f8"), ("imag", "f8")])
                turned["real"], turned["imag"] = array.T.real, array.T.imag
            chunks = tuple(min(side, 64) for side in turned.shape) if turned.ndim > 1 else None
            dataset = file.create_dataset(name, data=turned, chunks=chunks, compression="gzip" if chunks else None)
            dataset.attrs["MATLAB_class"] = np.bytes_(_CLASSES[str(array.dtype)])
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM")
    return path
