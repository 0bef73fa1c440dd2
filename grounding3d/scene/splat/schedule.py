"""What changes over the steps of training: image size, step sizes, degree of colour."""

from __future__ import annotations

from dataclasses import dataclass

from grounding3d.scene.splat.config import SplatConfig
from grounding3d.scene.splat.engine import LearningRates, LossWeights


@dataclass(frozen=True)
class Schedule:
    """The plan of one training.

    Attributes:
        config: rates, levels and shares.
        means_rate: first step of the means, metres.
    """

    config: SplatConfig
    means_rate: float

    def progress(self, step: int, seconds: float = 0.0) -> float:
        """Share of the training done, at most 1: of the steps or of the time, whichever is more."""
        done = step / max(1, self.config.iterations)
        if self.config.max_seconds is not None:
            done = max(done, seconds / self.config.max_seconds)
        return min(1.0, done)

    def level(self, progress: float) -> int:
        """How often the image is halved: less and less, in equal parts of `coarse_until`."""
        levels, until = self.config.coarse_levels, self.config.coarse_until
        if levels == 0 or until == 0:
            return 0
        return max(0, levels - int(levels * progress / until))

    def sh_degree(self, progress: float) -> int:
        """Degree of colour in use."""
        every = self.config.sh_every
        if every == 0:
            return self.config.sh_degree
        return min(self.config.sh_degree, int(progress / every))

    def rates(self, progress: float) -> LearningRates:
        """Step sizes; that of the means falls exponentially from the first to the last."""
        rates = self.config.rates
        return LearningRates(
            means=self.means_rate * rates.means_last**progress,
            wxyz=rates.wxyz,
            log_scales=rates.log_scales,
            logits=rates.logits,
            sh0=rates.sh0,
            shN=rates.shN,
        )

    def weights(self) -> LossWeights:
        """Weights of the loss."""
        loss = self.config.loss
        mcmc = self.config.densify.strategy == "mcmc"
        return LossWeights(
            ssim=loss.ssim,
            ssim_stride=loss.ssim_stride,
            depth=loss.depth,
            depth_cutoff_m=loss.depth_cutoff_m,
            coverage=loss.coverage,
            needle=loss.needle,
            max_ratio=loss.max_ratio,
            opacity=loss.opacity if mcmc else 0.0,
            scale=loss.scale if mcmc else 0.0,
        )

    def edits(self, step: int, progress: float) -> bool:
        """Whether the set of Gaussians changes after that many steps."""
        densify = self.config.densify
        return (
            densify.strategy != "none"
            and self.is_boundary(step)
            and densify.start <= progress <= densify.stop
        )

    def is_boundary(self, step: int) -> bool:
        """Whether the sums that densification looks at begin anew after that many steps.

        Only there can training be saved and go on to the same bits.
        """
        return step > 0 and step % self.config.densify.every == 0

    def resets(self, step: int, progress: float) -> bool:
        """Whether opacities are lowered after that many steps."""
        densify = self.config.densify
        every = densify.reset_every or (3000 if self.config.start == "sparse" else None)
        return (
            every is not None
            and densify.strategy == "default"
            and step > 0
            and step % every == 0
            and progress <= densify.stop
        )
