"""Write the model of a run for other programs: .onnx, .safetensors or .pt2."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from ..errors import UserError, explained
from ..files import written_whole
from ..runs.folder import RunFolder
from ..streams import complain, standard_output
from . import OneRun, RunsDir, model_of, parse_options

ENDINGS = (".onnx", ".safetensors", ".pt2")


@dataclass(frozen=True)
class Options:
    """What to write, and where."""

    run: OneRun
    file: Positional[Annotated[Path, arg(help="The file to write; its ending names the format.")]]
    runs_dir: RunsDir = Path("runs")


def run(arguments: list[str]) -> int:
    """Writes the file, whole or not at all, and returns 1 where that failed."""
    options = parse_options(Options, "export", __doc__, arguments)
    file = options.file
    if file.suffix not in ENDINGS:
        raise UserError(f"{file} is of no format that can be written: let it end in {', '.join(ENDINGS)}.")
    folder = RunFolder.find(options.runs_dir, options.run)
    try:
        if not file.parent.is_dir() or (file.exists() and not file.is_file()):
            raise UserError(f"{file} cannot be written: name a file in a folder that exists.")
        trained = model_of(folder)
        from ..training.export import exported

        data = exported(trained, file.suffix)
        with explained(f"{file} cannot be written"), written_whole(file) as opened:
            opened.write(data)
    except UserError as error:
        complain(str(error))
        return 1
    with standard_output():
        print(f"{file}: {len(data):,} bytes, checked against the model of {folder.name}.")
    return 0
