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


PAPER_SPANS = [(0, 6), (7, 13), (14, 25)]
