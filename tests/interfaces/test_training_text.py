"""One wording of a training, whatever of it is known."""

from __future__ import annotations

from grounding3d.interfaces.training_text import held_out_figures, training_text

HELD_OUT = {
    "psnr_db": 27.31, "ssim": 0.912, "depth_l1_mm": 4.26, "depth_median_mm": 2.0, "coverage": 0.987,
}  # fmt: skip
REPORT = {
    "engine": "cpu",
    "start": "surfels",
    "steps": 300,
    "seconds": 12.34,
    "frames_colour_only": 0,
    "frames_held_out": 5,
    "held_out": HELD_OUT,
    "held_out_before": {**HELD_OUT, "psnr_db": 22.9, "ssim": 0.8, "depth_l1_mm": 5.0},
}


def test_a_line_holds_the_scores_of_after_and_before() -> None:
    assert training_text(REPORT) == (
        "Trained 300 steps in 12.3 s (cpu); 5 held-out frames: PSNR 27.3 dB (surfels 22.9 dB), "
        "SSIM 0.912 (surfels 0.800), depth error 4.3 mm (surfels 5.0 mm), "
        "covered 98.7 % (surfels 98.7 %)"
    )


def test_what_was_not_measured_is_not_told() -> None:
    resumed = {**REPORT, "held_out_before": None, "frames_colour_only": 2}
    assert training_text(resumed) == (
        "Trained 300 steps in 12.3 s (cpu); 2 frames without depth taught colour only; "
        "5 held-out frames: PSNR 27.3 dB, SSIM 0.912, depth error 4.3 mm, covered 98.7 %"
    )
    colour = {**HELD_OUT, "depth_l1_mm": None, "coverage": None}
    names = [figure.name for figure in held_out_figures({**REPORT, "held_out": colour})]
    assert names == ["PSNR", "SSIM"]
    assert training_text({**REPORT, "held_out": None}) == "Trained 300 steps in 12.3 s (cpu)"


def test_a_start_other_than_surfels_is_not_called_so() -> None:
    assert "(at the start 22.9 dB)" in training_text({**REPORT, "start": "points"})


def test_without_a_training_there_is_nothing_to_tell() -> None:
    for report in (None, {}, {"loss": 0.1}):
        assert training_text(report) == ""
        assert held_out_figures(report) == []
