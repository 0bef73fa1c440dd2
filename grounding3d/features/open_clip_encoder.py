"""Any open_clip model as an Encoder: its two sides are read separately, when first used."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, cast

import numpy as np

from grounding3d.features.base import CLIP_CANONICAL_PHRASES
from grounding3d.features.dense import dense_map, dense_size
from grounding3d.features.preprocess import Preprocess
from grounding3d.features.prompts import ensemble
from grounding3d.features.towers import ModelTowers, Tower, Towers

if TYPE_CHECKING:
    import torch

_TEXT_CACHE = 8192
_IMAGE_BATCH = 64
_TEXT_BATCH = 128


class OpenClipEncoder:
    """An open_clip model behind the `Encoder` protocol.

    The image tower runs in half precision on CUDA; the text tower stays in single precision, since
    it costs little and a scene's identity hangs on its vectors.

    Args:
        spec: the string that names it.
        dim: dimension D of its vectors.
        make_model: builds the whole model; stands in for `towers` where the sides cannot be had
            apart.
        make_tokenizer: builds the tokenizer; `tokenizer(list of str) -> int tensor [n, context]`.
        tokenizer_name: for the identity.
        device: torch device.
        centre: [D] subtracted before normalising, or None.
        canonical_phrases: for relevancy.
        towers: builds each side, once, when it is first used.
        templates: sentences with `{}` for the phrase; their vectors are averaged.
    """

    def __init__(
        self,
        spec: str,
        dim: int,
        make_model: Callable[[], torch.nn.Module] | None = None,
        make_tokenizer: Callable[[], Callable[[list[str]], torch.Tensor]] | None = None,
        tokenizer_name: str = "",
        device: str = "cpu",
        centre: np.ndarray | None = None,
        canonical_phrases: tuple[str, ...] = CLIP_CANONICAL_PHRASES,
        *,
        towers: Towers | None = None,
        templates: tuple[str, ...] = ("{}",),
    ) -> None:
        if make_tokenizer is None or (make_model is None) == (towers is None):
            raise TypeError("an encoder needs a tokenizer, and either towers or a whole model")
        self.spec = spec
        self.dim = dim
        self.centre = centre
        self.canonical_phrases = canonical_phrases
        self.tokenizer_name = tokenizer_name
        self.templates = templates
        self._towers: Towers = ModelTowers(make_model) if make_model else cast(Towers, towers)
        self._make_tokenizer = make_tokenizer
        self._device = device
        self._text: Tower | None = None
        self._image: Tower | None = None
        self._image_dtype: torch.dtype | None = None
        self._image_lock = Lock()  # dense() hangs a hook on the tower while it runs
        self._tokenize: Callable[[list[str]], torch.Tensor] | None = None
        self._cache: OrderedDict[str, np.ndarray] = OrderedDict()
        self._sha256: str | None = None

    @property
    def logit_scale(self) -> float:
        """Factor from cosine to logit."""
        return (self._image or self._text_side()[0]).logit_scale

    @property
    def logit_bias(self) -> float:
        """Added to the logit; 0 where the model has none."""
        return (self._image or self._text_side()[0]).logit_bias

    @property
    def preprocess(self) -> Preprocess:
        """What the image side expects."""
        return self._towers.preprocess

    @property
    def weights_sha256(self) -> str | None:
        """Hash of the weights' file, worked out once; None where there is no such file."""
        file = self._towers.weights_file()
        if self._sha256 is None and file is not None:
            self._sha256 = hash_file(file)
        return self._sha256

    def encode_image(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """[n,D] float32 unit vectors of n uint8 images [h,w,3] of any size."""
        import torch

        visual, rows = self._image_side().module, []
        for start in range(0, len(crops), _IMAGE_BATCH):
            batch = self.preprocess.batch(crops[start : start + _IMAGE_BATCH])
            with self._image_lock, torch.inference_mode():
                found = visual(batch.to(self._device, self._image_dtype))
            rows.append(found.float().cpu().numpy())
        return self._unit(np.concatenate(rows)) if rows else np.zeros((0, self.dim), np.float32)

    def encode_text(self, phrases: Sequence[str]) -> np.ndarray:
        """[n,D] float32 unit vectors of n phrases; the most recent ones are remembered."""
        missing = [p for p in dict.fromkeys(phrases) if p not in self._cache]
        known = {p: self._cache[p] for p in phrases if p in self._cache}
        at_once = max(_TEXT_BATCH // len(self.templates), 1)
        for start in range(0, len(missing), at_once):
            part = missing[start : start + at_once]
            rows = ensemble(self._sentence_rows, part, self.templates)
            known.update(zip(part, self._unit(rows)))
        for phrase in phrases:
            self._cache[phrase] = known[phrase]
            self._cache.move_to_end(phrase)
        while len(self._cache) > _TEXT_CACHE:
            self._cache.popitem(last=False)
        if not len(phrases):
            return np.zeros((0, self.dim), np.float32)
        return np.stack([known[p] for p in phrases])

    def dense(self, image: np.ndarray, scale: float = 1.0) -> np.ndarray:
        """[h,w,D] float32 unit vectors; the grid spans the whole uint8 image [H,W,3].

        Args:
            image: RGB.
            scale: shorter side of what the tower sees, as a multiple of the size it was trained
                at; more gives a finer grid. The image's aspect is kept where the tower can.
        """
        import torch

        visual = self._image_side().module
        size = dense_size(visual, self.preprocess.size, image.shape[:2], scale)
        batch = self.preprocess.batch([image], squash_to=size)
        with self._image_lock, torch.inference_mode():
            grid = dense_map(visual, batch.to(self._device, self._image_dtype))
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

    def _sentence_rows(self, sentences: list[str]) -> np.ndarray:
        """[n,D] unit vectors, not yet centred."""
        import torch

        tower, tokenize = self._text_side()
        with torch.inference_mode():
            rows = tower.module(tokenize(sentences).to(self._device)).float()
            return torch.nn.functional.normalize(rows, dim=-1).cpu().numpy()

    def _unit(self, vectors: np.ndarray) -> np.ndarray:
        if self.centre is not None:
            length = np.linalg.norm(vectors, axis=-1, keepdims=True)
            vectors = vectors / np.maximum(length, 1e-12) - self.centre
        length = np.linalg.norm(vectors, axis=-1, keepdims=True)
        return (vectors / np.maximum(length, 1e-12)).astype(np.float32)

    def _text_side(self) -> tuple[Tower, Callable[[list[str]], torch.Tensor]]:
        if self._text is None or self._tokenize is None:
            self._tokenize = self._make_tokenizer()
            tower = self._towers.load("text")
            tower.module.to(self._device)
            self._text = tower
        return self._text, self._tokenize

    def _image_side(self) -> Tower:
        if self._image is None:
            tower = self._towers.load("image")
            self._image_dtype = image_dtype(self._device)
            tower.module.to(self._device, self._image_dtype)
            prefer_channels_last(tower.module)
            self._image = tower
        return self._image


def image_dtype(device: str) -> torch.dtype:
    """bfloat16 on CUDA devices that have it, half on others, float32 elsewhere."""
    import torch

    if torch.device(device).type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def prefer_channels_last(tower: torch.nn.Module) -> None:
    """Lay a convolutional tower's weights out with channels last, as convolutions are fastest.

    It takes three quarters of the time on a CPU; vectors change by less than 1e-5.
    """
    import torch

    if any(isinstance(module, torch.nn.BatchNorm2d) for module in tower.modules()):
        tower.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()
