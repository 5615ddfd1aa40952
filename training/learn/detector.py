"""Whole pictures through the nets, level by level: the small Python detector.

Pixels are the C program's (pyramid.py); the convolutions run in bf16 or fp32 by PyTorch, so scores agree
to their rounding only. Used for mining and as a check that shares no line with the C code.
"""
import numpy as np
import torch

from . import merge, pyramid


class Detector:
    """nets: [{"net": module, "levels": (first, last), "spec": .., "a": 1, "b": 0}]; score = a * z + b."""

    def __init__(self, nets, levels, bf16=True):
        self.nets, self.levels, self.bf16 = nets, levels, bf16
        self.by_level = {}
        for n in nets:
            n["net"].eval().to(memory_format=torch.channels_last)
            for k in range(n["levels"][0], n["levels"][1] + 1):
                self.by_level[k] = n

    def geometry(self, k):
        spec = self.by_level[k]["spec"]
        return {"f": self.levels.factor(k, spec["person_px"]), "window": spec["window"], "person_px": spec["person_px"],
                "border": spec["border"], "stride": spec["stride"]}

    def scores(self, picture, k):
        """Score map of a level.

        On the dear levels, rows where less than a third of the person is in the frame are left out: half of
        the padded picture, and nothing but zeros is seen there.
        """
        visible = 0.35 if self.levels.person(k) < 200 else 0.0
        g, n = self.geometry(k), self.by_level[k]
        h, w = picture.level_size(g["f"], g["border"])
        if h < g["window"][0] or w < g["window"][1]:
            return None
        below = int((1 - visible) * g["person_px"])
        rows = min(h, int(picture.h * g["f"]) + g["border"][0] + below + (g["window"][0] - g["person_px"]) // 2)
        rows = max(rows, g["window"][0])
        x = torch.from_numpy(pyramid.level(picture, g["f"], g["border"], rows)).permute(2, 0, 1)[None] / 256.0
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            z = n["net"](x.contiguous(memory_format=torch.channels_last)).float()
        return ((z[0, 1] - z[0, 0]) * n.get("a", 1.0) + n.get("b", 0.0)).numpy()

    def survivors(self, picture, threshold, only=None):
        """(score, level, row, col) of the cells that win their plane."""
        out = []
        for k in sorted(self.by_level):
            if only is not None and k not in only:
                continue
            s = self.scores(picture, k)
            if s is not None:
                out += [(float(s[r, c]), k, int(r), int(c)) for r, c in merge.window_maxima(s, threshold)]
        return out

    def all_geometry(self):
        return {k: self.geometry(k) for k in self.by_level}
