#!/usr/bin/env python3
"""The published evaluation rules once more, written to be compared with the C code.

Only the standard library; brute force instead of a sorted walk: for every threshold, all frames are
matched anew with the detections at or above it. Rules: Dollar, Wojek, Schiele, Perona, "Pedestrian
Detection: An Evaluation of the State of the Art", PAMI 2012, sections 2.3 and 3.

  reference.py TRUTH.csv DETECTIONS.jsonl LOW HIGH VISIBLE THRESHOLD [ASPECT]  ->  one line of JSON
  reference.py --batch < lines of these arguments                              ->  one line for each
ASPECT 0 leaves the boxes as they are.
"""
import csv
import json
import math
import os
import sys

FPPI = [10 ** (-2 + i / 4) for i in range(9)]


def read_truth(path):
    frames = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            box = tuple(float(row[k]) for k in "xywh")
            region = row.get("ignore", "0") == "1" or row.get("label", "person") != "person"
            visible = float(row.get("visible") or 1)
            frames.setdefault(row.get("frame") or row["file"], []).append((box, region, visible))
    return frames


def read_detections(path):
    with open(path) as file:
        lines = [json.loads(line) for line in file if line.strip()]
    return {os.path.basename(line["source"]):
            [(d["score"], tuple(d["box"])) for d in line["detections"]] for line in lines}


def at_aspect(box, aspect):
    if not aspect:
        return box
    x, y, w, h = box
    return (x + w / 2 - aspect * h / 2, y, aspect * h, h)


def common_area(a, b):
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


def split_truth(truth, low, high, visible, aspect):
    persons, ignored = [], []
    for box, region, share in truth:
        shaped = box if region else at_aspect(box, aspect)
        if region or not low <= box[3] <= high or share < visible:
            ignored.append(shaped)
        else:
            persons.append(shaped)
    return persons, ignored


def match(persons, ignored, boxes):
    """boxes: best first. Returns the overlaps of the persons found, and the false alarms."""
    free, overlaps, alarms = list(range(len(persons))), [], 0
    for box in boxes:
        best, choice = 0.5, None
        for index in free:
            common = common_area(box, persons[index])
            person = persons[index]
            iou = common / (box[2] * box[3] + person[2] * person[3] - common)
            if iou >= best:
                best, choice = iou, index
        if choice is not None:
            free.remove(choice)
            overlaps.append(best)
        elif all(common_area(box, region) < 0.5 * box[2] * box[3] for region in ignored):
            alarms += 1
    return overlaps, alarms


def evaluate(truth_path, detections_path, low, high, visible, threshold, aspect=0.41):
    truth, detections = read_truth(truth_path), read_detections(detections_path)
    frames = []
    for name, found in detections.items():
        persons, ignored = split_truth(truth.get(name, []), low, high, visible, aspect)
        kept = [(s, at_aspect(b, aspect)) for s, b in found
                if low / 1.25 <= b[3] < high * 1.25]
        frames.append((persons, ignored, sorted(kept, key=lambda d: -d[0])))
    person_count = sum(len(persons) for persons, _, _ in frames)

    def at(limit):
        overlaps, alarms = [], 0
        for persons, ignored, found in frames:
            o, a = match(persons, ignored, [box for score, box in found if score >= limit])
            overlaps += o
            alarms += a
        return overlaps, alarms

    scores = sorted({score for _, _, found in frames for score, _ in found}, reverse=True)
    miss = [1.0] * len(FPPI)
    for limit in scores:
        overlaps, alarms = at(limit)
        for i, fppi in enumerate(FPPI):
            if alarms / len(frames) <= fppi:
                miss[i] = 1 - len(overlaps) / person_count if person_count else None
    overlaps, alarms = at(threshold)
    found = len(overlaps)
    return {
        "persons": person_count, "frames": len(frames), "miss": miss if person_count else None,
        "log_average": math.exp(sum(math.log(max(m, 1e-10)) for m in miss) / len(miss))
        if person_count else None,
        "precision": found / (found + alarms) if found + alarms else None,
        "recall": found / person_count if person_count else None,
        "mean_iou": sum(overlaps) / found if found else None,
    }


def run(arguments):
    print(json.dumps(evaluate(*arguments[:2], *(float(a) for a in arguments[2:]))), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--batch"]:
        for text in sys.stdin:
            run(text.split())
    else:
        run(sys.argv[1:])
