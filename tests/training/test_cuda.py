"""Training on a CUDA GPU: `python -m pytest tests/training/test_cuda.py` checks it and prints a table of figures."""

import math
import random
import statistics
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mlp_tui.config import TrainingConfig
from mlp_tui.events import BatchFinished, EpochFinished, Event, RunFinished, RunStarted, StepTaken
from mlp_tui.session import Session
from mlp_tui.training.data.batches import Batches, Dataset, Examples
from mlp_tui.training.data.mnist import read_split
from mlp_tui.training.device import choose_device
from mlp_tui.training.fit import fit
from mlp_tui.training.loops import take_steps, train
from mlp_tui.training.memory import available_memory
from mlp_tui.training.model import MultiLayerPerceptron
from mlp_tui.training.nested import digest
from mlp_tui.training.optimizer import Adam
from mlp_tui.training.state import TrainingState
from mlp_tui.training.steps.graph import GROUP, GraphedSteps
from mlp_tui.training.steps.plan import plan

from ..conftest import write_mnist
from .steps.parity import losses_of, plain
from .test_loops import digits

Figure = Callable[[str, object], None]
"""Has a figure printed at the end of the tests."""

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")


@pytest.fixture(scope="module", autouse=True)
def gpu() -> None:
    """The GPU as a run starts it, before anything else is done on it."""
    device, notice = choose_device("auto")
    assert device.type == "cuda", notice


@pytest.fixture
def mnist(request: pytest.FixtureRequest) -> Dataset:
    """Real MNIST where it is, else digits like it, as many."""
    try:
        raw = request.getfixturevalue("mnist_dir") / "MNIST" / "raw"
    except pytest.skip.Exception:
        return Dataset("synthetic", digits(60_000), digits(10_000, seed=1))
    return Dataset("mnist", read_split(raw, "train"), read_split(raw, "t10k"))


def run(state: TrainingState, config: TrainingConfig, data: Dataset) -> list[Event]:
    return list(fit(config, data, "a-run", state))


def losses_in(events: list[Event]) -> list[float]:
    return [loss for event in events if isinstance(event, BatchFinished) for loss in event.losses]


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_the_steps_are_recorded_and_replayed() -> None:
    torch.manual_seed(0)
    model = MultiLayerPerceptron().cuda()
    loss_fn, optimizer = nn.CrossEntropyLoss(), Adam(model.parameters(), lr=1e-2)
    steps = plan(model, loss_fn, optimizer)
    assert isinstance(steps, GraphedSteps)
    batches = iter(Batches(digits(64 * 50).to(torch.device("cuda")), 64, torch.Generator().manual_seed(0)))
    steps(batches, 1 + 2 * GROUP)
    assert steps._replay is not None
    assert optimizer.steps == 1 + 2 * GROUP
    assert all(int(state["step"]) == 1 + 2 * GROUP for state in optimizer.state.values())


def test_recorded_steps_train_as_the_plain_loop_and_the_cpu_do(mnist: Dataset) -> None:
    data = Examples(mnist.train.inputs[: 200 * 64], mnist.train.labels[: 200 * 64])
    by_loop, _ = losses_of(plain, data, device="cuda")
    graphed, _ = losses_of(plan, data, device="cuda")
    cpu, _ = losses_of(plain, data)
    assert graphed == pytest.approx(by_loop, abs=1e-4)
    assert graphed[:100] == pytest.approx(cpu[:100], abs=1e-3)


@pytest.mark.parametrize("total_steps", [0, 2 * 101])
def test_replayed_or_not_the_numbers_are_the_same_to_the_bit(mnist: Dataset, total_steps: int) -> None:
    data = Examples(mnist.train.inputs[: 100 * 64 + 7], mnist.train.labels[: 100 * 64 + 7])
    train_on = partial(losses_of, data=data, epochs=2, device="cuda", total_steps=total_steps)
    one_by_one, loop, *graphed = (
        train_on(plan, at_once=0.0),
        train_on(plain),
        *(train_on(plan, at_once=at_once) for at_once in (1e-4, 0.01, 1e9)),
    )
    for losses, weights in (loop, *graphed):
        assert losses == one_by_one[0]
        assert all(torch.equal(value, weights[name]) for name, value in one_by_one[1].items())


@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
def test_the_same_seed_gives_the_same_run_to_the_bit(mnist: Dataset, schedule: str) -> None:
    config = TrainingConfig(epochs=2, device="cuda", schedule=schedule)  # type: ignore[arg-type]
    first, second = (TrainingState(config, mnist) for _ in range(2))
    losses = [losses_in(run(state, config, mnist)) for state in (first, second)]
    assert len(losses[0]) == 2 * math.ceil(len(mnist.train) / 64)
    assert losses[0] == losses[1]
    assert same(first.model, second.model)


@pytest.mark.parametrize("stop_after", [1, 300, 600, 901, 938, 1300])
def test_a_run_that_is_stopped_and_resumed_ends_with_the_same_bits(mnist: Dataset, stop_after: int) -> None:
    config = TrainingConfig(epochs=2, device="cuda", schedule="one-cycle")
    straight = TrainingState(config, mnist)
    run(straight, config, mnist)
    stopped = TrainingState(config, mnist)
    torch.cuda.manual_seed(stop_after)
    done = 0
    for event in fit(config, mnist, "a-run", stopped):
        if isinstance(event, BatchFinished):
            done += len(event.losses)
            if done >= stop_after:
                break
    saved = stopped.state_dict()
    expected = torch.rand(3, device="cuda")
    resumed = TrainingState(config, mnist)
    resumed.load_state_dict({name: value for name, value in saved.items()})
    assert torch.equal(torch.rand(3, device="cuda"), expected)
    run(resumed, config, mnist)
    assert same(resumed.model, straight.model)


def test_a_session_on_the_gpu_is_saved_and_resumed_to_the_bit(small_mnist: Path) -> None:
    config = TrainingConfig(epochs=3, device="cuda", data_dir=small_mnist)
    straight = Session(config)
    *_, end = straight.events(threading.Event())
    assert isinstance(end, RunFinished) and end.reason == "completed", end
    stop, broken_off = threading.Event(), Session(config)
    for event in broken_off.events(stop):
        if isinstance(event, BatchFinished) and event.epoch == 2:
            stop.set()
    resumed = Session(config, broken_off.unfinished)
    events = list(resumed.events(threading.Event()))
    assert any(isinstance(event, RunStarted) and event.device.startswith("cuda (") for event in events)
    assert straight.folder and resumed.folder
    ours, theirs = (torch.load(each.folder.model) for each in (straight, resumed) if each.folder)
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_any_moment_of_a_run_is_had_again_to_the_bit(tmp_path: Path, record_property: Figure) -> None:
    data = write_mnist(tmp_path / "digits", train=100 * 64)
    session = Session(TrainingConfig(epochs=4, device="cuda", data_dir=data))
    recorded: dict[int, str] = {}
    for event in session.events(threading.Event()):
        if isinstance(event, BatchFinished) and session._state:
            state = session._state.state_dict()
            recorded[session._state.step] = digest({name: state[name] for name in ("model", "optimizer")})
    past, waits = session.past, []
    assert past and len(recorded) > 10
    past.go(200)  # which records the steps
    for step in random.Random(0).sample(sorted(recorded), 10):
        started = time.perf_counter()
        assert not past.go(step).error
        waits.append(time.perf_counter() - started)
        state = past.replay.state.state_dict()
        assert digest({name: state[name] for name in ("model", "optimizer")}) == recorded[step], step
    assert isinstance(past.replay._steps, GraphedSteps) and past.replay._steps._replay is not None
    record_property("to a moment of a run, median and longest", f"{statistics.median(waits):.3f} s, {max(waits):.3f} s")


def test_steps_in_detail_change_nothing_and_show_the_gradients_of_their_own_batch(mnist: Dataset) -> None:
    data = Dataset(mnist.name, Examples(mnist.train.inputs[:12_800], mnist.train.labels[:12_800]), mnist.test)
    config = TrainingConfig(epochs=1, device="cuda")
    plainly, in_detail = (TrainingState(config, data) for _ in range(2))
    run(plainly, config, data)
    for event in fit(config, data, "a-run", in_detail):
        if isinstance(event, BatchFinished):
            in_detail.detail = "steps" if event.batch % 31 < 11 else "groups"
        if isinstance(event, StepTaken):
            norms = tuple(float(p.grad.norm()) for p in in_detail.model.parameters() if p.grad is not None)
            assert event.gradient_norms == norms
    assert same(plainly.model, in_detail.model)


def test_the_gradients_are_the_last_batchs_after_a_group_and_after_a_single_step() -> None:
    data = digits(64 * 50).to(torch.device("cuda"))
    gradients: list[list[Tensor]] = []
    for counts in ((1, GROUP, 1, GROUP - 1, GROUP), (1,) * (1 + 3 * GROUP)):
        torch.manual_seed(0)
        model, loss_fn = MultiLayerPerceptron().cuda(), nn.CrossEntropyLoss()
        steps = GraphedSteps(model, loss_fn, Adam(model.parameters(), lr=1e-2))
        batches = iter(Batches(data, 64, torch.Generator().manual_seed(0)))
        for count in counts:
            steps(batches, count)
        gradients.append([parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None])
    assert len(gradients[0]) == 4
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_a_restart_with_other_settings_is_recorded_anew(mnist: Dataset) -> None:
    data = Dataset(mnist.name, Examples(mnist.train.inputs[:6400], mnist.train.labels[:6400]), mnist.test)
    for settings in ({"hidden_sizes": (100,)}, {"hidden_sizes": (50,)}, {"batch_size": 32}, {"hidden_sizes": (100,)}):
        config = TrainingConfig(epochs=1, device="cuda", **settings)
        state = TrainingState(config, data)
        losses = losses_in(run(state, config, data))
        assert losses[-1] < losses[0]
        assert state.weights_are_finite()


def test_ruined_weights_are_found_on_the_gpu(mnist: Dataset) -> None:
    state = TrainingState(TrainingConfig(device="cuda"), mnist)
    assert state.weights_are_finite()
    with torch.no_grad():
        next(state.model.parameters())[3, 5] = torch.nan
    assert not state.weights_are_finite()


def test_the_gpus_memory_bounds_a_model(small_mnist: Path) -> None:
    assert available_memory(torch.device("cuda")) <= torch.cuda.mem_get_info()[1]
    config = TrainingConfig(hidden_sizes=(10**8,), data_dir=small_mnist, device="cuda")
    *_, end = Session(config).events(threading.Event())
    assert isinstance(end, RunFinished) and "GB are available" in end.message


def test_the_time_of_an_epoch_against_the_plain_loop(mnist: Dataset, record_property: Figure) -> None:
    data, cuda = mnist.train.to(torch.device("cuda")), torch.device("cuda")
    times: dict[str, list[float]] = {"plain loop": [], "planned": []}
    for _ in range(5):
        for name, seconds in times.items():
            torch.manual_seed(0)
            model, loss_fn = MultiLayerPerceptron().to(cuda), nn.CrossEntropyLoss()
            optimizer = Adam(model.parameters(), lr=1e-2)
            loader = Batches(data, 64, torch.Generator().manual_seed(0))
            steps = plan(model, loss_fn, optimizer) if name == "planned" else None
            for epoch in range(2):  # the first records, and warms up
                torch.cuda.synchronize()
                started = time.perf_counter()
                for _ in train(model, loader, loss_fn, optimizer, epoch, steps=steps, interval=lambda: 0.03):
                    pass
                torch.cuda.synchronize()
                took = time.perf_counter() - started
            seconds.append(took)
    loop, planned = (statistics.median(seconds) for seconds in times.values())
    record_property("GPU", torch.cuda.get_device_name())
    record_property("an epoch by the plain loop, images on the GPU, median of 5", f"{loop:.3f} s")
    record_property("an epoch as planned", f"{planned:.3f} s, {loop / planned:.1f} times less")
    assert planned < loop


def test_the_time_and_the_accuracy_of_five_epochs(mnist: Dataset, record_property: Figure) -> None:
    config = TrainingConfig(device="cuda")
    started = time.perf_counter()
    state = TrainingState(config, mnist)
    events = run(state, config, mnist)
    whole = time.perf_counter() - started
    ends = [event for event in events if isinstance(event, EpochFinished)]
    assert len(ends) == 5 and ends[-1].test_accuracy > 0.9
    record_property("five epochs with their tests", f"{whole:.2f} s")
    record_property("their median epoch", f"{statistics.median(end.train_seconds for end in ends):.3f} s")
    record_property("test accuracy after them", f"{ends[-1].test_accuracy:.2%}")


def test_the_time_to_resume(mnist: Dataset, record_property: Figure) -> None:
    config = TrainingConfig(epochs=2, device="cuda")
    state = TrainingState(config, mnist)
    next(event for event in fit(config, mnist, "a-run", state) if isinstance(event, BatchFinished) and event.epoch == 2)
    saved = state.state_dict()
    started = time.perf_counter()
    resumed = TrainingState(config, mnist)
    resumed.load_state_dict(saved)
    next(event for event in fit(config, mnist, "a-run", resumed) if isinstance(event, BatchFinished))
    record_property("resuming, to the first event", f"{time.perf_counter() - started:.2f} s")


def test_take_steps_leaves_nothing_to_wait_for(mnist: Dataset) -> None:
    model, loss_fn = MultiLayerPerceptron().cuda(), nn.CrossEntropyLoss()
    optimizer = Adam(model.parameters(), lr=1e-2)
    batches = iter(Batches(mnist.train.to(torch.device("cuda")), 64, torch.Generator().manual_seed(0)))
    with torch.cuda.device(0):
        torch.cuda.set_sync_debug_mode("error")
        try:
            take_steps(model, batches, 5, loss_fn, optimizer)
        finally:
            torch.cuda.set_sync_debug_mode("default")
