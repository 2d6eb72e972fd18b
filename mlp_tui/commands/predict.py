"""Ask the model of a run what it makes of pictures, or of a table's rows."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from ..errors import UserError
from ..headless.characters import can_show_blocks, in_quadrants, in_ramp
from ..runs.folder import RunFolder
from ..streams import complain, on_one_line, standard_output
from . import OneRun, RunsDir, model_of, parse_options

if TYPE_CHECKING:
    from torch import Tensor

    from ..training.trained import Trained

WIDTH, HEIGHT = 28, 14
"""The characters in which `--show` draws."""


@dataclass(frozen=True)
class Options:
    """What to ask, and which run."""

    run: OneRun
    files: Positional[
        Annotated[
            tuple[str, ...],
            arg(help="Pictures, folders of them, a .csv, an .npz; -: a picture, or CSV, from standard input."),
        ]
    ]
    json: Annotated[bool, arg(help="An example a line as JSON, with the probability of each class.")] = False
    show: Annotated[bool, arg(help="Draw each picture as the model saw it.")] = False
    ascii: Annotated[bool, arg(help="Draw with ASCII characters alone.")] = False
    runs_dir: RunsDir = Path("runs")


def run(arguments: list[str]) -> int:
    """Prints an answer for each example, and returns 1 where a file could not be read, or there is no model."""
    options = parse_options(Options, "predict", __doc__, arguments)
    if not options.files:
        raise UserError("Name the pictures to predict, a folder of them, a .csv or an .npz, or - for standard input.")
    folder = RunFolder.find(options.runs_dir, options.run)
    failed = False
    try:
        trained = model_of(folder)
    except UserError as error:
        complain(str(error))
        return 1
    from ..training.data.inputs import files_of, read_inputs

    with standard_output():
        for name in options.files:
            try:
                files = files_of(name)
            except UserError as error:
                complain(str(error))
                files, failed = [], True
            for file in files:
                try:
                    for names, inputs in read_inputs(file, trained):
                        for line in answers(options, trained, names, inputs):
                            print(line)
                except UserError as error:
                    complain(str(error))
                    failed = True
    return int(failed)


def answers(options: Options, trained: "Trained", names: list[str], inputs: "Tensor") -> Iterator[str]:
    """The lines about some examples. Raises UserError where the model fails."""
    from ..training.data.photo import in_gray

    for name, raw, shares in zip(names, inputs, trained.logits(inputs).softmax(1).tolist(), strict=True):
        best = max(range(len(shares)), key=shares.__getitem__)
        if options.json:
            by_class = dict(zip(trained.classes, shares, strict=True))
            answer = {"name": name, "class": trained.classes[best], "probability": shares[best]}
            yield json.dumps({**answer, "probabilities": by_class})
            continue
        yield on_one_line(f"{name}  {trained.classes[best]}  {shares[best]:.1%}")
        if options.show and trained.pictures:
            blocks = not options.ascii and can_show_blocks(sys.stdout.encoding)
            yield from (in_quadrants if blocks else in_ramp)(in_gray(raw), WIDTH, HEIGHT)
