"""Writes and reads model folders: ONNX files of plain operators and model.yaml."""
import hashlib
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from .nets import PlainNet


def calibrate_layers(layers, a, b):
    """Score calibration a * (z1 - z0) + b inside the last layer: its weights times a, b shared by both biases."""
    kind, w, bias = layers[-1]
    return layers[:-1] + [(kind, w * a, bias * a + torch.tensor([-b / 2, b / 2]))]


def write_onnx(path, layers, window, name):
    """Topology as trained: Conv, Relu, MaxPool in that order (ReLU and max commute, so both orders agree)."""
    nodes, init, at, flat = [], [], "window", False
    for i, (kind, w, b) in enumerate(layers):
        if kind == "pool":
            nodes.append(helper.make_node("MaxPool", [at], [f"pool{i}"], kernel_shape=[2, 2], strides=[2, 2]))
            at = f"pool{i}"
            continue
        gemm = kind in ("fc", "out")
        if gemm and not flat:
            nodes.append(helper.make_node("Flatten", [at], ["flat"], axis=1))
            at, flat = "flat", True
        v = w.numpy().astype(np.float16)
        init += [numpy_helper.from_array(v.reshape(len(v), -1) if gemm else v, f"w{i}"),
                 numpy_helper.from_array(b.numpy().astype(np.float16), f"b{i}")]
        pre = "outputs" if kind == "out" else f"sum{i}"
        op = dict(transB=1) if gemm else dict(kernel_shape=list(w.shape[2:]))
        nodes.append(helper.make_node("Gemm" if gemm else "Conv", [at, f"w{i}", f"b{i}"], [pre], **op))
        at = pre
        if kind != "out":
            nodes.append(helper.make_node("Relu", [pre], [f"relu{i}"]))
            at = f"relu{i}"
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info("window", TensorProto.FLOAT16, [1, 3, *window])],
        [helper.make_tensor_value_info("outputs", TensorProto.FLOAT16, [1, 2])], init)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="muster")
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def read_onnx(path):
    """(layers, window) of a file written here: what the C reader must see, read back by the onnx package."""
    model = onnx.load(str(path))
    values = {t.name: torch.from_numpy(numpy_helper.to_array(t).astype(np.float32)) for t in model.graph.initializer}
    window = tuple(d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim)[2:]
    h, w, c, layers, nodes = *window, 3, [], list(model.graph.node)
    for i, n in enumerate(nodes):
        if n.op_type == "MaxPool":
            layers.append(("pool", None, None))
            h, w = h // 2, w // 2
        elif n.op_type == "Conv":
            v = values[n.input[1]]
            layers.append(("conv", v, values[n.input[2]]))
            h, w, c = h - v.shape[2] + 1, w - v.shape[3] + 1, v.shape[0]
        elif n.op_type == "Gemm":
            v = values[n.input[1]]
            last = i == len(nodes) - 1
            layers.append(("out" if last else "fc", v.reshape(v.shape[0], c, h, w), values[n.input[2]]))
            h, w, c = 1, 1, v.shape[0]
    return layers, window


def spec_of(layers, net):
    """Topology of a file, as nets.py describes it; `net` is its entry in model.yaml."""
    out = []
    for kind, w, _ in layers[:-1]:
        out.append(("pool",) if kind == "pool" else (kind, w.shape[0]) + ((w.shape[2],) if kind == "conv" else ()))
    return {"window": tuple(net["window"]), "person_px": net["person_px"], "border": tuple(net["border"]),
            "stride": 2 ** sum(k == "pool" for k, *_ in layers), "layers": out}


def plain(path):
    """A file as a runnable net."""
    layers, window = read_onnx(path)
    return PlainNet(layers), layers, window


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


YAML = """# {title}
name: {name}
levels: {{first_person_px: {first:g}, per_octave: {per_octave}, count: {count}}}
pad_below: {pad:.1f}            # zero rows below the frame, share of its height
aspect: 0.41              # box width / height
candidate_threshold: {candidate:.3f}  # cells above it are candidates
threshold: {threshold:.3f}          # default: 0.1 false positives per image on val/
overlap: {overlap:g}              # greedy suppression: a box that overlaps a better one by more is dropped
overlap_measure: {measure}      # iou, or min (intersection / smaller area)
operating_points:         # thresholds at false positives per image, measured on val/
{points}nets:
{nets}"""

NET = """  - name: {name}
    file: {name}.onnx
    levels: [{first}, {last}]
    window: [{wh}, {ww}]
    person_px: {px:g}
    border: [{bh}, {bw}]
    input: {{scale: 0.00390625, offset: 0.0}}
"""


def write_yaml(path, title, name, levels, nets, candidate, threshold, points, overlap, measure):
    """nets: [(name, (first, last), spec)]; points: [(fppi, threshold)]."""
    lines = "".join(f"  - {{fppi: {f:g}, threshold: {t:.3f}}}\n" for f, t in points)
    body = "".join(NET.format(name=n, first=s[0], last=s[1], wh=spec["window"][0], ww=spec["window"][1], px=spec["person_px"],
                              bh=spec["border"][0], bw=spec["border"][1]) for n, s, spec in nets)
    Path(path).write_text(YAML.format(title=title, name=name, first=levels.first_person_px, per_octave=levels.per_octave,
                                      count=levels.count, pad=levels.pad_below, candidate=candidate, threshold=threshold,
                                      points=lines, nets=body, overlap=overlap, measure=measure))
