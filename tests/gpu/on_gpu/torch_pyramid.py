"""The same nets on the same tile shapes in PyTorch, as it is meant to be used at its best: channels_last fp16,
cuDNN benchmark mode, one CUDA graph for all tiles, input already on the GPU. Prints milliseconds a frame.

    torch_pyramid.py BENCH.json [SECONDS]
"""
import json
import sys
import time

import torch
from torch import nn

LAYERS = [(32, 5, 5), None, (64, 3, 3), None, (128, 3, 3), None, (192, 3, 3), (256, 2, 2), (1024, 11, 1), (512, 1, 1),
          (2, 1, 1)]


def make_net():
    modules, channels = [], 3
    for i, layer in enumerate(LAYERS):
        if layer is None:
            modules.append(nn.MaxPool2d(2))
            continue
        out, kh, kw = layer
        modules.append(nn.Conv2d(channels, out, (kh, kw)))
        if i + 1 < len(LAYERS):
            modules.append(nn.ReLU(inplace=True))
        channels = out
    return nn.Sequential(*modules).half().cuda().to(memory_format=torch.channels_last).eval()


def main():
    with open(sys.argv[1]) as file:
        shapes = json.load(file)["tile_shapes"]
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5.0
    torch.backends.cudnn.benchmark = True
    nets = [make_net() for _ in range(1 + max(net for _, _, net in shapes))]
    inputs = [torch.rand(1, 3, h, w, device="cuda").half().to(memory_format=torch.channels_last) for h, w, _ in shapes]

    def frame():
        scores = []
        for (_, _, net), image in zip(shapes, inputs):
            z = nets[net](image).float()
            scores.append(z[:, 1] - z[:, 0])
        return scores

    with torch.no_grad():
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            for _ in range(3):
                frame()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            frame()
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        times, until = [], time.time() + seconds
        while time.time() < until and len(times) < 2000:
            begin.record()
            graph.replay()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end))
    times.sort()
    print(json.dumps({"torch": torch.__version__, "cudnn": torch.backends.cudnn.version(), "frames": len(times),
                      "gpu_ms": times[len(times) // 2]}))


main()
