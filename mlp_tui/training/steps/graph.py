"""The steps of the loop on a CUDA GPU as one launch of many: what a step is made of, recorded once and replayed."""

import logging
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ..data.batches import Batches, ShuffledBatches
from ..loops import Stepped, take_steps
from ..optimizer import Adam

GROUP = 10
"""Batches in one launch."""

log = logging.getLogger(__name__)

Record = Callable[[Callable[[], list[Tensor]], Callable[[], None]], tuple[Callable[[], None], list[Tensor]]]


def record_on_cuda(
    work: Callable[[], list[Tensor]], restore: Callable[[], None]
) -> tuple[Callable[[], None], list[Tensor]]:
    """Records what `work` launches. Returns what launches it again, and where its results lie each time.

    `restore` undoes what `work` did when it was run to warm up, as recording asks for
    (https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs). Raises RuntimeError where a GPU or its driver
    cannot record.
    """
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            work()
            restore()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=aside):
        results = work()
    return graph.replay, results


class GraphedSteps:
    """`loops.take_steps` for this model, loss and optimizer, `GROUP` batches in one launch.

    A launch is the gather of the images, the steps and Adam. It always begins at the same batches of an epoch
    (the second, from where the notebook's lines are counted, and each `GROUP` after it), however many batches are
    asked for at once. The others are trained on as they are, by the same kernels from the same numbers; where a
    GPU or its driver cannot record, and where the batches are not a `Batches`' shuffled ones, all of them are.
    """

    group = GROUP
    name = "CUDA graph"

    def __init__(self, model: nn.Module, loss_fn: nn.Module, optimizer: Adam, record: Record = record_on_cuda) -> None:
        self._model, self._loss_fn, self._optimizer = model, loss_fn, optimizer
        self._record = record
        self._loader: Batches | None = None
        """Whose batches the recorded steps gather."""
        self._replay: Callable[[], None] | None = None
        self._results: list[Tensor] = []
        """Where each launch leaves the losses, how many images were read right, and the last batch's gradients."""
        self._rows = self._rates = torch.empty(0)

    def __call__(self, batches: Iterator[tuple[Tensor, Tensor]], count: int) -> Stepped:
        done: list[Stepped] = []
        while count:
            if isinstance(batches, ShuffledBatches) and (groups := self._groups(batches, count)):
                done += self._replayed(batches, groups)
                count -= groups * GROUP
            else:
                done.append(take_steps(self._model, batches, 1, self._loss_fn, self._optimizer))
                count -= 1
        losses, correct, images = zip(*done, strict=True)
        return Stepped(torch.cat(losses), torch.stack(correct).sum(), sum(images))

    def _groups(self, batches: ShuffledBatches, count: int) -> int:
        """How many groups there are to replay from here on, of the next `count` batches."""
        if batches.place % GROUP != 1 or not (groups := min(count, batches.whole) // GROUP):
            return 0
        if batches.loader is not self._loader:
            self._prepare(batches.loader)
        return groups if self._replay else 0

    def _replayed(self, batches: ShuffledBatches, groups: int) -> Iterator[Stepped]:
        assert self._replay
        # One copy to the device for all groups; from there the device copies for itself, in the order of its work.
        rates = torch.tensor(self._optimizer.advance(groups * GROUP), dtype=torch.float32).to(self._rates.device)
        losses, correct, *gradients = self._results
        for each in rates.view(groups, GROUP):
            self._rates.copy_(each)
            self._rows.copy_(batches.take_rows(GROUP))
            self._replay()
            # The next launch writes its own results over these.
            yield Stepped(losses.clone(), correct.clone(), self._rows.numel())
        # Those of the last batch; one that was trained on by itself has put its own there.
        for parameter, gradient in zip(self._model.parameters(), gradients, strict=True):
            parameter.grad = gradient

    def _prepare(self, loader: Batches) -> None:
        """Records the steps of a group; model and optimizer are afterwards as before."""
        model, optimizer, device = self._model, self._optimizer, loader.examples.inputs.device
        self._loader, self._replay = loader, None
        self._rows = torch.zeros(GROUP, loader.batch_size, dtype=torch.int64, device=device)
        self._rates = torch.zeros(GROUP, device=device)
        state = [*model.parameters(), *(value for each in optimizer.state.values() for value in each.values())]
        before = [value.detach().clone() for value in state]

        def work() -> list[Tensor]:
            optimizer.given_rates = iter(self._rates.unbind())
            try:
                batches = (loader.as_taken(loader.pick(rows)) for rows in self._rows.unbind())
                losses, correct, _ = take_steps(model, batches, GROUP, self._loss_fn, optimizer)
            finally:
                optimizer.given_rates = None
            return [losses, correct, *(p.grad for p in model.parameters() if p.grad is not None)]

        @torch.no_grad()
        def restore() -> None:
            for value, old in zip(state, before, strict=True):
                value.copy_(old)

        try:
            self._replay, self._results = self._record(work, restore)
        except RuntimeError as error:
            log.warning("CUDA graphs cannot be used here (%s): the steps are taken one by one.", error)
        finally:
            restore()
