"""Made-up runs on other data than digits: pictures in colour, very many classes, a table, and a network's kernels."""

import dataclasses
import math

from mlp_tui.events import (
    DigitImages,
    Drawing,
    Event,
    Flips,
    Influences,
    Mistakes,
    Predictions,
    Preparing,
    Preview,
    RunStarted,
    StepTaken,
    Weights,
)

from . import made_up

CLOTHES = ("ankle boot, brown", "straw hat", "rubber duck (yellow)")
BIRDS = tuple(f"bird {number:03} of the list" for number in range(200))
COLUMNS = ("sepal length", "sepal width", "petal length", "petal width", "the weight of the whole plant", "ph", "age")
FLOWERS = ("setosa", "versicolor", "virginica")


def colour() -> RunStarted:
    """Pictures of 32x32 pixels in colour, of three classes with long names, read by a network of the user's own."""
    return dataclasses.replace(
        made_up.run_started(),
        run="clothes-20260101-120000",
        dataset="clothes",
        train_size=900,
        test_size=300,
        classes=CLOTHES,
        shape=(3, 32, 32),
        model="net.py:ConvNet",
        steps="plain loop",
    )


def birds() -> RunStarted:
    """Gray pictures of 24x20 pixels, of 200 classes."""
    return dataclasses.replace(made_up.run_started(), dataset="birds", classes=BIRDS, shape=(1, 24, 20))


def table() -> RunStarted:
    """The rows of a table with seven columns."""
    return dataclasses.replace(
        made_up.run_started(),
        dataset="flowers.csv",
        train_size=120,
        test_size=30,
        classes=FLOWERS,
        shape=(len(COLUMNS),),
        columns=COLUMNS,
        model="7-100-3 ReLU",
    )


def example(run: RunStarted, number: int, label: int) -> bytes | tuple[float, ...]:
    """One example of those data: a disc in front of a sloping background, or a row."""
    if len(run.shape) == 1:
        return tuple(
            round((label * (2.5 if column == 2 else 0.2) + number * (column + 3) % 7 / 5) * 10 ** (column % 4 - 1), 4)
            for column in range(len(COLUMNS))
        )
    channels, height, width = run.shape
    x, y = 8 + number * 5 % (width - 15), 8 + number * 7 % (height - 15)
    inks = ((150, 90, 40), (240, 210, 90), (40, 140, 230))[label % 3][:channels]
    return bytes(
        ink if (column - x) ** 2 + (row - y) ** 2 < 36 + label % 5 * 8 else (row * 3 + column + 40 * channel) % 256 // 2
        for row in range(height)
        for column in range(width)
        for channel, ink in enumerate(inks)
    )


def shown(
    run: RunStarted, examples: list[bytes | tuple[float, ...]]
) -> tuple[tuple[bytes, ...], tuple[tuple[float, ...], ...]]:
    """Examples as events have them: pixels, or values."""
    if len(run.shape) == 1:
        return (), tuple(row for row in examples if isinstance(row, tuple))
    return tuple(picture for picture in examples if isinstance(picture, bytes)), ()


def labels(run: RunStarted) -> tuple[int, ...]:
    return tuple(number * 7 % len(run.classes) for number in range(20))


def preview(run: RunStarted) -> Preview:
    given = labels(run)
    return Preview(tuple(range(20)), given, *shown(run, [example(run, i, label) for i, label in enumerate(given)]))


def predictions(run: RunStarted, wrong: int = 3) -> Predictions:
    """All right but the last `wrong`, which are one off."""
    count = len(run.classes)
    answers = tuple((label + (i >= 20 - wrong)) % count for i, label in enumerate(labels(run)))
    rows = []
    for label, answer in zip(labels(run), answers, strict=True):
        shares = [1.0 + 0.5 * math.sin(other * 1.7 + label) for other in range(count)]
        shares[answer] += count * 4
        shares[label] += count
        rows.append(tuple(share / sum(shares) for share in shares))
    return Predictions(answers, tuple(rows))


def mistakes(run: RunStarted) -> list[Event]:
    """A test in which each class is now and then taken for the next, and some pairs often."""
    count = len(run.classes)
    confusion = [[0] * count for _ in range(count)]
    for label in range(count):
        confusion[label][label] = 40
        confusion[label][(label + 1) % count] = 1 + label * 7 % 5
        confusion[label][(label * 3 + 2) % count] += label * label % 11
    named = [(a, b) for a in range(count) for b in range(count) if a != b and confusion[a][b]]
    indices = tuple(range(100, 100 + len(named)))
    given = [example(run, i, label) for i, (label, _) in enumerate(named)]
    return [
        DigitImages(indices, *shown(run, given)),
        Mistakes(
            1,
            tuple(map(tuple, confusion)),
            indices,
            tuple(label for label, _ in named),
            tuple(prediction for _, prediction in named),
            tuple(0.99 - i / (2 * len(named)) for i in range(len(named))),
        ),
    ]


def opening(run: RunStarted) -> list[Event]:
    """Everything before the first batch."""
    return [Preparing("Loading PyTorch"), run, preview(run), predictions(run)]


def kernels(count: int = 32, side: int = 3) -> Weights:
    """A convolution's kernels: edges in one direction and another."""
    return Weights(
        epoch=2,
        batch=14,
        scale=0.01,
        incoming=tuple(
            bytes(
                128 + round(110 * math.cos(kernel * 0.8 + (x * (kernel % 3 - 1) + y * (kernel % 4 - 2)) * 2 / side))
                for y in range(side)
                for x in range(side)
            )
            for kernel in range(count)
        ),
        outgoing=(),
        activity=tuple(0.2 + kernel % 5 / 10 for kernel in range(count)),
        shape=(side, side),
        layer="features.0",
    )


def no_weights() -> Weights:
    """Of a network none of whose layers reads pixels."""
    return Weights(1, 1, 1.0, (), (), (), (0, 0), "")


def drawing(run: RunStarted, label: int = 1) -> Drawing:
    """The answer to a drawing."""
    pixels = example(run, 3, label)
    assert isinstance(pixels, bytes)
    return Drawing(
        pixels, tuple(0.7 if other == label else 0.3 / (len(run.classes) - 1) for other in range(len(run.classes)))
    )


def step_taken(run: RunStarted, parameters: int = 4) -> StepTaken:
    """One step in detail, of a network with that many parameters."""
    count = len(run.classes)
    given = [example(run, i, label) for i, label in enumerate(labels(run))]
    names = [
        f"backbone.blocks.{i // 2}.attention.projection.{'weight' if i % 2 == 0 else 'bias'}" for i in range(parameters)
    ]
    pixels, values = shown(run, given)
    return StepTaken(
        epoch=1,
        batch=7,
        learning_rate=0.01,
        labels=labels(run),
        pixels=pixels,
        logits=tuple(
            tuple(6.0 * (other == label) + math.sin(other * 1.3) for other in range(count)) for label in labels(run)
        ),
        loss=0.5,
        loss_after=0.4,
        parameters=tuple(names),
        gradient_norms=(0.5,) * parameters,
        update_norms=(0.1,) * parameters,
        weight_norms=tuple(i + 1.0 for i in range(parameters)),
        values=values,
    )


def flips(run: RunStarted) -> Flips:
    """Flips of the twenty examples, the first half wrong now, as the made-up run of digits has them."""
    given, count = labels(run), len(run.classes)
    other = tuple((label + 1 + i % (count - 1)) % count for i, label in enumerate(given))
    examples = [example(run, i, label) for i, label in enumerate(given)]
    pixels, values = shown(run, examples)
    return dataclasses.replace(
        made_up.flips(1338, 2276),
        became_right=10,
        became_wrong=10,
        indices=tuple(range(7, 4000, 200)),
        labels=given,
        before=given[:10] + other[10:],
        now=other[:10] + given[10:],
        sure_before=made_up.flips().sure_before[:20],
        sure_now=made_up.flips().sure_now[:20],
        pixels=pixels,
        values=values,
    )


def influences(run: RunStarted) -> Influences:
    """What taught the first of them."""
    given = labels(run)[:12]
    pixels, values = shown(run, [example(run, i + 3, label) for i, label in enumerate(given)])
    return dataclasses.replace(
        made_up.influences(), reading=flips(run).now[0], labels=given, pixels=pixels, values=values
    )
