"""Draw handwritten-looking digits from pen strokes, for training where MNIST cannot be had."""

import math

import torch

# The ways to write each digit. A way is its strokes, separated by commas; a stroke is the points that a smooth
# curve passes through; a point is two digits, its x (rightwards) and its y (downwards) in tenths of the unit box.
# A sharp corner is one stroke ending where the next begins: points written alike are one point and move together.
# Ways that people use more often stand more than once, a little altered.
GLYPHS: tuple[tuple[str, ...], ...] = (
    (  # 0
        "50 22 15 28 59 87 84 71 50",  # closed at the top
        "72 50 22 15 28 59 87 84 61 41",  # the end crosses over the start
        "60 31 14 17 49 78 95 82 60",  # wide
        "40 23 26 49 67 63 50 30",  # narrow
    ),
    (  # 1
        "50 54 59",  # plain
        "60 55 49",  # plain, leaning
        "50 53 56 59",  # plain
        "32 50, 50 55 59",  # flag
        "32 50, 50 55 59, 29 49 79",  # flag and foot
    ),
    (  # 2
        "12 30 60 72 64 37 19, 19 49 89",  # corner
        "11 40 71 74 47 19, 19 48 89",  # corner
        "12 40 72 65 39 19 17 37 58 89",  # loop
        "21 50 73 56 28 18 37 58 98",  # flat loop
    ),
    (  # 3
        "21 40 71 63 44, 44 75 77 59 18",  # cusp
        "11 40 61 53 34, 34 65 87 69 39 18",  # cusp, large belly
        "21 50 72 64 45 44 65 77 59 18",  # loop in the middle
        "20 50 80, 80 62 44, 44 75 77 49 18",  # flat top
    ),
    (  # 4
        "20 13 15, 15 45 85, 71 75 69",  # open, straight
        "20 13 25 55 74, 80 74 66 59",  # open, round
        "20 14 45 74, 70 74 79",  # open, round
        "60 33 16, 16 46 96, 60 65 69",  # closed
    ),
    (  # 5
        "80 50 30, 30 24, 24 53 85 78 49 18",  # corners
        "90 60 30, 30 24, 24 64 76 58 29",  # corners
        "80 40 32 34 65 77 59 19",  # one round stroke
        "31 24 54 76 59 18, 31 60 90",  # the bar apart
    ),
    (  # 6
        "60 33 16 39 69 76 55 27",  # round back
        "50 23 17 49 78 76 55 27",  # round back
        "71 50 22 16 39 69 77 56 27",  # curled top
        "40 24 27 49 68 66 46 27",  # straight back
        "80 43 16 18 49 68 77 66 37 18",  # small loop
    ),
    (  # 7
        "11 40 80, 80 55 49",  # plain
        "10 40 80, 80 63 56 59",  # plain
        "11 41 70 72 55 49",  # round corner
        "12 10, 10 40 80, 80 55 39",  # serif
        "11 40 80, 80 55 49, 35 55 85",  # bar
    ),
    (  # 8
        "71 40 22 44 76 69 39 17 45 73 71",  # one stroke from the top right
        "81 50 22 44 66 68 49 28 36 63 80",  # the top open
        "50 22 54 72 50, 54 27 59 87 54",  # two rings
        "60 31 33 65 67 49 28 36 63 72 60",  # narrow
        "72 51 31 22 34 55 67 58 49 38 36 55 81",  # small loops
    ),
    (  # 9
        "71 40 22 34 63 71, 71 75 69",  # straight
        "71 40 12 24 53 71, 71 65 59",  # straight
        "72 50 22 34 64 72 66 49",  # one curved stroke
        "71 40 22 34 64 71, 71 76 59 28",  # curled
    ),
)

SIDE = 28  # of an image, in pixels
BOX = 20.0  # the square that a digit fills, in pixels: MNIST's
SPOTS = 64  # of ink along a digit
CHUNK = 1000  # digits drawn at once: bounds the memory


def _spline(glyph: str, points: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One way to write a digit as a Catmull-Rom spline, which is linear in the points it passes through.

    Returns those points (points, 2), padded with zeros, and the two matrices (SPOTS, points) that turn them into
    the places of the spots, evenly spaced along the strokes, and into the piece of stroke that each stands for.
    """
    strokes = [stroke.split() for stroke in glyph.split(",")]
    names = list(dict.fromkeys(name for stroke in strokes for name in stroke))
    controls = torch.zeros(points, 2)
    controls[: len(names)] = torch.tensor([[int(name[0]), int(name[1])] for name in names]) / 10
    spans = []
    for stroke in strokes:
        rows = torch.eye(points)[[names.index(name) for name in stroke]]
        rows = torch.cat([2 * rows[:1] - rows[1:2], rows, 2 * rows[-1:] - rows[-2:-1]])
        spans += list(rows.unfold(0, 4, 1).transpose(1, 2))
    knots = torch.stack(spans)  # (spans, 4, points)
    lengths = ((knots[:, 2] - knots[:, 1]) @ controls).norm(dim=1)
    ends = lengths.cumsum(0)
    step = ends[-1] / SPOTS
    along = (torch.arange(SPOTS) + 0.5) * step
    span = torch.searchsorted(ends, along)
    u = 1 - (ends[span] - along) / lengths[span]
    cubic = torch.tensor([[0.0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
    place = torch.stack([torch.ones_like(u), u, u**2, u**3], 1) @ cubic
    slope = torch.stack([torch.zeros_like(u), torch.ones_like(u), 2 * u, 3 * u**2], 1) @ cubic
    slope *= (step / lengths[span])[:, None]
    return controls, (place[:, None] @ knots[span])[:, 0], (slope[:, None] @ knots[span])[:, 0]


_POINTS = max(len(set(glyph.replace(",", "").split())) for ways in GLYPHS for glyph in ways)
_CONTROLS, _PLACES, _PIECES = (
    torch.stack(parts) for parts in zip(*(_spline(glyph, _POINTS) for ways in GLYPHS for glyph in ways), strict=True)
)
_WAYS = torch.tensor([len(ways) for ways in GLYPHS])
_FIRST = _WAYS.cumsum(0) - _WAYS


def draw_digits(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw one digit for each label: int64 (n,), 0 to 9. Everything random comes from the generator.

    Returns uint8 (n, 28, 28): white ink (255) on black (0), MNIST's convention.
    """
    images = torch.empty(len(labels), SIDE, SIDE, dtype=torch.uint8)
    for start in range(0, len(labels), CHUNK):
        images[start : start + CHUNK] = _draw(labels[start : start + CHUNK], generator)
    return images


def _draw(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    n = len(labels)

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.rand(n, 1, generator=generator) * (high - low) + low

    def normal(scale: float, *shape: int) -> torch.Tensor:
        return torch.randn(n, *shape, generator=generator) * scale

    way = _FIRST[labels] + (torch.rand(n, generator=generator) * _WAYS[labels]).long()
    # An unsteady hand: every point errs by itself, and neighbours err together in a slow wave.
    controls = _CONTROLS[way] + normal(JITTER, _POINTS, 2)
    x, y = controls.unbind(2)
    x = x + normal(WAVE, 1) * torch.sin(uniform(3, 9) * y + uniform(0, math.tau))
    y = y + normal(WAVE, 1) * torch.sin(uniform(3, 9) * x + uniform(0, math.tau))
    y = y.clamp(min=0) ** torch.exp(normal(WAIST, 1))
    # Width, slant and rotation. Most people's hands lean to the right.
    x = x * torch.exp(normal(WIDTH, 1) - NARROW) - (normal(SLANT, 1) + LEAN) * y
    angle = normal(ROTATION, 1)
    controls = torch.stack([x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()], 2)

    spots = _PLACES[way] @ controls
    ink = (_PIECES[way] @ controls).norm(dim=2, keepdim=True)
    # MNIST's layout: the digit with its pen's width fills the box; its centre of mass is the image's centre.
    pen = uniform(*PEN)
    gain = uniform(*GAIN)
    low, high = spots.amin(1), spots.amax(1)
    scale = ((BOX - 3 * pen) / (high - low).amax(1, keepdim=True))[:, :, None]
    centre = (spots * ink).sum(1, keepdim=True) / ink.sum(1, keepdim=True)
    spots = (spots - centre) * scale
    margin = MARGIN[0] + MARGIN[1] * pen
    shift = torch.rand(n, 2, generator=generator) - 0.5
    middle = torch.clamp(SIDE / 2 + shift, margin - spots.amin(1), SIDE - 1 - margin - spots.amax(1))
    spots = spots + middle[:, None]
    # A Gaussian spot is the product of a column and a row; the sum over the spots is a matrix product.
    columns, rows = torch.exp(-(((spots[..., None] - torch.arange(SIDE)) / pen[:, :, None, None]) ** 2) / 2).unbind(2)
    weight = ink * scale / (pen * math.sqrt(math.tau) / gain)[:, :, None]
    density = (rows * weight).transpose(1, 2) @ columns
    return (density.clamp(0, 1) * 255).round().to(torch.uint8)


WAIST = 0.2
JITTER = 0.04
WAVE = 0.025
WIDTH = 0.2
SLANT = 0.24
LEAN = 0.2
ROTATION = 0.1
PEN = (0.5, 1.0)
GAIN = (1.4, 2.2)
SHIFT = 2.0
MARGIN = (1, 2)
