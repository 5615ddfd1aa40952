"""Miss rate against false positives per image, by the field's rules (Dollar et al.).

Intersection over union 0.5 with both boxes brought to aspect 0.41; a detection takes the best free truth,
highest score first; what lies mostly in an ignore region counts for nothing; persons below the height
limit are ignore regions, detections below limit / 1.25 are dropped.
"""
import numpy as np

ASPECT = 0.41


def normal(b):
    """Same centre and height, width by the aspect."""
    x, y, w, h = b[:4]
    return (x + w / 2 - ASPECT * h / 2, y, ASPECT * h, h)


def inter(a, b):
    iw = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    ih = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return iw * ih if iw > 0 and ih > 0 else 0.0


def cut(b, size):
    """The part of a box inside a picture of size (w, h)."""
    x0, y0, x1, y1 = (min(max(v, 0), m) for v, m in zip((b[0], b[1], b[0] + b[2], b[1] + b[3]), (*size, *size)))
    return x0, y0, x1 - x0, y1 - y0


def match(truth, detections, limit=75.0, size=None):
    """One picture: ([(score, hit or not, iou)], number of persons, matched score per person or None).

    With its size (w, h) all boxes are cut at its edges first: for a truth that marks what can be seen.
    """
    seen = (lambda b: cut(b, size)) if size else (lambda b: tuple(b[:4]))
    real = [normal(seen(t)) for t in truth if not t[4] and t[3] >= limit]
    free = [seen(t) if t[4] else normal(seen(t)) for t in truth if t[4] or t[3] < limit]
    taken, out = [None] * len(real), []
    for d in sorted(detections, key=lambda d: -d[4]):
        if d[3] < limit / 1.25:
            continue
        b = normal(seen(d))
        if b[3] <= 0:
            continue
        best, at = 0.5, -1
        for i, t in enumerate(real):
            if taken[i] is None:
                v = inter(b, t)
                v = v / (b[2] * b[3] + t[2] * t[3] - v)
                if v >= best:
                    best, at = v, i
        if at >= 0:
            taken[at] = d[4]
            out.append((d[4], 1, best))
        elif not any(inter(b, f) / (b[2] * b[3]) >= 0.5 for f in free):
            out.append((d[4], 0, 0.0))
    return out, len(real), taken


def curve(pictures):
    """pictures: [(matches, persons)] -> scores, fppi, miss (sorted by falling score)."""
    rows = sorted((m for p in pictures for m in p[0]), key=lambda m: -m[0])
    persons = max(1, sum(p[1] for p in pictures))
    hit = np.cumsum([m[1] for m in rows]) if rows else np.zeros(0)
    wrong = np.cumsum([1 - m[1] for m in rows]) if rows else np.zeros(0)
    return np.array([m[0] for m in rows]), wrong / len(pictures), 1 - hit / persons


def miss_at(pictures, fppi):
    _, f, m = curve(pictures)
    ok = m[f <= fppi + 1e-12]
    return float(ok.min()) if len(ok) else 1.0


def threshold_at(pictures, fppi):
    """Lowest score whose false positives per image stay within fppi."""
    s, f, _ = curve(pictures)
    ok = s[f <= fppi + 1e-12]
    return float(ok[-1]) if len(ok) else float("inf")


def mean_iou(pictures, threshold=-1e9):
    v = [m[2] for p in pictures for m in p[0] if m[1] and m[0] >= threshold]
    return float(np.mean(v)) if v else 0.0
