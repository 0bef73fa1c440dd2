"""The NeRF's side of `build --backend nerf`: train, draw, report; and draw from a stored NeRF.

python -m grounding3d.nerf.job WORK
python -m grounding3d.nerf.job render FOLDER REQUEST.json OUT
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grounding3d.capture.files import replacing_folder
from grounding3d.errors import InputError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import check_pose
from grounding3d.nerf.environment import prepare
from grounding3d.nerf.protocol import Line, speak

if TYPE_CHECKING:
    from grounding3d.nerf.config import JobSettings
    from grounding3d.nerf.export import StoredNerf
    from grounding3d.nerf.frames import FrameFile
    from grounding3d.nerf.train import Trained
    from grounding3d.nerf.views import Selection

_log = logging.getLogger(__name__)


def build(work: Path, line: Line) -> str:
    """Train the NeRF of a job's folder and write its result, aside and renamed.

    Returns:
        The path of the result.
    """
    prepare()
    from grounding3d.nerf.config import read_settings
    from grounding3d.nerf.export import load_nerf, save_nerf
    from grounding3d.nerf.frames import read_frames
    from grounding3d.nerf.train import train

    settings = read_settings(work)
    frames = read_frames(work / "frames")
    trained = train(work, settings, line)
    result = work / "result"
    started = time.monotonic()
    with replacing_folder(result, lambda folder: True) as aside:
        config = trained.trainer.config
        count = len(trained.data.train_dataset)
        save_nerf(aside, trained.nerf, {"method": config.method_name, "n_images": count})
        nerf = load_nerf(aside, settings.device)  # what is drawn is what is stored
        _draw_frames(aside, nerf, frames, settings, line)
        report = _report(nerf, frames, settings, trained)
        report["seconds"]["render"] = round(time.monotonic() - started, 2)
        text = json.dumps(report, indent=1, allow_nan=False)
        (aside / "report.json").write_text(text, encoding="utf-8")
    return str(result)


def _draw_frames(
    folder: Path, nerf: StoredNerf, frames: list[FrameFile], settings: JobSettings, line: Line
) -> None:
    from grounding3d.nerf.views import draw_language, draw_view, save_view

    held_out = set(settings.held_out)
    wanted = settings.views
    if wanted is None:
        wanted = tuple(frame.number for frame in frames if frame.number not in held_out)
    outside = [number for number in wanted if not 0 <= number < len(frames)]
    if outside:
        raise InputError(
            "there is no such frame to draw", expected=f"0 to {len(frames) - 1}", found=str(outside)
        )
    (folder / "views").mkdir()
    config = settings.overrides
    selection = _selection(settings, config.n_scales) if nerf.encoder is not None else None
    for done, number in enumerate(wanted):
        frame = frames[number]
        full = frame.camera
        width = min(config.view_width, full.width)
        camera = full.resized(width, max(round(full.height * width / full.width), 1))
        view = draw_view(nerf, camera, frame.T_world_cam)
        language = None
        if selection is not None:
            language = draw_language(nerf, full, frame.T_world_cam, config.cell_px, selection)
        save_view(folder / "views" / f"{number:05d}.safetensors", view, camera, language)
        line.progress("views", done + 1, len(wanted))


def _selection(settings: JobSettings, n_scales: int) -> Selection:
    import torch

    from grounding3d.features.encoders import load_encoder
    from grounding3d.features.vocabulary import label_vocabulary
    from grounding3d.nerf.views import Selection

    assert settings.encoder is not None
    encoder = load_encoder(settings.encoder, settings.device)
    nouns, canonical = (
        torch.from_numpy(np.asarray(v, np.float32)).to(settings.device)
        for v in (
            label_vocabulary(encoder).vectors,
            encoder.encode_text(list(encoder.canonical_phrases)),
        )
    )
    return Selection(nouns, canonical, n_scales)


def _report(
    nerf: StoredNerf, frames: list[FrameFile], settings: JobSettings, trained: Trained
) -> dict[str, Any]:
    from grounding3d.nerf.report import held_out_scores

    held_out = [frames[n] for n in sorted(set(settings.held_out)) if 0 <= n < len(frames)]
    scores = held_out_scores(nerf, held_out, trained.data.eval_dataset)
    steps, seconds = trained.steps, trained.seconds_train
    rays = trained.data.config.train_num_rays_per_batch
    n_parameters = sum(p.numel() for p in nerf.model.parameters())
    return {
        **scores,
        "seconds": {
            "features": round(trained.seconds_features, 2),
            "train": round(seconds, 2),
        },
        "iterations": steps,
        "rays_per_s": round(steps * rays / seconds) if seconds > 0 else None,
        "n_parameters": n_parameters,
        "has_depth": trained.data.train_dataset.has_depth,
    }


def render(folder: Path, request: Path, out: Path, line: Line) -> str:
    """Draw views from a stored NeRF alone.

    Args:
        folder: with nerf.safetensors and nerf.json, or a job's folder with them in result/.
        request: JSON file, `{"views": [{"K", "width", "height", "T_world_cam"}...], "device"?}`.
        out: folder for 00000.safetensors, 00001.safetensors, ...
    """
    prepare()
    from grounding3d.nerf.export import MODEL, load_nerf
    from grounding3d.nerf.views import draw_view, save_view

    views, device = _read_request(request)
    inner = folder / "result"
    nerf = load_nerf(inner if (inner / MODEL).is_file() else folder, device)
    out.mkdir(parents=True, exist_ok=True)
    for number, (camera, T_world_cam) in enumerate(views):
        view = draw_view(nerf, camera, T_world_cam)
        part = out / f".{number:05d}.{os.getpid()}"
        save_view(part, view, camera)
        part.replace(out / f"{number:05d}.safetensors")
        line.progress("views", number + 1, len(views))
    return str(out)


def _read_request(path: Path) -> tuple[list[tuple[Camera, np.ndarray]], str]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        views = [
            (
                Camera(np.asarray(view["K"], float), int(view["width"]), int(view["height"])),
                check_pose(np.asarray(view["T_world_cam"], float), f"pose of view {number}"),
            )
            for number, view in enumerate(record["views"])
        ]
        return views, str(record.get("device", "cpu"))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"the request {path} cannot be used", found=repr(error)) from error


def main(arguments: list[str]) -> int:
    """Run the job that the arguments name; see the module's text."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    if len(arguments) == 1:
        return speak(lambda line: build(Path(arguments[0]), line))
    if len(arguments) == 4 and arguments[0] == "render":
        folder, request, out = map(Path, arguments[1:])
        return speak(lambda line: render(folder, request, out, line))
    sys.stderr.write(__doc__ or "")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
