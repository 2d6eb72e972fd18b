"""The built-in digits: drawn from pen strokes, to train on where MNIST cannot be had."""

import math

import torch

from ...events import SIDE

# The ways to write each digit. A way is its strokes, separated by commas; a stroke is the points that a
# smooth curve passes through; a point is two figures: its x (rightwards) and y (downwards), in tenths of a
# box. At a sharp corner one stroke ends where the next begins: points written alike are one and move
# together.
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
        "22 30 51 53 36 18, 18 48 98",  # small head, long foot
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
        "71 50 31 23 44 63 71, 71 64 59",  # small loop
    ),
)

_BOX = 20.0  # the square that a digit fills, in pixels: MNIST's
_SPOTS = 64  # of ink along a digit
_CHUNK = 1000  # digits drawn at once: bounds the memory


def _spline(glyph: str, points: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One way to write a digit, as a Catmull-Rom spline: it is linear in the points that it passes through.

    Returns those points, (points, 2), padded with zeros, and two matrices, (_SPOTS, points), to multiply them
    by: one gives the centres of the spots, evenly spaced along the strokes, the other the piece of stroke
    that each spot stands for, as a vector.
    """
    strokes = [stroke.split() for stroke in glyph.split(",")]
    names = list(dict.fromkeys(name for stroke in strokes for name in stroke))
    controls = torch.zeros(points, 2)
    controls[: len(names)] = torch.tensor([[int(name[0]), int(name[1])] for name in names]) / 10

    spans = []  # (4, points) each: the two points that the span joins, and one more on either side
    for stroke in strokes:
        knots = torch.eye(points)[[names.index(name) for name in stroke]]
        knots = torch.cat([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
        spans += [knots[i : i + 4] for i in range(len(stroke) - 1)]
    chords = torch.stack([((span[2] - span[1]) @ controls).norm() for span in spans])
    ends = chords.cumsum(0)
    step = ends[-1] / _SPOTS
    along = (torch.arange(_SPOTS) + 0.5) * step
    which = torch.searchsorted(ends, along)
    u = 1 - (ends[which] - along) / chords[which]  # 0 to 1 within the span
    one, zero = torch.ones(_SPOTS), torch.zeros(_SPOTS)
    basis = torch.tensor([[0.0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
    value = torch.stack([one, u, u**2, u**3], 1) @ basis
    slope = torch.stack([zero, one, 2 * u, 3 * u**2], 1) @ basis * (step / chords[which])[:, None]
    centres, pieces = torch.einsum("fsk,skp->fsp", torch.stack([value, slope]), torch.stack(spans)[which])
    return controls, centres, pieces


_POINTS = max(len(set(glyph.replace(",", "").split())) for ways in GLYPHS for glyph in ways)
_SPLINES = [_spline(glyph, _POINTS) for ways in GLYPHS for glyph in ways]
_CONTROLS, _CENTRES, _PIECES = (torch.stack(parts) for parts in zip(*_SPLINES, strict=True))
_WAYS = torch.tensor([len(ways) for ways in GLYPHS])
_FIRST = _WAYS.cumsum(0) - _WAYS


def draw_digits(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw one digit for each label: int64 (n,), 0 to 9. Everything random comes from the generator.

    Returns uint8 (n, 28, 28): white ink (255) on black (0), MNIST's convention.
    """
    images = torch.empty(len(labels), SIDE, SIDE, dtype=torch.uint8)
    for start in range(0, len(labels), _CHUNK):
        images[start : start + _CHUNK] = _draw(labels[start : start + _CHUNK], generator)
    return images


def _draw(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    n = len(labels)

    def uniform(low: float, high: float, size: int = 1) -> torch.Tensor:
        return low + (high - low) * torch.rand(n, size, generator=generator)

    def normal(mean: float, deviation: float) -> torch.Tensor:
        return mean + deviation * torch.randn(n, 1, generator=generator)

    way = _FIRST[labels] + (uniform(0, 1)[:, 0] * _WAYS[labels]).long()
    # An unsteady hand: every point errs by itself, and neighbours err together in a slow wave.
    x, y = (_CONTROLS[way] + 0.04 * torch.randn(n, _POINTS, 2, generator=generator)).unbind(2)
    x = x + normal(0, 0.025) * torch.sin(uniform(3, 9) * y + uniform(0, math.tau))
    y = y + normal(0, 0.025) * torch.sin(uniform(3, 9) * x + uniform(0, math.tau))
    # A person's hand: how high the digit's waist is, its width, its slant (mostly rightwards), its rotation.
    y = y.clamp(min=0) ** normal(0, 0.2).exp()
    x = x * normal(0, 0.2).exp() - y * normal(0.2, 0.24)
    angle = normal(0, 0.1)
    x, y = x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()

    controls = torch.stack([x, y], 2)
    spots = _CENTRES[way] @ controls
    ink = (_PIECES[way] @ controls).norm(dim=2, keepdim=True)
    pen = uniform(0.5, 1.0)  # the standard deviation of a spot, in pixels
    # MNIST's layout: the digit with the width of its ink fills the box; its centre of mass is the image's, to
    # the nearest pixel. Unlike there, a top-heavy digit moves up rather than run into the border.
    scale = ((_BOX - 3 * pen) / (spots.amax(1) - spots.amin(1)).amax(1, keepdim=True))[:, :, None]
    spots = (spots - (spots * ink).sum(1, keepdim=True) / ink.sum(1, keepdim=True)) * scale
    margin = 0.5 + 1.5 * pen
    centre = SIDE / 2 + uniform(-0.5, 0.5, 2)
    centre = torch.clamp(centre, margin - spots.amin(1), SIDE - 1 - margin - spots.amax(1))
    # A round spot is a column times a row, so the sum over the spots is a product of matrices.
    away = (spots + centre[:, None])[..., None] - torch.arange(SIDE)
    # It is a Gaussian, by way of exp2 because torch's exp can be ten times slower on such small values.
    columns, rows = torch.exp2((away / pen[:, :, None, None]) ** 2 * (-0.5 / math.log(2))).unbind(2)
    # The pressure saturates the middle of a stroke and leaves its edges soft.
    pressure = uniform(1.4, 2.2) / (pen * math.sqrt(math.tau))
    density = (rows * ink * scale * pressure[:, :, None]).transpose(1, 2) @ columns
    return torch.round(density.clamp(max=1) * 255).to(torch.uint8)
