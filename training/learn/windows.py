"""Cuts training windows: persons, random background, and persons where the net must say no.

A window stores a few jittered variants of each person, cut by the exact sampling; what can be changed
cheaply afterwards (mirror, colour, noise, occlusion, cut-off) is left to augment.py.

Shares of the window that decide labels: a box that overlaps the person by half still counts as found, so
shifts and scales between "small jitter" and "clearly wrong" are never used as either class.
"""
import io

import numpy as np
from PIL import Image

from . import sources
from .pyramid import Picture, cut, cut_person

SOURCES = ["inria", "context", "extra", "coco", "neg", "scene", "mined"]
POS, RANDOM, PART, MINED = 0, 1, 2, 3

# Share of a source's windows that are turned and stretched: most where there are few persons to learn from.
WARPED = {"coco": 0.7, "context": 0.3, "inria": 0.3, "extra": 0.3}

META = np.dtype([("kind", "u1"), ("source", "u1"), ("person_px", "f4"), ("file", "i4")])


def some(work, base, count=256, seed=3):
    """Cut windows, half of them persons: what a file's batch norm is measured on (checkpoint.start)."""
    wins, meta = np.load(work / f"{base}.npy", mmap_mode="r"), np.load(work / f"{base}_meta.npy")
    rng = np.random.default_rng(seed)
    person, other = (np.flatnonzero((meta["kind"] == POS) == yes) for yes in (True, False))
    return np.array(wins[np.sort(np.concatenate([rng.choice(i, count // 2, replace=False) for i in (person, other)]))])


def flat(seed):
    """Nested seeds -> one list of numbers."""
    return [n for s in seed for n in flat(s)] if isinstance(seed, (list, tuple)) else [seed]


def shrink(rgb, ratio, rng):
    """The picture as a farther camera would have stored it: fewer pixels, often JPEG once more."""
    h, w = rgb.shape[:2]
    size = (max(8, int(round(w * ratio))), max(8, int(round(h * ratio))))
    how = [Image.BOX, Image.BILINEAR, Image.LANCZOS][rng.integers(3)]
    im = Image.fromarray(rgb).resize(size, how)
    if rng.random() < 0.5:
        buf = io.BytesIO()
        im.save(buf, "JPEG", quality=int(rng.integers(35, 95)))
        im = Image.open(buf)
    return np.asarray(im.convert("RGB")), size[0] / w, size[1] / h


def jitter(rng, spec):
    """Shift (share of the height) and scale of a positive: what the 8 px stride and 7 levels an octave leave."""
    return rng.normal(0, 0.022), rng.normal(0, 0.025), float(np.exp(rng.normal(0, 0.05)))


def feather(rng, size, box):
    """Mask of a pasted crop: 1 inside, falling to 0 at the crop's edges (box: y0, y1, x0, x1 in the window)."""
    soft = rng.uniform(2, 7)
    y, x = np.arange(size[0])[:, None], np.arange(size[1])[None]
    d = np.minimum(np.minimum(y - box[0], box[1] - y), np.minimum(x - box[2], box[3] - x))
    return np.clip(d / soft, 0, 1)[..., None].astype(np.float32)


def paste(rng, window, background, box):
    """A crop without surroundings gets a background, softly, so that no frame gives the class away."""
    m = feather(rng, window.shape[:2], box)
    return (window * m + background * (1 - m) + 0.5).astype(np.uint8)


def warp(rgb, cx, cy, h, whole, rng):
    """The person's surroundings turned by some degrees and stretched sideways: (picture, zero rows below, centre).

    Whole pictures keep their lower edge where the zero padding begins; elsewhere the edge pixels repeat.
    """
    rows, cols = rgb.shape[:2]
    top, left = max(0, int(cy - 1.3 * h)), max(0, int(cx - 1.1 * h))
    bottom, right = min(rows, int(cy + 1.3 * h)), min(cols, int(cx + 1.1 * h))
    part, m = rgb[top:bottom, left:right], int(0.2 * h) + 2
    part = np.pad(part, ((m, m), (m, m), (0, 0)), mode="edge")
    turn, wide = np.radians(rng.normal(0, 5.0)), float(np.exp(rng.normal(0, 0.10)))
    a, b, d, e = np.cos(turn) / wide, np.sin(turn), -np.sin(turn) / wide, np.cos(turn)
    x, y = cx - left + m + .5, cy - top + m + .5     # PIL's pixel centres lie at halves
    image = Image.fromarray(part).transform(part.shape[1::-1], Image.AFFINE, (a, b, x - a * x - b * y, d, e, y - d * x - e * y),
                                            Image.BILINEAR)
    return np.asarray(image)[m:-m, m:-m], 1.0 if whole and bottom == rows else 0.0, cx - left, cy - top


def person_windows(item, variants, seed, spec, backgrounds, parts):
    """Positives and wrong-place negatives of one annotated person."""
    source, path, (x, y, w, h), whole = item
    rng = np.random.default_rng(flat(seed))
    size, px = spec["window"], spec["person_px"]
    rgb = sources.load(path)
    original = Picture(rgb, 1.0 if whole else 0.0)
    out = []
    for i in range(variants + parts):
        pic, bx, by, bh, used, pad = original, x + w / 2, y + h / 2, h, rgb, 1.0 if whole else 0.0
        turned = i < variants and rng.random() < WARPED.get(source, 0.0)
        if turned:
            used, pad, bx, by = warp(rgb, bx, by, h, whole, rng)
        if rng.random() < (0.35 if h < 110 else 0.6):
            low = 60.0 if px >= 100 else 40.0
            target = float(np.exp(rng.uniform(np.log(low), np.log(max(h, low + 1)))))
            if target < 0.95 * h:
                used, rx, ry = shrink(used, target / h, rng)
                bx, by, bh, turned = bx * rx, by * ry, h * ry, True
        if turned:
            pic = Picture(used, pad)
        if i < variants:
            dx, dy, s = jitter(rng, spec)
            kind = POS
        else:
            dx, dy, s = wrong_place(rng, source)
            kind = PART
        cx, cy, hh = bx + dx * bh, by + dy * bh, bh * s
        win = cut_person(pic, cx, cy, hh, size, px)
        if source == "extra" and rng.random() < 0.6:
            f = px / hh
            left, top = (cx + .5) * f - .5 - (size[1] - 1) / 2, (cy + .5) * f - .5 - (size[0] - 1) / 2
            box = (-top, pic.h * f - top, -left, pic.w * f - left)
            win = paste(rng, win, backgrounds[rng.integers(len(backgrounds))], box)
        out.append((win, (kind, SOURCES.index(source), bh, 0)))
    return out


def wrong_place(rng, source):
    """Shift (share of the person's height) and scale of a window that must not be taken for the person."""
    roomy = source in ("context", "coco", "inria", "scene")
    r = rng.random()
    if r < 0.55:                                    # a part of the body fills the window, often head and chest
        s = float(np.exp(rng.uniform(np.log(0.28), np.log(0.66))))
        where = rng.random()
        if where < 0.4:
            dy = (s - 1) / 2 + rng.normal(0, .04)   # heads aligned
        elif where < 0.55:
            dy = (1 - s) / 2 + rng.normal(0, .04)   # feet aligned
        else:
            dy = rng.uniform(-.5, .5) * (1 - s * .6)
        return rng.uniform(-.12, .12), float(dy), s
    if r < 0.65 and roomy:                          # the person is too small for the window
        return rng.uniform(-.1, .1), rng.uniform(-.35, .35), float(rng.uniform(1.65, 2.4))
    if r < 0.85 or not roomy:                        # too high, too low
        return rng.uniform(-.06, .06), rng.choice([-1, 1]) * rng.uniform(.38, .75), float(np.exp(rng.normal(0, .08)))
    return rng.choice([-1, 1]) * rng.uniform(.22, .34), rng.uniform(-.15, .15), float(np.exp(rng.normal(0, .08)))


def overlap_share(box, others):
    """Largest intersection over the smaller area of a box with any other."""
    x, y, w, h = box
    best = 0.0
    for ox, oy, ow, oh, *_ in others:
        iw, ih = min(x + w, ox + ow) - max(x, ox), min(y + h, oy + oh) - max(y, oy)
        if iw > 0 and ih > 0:
            best = max(best, iw * ih / min(w * h, ow * oh))
    return best


def random_windows(path, boxes, count, seed, spec):
    """Background windows of one picture at any scale, never on a marked person."""
    rng = np.random.default_rng(flat(seed))
    size, px = spec["window"], spec["person_px"]
    rgb = sources.load(path)
    if rng.random() < 0.3:
        rgb, _, ry = shrink(rgb, rng.uniform(0.4, 0.95), rng)
        boxes = [tuple(v * ry for v in b[:4]) for b in boxes]
    pic = Picture(rgb, 1.0)
    out = []
    tallest = max(80.0, 1.15 * pic.h)
    for _ in range(count * 3):
        if len(out) == count:
            break
        h = float(np.exp(rng.uniform(np.log(0.75 * px), np.log(tallest))))
        cx = rng.uniform(0.0, pic.w)
        cy = rng.uniform(0.3 * h, pic.h + 0.15 * h)
        if overlap_share((cx - .205 * h, cy - .5 * h, .41 * h, h), boxes) > 0.15:
            continue
        out.append((cut_person(pic, cx, cy, h, size, px), (RANDOM, SOURCES.index("neg"), h, 0)))
    return out


def background_bank(paths, count, seed, spec):
    """Windows of person-free pictures, for pasting onto and occluding with."""
    rng = np.random.default_rng(seed)
    bank = []
    for i in rng.permutation(len(paths))[: max(1, count // 8)]:
        made = random_windows(paths[i], [], 12, int(rng.integers(1 << 31)), spec)
        bank += [w for w, _ in made if w[-1].any() and w[-16].any()]   # none that reach below the frame
    return np.stack(bank)


def framed_negatives(bank, count, seed):
    """Background pasted on background: the paste's seam must not mean "person"."""
    rng = np.random.default_rng(seed)
    out = []
    n, (h, w) = len(bank), bank.shape[1:3]
    for _ in range(count):
        a, b = bank[rng.integers(n)], bank[rng.integers(n)]
        m, side = rng.uniform(8, 15), rng.uniform(2, 8)
        box = (m, h - m, side, w - side)
        if rng.random() < 0.4:                      # repeated edges, as crops without margin have
            ys = np.clip(np.arange(h), int(m), int(h - m))
            xs = np.clip(np.arange(w), int(side), int(w - side))
            win = a[ys][:, xs]
        else:
            win = paste(rng, a, b, box)
        out.append((win, (RANDOM, SOURCES.index("neg"), 100.0, 0)))
    return out
