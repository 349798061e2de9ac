"""Media types and content codings from file names, the same on every machine."""

from __future__ import annotations

import functools
from typing import Final

# One table of our own: what a file is must depend neither on /etc/mime.types nor on the version of Python.
_TYPES: Final = """
application/atom+xml atom
application/epub+zip epub
application/geo+json geojson
application/java-archive jar
application/json json map topojson
application/ld+json jsonld
application/manifest+json webmanifest
application/msword doc dot
application/octet-stream bin deb dmg exe img iso msi pkg so
application/ogg ogx
application/pdf pdf
application/pkcs8 p8
application/postscript ai eps ps
application/rss+xml rss
application/rtf rtf
application/sql sql
application/toml toml
application/vnd.amazon.ebook azw
application/vnd.android.package-archive apk
application/vnd.apple.mpegurl m3u8
application/vnd.debian.binary-package udeb
application/vnd.google-earth.kml+xml kml
application/vnd.google-earth.kmz kmz
application/vnd.ms-excel xls
application/vnd.ms-fontobject eot
application/vnd.ms-powerpoint ppt
application/vnd.oasis.opendocument.presentation odp
application/vnd.oasis.opendocument.spreadsheet ods
application/vnd.oasis.opendocument.text odt
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/vnd.rar rar
application/vnd.sqlite3 db sqlite sqlite3
application/wasm wasm
application/x-7z-compressed 7z
application/x-bzip2 bz2
application/x-ipynb+json ipynb
application/x-sh sh
application/x-tar tar
application/x-x509-ca-cert crt pem
application/x-xz xz
application/xhtml+xml xhtml xht
application/xml xml xsd xsl
application/xslt+xml xslt
application/yaml yaml yml
application/zip whl zip
audio/aac aac
audio/flac flac
audio/midi mid midi
audio/mp4 m4a
audio/mpeg mp3
audio/ogg oga ogg opus
audio/wav wav
audio/webm weba
audio/x-aiff aif aiff
audio/x-mpegurl m3u
font/collection ttc
font/otf otf
font/ttf ttf
font/woff woff
font/woff2 woff2
image/apng apng
image/avif avif
image/bmp bmp
image/gif gif
image/heic heic
image/heif heif
image/jpeg jfif jpe jpeg jpg
image/jxl jxl
image/png png
image/svg+xml svg
image/tiff tif tiff
image/vnd.microsoft.icon ico
image/webp webp
message/rfc822 eml
model/gltf+json gltf
model/gltf-binary glb
text/calendar ics
text/css css
text/csv csv
text/html htm html
text/javascript cjs js mjs
text/markdown markdown md
text/plain cfg conf diff ini log patch py rst text txt
text/tab-separated-values tsv
text/vcard vcf
text/vtt vtt
video/3gpp 3gp
video/mp2t ts
video/mp4 m4v mp4
video/mpeg mpeg mpg
video/ogg ogv
video/quicktime mov
video/webm webm
video/x-matroska mkv
video/x-msvideo avi
"""

# Only codings that HTTP knows (RFC 9110, section 8.4.1, and the IANA registry): a browser undoes these and no others.
_CODINGS: Final = {"gz": "gzip", "br": "br", "zst": "zstd", "z": "compress"}
_SHORT_FORMS: Final = {"svgz": ("svg", "gzip"), "tgz": ("tar", "gzip")}


def _read_table(text: str) -> dict[str, str]:
    table: dict[str, str] = {}
    for line in text.split("\n"):
        media_type, *extensions = line.split(" ")
        if media_type.startswith("text/"):
            media_type += "; charset=utf-8"
        table.update(dict.fromkeys(extensions, media_type))
    return table


_BY_EXTENSION: Final = _read_table(_TYPES)


@functools.lru_cache(maxsize=1024)
def guess(filename: str) -> tuple[str | None, str | None]:
    """Tell the media type and the content coding of a file by its name alone.

    Args:
        filename: A name, with folders or without; letter case of the extension does not matter.

    Returns:
        The value for Content-Type, with ``charset=utf-8`` for text, and the one for Content-Encoding; each None when
        the name does not tell. A name that is not known is never taken for HTML.

    Source:
        httpd mod_mime, where ``x.tar.gz`` is a tar file in gzip coding.

    Example:
        >>> guess("page.html")
        ('text/html; charset=utf-8', None)
        >>> guess("backup.tar.gz")
        ('application/x-tar', 'gzip')
    """
    stem, extension = _split(filename.rpartition("/")[2])
    if extension in _SHORT_FORMS:
        extension, coding = _SHORT_FORMS[extension]
        return _BY_EXTENSION[extension], coding
    found = _CODINGS.get(extension)
    if found is not None:
        extension = _split(stem)[1]
    return _BY_EXTENSION.get(extension), found


def _split(name: str) -> tuple[str, str]:
    """Cut a name before its extension; a dot at the start begins no extension."""
    stem, _, extension = name.rpartition(".")
    return (stem, extension.lower()) if stem else (name, "")
