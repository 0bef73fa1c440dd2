"""Speed of the `cpu` rasteriser and the `native` training engine against the reference.

    python benchmarks/rasterizer.py --out out/rasterizer
    python benchmarks/rasterizer.py --quick --out out/rasterizer
    python benchmarks/rasterizer.py --scene SCENE --capture CAPTURE   # a trained scene of yours

Prints tables and writes OUT/rasterizer.md, .json and the growth as .png. Scenes:

- `tabletop`: the surfels fused from scenes/tabletop (or the Gaussians of `--scene`), seen by the
  recording's middle frame;
- `surface N`: N Gaussians in view, discs on one wavy surface that just cover each other, as a fused
  or trained room is; the more there are, the smaller they are;
- `cloud N`: N faint Gaussians in view, of 1.5 pixels' standard deviation between 1 and 4 m, so that
  many lie behind each other.

Forward is `render`. Gradients is `gradients`: forward and backward in one call, and the copies of
every Gaussian's gradients to numpy. A step is a whole training step: forward, L1, SSIM on every
row, depth loss, backward, Adam. Backward is a step with nothing but L1 less a forward, so it still
holds L1 and Adam. The reference does the same on the same input in the same run; the speed-up of
forward+backward compares its `gradients` with ours. Times are medians.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import matplotlib

matplotlib.use("Agg")
import grounding3d._core as core
import matplotlib.pyplot as plt
import numpy as np
import tyro
from machine import describe_machine, markdown, times_ms, use_threads, write_report

from grounding3d.capture import open_capture
from grounding3d.geometry.camera import Camera
from grounding3d.objects.store import load_scene
from grounding3d.scene.base import Gaussians
from grounding3d.scene.points import PointsBuilder
from grounding3d.scene.rasterizers.base import ImageGradients, Rasterizer, SplatParameters
from grounding3d.scene.rasterizers.cpu import CpuRasterizer
from grounding3d.scene.rasterizers.reference import ReferenceRasterizer
from grounding3d.scene.splat.engine import LearningRates, LossWeights, SplatEngine, TrainView
from grounding3d.scene.splat.native import NativeEngine
from grounding3d.scene.splat.torch_engine import ReferenceEngine

VGA = (640, 480)
FOCAL = 525.0  # pixels at a width of 640
RESOLUTIONS = ((160, 120), (320, 240), (480, 360), (640, 480), (960, 720), (1280, 960))
WEIGHTS = LossWeights(ssim=0.2, depth=1.0, coverage=0.05, needle=0.02)
L1_ONLY = LossWeights(ssim=0.0)
RATES = LearningRates(means=0.0, wxyz=0.0, log_scales=0.0, logits=0.0, sh0=0.0, shN=0.0)


@dataclass
class Options:
    """What to measure."""

    out: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("out/rasterizer")
    """Folder for the figures."""
    capture: Path = Path("scenes/tabletop")
    """Recording whose surfels are drawn."""
    scene: Path | None = None
    """Scene folder to draw instead of the surfels, from a camera of the recording."""
    counts: tuple[int, ...] = (20_000, 50_000, 150_000, 300_000)
    """Gaussians in view of the synthetic scenes."""
    reference_up_to: int = 150_000
    """The reference draws scenes of at most so many Gaussians."""
    threads: tuple[int, ...] = (1, 2)
    """Numbers of threads; the last one is that of all tables but the one over threads."""
    seconds: float = 2.0
    """Time spent on each figure of ours."""
    quick: bool = False
    """Small scenes, half a second a figure, the reference at 320x240 only."""


@dataclass(frozen=True, eq=False)
class Case:
    """A named scene and the camera that looks at it."""

    name: str
    parameters: SplatParameters
    camera: Camera
    T_world_cam: np.ndarray

    @property
    def size(self) -> str:
        return f"{self.camera.width}x{self.camera.height}"

    def resized(self, width: int, height: int) -> Case:
        """The same view with another number of pixels."""
        return replace(self, camera=self.camera.resized(width, height))


def synthetic(kind: str, count: int, seed: int = 0) -> Case:
    """The scenes `surface` and `cloud` of the text above, all centres inside the image."""
    rng = np.random.default_rng([seed, count])
    width, height = VGA
    camera = Camera.from_focal(FOCAL, FOCAL, (width - 1) / 2, (height - 1) / 2, width, height)
    u, v = rng.uniform(0, width - 1, count), rng.uniform(0, height - 1, count)
    if kind == "surface":
        z = 2 + 0.3 * np.sin(u / 70) * np.cos(v / 60) + rng.normal(0, 0.004, count)
        sigma_px = 0.7 * np.sqrt(width * height / count)
        shape, opacity = np.array([1, 1, 0.1]), rng.uniform(0.6, 0.99, count)
    else:
        z = rng.uniform(1, 4, count)
        sigma_px, shape, opacity = 1.5, np.array([1, 0.8, 0.6]), rng.uniform(0.05, 0.5, count)
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(count)], 1)
    scales = (z * sigma_px / camera.fx)[:, None] * shape * rng.uniform(0.8, 1.25, (count, 1))
    parameters = SplatParameters(
        means=(rays * z[:, None]).astype(np.float32),
        wxyz=(np.array([1, 0, 0, 0]) + rng.normal(0, 0.15, (count, 4))).astype(np.float32),
        log_scales=np.log(scales).astype(np.float32),
        logits=np.log(opacity / (1 - opacity)).astype(np.float32),
        sh0=rng.normal(0, 0.8, (count, 3)).astype(np.float32),
        shN=np.zeros((count, 0, 3), np.float32),
    )
    return Case(f"{kind} {count // 1000}k", parameters, camera, np.eye(4))


def recorded(options: Options) -> Case:
    """Surfels of the recording, or the given scene, seen by the middle frame."""
    frames = list(open_capture(options.capture))
    if options.scene is not None:
        gaussians, name = load_scene(options.scene).scene.gaussians, options.scene.name
    else:
        builder = PointsBuilder()
        for frame in frames:
            builder.add(frame)
        gaussians, name = builder.finish().gaussians, options.capture.name
    middle = frames[len(frames) // 2]
    parameters = SplatParameters.from_gaussians(gaussians)
    return Case(name, parameters, middle.camera, middle.T_world_cam)


def calls(case: Case, rasterizer: Rasterizer) -> dict[str, Callable[[], object]]:
    """What is timed of a rasteriser."""
    gaussians: Gaussians = case.parameters.activated()
    shape = (case.camera.height, case.camera.width)
    rng = np.random.default_rng(3)
    weights = [rng.normal(0, 1e-3, (*shape, *rest)).astype(np.float32) for rest in ((3,), (), ())]
    view = (case.camera, case.T_world_cam)
    return {
        "forward": partial(rasterizer.render, gaussians, *view),
        "gradients": partial(
            rasterizer.gradients, case.parameters, *view, ImageGradients(*weights)
        ),
        "contributions": partial(rasterizer.contributions, gaussians, *view),
    }


def steps(case: Case, engine: SplatEngine) -> dict[str, Callable[[], object]]:
    """Training steps that leave the parameters as they are: all rates are zero."""
    rng = np.random.default_rng(4)
    drawn = CpuRasterizer().render(case.parameters.activated(), case.camera, case.T_world_cam)
    noisy = 255 * drawn.rgb + rng.normal(0, 12, drawn.rgb.shape)
    view = TrainView(
        rgb=np.clip(noisy, 0, 255).astype(np.uint8),
        depth_m=np.where(drawn.alpha > 0.5, drawn.depth_m + 0.003, 0).astype(np.float32),
        camera=case.camera,
        T_world_cam=case.T_world_cam,
        exposure=np.array([[1, 1, 1], [0, 0, 0]], np.float32),
    )
    engine.load(case.parameters)
    return {
        "step": partial(engine.step, view, WEIGHTS, RATES, sh_degree=0),
        "L1 step": partial(engine.step, view, L1_ONLY, RATES, sh_degree=0),
    }


def measure(
    case: Case, rasterizer: Rasterizer, engine: SplatEngine, **how: Any
) -> dict[str, float]:
    """Median milliseconds of everything."""
    todo = {**calls(case, rasterizer), **steps(case, engine)}
    found = {name: float(np.median(times_ms(call, **how))) for name, call in todo.items()}
    return {**found, "backward": max(found["L1 step"] - found["forward"], 0.0)}


def case_row(case: Case, seconds: float, instruction_set: str = "") -> dict[str, object]:
    """Ours on one case."""
    rasterizer, engine = CpuRasterizer(instruction_set), NativeEngine(instruction_set)
    times = measure(case, rasterizer, engine, seconds=seconds / 4)
    rasterizer.render(case.parameters.activated(), case.camera, case.T_world_cam)
    drawn, pairs = rasterizer.counts()
    order = ("forward", "backward", "gradients", "contributions", "step")
    return {
        "scene": case.name,
        "size": case.size,
        "visible": drawn,
        "tiles per Gaussian": round(pairs / max(drawn, 1), 2),
        **{f"{name} ms": round(times[name], 2) for name in order},
    }


def reference_row(case: Case, ours: dict[str, object]) -> dict[str, object]:
    """The reference on one case, and how many times faster ours is; each call once."""
    rasterizer, engine = ReferenceRasterizer(), ReferenceEngine()
    how = {"seconds": 0.0, "least": 1, "warm": False}
    measure(case.resized(64, 48), rasterizer, engine, **how)  # torch's first calls are slow
    times = measure(case, rasterizer, engine, **how)

    def ratio(name: str) -> float:
        return round(times[name] / float(str(ours[f"{name} ms"])), 1)

    return {
        "scene": case.name,
        "size": case.size,
        "forward ms": round(times["forward"]),
        "forward+backward ms": round(times["gradients"]),
        "step ms": round(times["step"]),
        "forward, times": ratio("forward"),
        "forward+backward, times": ratio("gradients"),
        "contributions, times": ratio("contributions"),
        "step, times": ratio("step"),
    }


def linear_fit(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Least-squares line y = offset + slope x with its share of explained variance."""
    slope, offset = np.polyfit(x, y, 1)
    rest = y - (offset + slope * x)
    return {
        "offset_ms": float(offset),
        "slope_ms_per_1000": float(slope),
        "largest_residual_ms": float(np.abs(rest).max()),
        "largest_residual_share": float(np.abs(rest / y).max()),
        "r2": float(1 - rest.var() / max(y.var(), 1e-12)),
    }


def growth_figure(
    path: Path, panels: dict[str, tuple[str, list[dict[str, Any]]]]
) -> dict[str, Any]:
    """Plot times over visible Gaussians or pixels with their lines; returns the fits."""
    fits: dict[str, Any] = {}
    figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 4))
    for axis, (title, (over, rows)) in zip(np.atleast_1d(axes), panels.items()):
        x = np.array([_abscissa(row, over) for row in rows], float)
        for name in ("forward ms", "backward ms", "step ms"):
            y = np.array([row[name] for row in rows], float)
            fit = linear_fit(x, y)
            fits[f"{title}: {name[:-3]}"] = fit
            line = axis.plot(x, y, "o", label=name[:-3])[0]
            axis.plot(
                x, fit["offset_ms"] + fit["slope_ms_per_1000"] * x, "-", color=line.get_color()
            )
        axis.set(title=title, xlabel=f"{over} / 1000", ylabel="ms", ylim=(0, None))
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return fits


def _abscissa(row: dict[str, Any], over: str) -> float:
    if over == "visible Gaussians":
        return float(row["visible"]) / 1000
    width, height = row["size"].split("x")
    return int(width) * int(height) / 1000


def compare_reference(cases: Sequence[Case], rows: Sequence[dict[str, Any]], most: int) -> list:
    """Rows of the reference for the cases that are small enough for it."""
    chosen = [(c, r) for c, r in zip(cases, rows, strict=True) if r["visible"] <= most]
    return [reference_row(case, row) for case, row in chosen]


def main(options: Options) -> None:
    """Measure, print and write."""
    if options.quick:
        options = replace(options, counts=(5_000, 10_000, 20_000), seconds=0.5)
    use_threads(options.threads[-1])
    head = describe_machine(options.threads[-1])
    table = recorded(options)
    small = table.resized(320, 240)
    synthetics = [synthetic(kind, n) for kind in ("surface", "cloud") for n in options.counts]
    cases = [small, table, synthetics[0].resized(320, 240), *synthetics]
    rows = [case_row(case, options.seconds) for case in cases]
    middle = synthetics[len(options.counts) // 2]
    per_set = [
        {"instruction set": name, **case_row(case, options.seconds, name)}
        for case in (table, middle)
        for name in core.instruction_sets()
    ]
    over_pixels = [case_row(middle.resized(*size), options.seconds) for size in RESOLUTIONS]
    compared = compare_reference(
        [c for c in cases if not options.quick or c.camera.width == 320],
        [r for r in rows if not options.quick or r["size"] == "320x240"],
        options.reference_up_to,
    )
    per_threads = []
    for count in options.threads:
        use_threads(count)
        per_threads += [
            {"threads": count, **case_row(case, options.seconds)} for case in (table, middle)
        ]
    options.out.mkdir(parents=True, exist_ok=True)
    n = len(options.counts)
    fits = growth_figure(
        options.out / "rasterizer_growth.png",
        {
            "surface, 640x480": ("visible Gaussians", rows[3 : 3 + n]),
            "cloud, 640x480": ("visible Gaussians", rows[3 + n :]),
            middle.name: ("pixels", over_pixels),
        },
    )
    fit_rows = [
        {"growth": k, **{a: float(f"{b:.3g}") for a, b in v.items()}} for k, v in fits.items()
    ]
    parts = {
        "Ours": rows,
        "The reference in the same run": compared,
        "Instruction sets": per_set,
        "Threads": per_threads,
        "Growth with pixels": over_pixels,
        "Lines through the growth": fit_rows,
    }
    text = "# Rasteriser\n\n" + "\n".join(f"- {k}: {v}" for k, v in head.items())
    text += "".join(f"\n\n## {title}\n\n{markdown(part)}" for title, part in parts.items())
    write_report(options.out, "rasterizer", text, {"machine": head, **parts})


if __name__ == "__main__":
    main(tyro.cli(Options))
