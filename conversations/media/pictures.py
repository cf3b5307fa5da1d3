"""Makes a stranger's picture one of ours: small, without its EXIF, harmless to decode."""

from io import BytesIO
from threading import Semaphore

from PIL import Image, ImageOps

# What the decoder holds at once, some 100 MB; a JPEG is shrunk while it is read.
MOST_PIXELS = 25_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_one_at_a_time = Semaphore(1)


class NotAPicture(Exception):
    """It cannot be decoded, or not within the limits."""


def shrink(data: bytes, longest: int) -> tuple[str, bytes]:
    """Its type and bytes, re-encoded with no side longer than this many pixels."""
    with _one_at_a_time:
        try:
            with Image.open(BytesIO(data), formats=FORMATS) as picture:
                return _encoded(picture, longest)
        # Decoders of pictures raise whatever they meet in a broken one.
        except Exception as error:
            raise NotAPicture(str(error)) from error


def is_whole(data: bytes) -> bool:
    """Whether it can be decoded to its end, as far as that is tried."""
    with _one_at_a_time:
        try:
            with Image.open(BytesIO(data), formats=FORMATS) as picture:
                if picture.width * picture.height <= MOST_PIXELS:
                    picture.load()
        except Exception:
            return False
    return True


def _encoded(picture: Image.Image, longest: int) -> tuple[str, bytes]:
    picture.draft("RGB", (longest, longest))
    if picture.width * picture.height > MOST_PIXELS:
        raise NotAPicture("It has too many pixels")
    picture.load()
    picture.thumbnail((longest, longest))
    upright = ImageOps.exif_transpose(picture)
    is_clear = upright.has_transparency_data
    kind = "PNG" if is_clear else "JPEG"
    # A new one, so that nothing but its pixels goes along.
    plain = upright.convert("RGBA" if is_clear else "RGB")
    plain.info.clear()
    encoded = BytesIO()
    plain.save(encoded, kind, quality=85)
    return f"image/{kind.lower()}", encoded.getvalue()
