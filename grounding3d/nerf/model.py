"""The nerfstudio model: a depth-supervised nerfacto with a language field."""

from __future__ import annotations

from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.models.base_model import Model
from nerfstudio.utils import colormaps
from torch import Tensor, nn

from grounding3d.nerf import sampling
from grounding3d.nerf.density_grid import DensityGrid, log_density_from_depth
from grounding3d.nerf.facts import FACTS, SceneFacts
from grounding3d.nerf.field import LanguageField, RadianceField
from grounding3d.nerf.losses import depth_terms, language_loss
from grounding3d.nerf.model_config import GroundingModelConfig


class GroundingModel(Model):
    """Radiance with depth supervision, and language rendered with detached weights."""

    config: GroundingModelConfig
    box: Tensor

    def populate_modules(self) -> None:
        """Build the fields; downloads nothing."""
        config = self.config
        self.facts: SceneFacts = (self.kwargs.get("metadata") or {}).get(FACTS, SceneFacts())
        self.step = 0
        self.render_language = False
        box = self.scene_box.aabb.float()
        self.register_buffer("box", box, persistent=False)
        self.length = float((box[1] - box[0]).max()) if self.facts.is_bounded else 4.0
        side = torch.full((3,), self.length)
        if self.facts.is_bounded:
            side = box[1] - box[0]
        shape = (side / self.length * config.grid_cells).ceil().long() + 1
        self.density_grid = DensityGrid(tuple(shape.clamp(min=2).tolist()), config.grid_cells)
        grid = {
            "levels": config.levels,
            "coarsest": 16,
            "finest": config.finest,
            "log2_size": config.log2_size,
            "features": 4,
        }
        self.field = RadianceField(grid, config.implementation, config.hidden, 10.0 / self.length)
        self.language: LanguageField | None = None
        if self.facts.language_dim:
            grid = {
                **grid,
                "levels": config.language_levels,
                "finest": config.language_finest,
                "log2_size": config.language_log2_size,
            }
            self.language = LanguageField(
                grid,
                config.implementation,
                self.facts.language_dim,
                config.language_hidden,
                self.facts.regulariser_dim,
            )
            if self.facts.language_mean is not None:
                self.language.start_from(self.facts.language_mean)
        if self.facts.hit is not None and self.facts.free is not None:
            self._seed(self.facts.hit, self.facts.free)

    def _seed(self, hit: Tensor, free: Tensor) -> None:
        with torch.no_grad():
            value = log_density_from_depth(self.to_unit(hit), self.to_unit(free), self.density_grid)
            self.density_grid.log_density.copy_(value)

    def to_unit(self, points: Tensor) -> Tensor:
        """Points [...,3] of nerfstudio's world in the fields' unit cube.

        Seen space known from depth fills it; else everything is contracted into it (Mip-NeRF 360,
        section 2, with the largest coordinate as the norm, as nerfacto does).
        """
        if self.facts.is_bounded:
            return (points - self.box[0].to(points.device)) / self.length
        size = points.abs().amax(dim=-1, keepdim=True)
        contracted = torch.where(size > 1, (2 - 1 / size.clamp(min=1)) * points / size, points)
        return contracted / 4 + 0.5

    def get_param_groups(self) -> dict[str, list[nn.Parameter]]:
        groups = {
            "proposal_networks": list(self.density_grid.parameters()),
            "fields": list(self.field.parameters()),
        }
        if self.language is not None:
            groups["language_grid"] = list(self.language.encoding.parameters())
            groups["language_decoder"] = list(self.language.decoder.parameters())
            if self.language.regulariser is not None:
                groups["language_decoder"] += list(self.language.regulariser.parameters())
        return groups

    def get_training_callbacks(self, training_callback_attributes: Any) -> list[Any]:
        from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackLocation

        def set_step(step: int) -> None:
            self.step = step

        where = [TrainingCallbackLocation.BEFORE_TRAIN_ITERATION]
        return [TrainingCallback(where_to_run=where, update_every_num_iters=1, func=set_step)]

    def _edges(self, origins: Tensor, directions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Edges of the proposal's bins and their weights, and those of the field's bins."""
        config, near_plane = self.config, self.config.near_plane_m / self.facts.metres_per_unit
        if self.facts.is_bounded:
            near, far = sampling.box_range(origins, directions, self.box, near_plane)
        else:
            near = torch.full_like(origins[:, 0], near_plane)
            far = torch.full_like(near, config.far_plane)
        outer = sampling.bins(
            near, far, config.proposal_samples, self.training, not self.facts.is_bounded
        )
        at = self._at(origins, directions, sampling.middles(outer))
        density = self.density_grid(at.reshape(-1, 3)).reshape(at.shape[:2]) / self.length
        weights = sampling.weights_of(density, outer)
        floor = 0.05 if self.training else 0.01
        edges = sampling.resample(outer, weights.detach(), config.samples, self.training, floor)
        return outer, weights, edges

    def _at(self, origins: Tensor, directions: Tensor, t: Tensor) -> Tensor:
        return self.to_unit(origins[:, None] + directions[:, None] * t[..., None])

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        """Colour, depth and, where asked for, language of R rays.

        Returns:
            rgb [R,3]; accumulation [R,1]; depth (median) and expected_depth [R,1], distances in
            nerfstudio's units; depth_m [R,1], z along the optical axis in metres, 0 where there is
            no surface or its place is not sure; sigma_m [R,1]. In training also what the losses
            need; with `render_language` also language_features [R,F].
        """
        origins, directions = ray_bundle.origins, ray_bundle.directions
        norm = (ray_bundle.metadata or {}).get("directions_norm")
        norm = torch.ones_like(origins[:, 0]) if norm is None else norm[:, 0]
        is_learning = self.training and self.step % self.config.proposal_every == 0
        with torch.set_grad_enabled(is_learning and torch.is_grad_enabled()):
            outer, outer_weights, edges = self._edges(origins, directions)
        at = self._at(origins, directions, sampling.middles(edges))
        is_cautious = self.training and not self.facts.is_bounded
        share = min(self.step / max(self.config.coarse_steps, 1), 1.0) if is_cautious else 1.0
        density, geometry = self.field.density(at.reshape(-1, 3), share)
        density, geometry = density.reshape(at.shape[:2]), geometry.reshape(*at.shape[:2], -1)
        if is_cautious:
            density, geometry = sampling.quiet_near_camera(density, geometry, edges)
        weights = sampling.weights_of(density, edges)
        colours, backdrop = self.field.colours(geometry, directions * (share >= 0.5))
        alpha = weights.sum(dim=1, keepdim=True)
        rgb = (weights[..., None] * colours).sum(dim=1) + (1 - alpha).clamp(min=0) * backdrop
        mean = sampling.mean_distance(weights, edges)
        outputs = {"rgb": rgb, "accumulation": alpha, "expected_depth": mean[:, None]}
        with torch.no_grad():
            median, sigma = sampling.median_and_spread(weights, edges)
            outputs["depth"] = median[:, None]
            outputs |= self._metric(median, sigma, alpha[:, 0], norm)
        if self.training:
            outputs |= {"weights": weights, "edges": edges, "norm": norm}
            if is_learning:
                outputs |= {"outer_edges": outer, "outer_weights": outer_weights}
        if self.language is not None:
            outputs |= self._language(ray_bundle, at, weights, outputs["depth"][:, 0] / norm)
        return outputs

    def _metric(
        self, median: Tensor, sigma: Tensor, alpha: Tensor, norm: Tensor
    ) -> dict[str, Tensor]:
        config, unit_m = self.config, self.facts.metres_per_unit
        distance_m, sigma_m = median * unit_m, sigma * unit_m
        allowed = (config.max_sigma_share * distance_m).clamp(min=config.max_sigma_m)
        is_sure = (alpha >= config.min_alpha) & (sigma_m <= allowed)
        depth_m = torch.where(is_sure, distance_m / norm, torch.zeros_like(distance_m))
        return {"depth_m": depth_m[:, None], "sigma_m": sigma_m[:, None]}

    def _language(
        self, rays: RayBundle, at: Tensor, weights: Tensor, z: Tensor
    ) -> dict[str, Tensor]:
        """Training: vectors of the rays that carry a crop's angular size; else features of all."""
        assert self.language is not None
        sizes = (rays.metadata or {}).get("language_size")
        if self.training:
            if sizes is None:
                return {}
            chosen = sizes[:, 0] > 0
            at, weights, z, sizes = at[chosen], weights[chosen], z[chosen], sizes[chosen, 0]
        elif not self.render_language:
            return {}
        k = min(self.config.language_samples, weights.shape[1])
        weights, rank = weights.detach().topk(k, dim=1)
        points = at.gather(1, rank[..., None].expand(-1, -1, 3))
        features = self.language.rendered(points, weights)
        if not self.training:
            return {"language_features": features}
        assert sizes is not None
        sizes_m = sizes * z * self.facts.metres_per_unit
        found = {"language": self.language.decoded(features, sizes_m)}
        if self.language.regulariser is not None:
            found["regulariser"] = self.language.regulariser(features)
        return found

    def get_metrics_dict(self, outputs: dict[str, Any], batch: dict[str, Any]) -> dict[str, Tensor]:
        with torch.no_grad():
            image = batch["image"][..., :3].to(outputs["rgb"].device)
            return {"psnr": psnr(outputs["rgb"], image)}

    def get_loss_dict(
        self, outputs: dict[str, Any], batch: dict[str, Any], metrics_dict: Any = None
    ) -> dict[str, Tensor]:
        config, image = self.config, batch["image"][..., :3].to(outputs["rgb"].device)
        losses = {"rgb_loss": torch.nn.functional.mse_loss(outputs["rgb"], image)}
        if not self.training:
            return losses
        weights, edges, unit_m = outputs["weights"], outputs["edges"], self.facts.metres_per_unit
        if (depth_m := batch.get("depth_m")) is not None:
            first, last = config.margin_m
            share = min(self.step / max(config.margin_steps, 1), 1.0)
            terms = depth_terms(
                weights,
                edges * unit_m,
                outputs["expected_depth"][:, 0] * unit_m,
                depth_m.to(weights.device) * outputs["norm"],
                first * (last / first) ** share,
            )
            losses["depth_loss"] = config.depth_mult * terms.distance
            losses["empty_loss"] = config.empty_mult * terms.empty
            losses["near_loss"] = config.near_mult * terms.near
        along = edges if self.facts.is_bounded else edges.log()
        spread = sampling.distortion(weights, along, along[:, 0], along[:, -1])
        losses["distortion_loss"] = config.distortion_mult * spread.mean()
        if "outer_edges" in outputs:
            excess = sampling.histogram_excess(
                edges.detach(), weights.detach(), outputs["outer_edges"], outputs["outer_weights"]
            )
            losses["interlevel_loss"] = config.proposal_mult * excess.mean()
        if "language" in outputs and "language" in batch:
            wanted = batch["language"].to(weights.device)
            losses["language_loss"] = config.language_mult * language_loss(
                outputs["language"], wanted
            )
        if "regulariser" in outputs and "regulariser" in batch:
            error = (outputs["regulariser"] - batch["regulariser"].to(weights.device)) ** 2
            losses["regulariser_loss"] = config.regulariser_mult * error.sum(dim=1).mean()
        return losses

    def get_image_metrics_and_images(
        self, outputs: dict[str, Tensor], batch: dict[str, Any]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """Scores of a whole view and pictures of it."""
        image = batch["image"][..., :3].to(outputs["rgb"].device)
        rgb = outputs["rgb"].clamp(0, 1)
        metrics = {"psnr": float(psnr(rgb, image)), "ssim": ssim(rgb, image)}
        if (depth_m := batch.get("depth_m")) is not None:
            measured, found = depth_m.to(rgb.device), outputs["depth_m"][..., 0]
            both = (measured > 0) & (found > 0)
            if both.any():
                error = (measured - found)[both].abs()
                metrics["depth_median_m"] = float(error.median())
                metrics["depth_mean_m"] = float(error.mean())
        images = {
            "img": torch.cat([image, rgb], dim=1),
            "accumulation": colormaps.apply_colormap(outputs["accumulation"]),
            "depth": colormaps.apply_depth_colormap(
                outputs["depth"], accumulation=outputs["accumulation"]
            ),
        }
        return metrics, images


def psnr(found: Tensor, wanted: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of colours in [0, 1], dB."""
    return -10 * torch.log10(((found - wanted) ** 2).mean().clamp(min=1e-10))


def ssim(found: Tensor, wanted: Tensor) -> float:
    """Structural similarity of two images [H,W,3] in [0, 1], as the splats' report has it."""
    from grounding3d.scene.splat.evaluation import mean_ssim

    return mean_ssim(found.cpu().numpy(), wanted.cpu().numpy())
