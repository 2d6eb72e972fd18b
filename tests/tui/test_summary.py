"""What is said of a run at its end."""

from dataclasses import replace

from mlp_tui.tui.summary import best_of

from ..made_up import result


def test_the_best_epoch_says_which_examples_chose_it() -> None:
    epoch = replace(result(1), test_accuracy=0.95)
    assert best_of(epoch) == "best 95.00%"
    assert best_of(replace(epoch, split="validation")) == "best validation 95.00%"
