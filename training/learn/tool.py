"""Runs the C program: `muster detect` over pictures, `muster eval` over what it found."""
import json
import subprocess
import tempfile
from pathlib import Path

from PIL import Image


def detect(program, model, pictures, threshold, device="cpu", threads=2):
    """{path: [(x, y, w, h, score, level)]}, and the report's lines with the pictures' own paths.

    Pictures of one size follow each other: a new size costs the program a second of set-up.
    """
    found, lines = {}, []
    with tempfile.TemporaryDirectory() as tmp:
        for i, path in enumerate(pictures):
            with Image.open(path) as im:
                order = "%05dx%05d" % im.size
            (Path(tmp) / f"{order}_{i:06d}{Path(path).suffix}").symlink_to(Path(path).resolve())
        report = Path(tmp) / "detections.jsonl"
        subprocess.run([program, "detect", tmp, "--model", str(model), "--threshold", str(threshold), "--device", device,
                        "--threads", str(threads), "--json", str(report), "--quiet"], check=True)
        for line in report.read_text().splitlines():
            frame = json.loads(line)
            path = pictures[int(Path(frame["source"]).stem.split("_")[1])]
            frame["source"] = str(path)
            found[path] = [(*d["box"], d["score"], d["level"]) for d in frame["detections"]]
            lines.append(frame)
    return found, lines


def evaluate(program, truth, lines, *options):
    """The figures of `muster eval` for persons of 75 px and taller, as its JSON object."""
    with tempfile.TemporaryDirectory() as tmp:
        found = Path(tmp) / "found.jsonl"
        found.write_text("".join(json.dumps(f) + "\n" for f in lines))
        said = subprocess.run([program, "eval", "--truth", str(truth), "--detections", str(found), "--height", "75:927", "--json", *options],
                              check=True, capture_output=True, text=True)
        return json.loads(said.stdout)


# Groups of val/: which kinds of pictures, and what tells `muster eval` so.
GROUPS = {"street": (["street"], ["--frames", "pennfudan*"]), "annotated": (["street", "general"], []), "all": (["street", "general", "free"], [])}


def figures(program, truth, lines, kind_of):
    """Miss rates, box quality and intervals of each group, as they stand and with boxes cut at the frame ("clip")."""
    out = {}
    for name, (kinds, options) in GROUPS.items():
        chosen = [f for f in lines if kind_of[f["source"]] in kinds]
        for clip in ([], ["--clip"]):
            said = evaluate(program, truth, chosen, *options, *clip)
            out[name + (" clip" if clip else "")] = {
                "0.1": said["miss_rate_0.1"], "0.01": said["miss_rate_0.01"], "iou": said["mean_iou"], "pictures": said["frames"],
                "persons": said["persons"], "intervals": {f: said["interval"][f"miss_rate_{f}"] for f in ("0.1", "0.01")}}
    return out
