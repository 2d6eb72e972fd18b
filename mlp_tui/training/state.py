
from .checkpoint import TrainingState as _T


class TrainingState(_T):
    notice = ""
    def weights_are_finite(self): return all(bool(p.isfinite().all()) for p in self.model.parameters())
    def largest_weight(self): return max(float(p.abs().max()) for p in self.model.parameters())
