"""Any open_clip model as an Encoder: its two sides are read separately, when first used."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grounding3d.compat import prepare_torchvision
from grounding3d.errors import EncoderError
from grounding3d.features.base import CLIP_CANONICAL_PHRASES
from grounding3d.features.dense import dense_map
from grounding3d.features.hub import quick_hub
from grounding3d.features.preprocess import Preprocess

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

_TEXT_CACHE = 8192
_IMAGE_BATCH = 64
_TEXT_BATCH = 128


class OpenClipEncoder:
    """An open_clip model behind the `Encoder` protocol.

    Args:
        spec: the string that names it.
        dim: dimension D of its vectors.
        make_model: builds the model with its weights; called once for each side that is used.
        make_tokenizer: builds the tokenizer; `tokenizer(list of str) -> int tensor [n, context]`.
        tokenizer_name: for the identity.
        device: torch device.
        centre: [D] subtracted before normalising, or None.
        canonical_phrases: for relevancy.
    """

    def __init__(
        self,
        spec: str,
        dim: int,
        make_model: Callable[[], torch.nn.Module],
        make_tokenizer: Callable[[], Callable[[list[str]], torch.Tensor]],
        tokenizer_name: str,
        device: str = "cpu",
        centre: np.ndarray | None = None,
        canonical_phrases: tuple[str, ...] = CLIP_CANONICAL_PHRASES,
    ) -> None:
        self.spec = spec
        self.dim = dim
        self.centre = centre
        self.canonical_phrases = canonical_phrases
        self.tokenizer_name = tokenizer_name
        self._make_model = make_model
        self._make_tokenizer = make_tokenizer
        self._device = device
        self._scalars: tuple[float, float, Preprocess] | None = None
        self._text_model: Any = None
        self._tokenize: Callable[[list[str]], torch.Tensor] | None = None
        self._visual: Any = None
        self._cache: OrderedDict[str, np.ndarray] = OrderedDict()

    @property
    def logit_scale(self) -> float:
        """Factor from cosine to logit."""
        return self._facts()[0]

    @property
    def logit_bias(self) -> float:
        """Added to the logit; 0 where the model has none."""
        return self._facts()[1]

    @property
    def preprocess(self) -> Preprocess:
        """What the image side expects."""
        return self._facts()[2]

    def encode_image(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """[n,D] float32 unit vectors of n uint8 images [h,w,3] of any size."""
        import torch

        visual, rows = self._image_side(), []
        for start in range(0, len(crops), _IMAGE_BATCH):
            batch = self.preprocess.batch(crops[start : start + _IMAGE_BATCH])
            with torch.inference_mode():
                rows.append(visual(batch.to(self._device)).float().cpu().numpy())
        return self._unit(np.concatenate(rows)) if rows else np.zeros((0, self.dim), np.float32)

    def encode_text(self, phrases: Sequence[str]) -> np.ndarray:
        """[n,D] float32 unit vectors of n phrases; the most recent ones are remembered."""
        missing = [p for p in dict.fromkeys(phrases) if p not in self._cache]
        known = {p: self._cache[p] for p in phrases if p in self._cache}
        for start in range(0, len(missing), _TEXT_BATCH):
            part = missing[start : start + _TEXT_BATCH]
            known.update(zip(part, self._text_rows(part)))
        for phrase in phrases:
            self._cache[phrase] = known[phrase]
            self._cache.move_to_end(phrase)
        while len(self._cache) > _TEXT_CACHE:
            self._cache.popitem(last=False)
        if not len(phrases):
            return np.zeros((0, self.dim), np.float32)
        return np.stack([known[p] for p in phrases])

    def dense(self, image: np.ndarray) -> np.ndarray:
        """[h,w,D] float32 unit vectors; the grid spans the whole uint8 image [H,W,3]."""
        import torch

        visual = self._image_side()
        with torch.inference_mode():
            grid = dense_map(visual, self.preprocess.batch([image], squash=True).to(self._device))
        if grid is None:
            return self._tiles(image)
        return self._unit(grid.float().cpu().numpy())

    def _tiles(self, image: np.ndarray, n: int = 5) -> np.ndarray:
        """A coarse grid of overlapping crops, for towers without a feature map."""
        h, w = image.shape[:2]
        side = max(min(h, w) // 2, 1)
        rows = np.linspace(0, h - side, n).astype(int)
        columns = np.linspace(0, w - side, n).astype(int)
        crops = [image[r : r + side, c : c + side] for r in rows for c in columns]
        return self.encode_image(crops).reshape(n, n, self.dim)

    def _text_rows(self, phrases: list[str]) -> np.ndarray:
        import torch

        model, tokenize = self._text_side()
        with torch.inference_mode():
            tokens = tokenize(phrases).to(self._device)
            return self._unit(model.encode_text(tokens).float().cpu().numpy())

    def _unit(self, vectors: np.ndarray) -> np.ndarray:
        if self.centre is not None:
            length = np.linalg.norm(vectors, axis=-1, keepdims=True)
            vectors = vectors / np.maximum(length, 1e-12) - self.centre
        length = np.linalg.norm(vectors, axis=-1, keepdims=True)
        return (vectors / np.maximum(length, 1e-12)).astype(np.float32)

    def _text_side(self) -> tuple[Any, Callable[[list[str]], torch.Tensor]]:
        if self._text_model is None or self._tokenize is None:
            model = self._model()
            model.visual = None  # the text side alone
            self._text_model = model
            self._tokenize = self._make_tokenizer()
        return self._text_model, self._tokenize

    def _image_side(self) -> Any:
        if self._visual is None:
            self._visual = self._model().visual
        return self._visual

    def _facts(self) -> tuple[float, float, Preprocess]:
        if self._scalars is None:
            self._text_side()
        assert self._scalars is not None
        return self._scalars

    def _model(self) -> Any:
        """A fresh model in evaluation mode; its scalars are kept."""
        model: Any = self._make_model()
        model.eval().requires_grad_(False)
        bias = getattr(model, "logit_bias", None)
        self._scalars = (
            float(model.logit_scale.exp().reshape(-1)[0]),
            0.0 if bias is None else float(bias.reshape(-1)[0]),
            Preprocess.from_config(_preprocess_config(model)),
        )
        return model.to(self._device)


def _preprocess_config(model: Any) -> dict[str, Any]:
    visual = model.visual
    config = dict(getattr(visual, "preprocess_cfg", None) or {})
    return config or {"size": getattr(visual, "image_size", 224)}


def load_open_clip(spec: str, device: str = "cpu") -> OpenClipEncoder:
    """The open_clip model of `open_clip:ARCH/TAG` or `open_clip:ARCH@FILE`.

    Names and files are checked at once, weights are read when a side is first used.

    Raises:
        EncoderError: unknown architecture or tag (close names are listed), no such file, or
            later an unreachable hub or a file that does not fit.
    """
    arch, pretrained = parse_open_clip(spec)
    prepare_torchvision()
    import open_clip

    config = open_clip.get_model_config(arch)
    if config is None:
        raise EncoderError(
            f"open_clip has no architecture {arch!r}",
            hint=_near(arch, open_clip.list_models()),
        )
    if "@" in spec:
        if not Path(pretrained).is_file():
            raise EncoderError(f"encoder {spec!r}: there is no file {pretrained}")
    elif open_clip.get_pretrained_cfg(arch, pretrained) == {}:
        tags = open_clip.list_pretrained_tags_by_model(arch)
        raise EncoderError(f"{arch} has no pretrained tag {pretrained!r}", hint=_near("", tags))
    return OpenClipEncoder(
        spec,
        int(config["embed_dim"]),
        make_model=lambda: _create(spec, arch, pretrained),
        make_tokenizer=lambda: _tokenizer(spec, arch),
        tokenizer_name=f"open_clip:{arch}",
        device=device,
    )


def parse_open_clip(spec: str) -> tuple[str, str]:
    """(architecture, tag or file) of an `open_clip:` SPEC."""
    rest = spec.partition(":")[2]
    arch, _, pretrained = rest.partition("@") if "@" in rest else rest.rpartition("/")
    if not arch or not pretrained:
        raise EncoderError(
            f"encoder {spec!r} is incomplete",
            expected="open_clip:ARCH/TAG or open_clip:ARCH@FILE",
            hint="For example open_clip:ViT-B-32/laion2b_s34b_b79k.",
        )
    return arch, pretrained


def _create(spec: str, arch: str, pretrained: str) -> torch.nn.Module:
    import open_clip

    try:
        with quick_hub():
            model: torch.nn.Module = open_clip.create_model(arch, pretrained=pretrained)
    except Exception as error:  # the hub client, torch and safetensors each raise their own
        raise EncoderError(
            f"the weights of {spec!r} cannot be loaded", found=_first_line(error), hint=_hint(arch)
        ) from error
    return model


def _tokenizer(spec: str, arch: str) -> Any:
    import open_clip

    try:
        with quick_hub():
            return open_clip.get_tokenizer(arch)
    except Exception as error:  # a tokenizer may live on the hub too, or need `transformers`
        raise EncoderError(
            f"the tokenizer of {spec!r} cannot be loaded",
            found=_first_line(error),
            hint="It comes from the Hugging Face hub and may need: pip install transformers",
        ) from error


def _hint(arch: str) -> str:
    return (
        "Without a network, download the weights elsewhere and pass the file: "
        f"--encoder open_clip:{arch}@/path/to.safetensors"
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]


def _near(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name, names, n=5, cutoff=0.5) if name else list(names)[:12]
    return ("Close names: " if name else "It has: ") + ", ".join(near or list(names)[:12])
