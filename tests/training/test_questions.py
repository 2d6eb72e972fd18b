"""What is asked of a model between two steps, against the model itself."""

import threading
from pathlib import Path
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch import nn, optim

from mlp_tui.config import TrainingConfig
from mlp_tui.events import (
    BatchFinished,
    Detail,
    DigitImages,
    Event,
    LearningRateChanged,
    Mistakes,
    Predictions,
    StepTaken,
    Weights,
)
from mlp_tui.session import Session
from mlp_tui.training.data.batches import Batches, Dataset, Examples, normalise
from mlp_tui.training.data.centring import FAINT, centred
from mlp_tui.training.loops import test as run_test
from mlp_tui.training.model import MultiLayerPerceptron
from mlp_tui.training.questions import NAMED, examine, read_drawing, weights
from mlp_tui.training.state import TrainingState

from .test_loops import digits


def state() -> TrainingState:
    return TrainingState(TrainingConfig(device="cpu"), Dataset("mnist", digits(10), digits(10)))


def test_a_drawing_is_centred_and_gets_the_models_probabilities() -> None:
    now = state()
    pixels = bytearray(784)
    for y in range(3, 12):
        pixels[y * 28 + 2] = 255
    drawing = read_drawing(now, bytes(pixels))
    assert drawing and drawing.pixels == centred(bytes(pixels)) != bytes(pixels)
    seen = torch.tensor(list(drawing.pixels), dtype=torch.uint8).view(1, 28, 28)
    assert drawing.probabilities == pytest.approx(now.model(normalise(seen))[0].softmax(-1).tolist(), abs=1e-6)


def test_a_drawing_without_ink_gets_no_answer() -> None:
    assert read_drawing(state(), bytes([FAINT - 1] * 784)) is None


def on_other_data(*shape: int) -> TrainingState:
    """A run on examples of that shape: bytes where they are pictures, numbers where they are rows."""
    inputs = torch.zeros(10, *shape, dtype=torch.uint8 if len(shape) > 1 else torch.float32)
    examples = Examples(inputs, torch.arange(10))
    return TrainingState(TrainingConfig(device="cpu"), Dataset("other", examples, examples))


@pytest.mark.parametrize(("height", "width"), [(56, 56), (14, 14), (20, 64)])
def test_a_drawing_is_made_as_large_as_the_datas_pictures(height: int, width: int) -> None:
    pixels = bytearray(784)
    for y in range(4, 24):
        pixels[y * 28 + 8 : y * 28 + 18] = bytes([255] * 10)
    drawing = read_drawing(on_other_data(height, width), bytes(pixels))
    assert drawing and len(drawing.pixels) == height * width
    seen = torch.tensor(list(drawing.pixels), dtype=torch.float32).view(height, width)
    small = torch.tensor(list(centred(bytes(pixels)) or b""), dtype=torch.float32).view(28, 28)
    assert float(seen.mean()) == pytest.approx(float(small.mean()), rel=0.05)
    assert seen[height // 2, width // 2] > 200 and seen[:, 0].max() == 0


@pytest.mark.parametrize("shape", [(3, 28, 28), (7,)])
def test_a_drawing_gets_no_answer_where_the_model_reads_colours_or_a_table(shape: tuple[int, ...]) -> None:
    assert read_drawing(on_other_data(*shape), bytes([255] * 784)) is None


def test_the_weights_come_back_within_half_a_step_of_their_scale() -> None:
    now, data = state(), digits(1200)
    assert isinstance(now.model, MultiLayerPerceptron)
    with torch.no_grad():
        now.model.hidden.bias[7] = -1e6
    shown = weights(now, Dataset("mnist", data, data))
    incoming = torch.tensor([list(unit) for unit in shown.incoming], dtype=torch.float32).sub_(128) * shown.scale
    assert torch.allclose(incoming, now.model.hidden.weight, atol=shown.scale * 0.51)
    assert shown.outgoing[3] == pytest.approx(now.model.output.weight[:, 3].tolist())
    on = (now.model.hidden(normalise(data.inputs[:1000]).flatten(1)) > 0).float().mean(0)
    assert shown.activity == pytest.approx(on.tolist(), abs=1e-6)
    assert [unit for unit, share in enumerate(shown.activity) if share == 0] == [7]


def test_weights_that_are_not_finite_do_not_stop_the_event() -> None:
    now = state()
    assert isinstance(now.model, MultiLayerPerceptron)
    with torch.no_grad():
        now.model.hidden.weight[0, 0] = torch.nan
    assert len(weights(now, Dataset("mnist", digits(10), digits(10))).incoming) == 100


def test_the_mistakes_of_a_test_are_counted_and_the_most_confident_named() -> None:
    now, data, emitted = state(), digits(500), set[int]()
    result = run_test(now.model, Batches(data, 100), nn.CrossEntropyLoss(), epoch=1)
    images, mistakes = examine(result, data, 10, emitted)
    assert isinstance(images, DigitImages) and isinstance(mistakes, Mistakes)
    predictions = result.logits.argmax(1)
    for label in range(10):
        for digit in range(10):
            count = int(((data.labels == label) & (predictions == digit)).sum())
            assert mistakes.confusion[label][digit] == count
            named = [p for p in zip(mistakes.labels, mistakes.predictions, strict=True) if p == (label, digit)]
            assert len(named) == (0 if label == digit else min(count, NAMED))
    assert list(mistakes.confidences) == sorted(mistakes.confidences, reverse=True)
    place = mistakes.indices[0]
    assert mistakes.labels[0] == int(data.labels[place]) and mistakes.predictions[0] == int(predictions[place])
    assert mistakes.confidences[0] == pytest.approx(float(result.logits[place].softmax(0).max()))
    assert images.indices == mistakes.indices
    assert images.pixels[0] == data.inputs[place].numpy().tobytes()
    assert [type(event) for event in examine(result, data, 10, emitted)] == [Mistakes]  # the pixels were emitted


def test_a_step_in_detail_is_the_step_that_the_plain_loop_takes(small_mnist: Path) -> None:
    session = Session(TrainingConfig(epochs=1, data_dir=small_mnist, device="cpu"))
    events: list[Event] = []
    for event in session.events(threading.Event()):
        events.append(event)
        if isinstance(event, BatchFinished):
            session.set_detail("steps" if event.batch in (1, 2) else "groups")
    first, second = (event for event in events if isinstance(event, StepTaken))
    assert (first.batch, second.batch) == (2, 3)
    predictions, after = events[events.index(first) + 1 :][:2]
    assert isinstance(predictions, Predictions)
    assert isinstance(after, BatchFinished) and after.batch == 2
    assert after.losses == (after.loss,) and after.loss == pytest.approx(first.loss, abs=1e-5)
    assert len(first.labels) == len(first.pixels) == len(first.logits) == 64

    # The same two steps, by torch alone.
    dataset = session._dataset
    assert dataset
    model = TrainingState(session.config, dataset).model
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    batches = iter(Batches(dataset.train, 64, torch.Generator().manual_seed(0)))
    for _ in range(2):
        inputs, targets = next(batches)
        before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        optimizer.zero_grad()
        logits = model(inputs)
        loss = F.cross_entropy(logits, targets)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert list(first.labels) == targets.tolist()
    assert first.loss == pytest.approx(loss.item(), abs=1e-4)
    assert first.loss_after == pytest.approx(F.cross_entropy(model(inputs), targets).item(), abs=1e-3)
    assert first.logits[0] == pytest.approx(logits[0].tolist(), abs=1e-3)
    for name, parameter in model.named_parameters():
        place = first.parameters.index(name)
        assert parameter.grad is not None
        assert first.gradient_norms[place] == pytest.approx(float(parameter.grad.norm()), rel=1e-2)
        assert first.update_norms[place] == pytest.approx((parameter - before[name]).norm().item(), rel=1e-2)
        assert first.weight_norms[place] == pytest.approx(float(before[name].norm()), rel=1e-4)


def test_what_is_told_of_the_steps_changes_nothing_of_the_training(small_mnist: Path) -> None:
    ends = []
    for detail in get_args(Detail):
        session = Session(TrainingConfig(epochs=2, data_dir=small_mnist, device="cpu"))
        events = []
        for event in session.events(threading.Event()):
            session.set_detail(detail)
            events.append(event)
        assert sum(isinstance(event, BatchFinished) for event in events) <= 20
        assert sum(isinstance(event, StepTaken) for event in events) == (20 if detail == "steps" else 0)
        assert session.folder
        ends.append(torch.load(session.folder.model))
    for other in ends[1:]:
        assert all(torch.equal(value, other[name]) for name, value in ends[0].items())


def test_the_weights_are_emitted_at_the_end_of_a_run(small_mnist: Path) -> None:
    events = list(Session(TrainingConfig(epochs=2, data_dir=small_mnist)).events(threading.Event()))
    (shown,) = (event for event in events if isinstance(event, Weights))
    assert (shown.epoch, shown.batch) == (2, 0)
    assert len(shown.incoming) == len(shown.outgoing) == len(shown.activity) == 100


def test_a_learning_rate_set_by_hand_is_used_logged_and_kept_when_the_run_is_resumed(small_mnist: Path) -> None:
    config = TrainingConfig(epochs=3, data_dir=small_mnist)
    session, stop = Session(config), threading.Event()
    rates = []
    for event in session.events(stop):
        if isinstance(event, BatchFinished):
            rates.append(event.learning_rate)
            if event.batch == 1 and event.epoch == 1:
                changed = session.change_learning_rate(-1)
            if event.epoch == 2:
                stop.set()
    assert rates[0] == 0.01 and set(rates[1:]) == {0.005}
    assert changed == LearningRateChanged(1, 1, 0.005)
    assert session.unfinished
    assert changed in session.unfinished.read_events()
    resumed = list(Session(config, session.unfinished).events(threading.Event()))
    assert {event.learning_rate for event in resumed if isinstance(event, BatchFinished)} == {0.005}
