"""The steps of the loop on a CUDA GPU as one launch of many: what a step is made of, recorded once and replayed."""

import logging
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn, optim

from ..data.datasets import Batches, ShuffledBatches
from ..loops import Stepped, take_steps
from ..optimizer import Adam

GROUP = 10
"""Batches in one launch."""

log = logging.getLogger(__name__)

Record = Callable[[Callable[[], Stepped], Callable[[], None]], tuple[Callable[[], None], Stepped]]


def record_on_cuda(work: Callable[[], Stepped], restore: Callable[[], None]) -> tuple[Callable[[], None], Stepped]:
    """Records what `work` launches. Returns what launches it again, and where its results lie each time.

    `restore` undoes what `work` did when it was run to warm up, as recording asks for
    (https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs).
    """
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            work()
            restore()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = work()
    return graph.replay, results


class GraphedSteps:
    """`loops.take_steps`, recorded: the gather of the images, the steps and Adam of `GROUP` batches in one launch.

    Batches that do not fill a launch, and the last one of an epoch, which may be smaller, are trained on as they
    are. Where a GPU or its driver cannot record, all of them are.
    """

    def __init__(self, record: Record = record_on_cuda) -> None:
        self._record = record
        self._replay: Callable[[], None] | None = None
        self._results: Stepped | None = None
        self._rows = self._rates = torch.empty(0)
        self._fails = False

    def __call__(
        self,
        model: nn.Module,
        batches: Iterator[tuple[Tensor, Tensor]],
        count: int,
        loss_fn: nn.Module,
        optimizer: optim.Optimizer,
    ) -> Stepped:
        assert isinstance(batches, ShuffledBatches) and isinstance(optimizer, Adam)
        done: list[Stepped] = []
        while count >= GROUP and batches.whole >= GROUP and not self._fails:
            if self._replay is None:
                try:
                    self._prepare(model, batches.loader, loss_fn, optimizer)
                except RuntimeError as error:
                    log.warning("CUDA graphs cannot be used here (%s): the training goes on without.", error)
                    self._fails = True
                    break
            assert self._replay and self._results
            self._rows.copy_(batches.take_rows(GROUP))
            rates = [optimizer.rate_at(optimizer.steps + i) for i in range(GROUP)]
            self._rates.copy_(torch.tensor(rates), non_blocking=True)
            self._replay()
            optimizer.steps += GROUP
            # The next launch writes its own results over these.
            done.append(Stepped(self._results.losses.clone(), self._results.correct.clone(), self._results.images))
            count -= GROUP
        if count:
            done.append(take_steps(model, batches, count, loss_fn, optimizer))
        losses, correct, images = zip(*done, strict=True)
        return Stepped(torch.cat(losses), torch.stack(correct).sum(), sum(images))

    def _prepare(self, model: nn.Module, loader: Batches, loss_fn: nn.Module, optimizer: Adam) -> None:
        """Records the steps of a group; model and optimizer are afterwards as before."""
        device = loader.digits.images.device
        self._rows = torch.zeros(GROUP, loader.batch_size, dtype=torch.int64, device=device)
        self._rates = torch.zeros(GROUP, device=device)
        state = [*model.parameters(), *(value for each in optimizer.state.values() for value in each.values())]
        before, steps = [value.detach().clone() for value in state], optimizer.steps

        def work() -> Stepped:
            batches = (loader.fetch(rows) for rows in self._rows.unbind())
            optimizer.given_rates = iter(self._rates.unbind())
            try:
                return take_steps(model, batches, GROUP, loss_fn, optimizer)
            finally:
                optimizer.given_rates = None

        @torch.no_grad()
        def restore() -> None:
            for value, old in zip(state, before, strict=True):
                value.copy_(old)
            optimizer.steps = steps

        try:
            self._replay, self._results = self._record(work, restore)
        finally:
            restore()
