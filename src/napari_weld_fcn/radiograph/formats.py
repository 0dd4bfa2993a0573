"""What kind of image a file is, told by its first bytes.

Scanners, mail programs and browsers give suffixes as they like (.jfif, .btf, none at all), so a name decides
nothing: it says at most what a file was meant to be.
"""

from __future__ import annotations

from pathlib import Path

#: Kinds that are read, and what their files begin with.
READ = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
}
#: Images of other kinds: where their mark is, and what it is.
_OTHERS = (
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypheic", "HEIF"),
    (4, b"jP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (128, b"DICM", "DICOM"),
    (0, b"P5\n", "PGM"),
    (0, b"P6\n", "PPM"),
)
_LOOKED_AT = 132
_BMP_RESERVED = slice(6, 10)


def kind_of(path: Path) -> str:
    """Return the kind of image that a file is, such as ``"PNG"``; empty where it is none.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(_LOOKED_AT)
    for magic, kind in READ.items():
        # Two letters alone would make a BMP of any text that begins with them.
        if start.startswith(magic) and (kind != "BMP" or not any(start[_BMP_RESERVED])):
            return kind
    return next((kind for at, magic, kind in _OTHERS if start[at:].startswith(magic)), "")
