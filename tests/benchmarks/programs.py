"""The programs that are measured, each to be run in a process of its own."""

HEADLESS = """
import json, sys, threading
from mlp_tui.config import TrainingConfig
from mlp_tui.events import EpochFinished
from mlp_tui.session import Session
events = Session(TrainingConfig(dataset="mnist", epochs=20)).events(threading.Event())
json.dump([event.train_seconds for event in events if isinstance(event, EpochFinished)], open(sys.argv[1], "w"))
"""

DASHBOARD = """
import json, sys
from mlp_tui.config import TrainingConfig
from mlp_tui.session import Session
from mlp_tui.tui.app import TrainingApp
class Measured(TrainingApp):
    def on_mount(self):
        self.control.start()
        self.set_timer(0.1, lambda: self.action_open_tab(sys.argv[2]))
        self.set_interval(0.5, lambda: self.control.state.finished and self.exit())
app = Measured(Session(TrainingConfig(dataset="mnist", epochs=20)))
app.run()
json.dump([row.train_seconds for row in app.control.state.rows], open(sys.argv[1], "w"))
"""
"""Twenty epochs with the tab open that the second argument names."""

PACED = """
import json, sys, time
from mlp_tui.config import TrainingConfig
from mlp_tui.events import StepTaken
from mlp_tui.session import Session
from mlp_tui.tui.app import TrainingApp
BATCHES = 300
class Measured(TrainingApp):
    times = []
    def on_mount(self):
        self.control.start()
        self.set_timer(0.1, lambda: self.action_open_tab(sys.argv[2]))
    def on_emitted(self, message):
        if any(isinstance(event, StepTaken) for event in message.events):
            self.times.append(time.thread_time())
        super().on_emitted(message)
        if len(self.times) > BATCHES:
            self.exit()
app = Measured(Session(TrainingConfig(dataset="mnist", epochs=5)), pace=30)
app.run()
json.dump((app.times[-1] - app.times[BATCHES // 3]) / (len(app.times) - 1 - BATCHES // 3), open(sys.argv[1], "w"))
"""
"""The processor's seconds that the screen takes for each batch at 30 a second, the tab open that is named."""

NOTEBOOK = """
import torch, torchvision
from torch import nn, optim
from torch.utils.data import DataLoader
from mlp_tui.config import default_data_dir
from tests.benchmarks.notebook import notebook_epoch
notebook_epoch(default_data_dir())()
"""

HISTORY = """
import json, sys, time
from mlp_tui.config import TrainingConfig
from mlp_tui.events import RunFinished
from mlp_tui.session import Session
from mlp_tui.tui.app import TrainingApp
from tests import made_up
EPOCHS, BATCHES, AT_ONCE = 200, 5_000, 100

def memory():
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmRSS"))

class Endless(Session):
    def events(self, stop):
        yield from made_up.opening(EPOCHS)
        for epoch in range(1, EPOCHS + 1):
            for batch in range(AT_ONCE, BATCHES + 1, AT_ONCE):
                yield made_up.batch(epoch, batch, BATCHES, 0.3, (0.3,) * AT_ONCE)
            yield made_up.predictions(2)
            yield from made_up.mistakes(1)
            yield made_up.result(epoch, EPOCHS)
        yield RunFinished("completed", EPOCHS, 0.1, 0.9, 1.0)

class Measured(TrainingApp):
    figures = []
    def on_mount(self):
        self.control.start()
        self.set_interval(0.05, self.look)
    def look(self):
        if self.control.state.rows and not self.figures:
            self.measure()
        if self.control.state.finished:
            self.measure()
            self.exit()
    def measure(self):
        costs = []
        for _ in range(20):
            started = time.thread_time()
            self.draw()
            self.screen._compositor.render_update(full=True)
            costs.append(time.thread_time() - started)
        self.figures += [memory(), sorted(costs)[10]]

app = Measured(Endless(TrainingConfig()))
app.run()
json.dump(app.figures, open(sys.argv[1], "w"))
"""
"""A million batches: the memory in MB and the seconds a drawing, after the first epoch and at the end."""
