"""One run from start to end, as both front ends drive it: the one door to `training/`."""

import logging
import math
import threading
from collections.abc import Generator
from datetime import datetime
from typing import TYPE_CHECKING

from .config import TrainingConfig
from .errors import UserError
from .events import BatchFinished, EpochFinished, Event, Preparing, Reason, RunFinished

if TYPE_CHECKING:
    from .training.datasets import Dataset

log = logging.getLogger(__name__)


class Session:
    """Runs the settings as often as `events` is called, from the same initial weights each time."""

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self._dataset: Dataset | None = None

    def events(self, stop: threading.Event) -> Generator[Event, None, None]:
        """A run's events; the last one is always a RunFinished, and no exception comes out.

        Once `stop` is set, by any thread or a signal handler, the run ends at its next event.
        """
        reason: Reason = "completed"
        message = ""
        epoch: EpochFinished | None = None
        done_seconds = seconds = 0.0
        events = self._train()
        try:
            for event in events:
                if isinstance(event, EpochFinished):
                    epoch = event
                    seconds = done_seconds = done_seconds + event.train_seconds + event.test_seconds
                elif isinstance(event, BatchFinished):
                    seconds = done_seconds + event.seconds
                yield event
                if stop.is_set():
                    reason = "stopped"
                    break
                if isinstance(event, BatchFinished) and not math.isfinite(event.loss):
                    reason = "diverged"
                    message = (
                        f"The loss became {event.loss} in epoch {event.epoch}, batch {event.batch}, at learning rate "
                        f"{self.config.learning_rate:g}: try a smaller --learning-rate."
                    )
                    break
        except UserError as error:
            reason, message = "failed", str(error)
        except Exception as error:
            log.exception("The training failed")
            reason, message = "failed", f"The training failed: {type(error).__name__}: {error}"
        finally:
            events.close()
        yield RunFinished(
            reason=reason,
            epochs=epoch.epoch if epoch else 0,
            test_loss=epoch.test_loss if epoch else None,
            test_accuracy=epoch.test_accuracy if epoch else None,
            seconds=seconds,
            message=message,
        )

    def _train(self) -> Generator[Event, None, None]:
        yield Preparing("Loading PyTorch")
        try:
            import torch  # noqa: F401
        except (ImportError, OSError) as error:
            raise UserError(
                f"PyTorch cannot be imported ({error}): install it with pip install torch torchvision."
            ) from error
        from .training.datasets import load_dataset
        from .training.fit import fit

        if self._dataset is None:
            self._dataset = yield from load_dataset(self.config.dataset, self.config.data_dir)
        run = f"{self._dataset.name}-{datetime.now():%Y%m%d-%H%M%S}"
        yield from fit(self.config, self._dataset, run)
