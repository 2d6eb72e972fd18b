"""The settings of a branch, a run that goes on from a moment of another one, as a form."""

from collections.abc import Mapping

from ...config import TrainingConfig
from ..pictures.glyphs import UNICODE, Glyphs
from .settings import SETTINGS, SettingsScreen

CHANGEABLE = {
    "epochs",
    "batch_size",
    "learning_rate",
    "schedule",
    "dropout",
    "augment",
    "optimizer",
    "momentum",
    "weight_decay",
    "label_smoothing",
    "tripwire",
}
"""The settings that a branch may have otherwise than its parent: the rest would make another network, or other data."""


class BranchScreen(SettingsScreen):
    """Asks for the settings of a branch, from those of the moment: `epochs` are done then, and `batch` of the next."""

    settings = [setting for setting in SETTINGS if setting.name in CHANGEABLE]
    enter_does = "Enter begins it"

    def __init__(self, config: TrainingConfig, epochs: int, batch: int, glyphs: Glyphs = UNICODE) -> None:
        self._epochs = epochs
        place = f"epoch {epochs + 1}, batch {batch}" if batch else f"the end of epoch {epochs}"
        self.heading = f"A branch from {place if epochs or batch else 'the start'}"
        super().__init__(config, glyphs)

    def fill_in(self, texts: Mapping[str, str]) -> tuple[TrainingConfig, dict[str, str]]:
        config, complaints = super().fill_in(texts)
        if config.epochs <= self._epochs:
            complaints.setdefault("epochs", f"--epochs must be more than the {self._epochs} that are done then.")
        return config, complaints
