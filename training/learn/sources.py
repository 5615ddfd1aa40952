"""Reads the data folder: which pictures there are, and which boxes they carry."""
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

# pos_inria96x160 has no table: every crop is 96x160 with the same box.
INRIA_BOX = (28.0, 32.0, 40.0, 96.0)


def load(path):
    """A picture as RGB u8."""
    with Image.open(path) as im:
        return np.asarray(im.convert("RGB"))


def boxes(path):
    """file -> list of (x, y, w, h, ignore)."""
    table = defaultdict(list)
    with open(path, newline="") as fh:
        for r in csv.DictReader(fh):
            table[r["file"]].append((float(r["x"]), float(r["y"]), float(r["w"]), float(r["h"]), int(r["ignore"])))
    return table


def source_of(name):
    """The set a file came from: the first word of its name."""
    return name.split("_")[0]


# Persons of the general pictures are few: smaller ones than the nets look for teach shapes all the same.
LEAST_PX = 42


def positives(data):
    """Persons to learn from: (source, path, box, is_whole_picture)."""
    train = Path(data) / "train"
    out = [("inria", p, INRIA_BOX, False) for p in sorted((train / "pos_inria96x160").iterdir())]
    for name, rows in sorted(boxes(train / "pos_context.csv").items()):
        out += [("context", train / "pos_context" / name, r[:4], False) for r in rows if not r[4] and r[3] >= 70]
    for name, rows in sorted(boxes(train / "pos_extra.csv").items()):
        out += [("extra", train / "pos_extra" / name, r[:4], False) for r in rows if not r[4]]
    for name, rows in sorted(boxes(train / "annotations.csv").items()):
        out += [("coco", train / "images" / name, r[:4], True) for r in rows if not r[4] and r[3] >= LEAST_PX]
    return out


def annotated(folder):
    """Completely annotated pictures of a train/ or val/ folder: [(path, boxes)]."""
    folder = Path(folder)
    table = boxes(folder / "annotations.csv")
    return [(p, table.get(p.name, [])) for p in sorted((folder / "images").iterdir())]


def person_free(folder):
    """Pictures without persons."""
    folder = Path(folder)
    out = sorted((folder / "neg").iterdir())
    if (folder / "neg_extra").exists():
        out += sorted((folder / "neg_extra").iterdir())
    return [p for p in out if p.suffix.lower() in (".jpg", ".jpeg", ".png")]


def clips(folder):
    """[(picture, boxes)] of all clips below a folder."""
    out = []
    for table in sorted(Path(folder).glob("*/truth.csv")):
        rows = {}
        with open(table, newline="") as fh:
            for r in csv.DictReader(fh):
                rows.setdefault(r["frame"], []).append((float(r["x"]), float(r["y"]), float(r["w"]), float(r["h"]), int(r["ignore"])))
        out += [(p, rows.get(p.name, [])) for p in sorted(table.parent.glob("f*.png"))]
    return out
