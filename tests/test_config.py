"""The settings and their checks."""

from pathlib import Path

import pytest

from mlp_tui.commands.train import Options, choose_source, parse
from mlp_tui.config import RECIPES, TrainingConfig, as_options
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


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_stands_for_its_settings(name: str) -> None:
    assert parse(["--recipe", name]).config == TrainingConfig(**RECIPES[name])
    assert parse(as_options(RECIPES[name]).split()).config == TrainingConfig(**RECIPES[name])
    assert parse(["--recipe", name, "--no-ui"]).no_ui


def test_the_notebooks_recipe_is_the_default_and_changes_nothing() -> None:
    assert parse([]) == parse(["--recipe", "notebook"]) == Options(TrainingConfig())


def test_any_option_overrides_a_recipe_on_either_side_of_it() -> None:
    for arguments in (["--recipe", "accurate", "--epochs", "5"], ["--epochs", "5", "--recipe", "accurate"]):
        config = parse(arguments).config
        assert (config.epochs, config.hidden_sizes, config.augment) == (5, (800, 800), "elastic")


def test_the_help_says_what_each_recipe_stands_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert f"quick: {as_options(RECIPES['quick'])}; accurate: {as_options(RECIPES['accurate'])}." in said


@pytest.mark.parametrize("way", ["--resume", "--watch", "--replay"])
def test_a_run_that_is_there_takes_no_recipe(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_tui.commands.train.has_terminal", lambda: True)
    arguments = ["--recipe", "quick", way, "latest"]
    with pytest.raises(UserError) as error:
        choose_source(parse(arguments), arguments)
    assert str(error.value) == "--recipe is for a new run: one that is there keeps its own settings."
