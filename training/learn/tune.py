"""Calibration of the nets against each other: what is learnt from val/."""
import numpy as np

from . import evaluate


def platt(scores, hits, strength=4.0):
    """a, b so that a * score + b is the log odds of being right (Platt), drawn towards a=1, b=0.

    The pull matters for a net with few persons on val/. Newton steps on the penalised log loss.
    """
    s, y = np.asarray(scores, float), np.asarray(hits, float)
    if not len(s):
        return 1.0, 0.0
    p, prior, pull = np.array([1.0, 0.0]), np.array([1.0, 0.0]), strength * np.array([1.0, 0.25])
    x = np.stack([s, np.ones_like(s)], 1)

    def cost(p):
        z = x @ p
        return np.sum(np.logaddexp(0, z) - y * z) + 0.5 * np.sum(pull * (p - prior) ** 2)

    for _ in range(100):
        q = 1 / (1 + np.exp(-np.clip(x @ p, -30, 30)))
        grad = x.T @ (q - y) + pull * (p - prior)
        hess = (x * (q * (1 - q))[:, None]).T @ x + np.diag(pull)
        step, size = np.linalg.solve(hess, grad), 1.0
        while cost(p - size * step) > cost(p) and size > 1e-6:   # halved until it helps: plain Newton runs away
            size *= 0.5
        p = p - size * step
        if np.abs(size * step).max() < 1e-7:
            break
    return float(p[0]), float(p[1])


def calibrate(found, truth, spans, size):
    """(a, b) per net from the boxes (x, y, w, h, score, level) that its own levels gave on each picture."""
    pairs = [([], []) for _ in spans]
    for path, boxes in found.items():
        level_of = {b[4]: b[5] for b in boxes}
        for s, hit, _ in evaluate.match(truth[path], boxes, size=size(path))[0]:
            i = next(i for i, (lo, hi) in enumerate(spans) if lo <= level_of[s] <= hi)
            pairs[i][0].append(s)
            pairs[i][1].append(hit)
    return [platt(*p) for p in pairs], [(len(p[0]), int(sum(p[1]))) for p in pairs]
