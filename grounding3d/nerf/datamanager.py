"""nerfstudio's data manager with depth and crops' language beside the rays' colours."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import tyro
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.configs.dataparser_configs import AnnotatedDataParserUnion
from nerfstudio.data.datamanagers.base_datamanager import (
    VanillaDataManager,
    VanillaDataManagerConfig,
)
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.utils.dataloaders import (
    FixedIndicesEvalDataloader,
    RandIndicesEvalDataloader,
)
from nerfstudio.model_components.ray_generators import RayGenerator
from torch import Tensor

from grounding3d.features.affinity import load_affinity
from grounding3d.features.base import Encoder
from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.nerf.dataparser import GroundingDataParserConfig
from grounding3d.nerf.dataset import RGBDDataset
from grounding3d.nerf.facts import FACTS, WORLD, SceneFacts
from grounding3d.nerf.language import LanguagePyramid, PyramidConfig
from grounding3d.nerf.regulariser import AffinityMaps
from grounding3d.nerf.world import NerfWorld

_log = logging.getLogger(__name__)


@dataclass
class GroundingDataManagerConfig(VanillaDataManagerConfig):
    """Which rays are drawn and what they carry."""

    _target: type = field(default_factory=lambda: GroundingDataManager)
    dataparser: AnnotatedDataParserUnion = field(default_factory=GroundingDataParserConfig)
    train_num_rays_per_batch: int = 4096
    eval_num_rays_per_batch: int = 1024
    ray_width: int | None = None
    """Images are reduced for rays until none is wider than this, pixels; None: full size."""
    encoder: str | None = BUNDLED
    """Encoder of the language field, as `--encoder` elsewhere; None: no language."""
    language_rays: int = 1024
    """Rays of a batch that also carry a crop's vector."""
    crop_shares: tuple[float, ...] = (0.1, 0.16, 0.25, 0.4, 0.63)
    """Edges of the crops, as shares of the image's shorter side."""
    crop_overlap: float = 0.5
    """Overlap of neighbouring crops, as a share of their edge."""
    language_max_frames: int = 400
    """At most this many images get crops; bounds time and memory."""
    regulariser: str | None = None
    """Affinity SPEC, timm:ARCH or timm:ARCH@FILE, whose features the language's grid must carry
    too; None: none."""
    progress: tyro.conf.Suppress[Any] = None
    """Called with (done, total) after each image's crops; set by programs, not by users."""


class Pixels:
    """All pixels of a dataset in flat arrays, so that images may differ in size.

    Attributes:
        rgb: [P,3] uint8.
        depth_m: [P] float16-sized steps of nothing: float32 z in metres, None without any depth.
        allowed: [A] pixels that masks leave, None for all.
    """

    def __init__(self, dataset: RGBDDataset) -> None:
        colours, depths, allowed, n_before = [], [], [], 0
        for number in range(len(dataset)):
            data = dataset[number]
            image = data["image"][..., :3]
            colours.append((image * 255).round().to(torch.uint8).reshape(-1, 3))
            depth = data.get("depth_m")
            depths.append(torch.zeros(len(colours[-1])) if depth is None else depth.reshape(-1))
            if "mask" in data:
                allowed.append(data["mask"].reshape(-1).nonzero()[:, 0] + n_before)
            n_before += len(colours[-1])
        self.rgb = torch.cat(colours)
        self.depth_m = torch.cat(depths) if dataset.has_depth else None
        self.allowed = torch.cat(allowed) if allowed else None
        self.widths = torch.tensor([width for width, _ in dataset.sizes])
        counts = torch.tensor([len(c) for c in colours])
        self.starts = torch.cumsum(counts, 0) - counts
        self.counts = counts

    def draw(self, n: int, among: Tensor | None = None) -> Tensor:
        """[n,3] random (image, row, column), evenly over the pixels of all or of some images."""
        if among is not None:
            image = among[torch.randint(len(among), (n,))]
            index = self.starts[image] + (torch.rand(n) * self.counts[image]).long()
        elif self.allowed is not None:
            index = self.allowed[torch.randint(len(self.allowed), (n,))]
        else:
            index = torch.randint(len(self.rgb), (n,))
        image = torch.searchsorted(self.starts, index, right=True) - 1
        inside = index - self.starts[image]
        width = self.widths[image]
        return torch.stack([image, inside // width, inside % width], dim=1)

    def batch(self, indices: Tensor) -> dict[str, Tensor]:
        """Colour in [0, 1] and depth of pixels [n,3]."""
        image, row, column = indices.unbind(1)
        index = self.starts[image] + row * self.widths[image] + column
        batch = {"indices": indices, "image": self.rgb[index].float() / 255}
        if self.depth_m is not None:
            batch["depth_m"] = self.depth_m[index]
        return batch


class GroundingDataManager(VanillaDataManager[RGBDDataset]):
    """Rays of all images; some of them with the vector of a crop around them."""

    config: GroundingDataManagerConfig

    def __init__(self, config: GroundingDataManagerConfig, *args: Any, **kwargs: Any) -> None:
        self.encoder: Encoder | None = None
        self.pyramid: LanguagePyramid | None = None
        self.affinity: AffinityMaps | None = None
        super().__init__(config, *args, **kwargs)

    def create_train_dataset(self) -> RGBDDataset:
        """The training images, with what the model must know of them in their metadata."""
        outputs = self.train_dataparser_outputs
        dataset = RGBDDataset(outputs, self.config.ray_width)
        self.world = world_of_outputs(outputs)
        facts: SceneFacts = dataset.metadata.get(FACTS, SceneFacts(1 / self.world.scale))
        if self.config.encoder:
            self.encoder = load_encoder(self.config.encoder, str(self.device).partition(":")[0])
            facts = replace(facts, language_dim=self.encoder.dim)
        dataset.metadata[FACTS] = facts
        if not dataset.has_depth:
            _log.warning(
                "no depth in %s: colour alone is trained on, and metres come from the poses alone",
                self.config.data,
            )
        return dataset

    def create_eval_dataset(self) -> RGBDDataset:
        outputs = self.dataparser.get_dataparser_outputs(split=self.test_split)
        return RGBDDataset(outputs, self.config.ray_width)

    def setup_train(self) -> None:
        self.train_pixels = Pixels(self.train_dataset)
        self.train_ray_generator = RayGenerator(self.train_dataset.cameras.to(self.device))
        if self.encoder is not None and self.config.language_rays > 0:
            config = PyramidConfig(
                self.config.crop_shares, self.config.crop_overlap, self.config.language_max_frames
            )
            files = self.train_dataset.image_filenames
            self.pyramid = LanguagePyramid(self.encoder, files, config, self.config.progress)
            self._language_frames = torch.tensor(self.pyramid.frames)
            facts = replace(self.train_dataset.metadata[FACTS], language_mean=self.pyramid.mean)
            if self.config.regulariser is not None:
                source = load_affinity(self.config.regulariser, str(self.device).partition(":")[0])
                self.affinity = AffinityMaps(source, [files[n] for n in self.pyramid.frames])
                facts = replace(facts, regulariser_dim=self.affinity.dim)
            self.train_dataset.metadata[FACTS] = facts

    def setup_eval(self) -> None:
        self.eval_pixels = Pixels(self.eval_dataset)
        self.eval_ray_generator = RayGenerator(self.eval_dataset.cameras.to(self.device))
        self.fixed_indices_eval_dataloader = FixedIndicesEvalDataloader(
            input_dataset=self.eval_dataset, device=self.device, num_workers=0
        )
        self.eval_dataloader = RandIndicesEvalDataloader(
            input_dataset=self.eval_dataset, device=self.device, num_workers=0
        )

    def next_train(self, step: int) -> tuple[RayBundle, dict[str, Any]]:
        """Rays and what was measured along them; the first `language_rays` carry language."""
        self.train_count += 1
        n, n_language = self.config.train_num_rays_per_batch, 0
        indices = None
        if self.pyramid is not None:
            n_language = min(self.config.language_rays, n)
            indices = self.train_pixels.draw(n_language, self._language_frames)
        rest = self.train_pixels.draw(n - n_language)
        indices = rest if indices is None else torch.cat([indices, rest])
        batch: dict[str, Any] = self.train_pixels.batch(indices)
        rays = self.train_ray_generator(indices)
        if n_language:
            found, sizes = self._language(indices[:n_language])
            batch |= found
            rays.metadata["language_size"] = torch.cat([sizes, torch.zeros(n - n_language)])[
                :, None
            ]
            rays.metadata["language_size"] = rays.metadata["language_size"].to(self.device)
        return rays, batch

    def _language(self, indices: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Vectors [n,D] of crops of random sizes around pixels, and these sizes over the focal.

        With a regulariser also its features [n,C] at the pixels.
        """
        assert self.pyramid is not None
        image, row, column = indices.unbind(1)
        slot = torch.searchsorted(self._language_frames, image)
        data = self.train_dataset
        full = torch.tensor(data.full_sizes)[image]
        ratio = full / torch.tensor(data.sizes)[image]
        u, v = (column + 0.5) * ratio[:, 0] - 0.5, (row + 0.5) * ratio[:, 1] - 0.5
        low, high = np.log(self.pyramid.size_range)
        share = torch.exp(low + (high - low) * torch.rand(len(image)))
        side = share * full.amin(dim=1)
        found = {"language": self.pyramid.look_up(slot, u, v, side)}
        if self.affinity is not None:
            width, height = full.unbind(1)
            places = (u + 0.5) / width, (v + 0.5) / height
            found["regulariser"] = self.affinity.look_up(slot, *places)
        focal = data.cameras.fx.cpu()[image, 0] * ratio[:, 0]
        return found, side / focal

    def next_eval(self, step: int) -> tuple[RayBundle, dict[str, Any]]:
        self.eval_count += 1
        indices = self.eval_pixels.draw(self.config.eval_num_rays_per_batch)
        return self.eval_ray_generator(indices), self.eval_pixels.batch(indices)


def world_of_outputs(outputs: DataparserOutputs) -> NerfWorld:
    """How a parser's outputs lie in the capture's world; refuses what cannot be undone."""
    exact = outputs.metadata.get(WORLD)
    if exact is not None:
        return exact
    return NerfWorld.of_parser(outputs.dataparser_transform.numpy(), outputs.dataparser_scale)
