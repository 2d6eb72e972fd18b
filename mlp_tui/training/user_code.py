"""Files of Python of the user's own: read, and run."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from ..errors import blamed, explained, place
from ..files import read_small


def run_file(file: Path, name: str, wanted: str) -> tuple[ModuleType, str]:
    """The module that a file makes, run anew under that name, and the file's text.

    Raises UserError where it cannot be read, which says what is `wanted`, or with the line that fails.
    """
    shown = place(str(file), None)
    with explained(f"{shown} cannot be read", wanted, (OSError, ValueError)):
        text = read_small(file)
    with blamed("loading it", shown):
        source = importlib.util.decode_source(text)
        code = compile(source, file, "exec", dont_inherit=True)
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # as pickle and dataclasses need it
        exec(code, vars(module))
    return module, source
