"""Fitting: a known logistic is found again, and tables survive the disk."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from grounding3d.errors import ConfigError
from grounding3d.features.identity import identify
from grounding3d.features.relevancy import sigmoid
from grounding3d.query.calibration import (
    FOLDER,
    find_calibration,
    load_calibration,
    user_folder,
)
from grounding3d.query.evidence import FEATURES
from grounding3d.query.fitting import (
    cross_validated,
    fit_calibration,
    fit_logistic,
    folds,
    found_threshold,
)
from grounding3d.query.quality import Quality, quality
from grounding3d.query.samples import Sample, load_samples, save_samples


def samples(n: int = 300, seed: int = 0) -> list[Sample]:
    """Scenes of 5 objects; the wanted one has larger statistics; every third thing is absent."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        wanted = np.zeros(5, bool)
        if i % 3:
            wanted[rng.integers(5)] = True
        found.append(Sample(rng.normal(0, 1, (5, len(FEATURES))) + 1.2 * wanted[:, None], wanted))
    return found


def test_a_known_logistic_is_recovered():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40000, 3))
    true = np.array([1.5, 0.7, 0.0])
    y = (rng.random(40000) < sigmoid(x @ true - 1.0)).astype(float)
    coefficients, intercept = fit_logistic(x, y, ridge=0.0)
    np.testing.assert_allclose(coefficients, true, atol=0.08)
    assert intercept == pytest.approx(-1.0, abs=0.08)


def test_it_stays_monotone():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 2))
    y = (x[:, 0] - x[:, 1] > 0).astype(float)
    coefficients, _ = fit_logistic(x, y)
    assert coefficients[0] > 1
    assert coefficients[1] == 0


def test_probabilities_are_calibrated_on_other_samples(tiny):
    table = fit_calibration(samples(), identify(tiny), name="t")
    columns = np.concatenate([s.evidence for s in samples(seed=1)])
    wanted = np.concatenate([s.wanted for s in samples(seed=1)])
    logit = ((columns - table.mean) / table.scale) @ np.array(table.coefficients) + table.intercept
    p = sigmoid(logit)
    for low, high in ((0, 0.1), (0.1, 0.9), (0.9, 1)):
        group = (p >= low) & (p < high)
        chance = np.sqrt((p[group] * (1 - p[group])).sum()) / group.sum()
        assert abs(p[group].mean() - wanted[group].mean()) < 0.02 + 3 * chance
    assert table.low < table.found < 1
    assert 0 < table.tie <= 0.5


def test_it_survives_the_disk_and_knows_its_encoder(tiny, tmp_path):
    identity = identify(tiny)
    table = fit_calibration(samples(), identity, name="t-1", provenance={"seeds": [1, 2]})
    table.save(tmp_path / "t-1.json")
    assert load_calibration(tmp_path / "t-1.json") == table
    assert find_calibration(identity, tmp_path) == table
    assert find_calibration(replace(identity, spec="other"), tmp_path) is None
    turned = replace(identity, probes=identity.probes[::-1].copy())
    assert find_calibration(turned, tmp_path) is None


def test_a_broken_table_is_an_error(tmp_path):
    path = tmp_path / "x.json"
    for content in ("", "{}", '{"schema": 9}', '{"schema": 1, "id": "x"}'):
        path.write_text(content)
        with pytest.raises(ConfigError, match="no calibration"):
            load_calibration(path)


def test_one_kind_of_sample_is_not_enough(tiny):
    absent = [Sample(s.evidence, np.zeros(5, bool)) for s in samples(10)]
    with pytest.raises(ConfigError):
        fit_calibration(absent, identify(tiny), name="t")


def test_the_packaged_tables_can_be_read():
    for path in FOLDER.glob("*.json"):
        table = load_calibration(path)
        assert table.id == path.stem
        assert table.provenance
        assert min(table.coefficients) >= 0


def test_quality_on_other_samples(tiny):
    table = fit_calibration(samples(), identify(tiny), name="t")
    counts = quality(table, samples(30, seed=1))
    assert counts.present == 20
    assert counts.absent == 10
    figures = counts.as_dict()
    assert figures["answered_right"] > 0.8
    assert figures["refused"] > 0.8
    assert figures["brier"] < 0.1
    assert counts + Quality() == counts
    assert (counts + counts).objects == 300


def test_the_users_own_table_comes_first(tiny, tmp_path, monkeypatch):
    identity = identify(tiny)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert find_calibration(identity) is None
    user_folder().mkdir(parents=True)
    table = fit_calibration(samples(), identity, name="mine")
    for name in ("mine-2", "mine-10"):
        replace(table, id=name).save(user_folder() / f"{name}.json")
    assert find_calibration(identity).id == "mine-10"
    assert sorted(path.name for path in user_folder().iterdir()) == ["mine-10.json", "mine-2.json"]


def test_keys_of_a_newer_version_are_passed_over(tiny, tmp_path):
    table = fit_calibration(samples(), identify(tiny), name="t")
    table.save(tmp_path / "t.json")
    content = json.loads((tmp_path / "t.json").read_text()) | {"colour_weight": 2}
    (tmp_path / "t.json").write_text(json.dumps(content))
    assert load_calibration(tmp_path / "t.json") == table


def decided(*cases: tuple[bool, float]) -> tuple[list[Sample], list[np.ndarray]]:
    """One object a scene: whether it is wanted, and its logit."""
    found = [Sample(np.zeros((1, 1)), np.array([wanted])) for wanted, _ in cases]
    return found, [np.array([logit]) for _, logit in cases]


def test_the_threshold_refuses_enough_and_then_answers_most():
    absent = [(False, float(v)) for v in range(10)]  # 0 to 9
    present = [(True, v) for v in (7.5, 8.2, 8.4, 9.5, 12.0)]
    assert 7 < found_threshold(*decided(*absent, *present), refused=0.8) < 7.5
    # nine of ten refused: above 8, and below 8.2
    assert 8 < found_threshold(*decided(*absent, *present), refused=0.9) < 8.2
    assert 9 < found_threshold(*decided(*absent, *present), refused=1.0) < 9.5
    assert found_threshold(*decided(*present)) == 0.0


def test_thresholds_come_from_scenes_left_out(tiny):
    """A scene full of confusable absent things counts although the fit has not seen it."""
    named = [replace(s, scene=f"scene{i % 6}") for i, s in enumerate(samples(300))]
    counts = cross_validated(named, identify(tiny))
    assert (counts.present, counts.absent) == (200, 100)
    assert counts.as_dict()["refused"] > 0.8
    with pytest.raises(ConfigError, match="two scenes"):
        cross_validated(samples(), identify(tiny))


def test_folds_keep_scenes_whole():
    named = [replace(s, scene=f"scene{i % 7}") for i, s in enumerate(samples(70))]
    parts = folds(named)
    assert len(parts) == 5
    assert sum(len(left) for _, left in parts) == 70
    for kept, left in parts:
        assert not {s.scene for s in kept} & {s.scene for s in left}


def test_samples_survive_the_disk_with_the_columns_they_had(tiny, tmp_path):
    old = [replace(s, evidence=s.evidence[:, 1:], features=FEATURES[1:]) for s in samples(40)]
    save_samples(tmp_path / "s1.npz", old)
    again = load_samples(tmp_path / "s1.npz")
    assert again[0].scene == "s1"
    assert again[0].features == FEATURES[1:]
    for one, other in zip(old, again, strict=True):
        np.testing.assert_array_equal(one.evidence, other.evidence)
        np.testing.assert_array_equal(one.wanted, other.wanted)
    mixed = [*again, *samples(40, seed=1)]
    table = fit_calibration(mixed, identify(tiny), name="t")
    assert table.features == FEATURES[1:]
    assert quality(table, mixed).present == 52
    with pytest.raises(ConfigError, match=FEATURES[0]):
        again[0].columns(FEATURES)
