"""The training code's own checks: `python3 -m unittest discover tests/training` (needs training/requirements.txt)."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))

try:
    import numpy as np
    import torch

    from learn import augment, evaluate, merge, modelfolder, nets, pyramid, tune, windows
except ImportError as missing:
    raise unittest.SkipTest(f"training is not installed: {missing}")


def naive_pixel(base, f_step, y, x):
    """One level pixel by the rule's words: Python integers, no arrays."""
    def tap(v, size):
        u = (((2 * v + 1) * f_step) >> 1) - 2 ** 31 + 2 ** 23
        u = min(max(u, 0), (size - 1) << 32)
        return u >> 32, min((u >> 32) + 1, size - 1), (u >> 24) & 255
    y0, y1, fy = tap(y, base.shape[0])
    x0, x1, fx = tap(x, base.shape[1])
    p = base.astype(int)
    return ((256 - fx) * (256 - fy) * p[y0, x0] + fx * (256 - fy) * p[y0, x1]
            + (256 - fx) * fy * p[y1, x0] + fx * fy * p[y1, x1])


class Pyramid(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(3)
        self.picture = pyramid.Picture(rng.integers(0, 256, (61, 83, 3)).astype(np.uint8))

    def test_levels_equal_the_rule_pixel_by_pixel(self):
        rng = np.random.default_rng(4)
        for k in (0, 3, 9, 13, 20):
            f = pyramid.Levels().factor(k)
            o, g = pyramid.choose_base(f)
            level = pyramid.level(self.picture, f)
            step = int(np.floor(2 ** 32 / g + 0.5))
            for _ in range(30):
                y, x = int(rng.integers(level.shape[0])), int(rng.integers(level.shape[1]))
                want = naive_pixel(self.picture.base(o), step, y - 14, x - 6)
                self.assertTrue((level[y, x] * 65536 == want).all())

    def test_bases_are_rounded_means_with_repeated_edges(self):
        b = self.picture.base(0).astype(int)
        n = self.picture.base(1)
        self.assertEqual(n.shape[:2], ((b.shape[0] + 1) // 2, (b.shape[1] + 1) // 2))
        last = b.shape[1] - 1
        want = (b[0, last] * 2 + b[1, last] * 2 + 2) >> 2
        self.assertTrue((n[0, last // 2] == want).all())

    def test_a_cut_on_the_grid_is_the_level(self):
        f = pyramid.Levels().factor(5)
        level = pyramid.level(self.picture, f)
        got = pyramid.cut(self.picture, f, 8 - 14, 16 - 6, (40, 24))
        self.assertTrue((np.floor(level[8:48, 16:40] + 0.5) == got).all())

    def test_rows_below_the_frame_are_zero(self):
        self.assertEqual(int(self.picture.base(0)[61:].max()), 0)
        self.assertEqual(self.picture.hp, 122)


class Nets(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)
        self.net = nets.WindowNet(nets.PAPER)
        for m in self.net.body:
            if isinstance(m, torch.nn.BatchNorm2d):
                m.weight.data.uniform_(0.5, 2)
                m.bias.data.normal_()
                m.running_mean.normal_()
                m.running_var.uniform_(0.5, 2)
        self.net.eval()

    def test_paper_topology_has_the_papers_size(self):
        layers = nets.fold(self.net)
        self.assertEqual(sum(w.numel() for _, w, _ in layers if w is not None), 3921248)
        total = 0
        for k in range(26):
            f = pyramid.Levels().factor(k)
            total += nets.macs_on(nets.PAPER, int(np.floor(960 * f + .5)) + 28, int(np.floor(640 * f + .5)) + 12)
        self.assertAlmostEqual(total / 1e9, 371.8, places=1)

    def test_folding_batch_norm_changes_nothing(self):
        x = torch.rand(1, 3, 144, 64)
        with torch.no_grad():
            self.assertLess(float((self.net(x) - nets.PlainNet(nets.fold(self.net), half=False)(x)).abs().max()), 1e-4)

    def test_files_hold_the_net_and_calibration_is_linear(self):
        layers = nets.fold(self.net)
        changed = modelfolder.calibrate_layers(layers, 0.5, -1.0)
        x = torch.rand(2, 3, 128, 48)
        with tempfile.TemporaryDirectory() as tmp:
            path = Path(tmp) / "net.onnx"
            modelfolder.write_onnx(path, changed, (128, 48), "test")
            again, read, window = modelfolder.plain(path)
            self.assertEqual(window, (128, 48))
            self.assertEqual({n for n, *_ in read}, {"conv", "pool", "fc", "out"})
            with torch.no_grad():
                before = nets.score(nets.PlainNet(layers, half=False)(x))
                after = nets.score(again(x))
        self.assertLess(float((0.5 * before - 1.0 - after).abs().max()), 0.02)


    def test_a_file_can_be_trained_on_from_where_it_stands(self):
        layers = nets.fold(self.net)
        again = nets.unfold(layers, nets.PAPER, torch.rand(8, 3, 128, 48)).eval()
        x = torch.rand(4, 3, 128, 48)
        with torch.no_grad():
            self.assertLess(float((self.net(x) - again(x)).abs().max()), 1e-3)
            self.assertLess(float((again(x) - nets.PlainNet(nets.fold(again), half=False)(x)).abs().max()), 1e-3)


class Merge(unittest.TestCase):
    def test_a_lone_peak_gives_the_windows_person(self):
        g = {0: {"f": 1.0, "window": (128, 48), "person_px": 100, "border": (14, 6), "stride": 8}}
        (x, y, w, h, s, k), = merge.boxes([(2.0, 0, 5, 3)], g)
        self.assertAlmostEqual(y, 8 * 5 + 14 - 14)
        self.assertAlmostEqual(x + w / 2, 8 * 3 + 24 - 6)
        self.assertAlmostEqual(h, 100)
        self.assertAlmostEqual(w, 41)

    def test_local_maximum_keeps_the_lower_index_of_equals(self):
        s = np.full((20, 20), -5.0, np.float32)
        s[4, 4] = s[6, 5] = 1.0
        self.assertEqual([tuple(map(int, p)) for p in merge.window_maxima(s, 0.0)], [(4, 4)])


class Evaluate(unittest.TestCase):
    def test_a_known_picture(self):
        truth = [(10, 10, 41, 100, 0), (200, 10, 41, 100, 0), (300, 0, 100, 150, 1), (400, 0, 20, 50, 0)]
        found = [(10, 12, 41, 100, 3.0), (12, 10, 41, 100, 2.0), (320, 20, 41, 100, 1.5), (600, 10, 41, 100, 1.0)]
        rows, persons, taken = evaluate.match(truth, found)
        self.assertEqual(persons, 2)
        self.assertEqual([(s, h) for s, h, _ in rows], [(3.0, 1), (2.0, 0), (1.0, 0)])
        self.assertEqual(taken, [3.0, None])
        self.assertEqual(evaluate.miss_at([(rows, persons)], 0.1), 0.5)

    def test_a_box_is_cut_at_the_picture_where_the_truth_shows_only_that(self):
        truth, found = [(10, 60, 16, 40, 0)], [(3, 60, 30, 75, 3.0)]       # the picture ends at y = 100
        self.assertEqual(evaluate.match(truth, found, limit=30)[0][0][1], 0)
        self.assertEqual(evaluate.match(truth, found, limit=30, size=(200, 100))[0], [(3.0, 1, 1.0)])

    def test_platt_scales_towards_log_odds(self):
        rng = np.random.default_rng(2)
        z = rng.normal(0, 2, 4000)
        hit = rng.random(4000) < 1 / (1 + np.exp(-(0.8 * z + 0.5)))
        a, b = tune.platt(z, hit)
        self.assertAlmostEqual(a, 0.8, delta=0.1)
        self.assertAlmostEqual(b, 0.5, delta=0.1)


class Augment(unittest.TestCase):
    def test_zero_rows_stay_zero_whatever_the_light(self):
        rng = np.random.default_rng(6)
        x = augment.batch(rng, np.full((16, 128, 48, 3), 200, np.uint8), np.ones(16, bool), np.zeros((4, 128, 48, 3), np.uint8),
                          np.ones(16, bool))
        self.assertEqual(tuple(x.shape), (16, 3, 128, 48))
        self.assertEqual(float(x[:, :, 64:].abs().max()), 0.0)
        self.assertLess(float(x.max()), 1.0)
        self.assertGreaterEqual(float(x.min()), 0.0)


class Negatives(unittest.TestCase):
    def test_wrong_places_overlap_the_person_by_less_than_half(self):
        rng = np.random.default_rng(5)
        for source in ("inria", "context", "extra", "coco"):
            for _ in range(300):
                dx, dy, s = windows.wrong_place(rng, source)
                a = (-.205, -.5, .41, 1.0)
                b = (dx - .205 * s, dy - .5 * s, .41 * s, s)
                i = evaluate.inter(a, b)
                self.assertLess(i / (.41 + .41 * s * s - i), 0.5)


class Windows(unittest.TestCase):
    def test_turning_and_stretching_leaves_the_person_where_it_is(self):
        rgb = np.zeros((240, 320, 3), np.uint8)
        rgb[118:123, 158:163] = 255
        for seed in range(8):
            got, pad, x, y = windows.warp(rgb, 160.5, 120.5, 80.0, True, np.random.default_rng(seed))
            self.assertEqual(pad, 0.0)                      # the frame's lower edge is not in the part
            ys, xs = np.nonzero(got[..., 0] > 127)
            self.assertAlmostEqual(ys.mean() + .5, y, delta=0.6)
            self.assertAlmostEqual(xs.mean() + .5, x, delta=0.6)

    def test_the_frames_lower_edge_stays_where_the_zero_rows_begin(self):
        rgb = np.full((240, 320, 3), 200, np.uint8)
        got, pad, x, y = windows.warp(rgb, 160.0, 180.0, 100.0, True, np.random.default_rng(1))
        self.assertEqual(pad, 1.0)
        self.assertEqual(got.shape[0] - y, 60)
        self.assertTrue((got == 200).all())


class Reproduce(unittest.TestCase):
    def test_the_chains_use_only_options_that_the_commands_have(self):
        folder = ROOT / "training"
        common = (folder / "learn" / "cli.py").read_text()
        for start in ([], ["--start", "models"]):
            said = subprocess.run([sys.executable, str(folder / "reproduce"), "--list", *start], check=True, capture_output=True, text=True).stdout
            lines = [line.split("training/", 1)[1].split() for line in said.splitlines() if line.startswith("[")]
            self.assertGreater(len(lines), 10)
            for name, *words in lines:
                source = (folder / name).read_text() + common
                for word in words:
                    if word.startswith("--"):
                        self.assertIn(f'"{word}"', source, f"{name} has no {word}")


if __name__ == "__main__":
    unittest.main()
