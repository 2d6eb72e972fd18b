"""Train a run again, and say whether it is the same to the last bit, or where it begins to differ."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from tyro.conf import arg

from ..errors import UserError, place_in, said
from ..events import BatchFinished, EpochFinished, Event, RunStarted
from ..runs.folder import RunFolder
from ..runs.journal import journal, own_events
from ..runs.snapshots import Snapshots
from ..streams import complain, on_one_line, standard_output
from . import OneRun, RunsDir, parse_options, settings_of

if TYPE_CHECKING:
    from ..training.replay import Replay
    from ..training.state import TrainingState

KINDS = ("losses", "snapshots", "hashes", "files")
"""The kinds of records, in the order in which they are said."""

IN_A_ROW = 3
"""After so many records that differ, one behind the other, all others will differ too."""


@dataclass(frozen=True)
class Options:
    """Which run."""

    run: OneRun
    json: Annotated[bool, arg(help="What was found as one line of JSON.")] = False
    runs_dir: RunsDir = Path("runs")


class Record(NamedTuple):
    """Something that a run left behind, which training it again can be compared with."""

    step: int
    """After how many batches of the run it was."""
    kind: str
    what: str
    then: Callable[[], str]
    """What was recorded, as a text. Raises an Exception of any kind where that cannot be read."""
    now: Callable[["TrainingState"], str]
    """What must be the same of a state."""


@dataclass
class Found:
    """What came of training a run again; steps are batches of the run, counted over all epochs."""

    run: str
    batches: int
    """Batches in an epoch."""
    first: int
    """Where the run began."""
    sure: int
    """Until where all is the same."""
    last: int
    """How far it was trained again."""
    losses: int = 0
    """The last batch whose loss is the same: a few bits of the weights need not show there at once."""
    same: Counter[str] = field(default_factory=Counter)
    """How many records of each kind are the same."""
    other: list[Record] = field(default_factory=list)
    """The records that are not the same."""
    unreadable: list[str] = field(default_factory=list)
    surroundings: dict[str, tuple[str, str]] | None = None
    """What differs of what the bits depend on: then, and now. None where nobody knows what it was then."""

    @property
    def changed(self) -> list[str]:
        """Records that were changed or damaged, since a later one is the same."""
        return [record.what for record in self.other if record.step <= self.sure]

    @property
    def differs_by(self) -> Record | None:
        """The first record of the batches that differ, if there are any."""
        return next((record for record in self.other if record.step > self.sure), None)


def run(arguments: list[str]) -> int:
    """Prints what was found, and returns 0 where all is the same, else 1."""
    options = parse_options(Options, "verify", __doc__, arguments)
    folder = RunFolder.find(options.runs_dir, options.run)
    out = sys.stdout
    try:
        with standard_output(), redirect_stdout(sys.stderr):  # what the user's own model prints is no result
            found = verify(folder)
            for line in [json.dumps(as_json(found))] if options.json else sentences(found):
                print(on_one_line(line), file=out)
    except UserError as error:
        complain(str(error))
        return 1
    except Exception as error:  # a model or a data set of the user's own may do anything
        where = place_in(error)
        complain(f"Training {folder.name} again failed{where and f' at {where}'}: {said(error)}.")
        return 1
    return int(bool(found.other))


def verify(folder: RunFolder) -> Found:
    """Trains a run again from its beginning, or where it is a branch from its fork. Raises UserError."""
    from ..training import checkpoint
    from ..training.data.load import load_at_once
    from ..training.replay import Replay
    from ..training.state import TrainingState
    from ..training.surroundings import surroundings

    config, parent, events = settings_of(folder), folder.read_parent(), folder.read_events()
    first, own = parent.step if parent else 0, own_events(events)
    dataset = load_at_once(config, complain)
    live = TrainingState(config, dataset)
    snapshots = Snapshots(folder.path / "history", checkpoint.save, partial(checkpoint.load, device=live.device), 0)
    records = [*in_log(own, live.batches), *in_history(snapshots)]
    try:
        checkpoint.restore(folder.checkpoint, live)
        dataset = replace(dataset, normalise=live.normalise)
        records += in_files(folder, live, config.epochs)
    except UserError as error:
        complain(str(error))
    replay = Replay(config, dataset, Beginning(snapshots, first), list(journal(events)), first)
    found = Found(folder.name, live.batches, first, sure=first, last=first)
    compare([record for record in records if record.step > first], replay, found)
    if then := [event.surroundings for event in own if isinstance(event, RunStarted) and event.surroundings]:
        found.surroundings = differing(then, surroundings(replay.state, dataset, replay.how))
    return found


class Beginning:
    """Of a run's snapshots the one alone that a branch begins with."""

    def __init__(self, snapshots: Snapshots, first: int) -> None:
        self._snapshots, self._first = snapshots, first

    def before(self, step: int, above: int = -1) -> Iterator[tuple[int, dict[str, Any]]]:
        """As the snapshots have it."""
        if self._first and above < self._first <= step:
            yield from self._snapshots.before(self._first, self._first - 1)


# What there is to compare with


def in_log(events: Sequence[Event], batches: int) -> Iterator[Record]:
    """The hashes of the weights, and the mean losses, which tell of all batches of an epoch so far."""
    for event in events:
        if isinstance(event, EpochFinished) and event.weights_sha256:
            step, what = event.epoch * batches, f"the hash of epoch {event.epoch}"
            yield Record(step, "hashes", what, partial(str, event.weights_sha256), weights_of)
        elif isinstance(event, BatchFinished):
            step = (event.epoch - 1) * batches + event.batch
            # As texts, since nan is not equal to itself.
            yield Record(
                step, "losses", f"the loss of {place(step, batches)}", partial(str, event.running_loss), loss_of
            )


def in_history(snapshots: Snapshots) -> Iterator[Record]:
    """The snapshots."""
    from ..training.nested import unpack

    def then(step: int) -> str:
        ((_, saved),) = snapshots.before(step, above=step - 1)
        return learnt(unpack(saved))

    for step in snapshots.steps:
        yield Record(step, "snapshots", f"history/{step}.pt", partial(then, step), learnt_by)


def in_files(folder: RunFolder, live: "TrainingState", epochs: int) -> Iterator[Record]:
    """The checkpoint, which `live` was restored from, and the weights of a run that is complete."""
    from ..training import checkpoint
    from ..training.nested import digest

    yield Record(live.step, "files", "checkpoint.pt", partial(str, learnt_by(live)), learnt_by)
    if live.epoch >= epochs and folder.model.exists():
        step = (live.best["epoch"] if live.best else live.epoch) * live.batches
        yield Record(step, "files", "model.pt", lambda: digest(checkpoint.load(folder.model, live.device)), weights_of)


def loss_of(state: "TrainingState") -> str:
    """The mean loss of the epoch so far."""
    return str(state.totals.loss / max(1, state.totals.batches))


def weights_of(state: "TrainingState") -> str:
    """The digest of the weights."""
    from ..training.nested import digest

    return digest(state.model.state_dict())


def learnt_by(state: "TrainingState") -> str:
    """The digest of what the steps have made."""
    return learnt(state.state_dict())


def learnt(state: dict[str, Any]) -> str:
    """The digest of what the steps have made, in a state dict: the weights, and what the optimizer keeps."""
    from ..training.nested import digest

    return digest({"model": state["model"], "optimizer": state["optimizer"]["state"]})


# The comparison


def compare(records: Sequence[Record], replay: "Replay", found: Found) -> None:
    """Trains again, from one record to the next, until it is clear that all others differ too. Raises UserError."""
    if not records:
        raise UserError(f"The run {found.run} left nothing behind that training it again could be compared with.")
    in_a_row, end = 0, max(record.step for record in records)
    for record in sorted(records, key=lambda record: record.step):
        show_progress(f"{record.step:,} of {end:,} batches")
        replay.go(record.step)
        found.last = record.step
        try:
            same = record.then() == record.now(replay.state)
        except Exception:  # a file of anything may make torch's reader raise anything
            found.unreadable.append(record.what)
            continue
        if same:
            in_a_row = 0
            found.same[record.kind] += 1
            if record.kind == "losses":
                found.losses = record.step
            else:
                found.sure = record.step
        else:
            in_a_row += 1
            found.other.append(record)
            if in_a_row == IN_A_ROW:
                break
    show_progress("")


def show_progress(text: str) -> None:
    """Shows a text on standard error in place of the last one, where that is a terminal."""
    with suppress(OSError):
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def differing(then: Sequence[dict[str, str]], now: dict[str, str]) -> dict[str, tuple[str, str]]:
    """What is not now as it was each time the run was started, or resumed."""
    found = {}
    for name in {name: None for each in then for name in each} | (now if then else {}):
        values = list(dict.fromkeys(str(each.get(name, "none")) for each in then))
        if values != [now.get(name, "none")]:
            found[name] = ", then ".join(values), now.get(name, "none")
    return found


# What is said of it


def place(step: int, batches: int) -> str:
    """A batch in words."""
    return f"epoch {(step - 1) // batches + 1}, batch {(step - 1) % batches + 1}"


def sentences(found: Found) -> Iterator[str]:
    """What was found, for a person."""
    batches = f"{found.run}: {found.last - found.first:,} batches trained again"
    if found.first:
        batches += f", from its fork after {place(found.first, found.batches)}"
    by = found.differs_by
    if by is None:
        yield f"{batches}: identical to the last bit."
    else:
        yield f"{batches}: not the same."
        begin, end = place(found.sure + 1, found.batches), place(by.step, found.batches)
        which = begin if begin == end else f"one from {begin}, to {end}"
        yield f"The first batch that differs is {which}: before it all is the same, and {by.what} is not."
        if found.losses > found.sure:
            until = place(found.losses, found.batches)
            yield f"The losses are the same until {until}, where few bits may not show yet."
    same = [f"{kind} {found.same[kind]:,}" for kind in KINDS if found.same[kind]]
    yield f"Compared and the same: {', '.join(same) or 'nothing'}."
    for what in found.changed:
        yield f"{what} was changed or damaged: it is not what the run had then, and later records are."
    for what in found.unreadable:
        yield f"{what} cannot be read."
    if by is None:
        return
    if found.surroundings is None:
        yield "The log does not say with which versions, on which machine and on which data the run was trained."
    elif found.surroundings:
        yield "What the bits depend on was not the same:"
        for name, (then, now) in found.surroundings.items():
            yield f"  {name}: {then}; now {now}"
    else:
        yield "Nothing that the log says of versions, machine, data and source is different now."


def as_json(found: Found) -> dict[str, Any]:
    """What was found, for a program. Steps are batches of the run, counted over all epochs."""
    by = found.differs_by
    return {
        "run": found.run,
        "identical": not found.other,
        "batches_in_an_epoch": found.batches,
        "first_step": found.first,
        "last_step": found.last,
        "first_that_differs": None if by is None else [found.sure + 1, by.step],
        "same": dict(found.same),
        "changed": found.changed,
        "unreadable": found.unreadable,
        "surroundings": {name: {"then": then, "now": now} for name, (then, now) in (found.surroundings or {}).items()},
    }
