"""Build a scene from a recording, ask it, and use the answer's numbers."""

from __future__ import annotations

import sys

import numpy as np

from grounding3d.capture import open_capture
from grounding3d.features.encoders import load_encoder
from grounding3d.live.config import Config
from grounding3d.live.mapping import build_scene
from grounding3d.query.engine import QueryEngine

recording = sys.argv[1] if len(sys.argv) > 1 else "scenes/tabletop"
config = Config()
encoder = load_encoder(config.encoder)
scene = build_scene(open_capture(recording), config, encoder)

answer = QueryEngine(scene, encoder).ask(sys.argv[2] if len(sys.argv) > 2 else "where is the table")
print(answer.status, "-", answer.reason)
for best in answer.selected:
    sigma_m = np.sqrt(np.diag(best.covariance))
    print(f"{best.label} at {best.box.center.round(3)} m in frame {answer.frame_id!r}")
    print(f"standard deviation {sigma_m.round(4)} m, box {best.box.size.round(3)} m")
