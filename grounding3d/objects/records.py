"""A language scene as JSON values and plain arrays, and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from grounding3d.errors import SceneError
from grounding3d.features.base import EncoderIdentity
from grounding3d.fusion.base import GaussianFeatures
from grounding3d.fusion.evidence import Crop
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.camera import Camera
from grounding3d.objects.base import LanguageScene, MapObject, ObjectMap
from grounding3d.objects.folder import FORMAT, FORMAT_VERSION
from grounding3d.scene.base import Keyframe

FEATURES = ("codebook", "codes", "weights", "confidence")


def dump_json(value: Any) -> bytes:
    """Strict JSON; a NaN raises.

    Raises:
        SceneError: a number is not finite, or a value has no JSON form.
    """
    try:
        return json.dumps(value, allow_nan=False, indent=1, ensure_ascii=False).encode()
    except (ValueError, TypeError) as error:
        raise SceneError("the scene cannot be written as JSON", found=str(error)) from error


def manifest(scene: LanguageScene, files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Everything about a scene that is not in its data files."""
    geometry = scene.scene
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "uuid": scene.uuid,
        "world_frame": geometry.world_frame,
        "up_world": None if geometry.up_world is None else _floats(geometry.up_world),
        "up_source": geometry.up_source,
        "backend": geometry.backend,
        "report": geometry.report,
        "encoder": encoder_json(scene.encoder),
        "static_transforms": {k: _floats(T) for k, T in scene.static_transforms.items()},
        "config": scene.config,
        "capture": scene.capture,
        "counts": {
            "gaussians": len(geometry.gaussians),
            "keyframes": len(geometry.keyframes),
            "objects": len(scene.objects),
            "codes": len(scene.features.codebook),
        },
        "files": files,
    }


def name_from_json(value: Any) -> str:
    """The name of a frame."""
    if not (isinstance(value, str) and value):
        raise SceneError("the scene's frame has no name", found=repr(value))
    return value


def up_from_json(value: Any) -> np.ndarray | None:
    """A direction against gravity [3], None where it is not known."""
    if value is None:
        return None
    up = np.array(value, float)
    if up.shape != (3,) or not abs(np.linalg.norm(up) - 1) < 1e-3:
        raise SceneError("the scene's up is no direction", found=repr(value))
    return up


def encoder_json(encoder: EncoderIdentity) -> dict[str, Any]:
    """An encoder's identity."""
    return {
        "spec": encoder.spec,
        "dim": encoder.dim,
        "preprocess": encoder.preprocess,
        "tokenizer": encoder.tokenizer,
        "centre": None if encoder.centre is None else _floats(encoder.centre),
        "logit_scale": float(encoder.logit_scale),
        "logit_bias": float(encoder.logit_bias),
        "canonical_phrases": list(encoder.canonical_phrases),
        "probes": _floats(encoder.probes),
        "templates": list(encoder.templates),
        "weights_sha256": encoder.weights_sha256,
    }


def encoder_from_json(value: dict[str, Any]) -> EncoderIdentity:
    """The inverse of `encoder_json`."""
    centre = value["centre"]
    return EncoderIdentity(
        spec=value["spec"],
        dim=value["dim"],
        preprocess=value["preprocess"],
        tokenizer=value["tokenizer"],
        centre=None if centre is None else np.array(centre, np.float32),
        logit_scale=value["logit_scale"],
        logit_bias=value["logit_bias"],
        canonical_phrases=tuple(value["canonical_phrases"]),
        probes=np.array(value["probes"], np.float32),
        templates=tuple(value.get("templates", ("{}",))),
        weights_sha256=value.get("weights_sha256"),
    )


def keyframes_json(keyframes: tuple[Keyframe, ...]) -> list[dict[str, Any]]:
    """Poses, cameras and stamps."""
    return [
        {
            "frame_index": int(k.frame_index),
            "stamp_s": k.stamp_s,
            "T_world_cam": _floats(k.T_world_cam),
            "camera": {
                "K": _floats(k.camera.K),
                "width": k.camera.width,
                "height": k.camera.height,
            },
        }
        for k in keyframes
    ]


def keyframes_from_json(value: list[dict[str, Any]]) -> tuple[Keyframe, ...]:
    """The inverse of `keyframes_json`; frames of one camera share it."""
    cameras: dict[str, Camera] = {}
    keyframes = []
    for item in value:
        key = json.dumps(item["camera"], sort_keys=True)
        if key not in cameras:
            c = item["camera"]
            cameras[key] = Camera(np.array(c["K"], float), c["width"], c["height"])
        pose = np.array(item["T_world_cam"], float)
        keyframes.append(Keyframe(item["frame_index"], cameras[key], pose, item["stamp_s"]))
    return tuple(keyframes)


def objects_json(objects: ObjectMap) -> dict[str, Any]:
    """Everything of the objects that is read one by one."""
    return {
        "next_id": objects.next_id,
        "objects": [
            {
                "id": int(item.id),
                "kind": item.kind,
                "label": item.label,
                "box": {
                    "center": _floats(item.box.center),
                    "wxyz": _floats(item.box.wxyz),
                    "size": _floats(item.box.size),
                },
                "covariance": _floats(item.covariance),
                "n_views": int(item.n_views),
                "n_points": item.n_points,
                "n_view_embeddings": len(item.view_embeddings),
                "support_id": item.support_id,
                "container_id": item.container_id,
                "n_keyframes": len(item.keyframes),
                "misfit_m": float(item.misfit_m),
                "crops": [
                    {
                        "keyframe": crop.keyframe,
                        "window": list(crop.window),
                        "quality": float(crop.quality),
                        "format": "jpeg",
                        "n_bytes": len(crop.jpeg),
                    }
                    for crop in item.crops
                ],
                "anchor": int(item.anchor),
                "stamp_s": item.stamp_s,
            }
            for item in objects
        ],
    }


def object_arrays(objects: ObjectMap) -> dict[str, np.ndarray]:
    """Everything of the objects that is arrays; points and views lie end to end."""
    items = objects.objects
    dim = objects.embeddings.shape[1]
    return {
        "embeddings": objects.embeddings.astype(np.float32),
        "view_embeddings": np.concatenate(
            [np.zeros((0, dim), np.float32), *(o.view_embeddings.reshape(-1, dim) for o in items)]
        ).astype(np.float32),
        "points": np.concatenate([np.zeros((0, 3), np.float32), *(o.points for o in items)]),
        "rgb": np.concatenate([np.zeros((0, 3), np.uint8), *(o.rgb for o in items)]),
        "keyframes": np.concatenate([np.zeros(0, np.int32), *(o.keyframes for o in items)]),
        "crops": np.frombuffer(b"".join(c.jpeg for o in items for c in o.crops), np.uint8).copy(),
    }


def objects_from(value: dict[str, Any], arrays: dict[str, np.ndarray]) -> ObjectMap:
    """The inverse of `objects_json` and `object_arrays`."""
    records = value["objects"]
    points = _cut(arrays["points"], [r["n_points"] for r in records], "points")
    rgb = _cut(arrays["rgb"], [r["n_points"] for r in records], "rgb")
    views = _cut(arrays["view_embeddings"], [r["n_view_embeddings"] for r in records], "views")
    lengths = [r.get("n_keyframes", 0) for r in records]
    keyframes = _cut(arrays.get("keyframes", np.zeros(0, np.int32)), lengths, "keyframes")
    crops = _crop_bytes(records, arrays.get("crops", np.zeros(0, np.uint8)))
    items = [
        MapObject(
            id=record["id"],
            kind=record["kind"],
            box=OBB(**{name: np.array(v, float) for name, v in record["box"].items()}),
            covariance=np.array(record["covariance"], float),
            embedding=arrays["embeddings"][n],
            view_embeddings=views[n],
            label=record["label"],
            points=points[n],
            rgb=rgb[n],
            n_views=record["n_views"],
            support_id=record["support_id"],
            anchor=record["anchor"],
            stamp_s=record["stamp_s"],
            container_id=record.get("container_id"),
            keyframes=keyframes[n],
            misfit_m=record.get("misfit_m", 0.0),
            crops=tuple(
                Crop(data.tobytes(), c["keyframe"], tuple(c["window"]), c["quality"])
                for c, data in zip(record.get("crops", ()), crops[n], strict=True)
            ),
        )
        for n, record in enumerate(records)
    ]
    return ObjectMap(tuple(items), value["next_id"])


def features_from(arrays: dict[str, np.ndarray]) -> GaussianFeatures:
    """Features from the arrays of their file."""
    return GaussianFeatures(**{name: arrays[name] for name in FEATURES})


def check_rows(n: int, anchor: np.ndarray, features: dict[str, np.ndarray]) -> None:
    """Rows of anchors and codes must be those of the .ply."""
    rows = {"anchor": anchor, **{k: features[k] for k in ("codes", "weights", "confidence")}}
    for name, array in rows.items():
        if len(array) != n:
            raise SceneError(
                f"the scene's {name} do not fit its Gaussians", expected=f"{n} rows",
                found=str(len(array)), hint="Build the scene again.",
            )  # fmt: skip


def _crop_bytes(records: list[dict[str, Any]], data: np.ndarray) -> list[list[np.ndarray]]:
    """For each object the bytes of its pictures; scenes from before there were any have none."""
    sizes = [[c["n_bytes"] for c in record.get("crops", ())] for record in records]
    pieces = iter(_cut(data, [n for own in sizes for n in own], "crops"))
    return [[next(pieces) for _ in own] for own in sizes]


def _cut(array: np.ndarray, lengths: list[int], name: str) -> list[np.ndarray]:
    """Pieces of the given lengths, which must add up."""
    if sum(lengths) != len(array):
        raise SceneError(
            f"the objects' {name} do not add up", expected=str(sum(lengths)), found=str(len(array)),
            hint="Build the scene again.",
        )  # fmt: skip
    return np.split(array, np.cumsum(lengths)[:-1]) if lengths else []


def _floats(array: Any) -> list[Any]:
    """Nested lists of Python floats."""
    return np.asarray(array, np.float64).tolist()
