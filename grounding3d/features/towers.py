"""The two sides of an open_clip model, built and read apart.

A robot answers with the text tower alone: for a file in open_clip's own naming only the tensors of
the wanted side are read, and the other side is never built.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from grounding3d.compat import prepare_torchvision
from grounding3d.errors import EncoderError
from grounding3d.features.preprocess import Preprocess

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

Side = Literal["image", "text"]

_SCALARS = ("logit_scale", "logit_bias")
_TEXT_PREFIXES = ("text.", "text_projection", "positional_embedding", "token_embedding",
                  "transformer.", "ln_final.")  # fmt: skip
_HARMLESS = ("attn_mask", "position_ids")  # older releases stored these constants


@dataclass(frozen=True, eq=False)
class Tower:
    """One side of a model, in evaluation mode.

    Attributes:
        module: images [n,3,h,w] or tokens [n,context] in, [n,D] out.
        logit_scale: factor from cosine to logit.
        logit_bias: added to the logit, 0 where the model has none.
    """

    module: Any
    logit_scale: float
    logit_bias: float


class Towers(Protocol):
    """Where an encoder's two sides come from."""

    @property
    def preprocess(self) -> Preprocess:
        """What the image side expects."""
        ...

    def load(self, side: Side) -> Tower:
        """Build one side and read its weights."""
        ...

    def weights_file(self) -> Path | None:
        """The one file that holds the weights; None where there is none."""
        ...


class FileTowers:
    """Towers of an open_clip configuration, with weights in one file.

    Args:
        name: what to call it in errors.
        config: open_clip's model configuration (`embed_dim`, `vision_cfg`, `text_cfg`, ...).
        file: gives the path of the weights; may download them.
        preprocess: of the image side.
    """

    def __init__(
        self,
        name: str,
        config: Mapping[str, Any],
        file: Callable[[], Path],
        preprocess: Preprocess,
    ) -> None:
        self._name = name
        self._config = dict(config)
        self._file = file
        self._preprocess = preprocess
        self._path: Path | None = None

    @property
    def preprocess(self) -> Preprocess:
        """What the image side expects."""
        return self._preprocess

    def weights_file(self) -> Path:
        """The file, downloaded where necessary."""
        if self._path is None:
            self._path = Path(self._file())
        return self._path

    def load(self, side: Side) -> Tower:
        """Build one side and read its weights.

        Raises:
            EncoderError: the file does not fit the configuration, or holds NaN.
        """
        prepare_torchvision()
        path = self.weights_file()
        state = None if "multimodal_cfg" in self._config else read_side(path, side)
        if state is None:
            _log.debug("%s: not in open_clip's naming, read as a whole", path)
            return self._whole(side, path)
        tower = self._build(side)
        scale, bias = (state.pop(name, None) for name in _SCALARS)
        if scale is None:
            raise self._misfit("it has no logit_scale")
        self._fill(tower, side, state)
        return Tower(
            tower.eval().requires_grad_(False),
            float(scale.float().exp().reshape(-1)[0]),
            0.0 if bias is None else float(bias.float().reshape(-1)[0]),
        )

    def _build(self, side: Side) -> Any:
        from open_clip.model import _build_text_tower, _build_vision_tower

        config, dim = self._config, self._config["embed_dim"]
        quick_gelu = bool(config.get("quick_gelu", False))
        if side == "text":
            text = {**config["text_cfg"]}
            if "hf_model_name" in text:
                text["hf_model_pretrained"] = False
            return _build_text_tower(dim, text, quick_gelu)
        vision = {**config["vision_cfg"]}
        if "timm_model_name" in vision:
            vision["timm_model_pretrained"] = False
        return _build_vision_tower(dim, vision, quick_gelu)

    def _fill(self, tower: Any, side: Side, state: dict[str, torch.Tensor]) -> None:
        from open_clip.model import resize_pos_embed, resize_text_pos_embed

        check_finite_weights(state, self._name)
        prefix = "visual." if side == "image" else "text."
        if side == "image":
            resize_pos_embed(state, SimpleNamespace(visual=tower))
        elif hasattr(tower, "positional_embedding"):
            resize_text_pos_embed(state, SimpleNamespace(text=tower))
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
        own = tower.state_dict()
        for name, tensor in own.items():
            if name not in state:
                raise self._misfit(f"it has no {prefix}{name}")
            if state[name].shape != tensor.shape:
                shape = tuple(state[name].shape)
                raise self._misfit(f"{prefix}{name} is {shape}, not {tuple(tensor.shape)}")
        extra = [n for n in state if n not in own and not n.endswith(_HARMLESS)]
        if extra:
            raise self._misfit(f"{prefix}{extra[0]} has no place there")
        tower.load_state_dict({name: state[name] for name in own})

    def _whole(self, side: Side, path: Path) -> Tower:
        """One side out of the whole model: for formats that only open_clip's own loader knows."""
        from open_clip.coca_model import CoCa
        from open_clip.factory import load_checkpoint
        from open_clip.model import CLIP, CustomTextCLIP

        config = {**self._config}
        custom = config.pop("custom_text", False) or "hf_model_name" in config["text_cfg"]
        kind = (CoCa if "multimodal_cfg" in config else CustomTextCLIP) if custom else CLIP
        model = kind(**config)
        load_checkpoint(model, str(path))
        tower = split_model(model, side)
        check_finite_weights(tower.module.state_dict(), self._name)
        return tower

    def _misfit(self, found: str) -> EncoderError:
        return EncoderError(
            f"the weights of {self._name!r} cannot be loaded: the file is of another model",
            found=found,
            hint="Name the architecture that the file was trained with.",
        )


class ModelTowers:
    """Towers of a function that builds a whole model; each side drops the other one.

    Args:
        make_model: builds the model with its weights.
    """

    def __init__(self, make_model: Callable[[], torch.nn.Module]) -> None:
        self._make_model = make_model
        self._preprocess: Preprocess | None = None

    @property
    def preprocess(self) -> Preprocess:
        """What the image side expects; builds the model unless a side is loaded already."""
        if self._preprocess is None:
            self.load("text")
        assert self._preprocess is not None
        return self._preprocess

    def load(self, side: Side) -> Tower:
        """Build the model and keep one side."""
        model: Any = self._make_model()
        config = dict(getattr(model.visual, "preprocess_cfg", None) or {})
        config = config or {"size": getattr(model.visual, "image_size", 224)}
        self._preprocess = Preprocess.from_config(config)
        return split_model(model, side)

    def weights_file(self) -> None:
        """Not known."""
        return


def split_model(model: Any, side: Side) -> Tower:
    """One side of a whole open_clip model."""
    model.eval().requires_grad_(False)
    bias = getattr(model, "logit_bias", None)
    scale = float(model.logit_scale.exp().reshape(-1)[0])
    shift = 0.0 if bias is None else float(bias.reshape(-1)[0])
    if side == "image":
        if getattr(model.visual, "output_tokens", False):
            model.visual.output_tokens = False  # CoCa's decoder wants them, nobody here does
        return Tower(model.visual, scale, shift)
    for unused in ("visual", "text_decoder"):
        if hasattr(model, unused):
            setattr(model, unused, None)
    model.forward = model.encode_text
    return Tower(model, scale, shift)


def read_side(path: Path, side: Side) -> dict[str, torch.Tensor] | None:
    """Tensors of one side and the scalars, text names with `text.`; None for a foreign format.

    A safetensors file gives up only what is asked for, a torch file is mapped into memory.
    """
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(str(path), "pt") as file:
            names = [name for name in file.keys() if _side_of(name) in (side, "both")]  # noqa: SIM118
            state = {name: file.get_tensor(name) for name in names}
            foreign = any(_side_of(name) is None for name in file.keys())  # noqa: SIM118
    elif path.suffix in (".npz", ".npy"):
        return None
    else:
        whole = _read_torch(path)
        state = {k: v for k, v in whole.items() if _side_of(k) in (side, "both")}
        foreign = any(_side_of(name) is None for name in whole)
    if foreign:
        return None
    is_bare = any(name.startswith("transformer.") for name in state)
    if side == "text" and is_bare:
        return {k if k in _SCALARS else f"text.{k}": v for k, v in state.items()}
    return state


def _read_torch(path: Path) -> dict[str, torch.Tensor]:
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError:  # the format before torch 1.6 cannot be mapped
        state = torch.load(path, map_location="cpu", weights_only=True)
    state = state.get("state_dict", state)
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def _side_of(name: str) -> str | None:
    if name.startswith("visual."):
        return "image"
    if name in _SCALARS:
        return "both"
    is_text = name.startswith(_TEXT_PREFIXES) or name.endswith(_HARMLESS)
    return "text" if is_text else None


def check_finite_weights(state: Mapping[str, torch.Tensor], name: str) -> None:
    """Raise if a weight is NaN or infinite.

    Raises:
        EncoderError: names the tensor.
    """
    for key, tensor in state.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise EncoderError(
                f"the weights of {name!r} are damaged",
                found=f"NaN or infinite values in {key}",
                hint="Fetch the file again.",
            )
