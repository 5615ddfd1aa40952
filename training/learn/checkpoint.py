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


def start(work, name, wins):
    """{"spec", "ema"} to train on from: a checkpoint's name, or FOLDER/NET.onnx of a model folder.

    wins (u8 windows, half of them persons) are what batch norm's statistics of a file are measured on.
    """
    if not name.endswith(".onnx"):
        return torch.load(Path(work) / f"{name}.pt", weights_only=False, map_location="cpu")
    import yaml
    from . import modelfolder
    path = Path(name)
    entry = next(n for n in yaml.safe_load((path.parent / "model.yaml").read_text())["nets"] if n["file"] == path.name)
    layers, _ = modelfolder.read_onnx(path)
    spec = modelfolder.spec_of(layers, entry)
    x = torch.from_numpy(wins).permute(0, 3, 1, 2).float() / 256.0
    return {"spec": spec, "ema": nets.unfold(layers, spec, x).state_dict()}


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
