"""What all commands share: options, the work folder, notes about what was done."""
import argparse
import json
import os
from pathlib import Path

# Before PyTorch is loaded: waiting threads sleep. Spinning ones halve the speed when anything else runs.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np


def parser(doc):
    ap = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", default="../shared/data", help="data folder (default ../shared/data)")
    ap.add_argument("--work", default="/tmp/muster-train", help="work folder for windows, checkpoints, notes (default /tmp/muster-train)")
    ap.add_argument("--seed", type=int, default=1, help="seed of everything random (default 1)")
    ap.add_argument("--threads", type=int, default=2, help="CPU threads or processes (default 2)")
    ap.add_argument("--force", action="store_true", help="do it again although the result is there")
    return ap


def add_accelerator(ap):
    """For the commands that train: where the sums are done."""
    ap.add_argument("--accelerator", default="auto", choices=["auto", "cpu", "cuda"], help="where to train (default auto: CUDA where PyTorch finds it)")


def accelerator(args):
    import torch
    if args.accelerator != "auto":
        return torch.device(args.accelerator)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def on_cpu(state):
    """A state_dict that loads on any machine."""
    return {k: v.cpu() for k, v in state.items()}


def work(args):
    path = Path(args.work)
    path.mkdir(parents=True, exist_ok=True)
    return path


def save(path, array):
    """Written beside and renamed, so that a stopped run leaves no half file."""
    tmp = path.with_suffix(".part.npy")
    np.save(tmp, array)
    tmp.rename(path)


def note(folder, name, facts):
    """Facts for the card: one JSON file a step."""
    (folder / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(name, json.dumps(facts), flush=True)


def read_note(folder, name):
    path = Path(folder) / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}
