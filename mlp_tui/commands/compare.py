"""Put runs side by side: settings, epochs, errors, and the examples that one reads and the other does not."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from ..config import TrainingConfig
from ..errors import UserError
from ..headless.confusion import confused_words
from ..runs.comparison import Results, chance, differing, results
from ..runs.folder import RunFolder
from ..streams import complain, on_one_line, standard_output
from . import RUN_HELP, RunsDir, model_of, parse_options, settings_of

NAMED = 10
"""Examples that are named by their numbers, at most."""

MEASURES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


@dataclass(frozen=True)
class Options:
    """Which runs, and how they are shown."""

    runs: Positional[Annotated[tuple[str, ...], arg(help=f"Two runs or more. {RUN_HELP}", metavar="RUN RUN ...")]]
    json: Annotated[bool, arg(help="All of it as one line of JSON.")] = False
    runs_dir: RunsDir = Path("runs")


@dataclass(frozen=True)
class Pair:
    """The test examples, by their numbers, that one of two runs alone reads, and how likely that is by chance."""

    names: tuple[str, str]
    examples: int
    alone: tuple[list[int], list[int]]
    chance: float


def run(arguments: list[str]) -> int:
    """Prints the comparison. Runs whose models cannot be asked are compared without, which is said."""
    options = parse_options(Options, "compare", __doc__, arguments)
    if len(options.runs) < 2:
        raise UserError("Name two runs or more to compare.")
    folders = [RunFolder.find(options.runs_dir, name) for name in options.runs]
    configs = [settings_of(folder) for folder in folders]
    logs = [results(folder) for folder in folders]
    pairs: list[Pair] = []
    why = ""
    try:
        pairs = compared(folders, configs)
    except UserError as error:
        why = f"The runs are not compared example by example: {error}"
    with standard_output():
        if options.json:
            print(json.dumps(as_json(folders, configs, logs, pairs)))
        else:
            for line in as_lines(folders, configs, logs, pairs):
                print(line)
    if why:
        complain(why)
    return 0


def compared(folders: Sequence[RunFolder], configs: Sequence[TrainingConfig]) -> list[Pair]:
    """The first run with each other one, example by example. Raises UserError where that cannot be.

    That is where a model or a test set is not there, or the test sets are not the same.
    """
    models = [model_of(folder) for folder in folders]
    import torch

    from ..training.data.load import load_at_once

    tests = [load_at_once(config).test for config in configs]
    first = tests[0]
    for folder, test in zip(folders, tests, strict=True):
        same = test.inputs.shape == first.inputs.shape and torch.equal(test.labels, first.labels)
        if not (same and torch.equal(test.inputs, first.inputs)):
            raise UserError(f"{folders[0].name} and {folder.name} have other test examples.")
    right = [model.logits(first.inputs).argmax(1) == first.labels for model in models]
    pairs = []
    for folder, other in zip(folders[1:], right[1:], strict=True):
        alone = [(a & ~b).nonzero().flatten().tolist() for a, b in ((right[0], other), (other, right[0]))]
        names = folders[0].name, folder.name
        pairs.append(Pair(names, len(first), (alone[0], alone[1]), chance(len(alone[0]), len(alone[1]))))
    return pairs


def as_json(
    folders: Sequence[RunFolder], configs: Sequence[TrainingConfig], logs: Sequence[Results], pairs: Sequence[Pair]
) -> dict[str, Any]:
    """The comparison as JSON can hold it; a number that is not finite is null."""

    def finite(value: float) -> float | None:
        return value if math.isfinite(value) else None

    runs = [
        {
            "run": folder.name,
            "epochs": [
                {"epoch": epoch, **{name: finite(getattr(event, name)) for name in MEASURES}}
                for epoch, event in sorted(log.epochs.items())
            ],
            "errors": log.errors,
        }
        for folder, log in zip(folders, logs, strict=True)
    ]
    examples = [
        {"runs": pair.names, "examples": pair.examples, "first_alone": pair.alone[0], "second_alone": pair.alone[1]}
        | {"mcnemar": pair.chance}
        for pair in pairs
    ]
    return {"runs": runs, "settings": differing(configs), "examples": examples}


def as_lines(
    folders: Sequence[RunFolder], configs: Sequence[TrainingConfig], logs: Sequence[Results], pairs: Sequence[Pair]
) -> Iterator[str]:
    """The comparison for a person."""
    letters = [chr(ord("A") + place) if place < 26 else str(place) for place in range(len(folders))]
    for letter, folder in zip(letters, folders, strict=True):
        yield on_one_line(f"{letter}  {folder.name}")
    yield ""
    settings = {"settings": letters, **differing(configs)}
    if len(settings) > 1:
        yield from map(on_one_line, table([[name, *values] for name, values in settings.items()]))
    else:
        yield "Their settings are the same."
    yield ""
    yield from curves(letters, logs)
    yield ""
    for letter, log in zip(letters, logs, strict=True):
        if log.mistakes:
            yield f"{letter}: {log.errors:,} errors in the last test. {confused_words(log.mistakes.confusion)}"
        else:
            yield f"{letter}: no test yet."
    for pair in pairs:
        yield ""
        yield from in_words(pair, letters[0], letters[1 + pairs.index(pair)])


def curves(letters: Sequence[str], logs: Sequence[Results]) -> list[str]:
    """A row an epoch; of each run the losses and the accuracies of training and test."""
    rows = [["epoch"], [""]]
    for letter in letters:
        rows[0] += [f"{letter} loss", "", f"{letter} accuracy", ""]
        rows[1] += ["train", "test", "train", "test"]
    for epoch in sorted({epoch for log in logs for epoch in log.epochs}):
        row = [str(epoch)]
        for log in logs:
            event = log.epochs.get(epoch)
            row += ["-"] * 4 if event is None else [f"{event.train_loss:.4f}", f"{event.test_loss:.4f}"]
            row += [] if event is None else [f"{event.train_accuracy:.2%}", f"{event.test_accuracy:.2%}"]
        rows.append(row)
    return table(rows)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns as wide as they need."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def in_words(pair: Pair, first: str, second: str) -> Iterator[str]:
    """What a pair says, in sentences."""
    yield f"Of {pair.examples:,} test examples:"
    for one, other, alone in ((first, second, pair.alone[0]), (second, first, pair.alone[1])):
        named = ", ".join(map(str, alone[:NAMED])) + (", ..." if len(alone) > NAMED else "")
        yield f"  {len(alone):,} are read by {one} and not by {other}" + (f": numbers {named}" if alone else "")
    yield (
        f"Were both equally good, a difference this large or larger would come by chance in "
        f"{share(pair.chance)} of such tests (McNemar's exact test)."
    )


def share(value: float) -> str:
    """A probability as a percentage, without zeros behind which nothing comes."""
    return f"{value:.0%}" if value >= 0.1 else f"{value:.1%}" if value >= 0.001 else "less than 0.1%"
