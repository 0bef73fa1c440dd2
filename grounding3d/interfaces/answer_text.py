"""Answers as people read them."""

from __future__ import annotations

from typing import Any


def format_record(answer: dict[str, Any]) -> str:
    """A JSON answer for people: the decision, then one line a candidate."""
    status = answer["status"].replace("_", " ")
    lines = [f"{answer['query']!r}: {status}. {answer['reason']}".rstrip()]
    for item in answer["candidates"]:
        x, y, z = item["position"]
        sigma_cm = 100 * max(item["covariance"][i][i] for i in range(3)) ** 0.5
        size = " x ".join(f"{side:.2f}" for side in item["box"]["size"])
        mark = "->" if item["selected"] else "  "
        support, views = item["support"], item["n_views"]
        on = f", on {support['label']} #{support['id']}" if support else ""
        lines.append(
            f"  {mark} #{item['id']} {item['label']}: x={x:.3f} y={y:.3f} z={z:.3f} m in "
            f"{answer['frame_id']!r} (sigma {sigma_cm:.1f} cm), size {size} m{on}, "
            f"score {item['score']:.2f}, {views} view{'s' if views != 1 else ''}"
        )
    return "\n".join(lines)
