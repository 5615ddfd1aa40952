"""Runs the Python detector over val/ or rendered clips and counts what it finds."""
import numpy as np
import torch

from . import evaluate, merge, sources
from .parallel import spread
from .pyramid import Picture

STATE = {}


def pictures(data, share=1.0, seed=5):
    """[(group, path, truth)]: street, general, free."""
    val = f"{data}/val"
    out = [("street" if p.name.startswith("pennfudan") else "general", p, b) for p, b in sources.annotated(val)]
    out += [("free", p, []) for p in sources.person_free(val)]
    rng = np.random.default_rng(seed)
    return [o for o in out if rng.random() < share]


def one(job):
    index, path, truth = job
    torch.set_num_threads(1)
    pic = Picture(sources.load(path), 1.0)
    det = STATE["det"]
    return index, det.survivors(pic, STATE["threshold"])


def run(chosen, detector, threshold=-3.0, processes=2):
    """chosen: from pictures(); detector: a function that makes it. [(group, file name, truth, survivors)]"""
    torch.set_num_threads(1)
    STATE["det"], STATE["threshold"] = detector(), threshold
    out = []
    for index, s in spread(one, [(i, p, b) for i, (g, p, b) in enumerate(chosen)], processes):
        g, p, b = chosen[index]
        out.append((g, p.name, b, s))
    return out


def matched(results, geometry, overlap=0.5, measure="iou", candidate=-6.0):
    """Per picture: (group, name, matches, persons)."""
    out = []
    for g, n, b, s in results:
        m, persons, _ = evaluate.match(b, merge.boxes(s, geometry, overlap, measure, candidate=candidate))
        out.append((g, n, m, persons))
    return out


def figures(rows):
    """Miss rates and box quality from matched()'s rows."""
    out = {}
    for name, groups in (("street", ["street"]), ("annotated", ["street", "general"]), ("all", ["street", "general", "free"]),
                         ("general", ["general"])):
        p = [(m, n) for g, _, m, n in rows if g in groups]
        if p:
            out[name] = {"0.1": round(evaluate.miss_at(p, 0.1), 3), "0.01": round(evaluate.miss_at(p, 0.01), 3),
                         "iou": round(evaluate.mean_iou(p, evaluate.threshold_at(p, 0.1)), 3), "pictures": len(p)}
    return out
