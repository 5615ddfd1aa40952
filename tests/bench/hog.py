#!/usr/bin/env python3
"""OpenCV's HOG people detector on pictures, written as `muster eval` reads detections.

The detector to beat: the default people SVM on enlarged pictures, with overlap suppression
added (OpenCV only groups). Needs Debian's python3-opencv.

  tests/bench/hog.py pictures/ more/ > hog.jsonl
  muster eval --truth pictures.csv --detections hog.jsonl --height 75:927
"""
import argparse
import json
import sys
import time
from pathlib import Path

PICTURES = {".jpg", ".jpeg", ".png"}
# The SVM was trained on 64x128 windows with a person about 96 px tall in the middle.
WINDOW_HEIGHT, PERSON_HEIGHT, ASPECT = 128, 96, 0.41


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+", type=Path, help="pictures or directories of them")
    parser.add_argument("--enlarge", type=float, default=1.5, help="default 1.5")
    parser.add_argument("--scale", type=float, default=1.05,
                        help="step between pyramid levels, default 1.05")
    parser.add_argument("--stride", type=int, default=8, help="window stride in px, default 8")
    parser.add_argument("--hit-threshold", type=float, default=-0.5,
                        help="lowest score written, default -0.5")
    parser.add_argument("--overlap", type=float, default=0.5,
                        help="a box that shares this much of the smaller area with a better one "
                             "is dropped, default 0.5")
    parser.add_argument("--window", action="store_true",
                        help="write OpenCV's whole window instead of the person in it")
    parser.add_argument("--output", type=Path, help="default: standard output")
    return parser.parse_args()


def pictures(inputs):
    for path in inputs:
        if path.is_dir():
            yield from sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES)
        elif path.exists():
            yield path
        else:
            sys.exit(f"hog.py: {path}: no such file or directory")


def suppress(found, limit):
    """Greedy: best score first, drop what overlaps a kept box too much."""
    kept = []
    for score, x, y, w, h in sorted(found, reverse=True):
        for _, kx, ky, kw, kh in kept:
            width = min(x + w, kx + kw) - max(x, kx)
            height = min(y + h, ky + kh) - max(y, ky)
            if width > 0 and height > 0 and width * height > limit * min(w * h, kw * kh):
                break
        else:
            kept.append((score, x, y, w, h))
    return kept


def person_box(rect, args):
    """From the window (with its margin) in the enlarged picture to the person in the picture."""
    x, y, w, h = (float(v) / args.enlarge for v in rect)
    if args.window:
        return x, y, w, h
    height = h * PERSON_HEIGHT / WINDOW_HEIGHT
    width = ASPECT * height
    return x + (w - width) / 2, y + (h - height) / 2, width, height


def detect(cv2, hog, image, args):
    large = cv2.resize(image, None, fx=args.enlarge, fy=args.enlarge,
                       interpolation=cv2.INTER_LINEAR)
    if large.shape[0] < WINDOW_HEIGHT or large.shape[1] < WINDOW_HEIGHT // 2:
        return []
    # groupThreshold 0: every window above the threshold, no grouping.
    rects, scores = hog.detectMultiScale(
        large, args.hit_threshold, (args.stride, args.stride), (args.stride, args.stride),
        args.scale, 0)
    # Without detections OpenCV gives empty tuples, otherwise arrays of one column.
    scores = scores.ravel() if len(scores) else []
    found = [(float(score), *person_box(rect, args)) for rect, score in zip(rects, scores)]
    return suppress(found, args.overlap)


def main():
    args = options()
    try:
        import cv2
        hog = cv2.HOGDescriptor()
    except (ImportError, AttributeError):
        sys.exit("hog.py: needs OpenCV 4 with HOGDescriptor (Debian: python3-opencv)")
    hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    output = open(args.output, "w") if args.output else sys.stdout
    seconds = count = 0
    for number, path in enumerate(pictures(args.inputs)):
        image = cv2.imread(str(path))
        line = {"frame": number, "source": str(path)}
        if image is None:
            line["error"] = "cannot be read as a picture"
            found = []
        else:
            start = time.perf_counter()
            found = detect(cv2, hog, image, args)
            seconds += time.perf_counter() - start
            count += 1
        line["detections"] = [{"box": [round(v, 3) for v in box], "score": round(score, 6)}
                              for score, *box in found]
        line["coverage"] = 0 if image is None else 1
        print(json.dumps(line, separators=(",", ":")), file=output)
    output.flush()
    print(f"hog.py: {count} pictures, {1000 * seconds / max(count, 1):.1f} ms each",
          file=sys.stderr)


if __name__ == "__main__":
    main()
