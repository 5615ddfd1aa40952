"""Calibration of the nets against each other, overlap rule and thresholds: everything learnt from val/."""
import numpy as np

from . import evaluate, judge, merge


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


def calibrate(results, geometry, spans, overlap, measure):
    """(a, b) per net from the detections of its own levels after the merge."""
    pairs = [([], []) for _ in spans]
    for _, _, truth, survivors in results:
        boxes = merge.boxes(survivors, geometry, overlap, measure)
        level_of = {b[4]: b[5] for b in boxes}
        for s, hit, _ in evaluate.match(truth, boxes)[0]:
            i = next(i for i, (lo, hi) in enumerate(spans) if lo <= level_of[s] <= hi)
            pairs[i][0].append(s)
            pairs[i][1].append(hit)
    return [platt(*p) for p in pairs], [(len(p[0]), int(sum(p[1]))) for p in pairs]


GOAL = (("street", "0.1"), ("annotated", "0.1"), ("all", "0.1"), ("street", "0.01"), ("all", "0.01"))


def worth(figures):
    """One number to choose by: the mean of the miss rates that are asked for."""
    return float(np.mean([figures[g][f] for g, f in GOAL]))


def choose_overlap(results, geometry, spans, calibration, tries):
    """The overlap rule with the lowest mean miss rate: (overlap, measure), figures of every try."""
    table = {}
    for measure, overlap in tries:
        rows = judge.matched(results, geometry, overlap, measure, spans, calibration)
        table[(overlap, measure)] = judge.figures(rows)
    best = min(table, key=lambda k: worth(table[k]))
    return best, table


TRIES = [("iou", v) for v in (0.35, 0.4, 0.45, 0.5, 0.55)] + [("min", v) for v in (0.5, 0.6, 0.65, 0.7, 0.8)]
