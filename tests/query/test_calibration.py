"""Fitting: a known logistic is found again, and tables survive the disk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grounding3d.errors import ConfigError
from grounding3d.features.identity import identify
from grounding3d.features.relevancy import sigmoid
from grounding3d.query.calibration import (
    FOLDER,
    find_calibration,
    fit_calibration,
    fit_logistic,
    load_calibration,
)
from grounding3d.query.evidence import FEATURES
from grounding3d.query.quality import Quality, quality
from grounding3d.query.samples import Sample


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
        assert abs(p[group].mean() - wanted[group].mean()) < 0.1
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
