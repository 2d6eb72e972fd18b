"""Put runs side by side: settings, epochs, errors, and the examples that one reads and the other does not."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from ..config import TrainingConfig
from ..errors import UserError
from ..events import EpochFinished
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
class Compared:
    """A run, and the letter that stands for it."""

    letter: str
    folder: RunFolder
    config: TrainingConfig
    log: Results


@dataclass(frozen=True)
class Pair:
    """The test examples, by their numbers, that one of two runs alone reads; `mcnemar` says how likely by chance."""

    runs: tuple[str, str]
    examples: int
    first_alone: list[int]
    second_alone: list[int]
    mcnemar: float


def run(arguments: list[str]) -> int:
    """Prints the comparison. Runs whose models cannot be asked are compared without, which is said."""
    options = parse_options(Options, "compare", __doc__, arguments)
    if len(options.runs) < 2:
        raise UserError("Name two runs or more to compare.")
    runs = []
    for place, name in enumerate(options.runs):
        folder = RunFolder.find(options.runs_dir, name)
        letter = chr(ord("A") + place) if place < 26 else str(place)
        runs.append(Compared(letter, folder, settings_of(folder), results(folder)))
    pairs: list[Pair] = []
    why = ""
    try:
        pairs = compared(runs)
    except UserError as error:
        why = f"The runs are not compared example by example: {error}"
    with standard_output():
        for line in [json.dumps(as_json(runs, pairs))] if options.json else as_lines(runs, pairs):
            print(line)
    if why:
        complain(why)
    return 0


def compared(runs: Sequence[Compared]) -> list[Pair]:
    """The first run with each other one, example by example. Raises UserError where that cannot be.

    That is where a model or a test set is not there, or the test sets are not the same.
    """
    models = [model_of(run.folder) for run in runs]
    import torch

    from ..training.data.load import load_at_once

    tests = [load_at_once(run.config).test for run in runs]
    first = tests[0]
    for run, test in zip(runs, tests, strict=True):
        same = test.inputs.shape == first.inputs.shape and torch.equal(test.labels, first.labels)
        if not (same and torch.equal(test.inputs, first.inputs)):
            raise UserError(f"{runs[0].folder.name} and {run.folder.name} have other test examples.")
    right = [model.logits(first.inputs).argmax(1) == first.labels for model in models]
    pairs = []
    for run, other in zip(runs[1:], right[1:], strict=True):
        a, b = ((one & ~two).nonzero().flatten().tolist() for one, two in ((right[0], other), (other, right[0])))
        pairs.append(Pair((runs[0].folder.name, run.folder.name), len(first), a, b, chance(len(a), len(b))))
    return pairs


def as_json(runs: Sequence[Compared], pairs: Sequence[Pair]) -> dict[str, Any]:
    """The comparison as JSON can hold it; a number that is not finite is null."""

    def measures(event: EpochFinished) -> dict[str, float | None]:
        values = {name: getattr(event, name) for name in MEASURES}
        return {name: value if math.isfinite(value) else None for name, value in values.items()}

    return {
        "runs": [
            {
                "run": run.folder.name,
                "epochs": [{"epoch": epoch, **measures(event)} for epoch, event in sorted(run.log.epochs.items())],
                "errors": run.log.errors,
            }
            for run in runs
        ],
        "settings": differing([run.config for run in runs]),
        "examples": [asdict(pair) for pair in pairs],
    }


def as_lines(runs: Sequence[Compared], pairs: Sequence[Pair]) -> Iterator[str]:
    """The comparison for a person."""
    for run in runs:
        yield on_one_line(f"{run.letter}  {run.folder.name}")
    yield ""
    settings = differing([run.config for run in runs])
    if settings:
        rows = {"settings": [run.letter for run in runs], **settings}
        yield from map(on_one_line, table([[name, *values] for name, values in rows.items()]))
    else:
        yield "Their settings are the same."
    yield ""
    yield from curves(runs)
    yield ""
    for run in runs:
        if run.log.mistakes:
            words = confused_words(run.log.mistakes.confusion)
            yield f"{run.letter}: {run.log.errors:,} errors in the last test. {words}"
        else:
            yield f"{run.letter}: no test yet."
    for run, pair in zip(runs[1:], pairs, strict=False):  # no pairs where the models cannot be asked
        yield ""
        yield from in_words(pair, runs[0].letter, run.letter)


def curves(runs: Sequence[Compared]) -> list[str]:
    """A row an epoch; of each run the losses and the accuracies of training and test."""
    rows = [["epoch"], [""]]
    for run in runs:
        rows[0] += [f"{run.letter} loss", "", f"{run.letter} accuracy", ""]
        rows[1] += ["train", "test", "train", "test"]
    for epoch in sorted({epoch for run in runs for epoch in run.log.epochs}):
        row = [str(epoch)]
        for run in runs:
            event = run.log.epochs.get(epoch)
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
    for one, other, alone in ((first, second, pair.first_alone), (second, first, pair.second_alone)):
        named = ", ".join(map(str, alone[:NAMED])) + (", ..." if len(alone) > NAMED else "")
        yield f"  {len(alone):,} are read by {one} and not by {other}" + (f": numbers {named}" if alone else "")
    yield (
        f"Were both equally good, a difference this large or larger would come by chance in "
        f"{share(pair.mcnemar)} of such tests (McNemar's exact test)."
    )


def share(value: float) -> str:
    """A probability as a percentage, without zeros behind which nothing comes."""
    return f"{value:.0%}" if value >= 0.1 else f"{value:.1%}" if value >= 0.001 else "less than 0.1%"
