"""Distorted pictures: how much, by which random numbers, and in which batches."""

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mlp_tui.config import TrainingConfig
from mlp_tui.errors import UserError
from mlp_tui.events import BatchFinished, Preview, StepTaken
from mlp_tui.session import Session
from mlp_tui.training.data.augment import STRENGTHS, RandomDistortion, Strength, make_distortion, matrices, sample
from mlp_tui.training.data.batches import Batches, Dataset, Examples
from mlp_tui.training.data.load import load_dataset
from mlp_tui.training.fit import fit, prepare
from mlp_tui.training.fit import tests_of as batches_of_a_test
from mlp_tui.training.replay import Replay
from mlp_tui.training.state import TrainingState

from .conftest import result
from .own_data import write_table

NOTHING = Strength(0, 0, 0, 0)
ELASTIC = STRENGTHS["elastic"]


def noise(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(7))


def identity(raw: Tensor) -> Tensor:
    """The places of the pixels themselves."""
    return RandomDistortion(0, NOTHING).places(raw, 0, 0)


def in_pixels(places: Tensor) -> Tensor:
    """Places as columns and rows, from 0."""
    height, width = places.shape[1:3]
    return (places + 1) * torch.tensor([width, height]) / 2 - 0.5


# Where pixels come from


@pytest.mark.parametrize("shape", [(9, 28, 28), (5, 3, 17, 40), (2, 1, 1, 1), (3, 4, 300, 2)])
def test_without_strength_a_picture_stays_what_it_is(shape: tuple[int, ...]) -> None:
    raw = noise(*shape)
    assert torch.equal(RandomDistortion(0, NOTHING)(raw, 3, 4), raw)


def test_a_pixel_is_taken_from_its_place_and_what_lies_outside_is_dark() -> None:
    raw = noise(1, 3, 6, 9)
    one = torch.tensor([2 / 9, 2 / 6])  # one column and one row: from one border to the other it is 2
    moved = sample(raw, identity(raw) + one)
    assert torch.equal(moved[:, :, :-1, :-1], raw[:, :, 1:, 1:])
    assert not moved[:, :, -1].any() and not moved[:, :, :, -1].any()
    half = sample(
        torch.tensor([[[10, 30, 50]]], dtype=torch.uint8), identity(raw[:, 0, :1, :3]) + torch.tensor([1 / 3, 0])
    )
    assert half.flatten().tolist() == [20, 40, 25]


def test_a_straight_line_is_bent_by_what_was_asked_for() -> None:
    raw = torch.zeros(1, 28, 28, dtype=torch.uint8)
    raw[:, :, 14] = 255
    bend = (3 * torch.sin(torch.arange(28) / 4)).round()
    shift = torch.zeros(1, 28, 28, 2)
    shift[..., 0] = bend.view(28, 1) * 2 / 28
    bent = sample(raw, identity(raw) + shift)
    assert torch.equal(bent.argmax(2)[0], (14 - bend).long())
    assert torch.equal(bent.amax(2), torch.full((1, 28), 255, dtype=torch.uint8))


def test_a_line_goes_where_the_random_shifts_say() -> None:
    raw = torch.zeros(20, 28, 28, dtype=torch.uint8)
    raw[:, :, 13:16] = torch.tensor([90, 180, 90], dtype=torch.uint8)
    distort = RandomDistortion(3, Strength(0, 0, 0, 1 / 28))
    bent, columns = distort(raw, 0, 0).float(), in_pixels(distort.places(raw, 0, 0))[..., 0]
    bent, columns = bent[:, 5:23], columns[:, 5:23]  # the ends of the line may have moved
    middle = (bent * torch.arange(28)).sum(2) / bent.sum(2)
    nearest = columns.sub(14).abs().argmin(2)
    assert (middle - nearest).abs().max() < 1
    assert (middle - 14).abs().max() > 2


# How much


@pytest.mark.parametrize(("height", "width"), [(28, 28), (96, 32), (8, 8)])
def test_the_shifts_have_the_root_mean_square_that_is_asked_for_everywhere(height: int, width: int) -> None:
    raw = torch.zeros(4000, height, width, dtype=torch.uint8)
    shifts = in_pixels(RandomDistortion(1, Strength(0, 0, 0, 1 / 28)).places(raw, 0, 0)) - in_pixels(identity(raw))
    by_axis = shifts.square().mean((0, 1, 2)).sqrt()
    assert by_axis.tolist() == pytest.approx([width / 28, height / 28], rel=0.02)
    by_pixel = shifts.square().mean(0).sqrt() / by_axis
    assert by_pixel.min() > 0.93 and by_pixel.max() < 1.07
    assert shifts.mean(0).abs().max() < 0.07 * max(by_axis)


def test_near_pixels_are_shifted_alike_as_by_a_gaussian_of_four_pixels() -> None:
    raw = torch.zeros(4000, 28, 28, dtype=torch.uint8)
    shifts = (RandomDistortion(1, Strength(0, 0, 0, 1 / 28)).places(raw, 0, 0) - identity(raw))[..., 0]
    for first in (0, 10):  # at the border, and in the middle
        for distance in (1, 4, 8):
            pairs = torch.stack((shifts[:, 14, first], shifts[:, 14, first + distance]))
            expected = math.exp(-((distance / (2 * 4)) ** 2))  # of noise that was smoothed with sigma 4
            assert float(torch.corrcoef(pairs)[0, 1]) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("name", ["degrees", "scale", "shear"])
def test_each_part_alone_stays_within_its_bounds_and_comes_near_them(name: str) -> None:
    most = getattr(ELASTIC, name)
    numbers = torch.rand(5000, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    made = matrices(numbers, NOTHING._replace(**{name: most})).double()
    (a, b), (c, d) = made.permute(1, 2, 0)
    zero, one = torch.zeros_like(a), torch.ones_like(a)
    if name == "degrees":
        assert torch.allclose(made @ made.mT, torch.eye(2, dtype=torch.double).expand(5000, 2, 2), atol=1e-6)
        reached = [torch.rad2deg(torch.atan2(c, a))]
    elif name == "scale":
        assert torch.equal(b, zero) and torch.equal(c, zero)
        reached = [a - 1, d - 1]
    else:
        assert torch.equal(a, one) and torch.equal(c, zero) and torch.equal(d, one)
        reached = [b]
    for each in reached:
        assert -most * 1.00001 <= float(each.min()) < -0.99 * most
        assert most * 0.99 < float(each.max()) <= most * 1.00001


def test_a_turned_picture_that_is_not_square_keeps_its_angles() -> None:
    raw = torch.zeros(50, 90, 30, dtype=torch.uint8)
    x, y = in_pixels(RandomDistortion(5, NOTHING._replace(degrees=30.0)).places(raw, 0, 0)).unbind(-1)
    right = torch.stack((x[:, 40, 20] - x[:, 40, 10], y[:, 40, 20] - y[:, 40, 10]))
    down = torch.stack((x[:, 50, 10] - x[:, 40, 10], y[:, 50, 10] - y[:, 40, 10]))
    assert torch.allclose(right.norm(dim=0), torch.tensor(10.0), atol=1e-3)
    assert (right * down).sum(0).abs().max() < 0.01
    assert torch.rad2deg(torch.atan2(right[1], right[0])).abs().max() > 20


def test_all_channels_of_a_picture_are_distorted_alike() -> None:
    gray = noise(4, 1, 20, 30)
    colour = RandomDistortion(0, ELASTIC)(gray.expand(4, 3, 20, 30).contiguous(), 0, 0)
    assert torch.equal(colour[:, 0], colour[:, 2])
    assert torch.equal(colour[:, :1], RandomDistortion(0, ELASTIC)(gray, 0, 0))
    assert torch.equal(colour[:, 0], RandomDistortion(0, ELASTIC)(gray[:, 0], 0, 0))


# Which random numbers


@pytest.mark.parametrize("kind", STRENGTHS)
def test_the_distortions_follow_from_seed_epoch_and_batch_alone(kind: str) -> None:
    raw, strength = noise(6, 28, 28), STRENGTHS[kind]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = RandomDistortion(2, strength)(raw, 3, 4)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)
    distort = RandomDistortion(2, strength)
    distort(raw, 0, 0)
    assert torch.equal(distort(raw, 3, 4), first)
    others = [RandomDistortion(3, strength)(raw, 3, 4), distort(raw, 4, 4), distort(raw, 3, 5), distort(raw, 4, 3), raw]
    assert not any(torch.equal(each, first) for each in others)
    largest = RandomDistortion(2**63 - 1, strength)(raw, 2**31, 2**31)
    assert not torch.equal(largest, first)


def test_a_picture_is_distorted_as_it_would_be_beside_others() -> None:
    raw, distort = noise(64, 28, 28), RandomDistortion(0, ELASTIC)
    all_of_them = distort(raw, 0, 0)
    few = distort(torch.cat((raw[:3], noise(2, 28, 28))), 0, 0)[:3]
    assert (few.int() - all_of_them[:3].int()).abs().max() <= 1  # a product of another size may round otherwise
    assert not torch.equal(distort(raw[:1].expand(9, 28, 28).contiguous(), 0, 0)[0], all_of_them[1])


# In the training


@pytest.fixture
def data(small_mnist: Path) -> Dataset:
    return result(load_dataset("mnist", small_mnist, validation=0.25))


def settings(**others: Any) -> TrainingConfig:
    return TrainingConfig(**{"epochs": 3, "device": "cpu", "hidden_sizes": (20,), "augment": "elastic", **others})


def test_an_epoch_has_the_batches_that_its_number_says_from_any_place_on(data: Dataset) -> None:
    def batches(epoch: int, skip: int) -> list[Tensor]:
        state = TrainingState(settings(), data)
        loader = prepare(settings(), data, state).loader
        loader.epoch, loader.skip = epoch, skip
        return [inputs for inputs, _ in loader]

    whole = batches(1, 0)
    assert len(whole) == 8 and all(map(torch.equal, whole[5:], batches(1, 5)))
    assert not any(map(torch.equal, whole, batches(0, 0)))


def test_what_is_trained_on_is_distorted_and_what_is_tested_on_is_not(data: Dataset) -> None:
    assert data.validation
    state = TrainingState(settings(), data)
    loader = prepare(settings(), data, state).loader
    for inputs, targets in loader:
        assert loader.under_way
        raw, own = loader.under_way.last, data.train.inputs[loader.under_way.rows]
        assert raw.inputs.dtype == torch.uint8 and raw.inputs.shape == own.shape and not torch.equal(raw.inputs, own)
        assert torch.equal(state.normalise(raw.inputs), inputs) and torch.equal(raw.labels, targets)
        assert torch.equal(targets, data.train.labels[loader.under_way.rows])
    for held_out in (data.validation, data.test):
        plain = Batches(held_out, 1000, normalise=state.normalise)
        for (ours, _), (theirs, _) in zip(batches_of_a_test(held_out, settings(), state), plain, strict=True):
            assert torch.equal(ours, theirs)


def test_steps_by_hand_and_plain_ones_are_taken_on_the_same_pictures(data: Dataset) -> None:
    states = [TrainingState(settings(epochs=1, optimizer=name), data) for name in ("adam", "adamw")]
    assert [prepare(settings(), data, state).steps is None for state in states] == [False, True]
    losses = []
    for state in states:
        events = list(fit(settings(epochs=1), data, "run", state))
        losses.append([loss for event in events if isinstance(event, BatchFinished) for loss in event.losses])
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)  # without decay they are the same optimizer


def test_a_step_in_detail_shows_the_pictures_that_were_trained_on(small_mnist: Path) -> None:
    session = Session(settings(data_dir=small_mnist))
    shown: dict[tuple[int, int], StepTaken] = {}
    for event in session.events(threading.Event()):
        if isinstance(event, Preview):
            assert session._dataset
            own = {bytes(image.numpy().tobytes()) for image in session._dataset.test.inputs}
            assert set(event.pixels) <= own
        if isinstance(event, StepTaken):
            shown[event.epoch, event.batch] = event
        session.set_detail("steps")
    state = TrainingState(session.config, session._dataset)  # type: ignore[arg-type]
    loader = prepare(session.config, session._dataset, state).loader  # type: ignore[arg-type]
    for epoch in range(3):
        loader.epoch = epoch
        for place, _ in enumerate(loader, start=1):
            if (step := shown.get((epoch + 1, place))) is not None:
                assert loader.under_way
                assert step.pixels == tuple(image.numpy().tobytes() for image in loader.under_way.last.inputs)
    assert len(shown) >= 29


class NoSnapshots:
    def before(self, step: int, above: int = -1) -> Iterator[tuple[int, dict[str, Any]]]:
        return iter(())


def test_any_moment_is_had_again_to_the_bit(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_tui.training.fit.EVENT_SECONDS", 0.0)
    state, passed, steps = TrainingState(settings(), data), {}, {}
    for event in fit(settings(), data, "run", state):
        if isinstance(event, StepTaken):
            steps[state.step] = event
        if isinstance(event, BatchFinished):
            state.detail = "steps" if state.step % 3 == 0 else "batches"
            passed[state.step] = {name: value.clone() for name, value in state.model.state_dict().items()}
    assert len(passed) == 24 and steps
    replay = Replay(settings(), data, NoSnapshots(), [])
    for step in (13, 8, 1, 24, 9):
        replay.go(step)
        again = replay.state.model.state_dict()
        assert all(torch.equal(value, again[name]) for name, value in passed[step].items())
    for step, event in steps.items():
        replay.go(step - 1)
        taken = replay.take_step()
        assert taken and taken[1] == event


def test_a_table_is_not_distorted(tmp_path: Path) -> None:
    table = result(load_dataset(str(write_table(tmp_path / "flowers.csv")), tmp_path))
    with pytest.raises(UserError) as error:
        TrainingState(settings(), table)
    assert str(error.value) == "--augment elastic distorts pictures, and flowers is a table: leave it out."
    assert make_distortion(settings(augment="none"), table) is None


def test_pictures_of_another_size_and_in_colour_are_trained_on() -> None:
    pictures = Examples(noise(40, 3, 12, 20), torch.arange(40) % 3)
    dataset = Dataset("pictures", pictures, pictures, classes=("a", "b", "c"))
    for augment in STRENGTHS:
        config = settings(augment=augment, epochs=1)
        state = TrainingState(config, dataset)
        for _ in fit(config, dataset, "run", state):
            pass
        assert state.epoch == 1 and state.weights_are_finite()
