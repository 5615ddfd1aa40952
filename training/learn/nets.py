"""The window nets: topology as data, batch norm for training, folded weights for export."""
import torch
from torch import nn

# kind, channels, kernel; "fc" is a fully connected layer whose kernel covers what is left of the window.
PAPER = {
    "window": (128, 48), "person_px": 100, "border": (14, 6), "stride": 8,
    "layers": [("conv", 32, 5), ("pool",), ("conv", 64, 3), ("pool",), ("conv", 128, 3), ("pool",),
               ("conv", 192, 3), ("conv", 256, 2), ("fc", 1024), ("fc", 512)],
}


class WindowNet(nn.Module):
    """Valid convolutions, ReLU, max-pool 2, FC as convolutions, so a picture of any size goes through."""

    def __init__(self, spec, dropout=0.4):
        super().__init__()
        self.spec = spec
        layers, c = [], 3
        h, w = spec["window"]
        for kind, *args in spec["layers"]:
            if kind == "pool":
                # before the batch norm, which then has a quarter of the work: training is 1.8 times as fast.
                # max and a positive factor commute, see keep_commuting().
                layers.insert(-2, nn.MaxPool2d(2))
                h, w = h // 2, w // 2
            else:
                kernel = (args[1], args[1]) if kind == "conv" else (h, w)
                if kind == "fc":
                    layers.append(nn.Dropout(dropout))
                layers += [nn.Conv2d(c, args[0], kernel, bias=False), nn.BatchNorm2d(args[0]), nn.ReLU(inplace=True)]
                h, w, c = h - kernel[0] + 1, w - kernel[1] + 1, args[0]
        layers += [nn.Dropout(dropout), nn.Conv2d(c, 2, (h, w))]
        self.body = nn.Sequential(*layers)

    def forward(self, x):
        """x: N x 3 x H x W, values 0..1 (pixel / 256). Returns N x 2 x rows x cols."""
        for m in self.body:
            if isinstance(m, nn.Conv2d) and x.shape[2:] == m.weight.shape[2:]:
                # the same sums as a matrix product: faster by far than a 1x1 map's convolution backwards
                x = nn.functional.linear(x.flatten(1), m.weight.flatten(1), m.bias)[:, :, None, None]
            else:
                x = m(x)
        return x

    def keep_commuting(self):
        """Call after each step: factors stay positive, so pooling may stand before or after batch norm."""
        with torch.no_grad():
            for m in self.body:
                if isinstance(m, nn.BatchNorm2d):
                    m.weight.clamp_(min=1e-3)

    def convs(self):
        return [m for m in self.body if isinstance(m, nn.Conv2d)]


def macs_per_window(spec):
    """Multiply-adds of one window, layer by layer."""
    h, w = spec["window"]
    c, out = 3, []
    for kind, *args in spec["layers"] + [("fc", 2)]:
        if kind == "pool":
            h, w = h // 2, w // 2
            continue
        kh, kw = (args[1], args[1]) if kind == "conv" else (h, w)
        h, w = h - kh + 1, w - kw + 1
        out.append(h * w * kh * kw * c * args[0])
        c = args[0]
    return out


def macs_per_cell(spec):
    """Multiply-adds per output cell of a large level: each layer at its own stride."""
    h, w = spec["window"]
    c, stride, total = 3, 1, 0.0
    for kind, *args in spec["layers"] + [("fc", 2)]:
        if kind == "pool":
            h, w, stride = h // 2, w // 2, stride * 2
            continue
        kh, kw = (args[1], args[1]) if kind == "conv" else (h, w)
        h, w = h - kh + 1, w - kw + 1
        total += (spec["stride"] / stride) ** 2 * kh * kw * c * args[0]
        c = args[0]
    return total


def macs_on(spec, rows, cols):
    """Multiply-adds of the net on a level of rows x cols pixels."""
    h, w = rows, cols
    wh, ww = spec["window"]
    c, total = 3, 0
    for kind, *args in spec["layers"] + [("fc", 2)]:
        if kind == "pool":
            h, w, wh, ww = h // 2, w // 2, wh // 2, ww // 2
            continue
        kh, kw = (args[1], args[1]) if kind == "conv" else (wh, ww)
        h, w, wh, ww = h - kh + 1, w - kw + 1, wh - kh + 1, ww - kw + 1
        total += h * w * kh * kw * c * args[0]
        c = args[0]
    return total


def fold(net):
    """The net as plain layers: list of (kind, weight, bias), batch norm inside the weights.

    Convolutions keep their 4D kernels; "fc" layers keep theirs too (the exporter flattens them).
    """
    out, mods = [], list(net.body)
    for i, m in enumerate(mods):
        if not isinstance(m, nn.Conv2d):
            continue
        w = m.weight.detach().double()
        if m.bias is not None:
            out.append(("out", w.float(), m.bias.detach().clone()))
            continue
        pooled = isinstance(mods[i + 1], nn.MaxPool2d)
        bn = mods[i + 2] if pooled else mods[i + 1]
        g = bn.weight.detach().double() / torch.sqrt(bn.running_var.double() + bn.eps)
        b = bn.bias.detach().double() - bn.running_mean.double() * g
        flat = tuple(w.shape[2:]) != (1, 1) and not pooled and w.shape[2] != w.shape[3]
        out.append(("fc" if flat or tuple(w.shape[2:]) == (1, 1) else "conv", (w * g[:, None, None, None]).float(), b.float()))
        if pooled:
            out.append(("pool", None, None))
    return out


def unfold(layers, spec, x, dropout=0.4):
    """The way back: a trainable net from plain layers, the same function.

    Batch norm gets the statistics of the windows x and factors that undo them, so training goes on from
    what the file holds.
    """
    net = WindowNet(spec, dropout).eval()
    mods, plain = list(net.body), [la for la in layers if la[0] != "pool"]
    norms = [m for m in mods if isinstance(m, nn.BatchNorm2d)]
    for conv, (_, w, _) in zip(net.convs(), plain):
        conv.weight.data.copy_(w)
    net.convs()[-1].bias.data.copy_(plain[-1][2])
    seen = {}
    for bn, (_, _, b) in zip(norms, plain):
        bn.bias.data.copy_(b)
        bn.running_var.fill_(1.0 - bn.eps)
        bn.register_forward_hook(lambda m, inputs, _: seen.__setitem__(m, torch.var_mean(inputs[0].float(), (0, 2, 3))))
    with torch.no_grad():
        net(x)
        for bn in norms:
            var, mean = seen[bn]
            bn._forward_hooks.clear()
            bn.running_mean.copy_(mean)
            bn.running_var.copy_(var)
            bn.weight.copy_(torch.sqrt(var + bn.eps))
            bn.bias.add_(mean)
    return net


class PlainNet(nn.Module):
    """A folded net, for detection and for checks; fp16 rounding of the weights as in the files."""

    def __init__(self, layers, half=True):
        super().__init__()
        mods = []
        for kind, w, b in layers:
            if kind == "pool":
                mods.append(nn.MaxPool2d(2))
                continue
            conv = nn.Conv2d(w.shape[1], w.shape[0], tuple(w.shape[2:]))
            conv.weight.data.copy_(w.half().float() if half else w)
            conv.bias.data.copy_(b.half().float() if half else b)
            mods.append(conv)
            if kind != "out":
                mods.append(nn.ReLU(inplace=True))
        self.body = nn.Sequential(*mods)

    def forward(self, x):
        return self.body(x)


def score(z):
    """The score of a cell: difference of the linear outputs."""
    return z[:, 1] - z[:, 0]


SPECS = {"paper": PAPER}
