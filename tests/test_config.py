"""The settings and their checks."""

from pathlib import Path

import pytest

from mlp_tui.config import TrainingConfig
from mlp_tui.errors import UserError


def test_the_defaults_are_the_notebooks() -> None:
    config = TrainingConfig()
    assert (config.epochs, config.batch_size, config.test_batch_size) == (5, 64, 1000)
    assert (config.learning_rate, config.hidden_sizes) == (0.01, (100,))


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("epochs", 0, "--epochs must be at least 1, not 0."),
        ("batch_size", -3, "--batch-size must be at least 1, not -3."),
        ("learning_rate", 0.0, "--learning-rate must be more than 0, not 0.0."),
        ("learning_rate", float("nan"), "--learning-rate must be a finite number, not nan."),
        ("learning_rate", float("inf"), "--learning-rate must be a finite number, not inf."),
        ("seed", 2**64, f"--seed must be at most 9,223,372,036,854,775,807, not {2**64}."),
        ("threads", -1, "--threads must be at least 0, not -1."),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_the_options_name(setting: str, value: float, complaint: str) -> None:
    with pytest.raises(UserError) as error:
        TrainingConfig(**{setting: value})  # type: ignore[arg-type]
    assert str(error.value) == complaint


def test_the_environment_names_the_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLP_TUI_DATA_DIR", "/somewhere/else")
    assert TrainingConfig().data_dir == Path("/somewhere/else")
    monkeypatch.setenv("MLP_TUI_DATA_DIR", "")
    assert TrainingConfig().data_dir.name == "mlp-tui"
