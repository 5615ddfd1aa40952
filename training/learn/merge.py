"""From cells to boxes: in-plane maximum, neighbouring levels, refinement, overlap suppression.

The same steps as the C program's, in a few lines of numpy: an independent check and the judge while
mining. A candidate is a row (score, level, row, col); a box is (x, y, w, h, score, level).
"""
import numpy as np


def window_maxima(scores, threshold):
    """Cells above the threshold that are the maximum of their 7 x 3 window; ties: lower index wins."""
    import torch
    t = torch.from_numpy(scores)[None, None]
    peak = torch.nn.functional.max_pool2d(t, (7, 3), 1, (3, 1))[0, 0].numpy()
    keep = np.argwhere((scores >= peak) & (scores > threshold))
    out, taken = [], set()
    for r, c in keep:
        if any((r + dr, c + dc) in taken for dr in range(-3, 4) for dc in range(-1, 2)):
            continue
        taken.add((r, c))
        out.append((r, c))
    return out


def place(level, r, c):
    """Centre and height in the frame of a cell; `level` has f, window, person_px, border, stride."""
    f, (h, w), (bh, bw) = level["f"], level["window"], level["border"]
    return ((level["stride"] * c + w / 2 - bw) / f, (level["stride"] * r + h / 2 - bh) / f, level["person_px"] / f)


def beaten_by_neighbours(cands, levels):
    """Indices that stay: no higher survivor on the level above or below in the mapped 7 x 3 window."""
    by_level = {}
    for i, (s, k, r, c) in enumerate(cands):
        by_level.setdefault(k, []).append(i)
    stay = []
    for i, (s, k, r, c) in enumerate(cands):
        x, y, _ = place(levels[k], r, c)
        beaten = False
        for n in (k - 1, k + 1):
            for j in by_level.get(n, ()):
                sj, _, rj, cj = cands[j]
                if sj < s or (sj == s and j > i):
                    continue
                lv = levels[n]
                rr = round((y * lv["f"] + lv["border"][0] - lv["window"][0] / 2) / lv["stride"])
                cc = round((x * lv["f"] + lv["border"][1] - lv["window"][1] / 2) / lv["stride"])
                if abs(rr - rj) <= 3 and abs(cc - cj) <= 1:
                    beaten = True
        if not beaten:
            stay.append(i)
    return stay


REACH = (2 * 16.0 / 96, 2 * 8.0 / 96, 2 * np.log(1.3))     # y, x (person heights), log height


def refine(kept, survivors, levels, candidate):
    """One mean-shift step of each kept survivor over all survivors in (x, y, log height).

    A survivor weighs its score above the candidate threshold times 1 - (distance / reach)^2.
    """
    p = np.array([place(levels[k], r, c) for _, k, r, c in survivors])
    s = np.array([v[0] for v in survivors])
    logh = np.log(p[:, 2])
    out = []
    for i in kept:
        h = p[i, 2]
        d = ((p[:, 1] - p[i, 1]) / (REACH[0] * h)) ** 2 + ((p[:, 0] - p[i, 0]) / (REACH[1] * h)) ** 2 + ((logh - logh[i]) / REACH[2]) ** 2
        w = np.maximum(s - candidate, 0) * np.maximum(1 - d, 0)
        w = w / w.sum() if w.sum() > 0 else (np.arange(len(s)) == i).astype(float)
        out.append((w @ p[:, 0], w @ p[:, 1], float(np.exp(w @ logh)), s[i], survivors[i][1]))
    return out


def suppress(items, overlap, measure, aspect):
    """Greedy: best first, drop what overlaps a better box too much."""
    items = sorted(items, key=lambda t: (-t[3], t[4], t[1], t[0]))
    kept = []
    for x, y, h, s, k in items:
        b = (x - aspect * h / 2, y - h / 2, aspect * h, h, s, k)
        if all(overlap_of(b, o, measure) <= overlap for o in kept):
            kept.append(b)
    return kept


def overlap_of(a, b, measure):
    iw = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    ih = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if iw <= 0 or ih <= 0:
        return 0.0
    i, sa, sb = iw * ih, a[2] * a[3], b[2] * b[3]
    return i / min(sa, sb) if measure == "min" else i / (sa + sb - i)


def boxes(cands, levels, overlap=0.5, measure="iou", aspect=0.41, candidate=-6.0):
    """Candidates that won their plane -> final boxes."""
    cands = [c for c in cands if c[0] > candidate]
    if not cands:
        return []
    return suppress(refine(beaten_by_neighbours(cands, levels), cands, levels, candidate), overlap, measure, aspect)
