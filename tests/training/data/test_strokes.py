"""The built-in digits: repeatable, laid out like MNIST, varied, and learnable."""

import torch

from mlp_tui.training.data.strokes import GLYPHS, draw_digits


def draw(labels: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return draw_digits(labels, torch.Generator().manual_seed(seed))


def balanced(n: int) -> torch.Tensor:
    return torch.arange(n) % 10


def test_images_are_bytes_28_by_28() -> None:
    for n in (0, 1, 2345):
        images = draw(balanced(n))
        assert images.dtype == torch.uint8
        assert images.shape == (n, 28, 28)


def test_the_same_seed_draws_the_same_images() -> None:
    labels = balanced(1500)
    assert torch.equal(draw(labels, seed=3), draw(labels, seed=3))


def test_another_seed_draws_other_images() -> None:
    labels = balanced(100)
    assert (draw(labels, seed=3) != draw(labels, seed=4)).flatten(1).any(1).all()


def test_drawing_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    draw(balanced(10))
    assert torch.equal(torch.get_rng_state(), before)


def test_every_digit_has_white_ink_in_the_box_and_a_dark_border() -> None:
    images = draw(balanced(3000))
    assert (images[:, 4:24, 4:24].flatten(1).amax(1) > 200).all()
    border = images.clone()
    border[:, 1:-1, 1:-1] = 0
    assert border.max() < 64


def test_the_larger_side_of_every_digit_is_about_20_pixels() -> None:
    inked = draw(balanced(3000)) > 64
    larger = torch.maximum(inked.any(2).sum(1), inked.any(1).sum(1))
    assert larger.min() >= 17
    assert larger.max() <= 22


def test_the_centre_of_mass_is_near_the_centre_of_the_image() -> None:
    images = draw(balanced(3000)).float()
    mass, pixel = images.sum((1, 2)), torch.arange(28.0)
    for side in (1, 2):
        centre = (images.sum(side) * pixel).sum(1) / mass
        assert abs(centre.mean() - 14) < 0.3
        assert ((centre - 14).abs() < 3).all()


def test_no_two_images_of_a_digit_are_equal() -> None:
    for digit in range(10):
        images = draw(torch.full((300,), digit)).flatten(1)
        assert len({image.numpy().tobytes() for image in images}) == 300


def test_every_point_of_the_strokes_is_two_digits() -> None:
    assert len(GLYPHS) == 10
    for ways in GLYPHS:
        for glyph in ways:
            for stroke in glyph.split(","):
                points = stroke.split()
                assert len(points) >= 2
                assert all(len(point) == 2 and point.isdecimal() for point in points)


def test_a_linear_model_learns_to_read_them() -> None:
    labels = balanced(5000)
    pixels = draw(labels).flatten(1) / 255
    targets = torch.nn.functional.one_hot(labels).float()
    ridge = 10 * torch.eye(784)
    weights = torch.linalg.solve(pixels[:4000].T @ pixels[:4000] + ridge, pixels[:4000].T @ targets[:4000])
    read = (pixels[4000:] @ weights).argmax(1)
    assert (read == labels[4000:]).float().mean() > 0.7
