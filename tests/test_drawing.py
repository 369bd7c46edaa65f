"""What can be seen in a picture that had to be made small."""

import io
import random
from dataclasses import replace

from PIL import Image, ImageColor

from mcp_automl import drawing
from mcp_automl.domain.pictures.contour import contour
from tests.pictures_for_tests import sampled, some_trials


def pixels(png: bytes, colour: str) -> int:
    """How many are nearly of that colour."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    wanted = ImageColor.getrgb(colour)
    counted = image.getcolors(image.width * image.height) or []
    return sum(
        n
        for n, found in counted
        if isinstance(found, tuple)
        and all(abs(a - b) < 24 for a, b in zip(found, wanted, strict=True))
    )


def test_the_best_trials_star_is_seen_in_however_few_colours_a_picture_is_drawn() -> None:
    rng = random.Random(5)
    sample = sampled([replace(t, value=rng.random()) for t in some_trials(3_000)])
    whole = drawing.png(contour(sample))
    assert len(whole) < 100_000
    image = Image.open(io.BytesIO(whole)).convert("RGB")
    for colours in drawing.PALETTES:
        assert pixels(drawing.encoded(drawing.in_few(image, colours)), drawing.RED) > 40
