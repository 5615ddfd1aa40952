"""Cheap changes to a batch of u8 windows, each sample with its own luck.

Colour changes go through one table of 256 entries a sample and channel, so that gamma, contrast,
brightness and colour cast together cost one look-up. The zero rows below the frame are put in last:
in use they are exactly zero whatever the light.
"""
import numpy as np
import torch


def colour_tables(rng, n):
    """n x 3 x 256 float tables: grey value -> 0..1 (pixel / 256)."""
    v = np.arange(256, dtype=np.float32)[None, None] / 255.0
    gamma = np.exp(rng.normal(0, 0.22, (n, 1, 1))).astype(np.float32)
    contrast = np.exp(rng.normal(-0.05, 0.25, (n, 1, 1))).astype(np.float32)
    light = rng.normal(0, 0.10, (n, 1, 1)).astype(np.float32)
    cast = np.exp(rng.normal(0, 0.06, (n, 3, 1))).astype(np.float32)
    t = ((v ** gamma - 0.5) * contrast + 0.5 + light) * cast
    plain = rng.random(n) < 0.15
    t[plain] = v
    return np.clip(t, 0, 1) * (255.0 / 256.0)


def occlude(rng, x, i, other):
    """Cover a part of window i by the same place of another window: from a side, from below, or a patch."""
    h, w = x.shape[1:3]
    r = rng.random()
    if r < 0.4:                                       # a side, at most a third of the person's width
        c = int(rng.integers(1, int(w * 0.45)))
        cols = slice(0, c) if rng.random() < 0.5 else slice(w - c, w)
        x[i, :, cols] = other[:, cols]
    elif r < 0.75:                                    # the legs, behind something
        top = int(h * rng.uniform(0.58, 0.92))
        x[i, top:] = other[top:]
    else:
        ph, pw = int(h * rng.uniform(0.1, 0.3)), int(w * rng.uniform(0.2, 0.6))
        y0, x0 = int(rng.integers(0, h - ph)), int(rng.integers(0, w - pw))
        x[i, y0:y0 + ph, x0:x0 + pw] = other[y0:y0 + ph, x0:x0 + pw]


def batch(rng, windows, is_person, backgrounds, cut_away=None):
    """u8 windows (N,H,W,3, changed in place) -> float NCHW tensor in channels-last order.

    cut_away marks persons of which less than half is left above the frame's lower edge: background by label.
    """
    n, h, w = windows.shape[:3]
    mirror = rng.random(n) < 0.5
    windows[mirror] = windows[mirror, :, ::-1]
    for i in np.flatnonzero(rng.random(n) < np.where(is_person, 0.28, 0.08)):
        occlude(rng, windows, i, backgrounds[rng.integers(len(backgrounds))])
    grey = rng.random(n) < 0.12
    if grey.any():
        g = windows[grey].astype(np.float32) @ np.array([.299, .587, .114], np.float32)
        windows[grey] = g[..., None].astype(np.uint8)
    tables = colour_tables(rng, n)
    tables[grey] = tables[grey][:, :1]
    idx = torch.from_numpy(windows).to(torch.int32)
    idx += (torch.arange(n, dtype=torch.int32) * 768)[:, None, None, None] + (torch.arange(3, dtype=torch.int32) * 256)
    flat = torch.from_numpy(np.ascontiguousarray(tables, np.float32)).reshape(-1)
    x = torch.index_select(flat, 0, idx.reshape(-1)).reshape(n, h, w, 3)   # int32 indices: twice as fast
    x = x.permute(0, 3, 1, 2)                          # channels-last in memory already
    noisy = np.flatnonzero(rng.random(n) < 0.25)
    if len(noisy):
        sigma = torch.from_numpy(rng.uniform(0.005, 0.04, len(noisy)).astype(np.float32))
        grain = rng.standard_normal((len(noisy), 3, h, w), np.float32)
        x[noisy] += torch.from_numpy(grain) * sigma[:, None, None, None]
    blurred = np.flatnonzero(rng.random(n) < 0.12)
    if len(blurred):
        k = 3 if rng.random() < 0.6 else 5
        kernel = (k, k) if rng.random() < 0.6 else (1, k)   # the second: motion
        pad = (kernel[0] // 2, kernel[1] // 2)
        x[blurred] = torch.nn.functional.avg_pool2d(x[blurred], kernel, 1, pad, count_include_pad=False)
    for i in np.flatnonzero(rng.random(n) < np.where(is_person, 0.10, 0.12)):
        x[i, :, int(h * rng.uniform(0.66 if is_person[i] else 0.3, 0.95)):] = 0
    if cut_away is not None:
        for i in np.flatnonzero(cut_away):
            x[i, :, int(h * rng.uniform(0.2, 0.48)):] = 0
    return x.clamp_(0, 255.0 / 256.0)
