"""Checkpoints and model folders -> detectors."""
from pathlib import Path

import torch

from . import nets, pyramid
from .detector import Detector


def load_net(path, half=True):
    """(folded net, topology) of a checkpoint written by train or prune."""
    state = torch.load(path, weights_only=False, map_location="cpu")
    net = nets.WindowNet(state["spec"])
    net.load_state_dict(state["ema"])
    return nets.PlainNet(nets.fold(net), half), state["spec"]


def detector(work, names, spans, levels=None, calibration=None, bf16=True):
    """names: one checkpoint per span of levels [(first, last)]."""
    out = []
    for i, (name, span) in enumerate(zip(names, spans)):
        net, spec = load_net(Path(work) / f"{name}.pt")
        a, b = calibration[i] if calibration else (1.0, 0.0)
        out.append({"net": net, "levels": span, "spec": spec, "a": a, "b": b})
    return Detector(out, levels or pyramid.Levels(), bf16)


def from_names(work, names):
    """(function that makes the detector, rules of the merge) for checkpoints."""
    spans = PAPER_SPANS if len(names) == 3 else [(0, pyramid.Levels().count - 1)]
    return lambda: detector(work, names, spans), {"overlap": 0.7, "overlap_measure": "min", "candidate_threshold": -3.0}


def from_folder(folder):
    """The same for a model folder, exactly as the C program reads it."""
    import yaml
    from . import modelfolder
    rules = yaml.safe_load((Path(folder) / "model.yaml").read_text())
    lv = rules["levels"]
    levels = pyramid.Levels(lv["first_person_px"], lv["per_octave"], lv["count"], rules["pad_below"])

    def make():
        out = []
        for n in rules["nets"]:
            net, layers, _ = modelfolder.plain(Path(folder) / n["file"])
            out.append({"net": net, "levels": tuple(n["levels"]), "spec": modelfolder.spec_of(layers, n)})
        return Detector(out, levels)
    return make, rules


PAPER_SPANS = [(0, 6), (7, 13), (14, 25)]
