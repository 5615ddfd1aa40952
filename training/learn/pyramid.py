"""The scale pyramid, exactly as the C program samples it.

Everything is integer arithmetic, so a pixel of a level is the same number here, in the C program and
on a GPU. Training windows are cut by the same functions: a net must meet in training what it will meet
in use (the 2x2 box bases, the 8 bit bilinear fractions, the zero rows below the frame).

Coordinates: a level pixel x (border included) lies at ((x - border) + 0.5) / f - 0.5 in the frame.
"""
from dataclasses import dataclass

import numpy as np

HALF = 1 << 31
ROUND = 1 << 23      # half of the 8 bit fraction's step
ONE = 1 << 32


@dataclass(frozen=True)
class Levels:
    """Which levels there are; the same words as in model.yaml."""

    first_person_px: float = 75.0
    per_octave: int = 7
    count: int = 26
    pad_below: float = 1.0

    def factor(self, k, person_px=100.0):
        """Scale of level k for a net whose window shows a person `person_px` tall."""
        return person_px / self.first_person_px * 2.0 ** (-k / self.per_octave)

    def person(self, k):
        """Height in the frame of a person who fits level k exactly."""
        return self.first_person_px * 2.0 ** (k / self.per_octave)


def choose_base(f):
    """The octave base a level samples and the factor that remains (0.5 < g <= 1, or f itself)."""
    if f >= 0.5:
        return 0, f
    o = 0
    while f * 2.0 ** o <= 0.5:
        o += 1
    return o, f * 2.0 ** o


def halve(base, rows, cols):
    """Next octave base: mean of 2x2 pixels, rounded, edge pixels repeated."""
    idx_r = np.minimum(np.arange(rows)[:, None] * 2 + np.array([0, 1]), base.shape[0] - 1)
    idx_c = np.minimum(np.arange(cols)[:, None] * 2 + np.array([0, 1]), base.shape[1] - 1)
    if base.shape[0] % 2 == 0 and base.shape[1] % 2 == 0:
        b = base.astype(np.uint16)
        s = b[0::2, 0::2] + b[0::2, 1::2] + b[1::2, 0::2] + b[1::2, 1::2]
    else:
        top, bot = base[idx_r[:, 0]].astype(np.uint16), base[idx_r[:, 1]].astype(np.uint16)
        s = top[:, idx_c[:, 0]] + top[:, idx_c[:, 1]] + bot[:, idx_c[:, 0]] + bot[:, idx_c[:, 1]]
    return ((s + 2) >> 2).astype(np.uint8)


class Picture:
    """A frame with its octave bases, made when they are first needed.

    pad_below=0 is for crops that end where the cutter stopped and not where a camera's frame ends.
    """

    def __init__(self, rgb, pad_below=1.0):
        h, w = rgb.shape[:2]
        self.h, self.w = h, w
        self.hp = h + int(np.floor(pad_below * h + 0.5))
        base = np.zeros((self.hp, w, 3), np.uint8)
        base[:h] = rgb
        self.bases = [base]

    def base(self, o):
        while len(self.bases) <= o:
            b = self.bases[-1]
            self.bases.append(halve(b, (b.shape[0] + 1) // 2, (b.shape[1] + 1) // 2))
        return self.bases[o]

    def level_size(self, f, border=(14, 6)):
        """Rows and columns of the level of factor f."""
        return (int(np.floor(self.hp * f + 0.5)) + 2 * border[0],
                int(np.floor(self.w * f + 0.5)) + 2 * border[1])


def taps(positions, step, size):
    """Left neighbours, right neighbours and 8 bit fractions for level positions (border taken off).

    `positions` may be fractional (training windows start anywhere); for whole ones the result is the
    C program's, since (2x + 1) * S >> 1 is then computed in integers.
    """
    positions = np.asarray(positions)
    if positions.dtype.kind == "i":
        u = ((2 * positions.astype(np.int64) + 1) * np.int64(step)) >> 1
    else:
        u = np.floor((positions + 0.5) * float(step)).astype(np.int64)
    u = np.clip(u - HALF + ROUND, 0, (size - 1) << 32)
    i = u >> 32
    return i, np.minimum(i + 1, size - 1), (u >> 24) & 255


def sample(picture, f, ys, xs):
    """Level pixels times 65536 (int32, rows x cols x 3) at level rows ys and columns xs (border off)."""
    o, g = choose_base(f)
    base = picture.base(o)
    step = int(np.floor(float(ONE) / g + 0.5))
    y0, y1, fy = taps(ys, step, base.shape[0])
    x0, x1, fx = taps(xs, step, base.shape[1])
    lo, hi = int(min(x0[0], x0[-1])), int(x1.max()) + 1
    top, bot = base[y0, lo:hi].astype(np.int32), base[y1, lo:hi].astype(np.int32)
    fx = fx.astype(np.int32)[None, :, None]
    fy = fy.astype(np.int32)[:, None, None]
    x0, x1 = x0 - lo, x1 - lo
    rows = top * (256 - fy) + bot * fy
    return rows[:, x0] * (256 - fx) + rows[:, x1] * fx


def level(picture, f, border=(14, 6), rows=None):
    """A whole level (float32, exact values; `rows` limits it to the first rows)."""
    h, w = picture.level_size(f, border)
    h = h if rows is None else min(h, rows)
    v = sample(picture, f, np.arange(h) - border[0], np.arange(w) - border[1])
    return v.astype(np.float32) / 65536.0


def cut(picture, f, top, left, size=(128, 48)):
    """A training window (u8): `size` level pixels from (top, left), which may be fractional.

    Rounding to u8 loses at most half a grey value and makes a window a quarter of the floats' size.
    """
    v = sample(picture, f, top + np.arange(size[0], dtype=np.float64), left + np.arange(size[1], dtype=np.float64))
    return ((v + 32768) >> 16).astype(np.uint8)


def cut_person(picture, centre_x, centre_y, height, size=(128, 48), person_px=100.0):
    """The window in which a person of this frame height and centre is `person_px` tall and centred."""
    f = person_px / height
    return cut(picture, f, (centre_y + 0.5) * f - 0.5 - (size[0] - 1) / 2.0,
               (centre_x + 0.5) * f - 0.5 - (size[1] - 1) / 2.0, size)
