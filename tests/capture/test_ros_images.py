"""Images and intrinsics out of ROS messages, made here without any ROS library."""

from __future__ import annotations

import io
import struct
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from ros2_bags import FRAME, K, image

from grounding3d.capture.ros2_compressed_depth import (
    decode_rvl,
    encode_compressed_depth,
    encode_rvl,
)
from grounding3d.capture.ros2_pixels import rgb_from_bayer
from grounding3d.capture.ros_images import camera_facts, decode_color, decode_depth
from grounding3d.errors import CaptureError

RNG = np.random.default_rng(3)
RGB = RNG.integers(0, 256, (5, 6, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (5, 6), dtype=np.uint8)
STEPS = np.array([[0, 1, 500], [1500, 65535, 3000]], np.uint16)


def compressed(data: bytes, text: str) -> SimpleNamespace:
    stamp = SimpleNamespace(sec=12, nanosec=500_000_000)
    return SimpleNamespace(
        header=SimpleNamespace(stamp=stamp, frame_id=FRAME), format=text, data=data
    )


def encoded(pixels: np.ndarray, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def with_alpha(pixels: np.ndarray) -> np.ndarray:
    return np.dstack([pixels, np.full(pixels.shape[:2], 7, np.uint8)])


@pytest.mark.parametrize(
    ("encoding", "pixels", "expected"),
    [
        ("rgb8", RGB, RGB),
        ("bgr8", RGB[..., ::-1], RGB),
        ("rgba8", with_alpha(RGB), RGB),
        ("bgra8", with_alpha(RGB[..., ::-1]), RGB),
        ("8UC3", RGB[..., ::-1], RGB),
        ("8UC4", with_alpha(RGB[..., ::-1]), RGB),
        ("mono8", GREY, np.dstack([GREY] * 3)),
        ("mono16", GREY.astype(np.uint16) << 8, np.dstack([GREY] * 3)),
        ("rgb16", RGB.astype(np.uint16) << 8, RGB),
        ("bgr16", RGB[..., ::-1].astype(np.uint16) << 8, RGB),
        ("16UC3", RGB[..., ::-1].astype(np.uint16) << 8, RGB),
        ("rgba16", with_alpha(RGB).astype(np.uint16) << 8, RGB),
        ("bgra16", with_alpha(RGB[..., ::-1]).astype(np.uint16) << 8, RGB),
        ("16UC4", with_alpha(RGB[..., ::-1]).astype(np.uint16) << 8, RGB),
    ],
)
def test_every_plain_encoding_gives_the_same_rgb(
    encoding: str, pixels: np.ndarray, expected: np.ndarray
) -> None:
    np.testing.assert_array_equal(decode_color(image(pixels, encoding), "/c"), expected)


@pytest.mark.parametrize("tile", ["rggb", "grbg", "gbrg", "bggr"])
def test_a_mosaic_of_one_colour_becomes_that_colour(tile: str) -> None:
    value = {"r": 200, "g": 120, "b": 30}
    mosaic = np.tile([[value[tile[0]], value[tile[1]]], [value[tile[2]], value[tile[3]]]], (4, 5))
    for message in (
        image(mosaic.astype(np.uint8), f"bayer_{tile}8"),
        image(mosaic.astype(np.uint16) << 8, f"bayer_{tile}16"),
    ):
        rgb = decode_color(message, "/c")
        assert rgb.shape == (8, 10, 3)
        assert (rgb == [200, 120, 30]).all()


def test_demosaicing_keeps_what_was_measured() -> None:
    mosaic = RNG.integers(0, 256, (7, 9), dtype=np.uint8)
    rgb = rgb_from_bayer(mosaic, "rggb")
    np.testing.assert_array_equal(rgb[0::2, 0::2, 0], mosaic[0::2, 0::2])
    np.testing.assert_array_equal(rgb[1::2, 0::2, 1], mosaic[1::2, 0::2])
    np.testing.assert_array_equal(rgb[1::2, 1::2, 2], mosaic[1::2, 1::2])


@pytest.mark.parametrize(("encoding", "luma"), [("yuv422", 1), ("yuv422_yuy2", 0), ("uyvy", 1)])
def test_yuv422(encoding: str, luma: int) -> None:
    def filled(y: int, u: int, v: int) -> np.ndarray:
        packed = np.zeros((2, 4, 2), np.uint8)
        packed[..., luma] = y
        packed[:, 0::2, 1 - luma], packed[:, 1::2, 1 - luma] = u, v
        return decode_color(image(packed, encoding), "/c")[0, 0]

    assert filled(235, 128, 128).tolist() == [255, 255, 255]
    assert filled(16, 128, 128).tolist() == [0, 0, 0]
    np.testing.assert_allclose(filled(81, 90, 240), [255, 0, 0], atol=2)  # BT.601's red


def semi_planar(encoding: str, yuv: np.ndarray, stride: int) -> np.ndarray:
    """Rows of an image [H,W,3] of luma and chroma, with padding of 99."""
    height, width = yuv.shape[:2]
    step = 1 if encoding == "nv24" else 2
    chroma = yuv[::step, ::step, 2:0:-1] if encoding == "nv21" else yuv[::step, ::step, 1:]
    below = np.full((len(chroma), stride * 2 // step), 99, np.uint8)
    below[:, : 2 * chroma.shape[1]] = chroma.reshape(len(chroma), -1)
    luma = np.full((height, stride), 99, np.uint8)
    luma[:, :width] = yuv[..., 0]
    return np.vstack([luma, below.reshape(-1, stride)])


@pytest.mark.parametrize("encoding", ["nv12", "nv21", "nv24"])
@pytest.mark.parametrize(("height", "width", "stride"), [(4, 6, 6), (5, 7, 8), (4, 6, 32)])
def test_semi_planar(encoding: str, height: int, width: int, stride: int) -> None:
    yuv = np.full((height, width, 3), (81, 90, 240), np.uint8)  # BT.601's red
    yuv[:2] = 235, 128, 128
    yuv[:, 4:] = 41, 240, 110  # blue
    rows = semi_planar(encoding, yuv, stride)
    for step in (stride, rows.size // height):
        message = image(rows, encoding, height=height, width=width, step=step)
        rgb = decode_color(message, "/c")
        assert rgb.shape == (height, width, 3)
        np.testing.assert_allclose(rgb[2:, :4], np.full_like(rgb[2:, :4], (255, 0, 0)), atol=2)
        assert (rgb[:2, :4] == 255).all()
        np.testing.assert_allclose(rgb[:, 4:], np.full_like(rgb[:, 4:], (0, 0, 255)), atol=2)
    message.data = message.data[:-1]
    with pytest.raises(CaptureError, match="wrong size"):
        decode_color(message, "/c")


@pytest.mark.parametrize("bits", [8, 16])
def test_compressed_mosaics_become_colours(bits: int) -> None:
    mosaic = np.tile(np.array([[200, 120], [120, 30]], np.uint8), (4, 5))
    if bits == 16:
        mosaic = mosaic.astype(np.uint16) << 8
    message = compressed(encoded(mosaic, "png"), f"bayer_rggb{bits}; png compressed ")
    assert (decode_color(message, "/c") == [200, 120, 30]).all()


def test_rows_may_be_padded() -> None:
    padded = np.zeros((5, 32), np.uint8)
    padded[:, :18] = RGB.reshape(5, 18)
    message = image(padded, "rgb8", width=6, step=32)
    np.testing.assert_array_equal(decode_color(message, "/c"), RGB)
    message.data = message.data[: 4 * 32 + 18]  # without the padding of the last row
    np.testing.assert_array_equal(decode_color(message, "/c"), RGB)


@pytest.mark.parametrize("big", [0, 1])
def test_byte_order_is_heeded(big: int) -> None:
    order = ">" if big else "<"
    depth = decode_depth(image(STEPS.astype(f"{order}u2"), "16UC1", is_bigendian=big), "/d")
    np.testing.assert_allclose(depth, STEPS * 0.001, rtol=1e-6)
    metres = np.array([[0.5, 1.25]], f"{order}f4")
    depth = decode_depth(image(metres, "32FC1", is_bigendian=big), "/d")
    np.testing.assert_array_equal(depth, [[0.5, 1.25]])


def test_depth_is_metres_with_zero_for_unknown() -> None:
    metres = np.array([[np.nan, np.inf, -np.inf, -1.0, 0.0, 2.5]], np.float32)
    depth = decode_depth(image(metres, "32FC1"), "/d")
    assert depth.dtype == np.float32
    assert depth.tolist() == [[0, 0, 0, 0, 0, 2.5]]
    doubles = decode_depth(image(metres.astype(np.float64), "64FC1"), "/d")
    assert doubles.dtype == np.float32
    assert doubles.tolist() == depth.tolist()
    signed = decode_depth(image(np.array([[-1, 0, 1500]], np.int16), "16SC1"), "/d")
    assert signed == pytest.approx(np.array([[0, 0, 1.5]]))
    assert decode_depth(image(STEPS, "16UC1"), "/d")[1, 0] == pytest.approx(1.5)
    assert decode_depth(image(STEPS, "16UC1"), "/d", 0.0002)[1, 0] == pytest.approx(0.3)
    floats = decode_depth(image(1000 * metres, "32FC1"), "/d", 0.001)  # as simulators may write
    assert floats.tolist() == [[0, 0, 0, 0, 0, 2.5]]


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_compressed_colour(kind: str) -> None:
    flat = np.full((16, 24, 3), (200, 60, 20), np.uint8)
    message = compressed(encoded(flat, kind), f"rgb8; {kind} compressed bgr8")
    np.testing.assert_allclose(decode_color(message, "/c").astype(int), flat, atol=4)


def test_depth_as_a_plain_png() -> None:
    message = compressed(encoded(STEPS, "png"), "16UC1; png compressed ")
    np.testing.assert_allclose(decode_depth(message, "/d"), STEPS * 0.001, rtol=1e-6)


def test_depth_as_a_tiff_of_metres() -> None:
    metres = np.array([[np.nan, 0.5, 2.25]], np.float32)
    depth = decode_depth(compressed(encoded(metres, "tiff"), "32FC1; tiff compressed "), "/d")
    np.testing.assert_array_equal(depth, [[0, 0.5, 2.25]])


@pytest.mark.parametrize("codec", ["png", "rvl"])
def test_compressed_depth_of_16_bits_is_exact(codec: str) -> None:
    data, text = encode_compressed_depth(STEPS, codec=codec)
    np.testing.assert_allclose(decode_depth(compressed(data, text), "/d"), STEPS * 0.001, rtol=1e-6)


@pytest.mark.parametrize(
    "suffix", ["compressedDepth png", "compressedDepth", "compressedDepth rvl"]
)
def test_compressed_depth_of_floats_is_inverse_quantised(suffix: str) -> None:
    a, b = 1000.0, 20.0
    metres = np.array([[0.0, 0.5, 1.0, 4.0]])
    values = np.zeros(metres.shape, np.uint16)
    values[metres > 0] = np.rint(a / metres[metres > 0] + b)
    payload = encoded(values, "png")
    if suffix.endswith("rvl"):
        payload = struct.pack("<ii", 4, 1) + encode_rvl(values)
    message = compressed(struct.pack("<iff", 0, a, b) + payload, f"32FC1; {suffix}")
    np.testing.assert_allclose(decode_depth(message, "/d"), metres, rtol=2e-3)


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.uint16,
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        elements=st.one_of(st.just(0), st.integers(0, 65535)),
    )
)
def test_rvl_round_trip(depth: np.ndarray) -> None:
    np.testing.assert_array_equal(decode_rvl(encode_rvl(depth), depth.size), depth.ravel())


def test_rvl_is_the_published_code() -> None:
    # zeros 2, filled 3, deltas 5, +1, -3 folded to 10, 2, 5; then zeros 1, filled 0
    nibbles = [2, 3, 0x8 | 2, 1, 2, 5, 1, 0]
    word = int("".join(f"{nibble:x}" for nibble in nibbles), 16)
    depth = np.array([0, 0, 5, 6, 3, 0], np.uint16)
    assert encode_rvl(depth) == struct.pack("<I", word)


@pytest.mark.parametrize("cut", [0, 6, 12, 18, 21])
def test_cut_compressed_depth_is_refused(cut: int) -> None:
    for codec in ("png", "rvl"):
        depth = RNG.integers(0, 65535, (20, 20)).astype(np.uint16)
        data, text = encode_compressed_depth(depth, codec=codec)
        with pytest.raises(CaptureError, match=r"/d at 12\.500000 s does not decode"):
            decode_depth(compressed(data[:cut], text), "/d")


def test_wrong_sizes_name_topic_and_stamp() -> None:
    for wrong in ({"data": b"123"}, {"step": 4}, {"height": 9}):
        with pytest.raises(CaptureError, match=r"/c at 3\.250000 s has the wrong size"):
            decode_color(image(RGB, "rgb8", 3.25, **wrong), "/c")
    with pytest.raises(CaptureError, match="no pixels"):
        decode_color(image(RGB, "rgb8", width=0, step=0), "/c")


def test_what_is_not_an_image_is_refused() -> None:
    with pytest.raises(CaptureError, match="does not decode"):
        decode_color(compressed(b"not a jpeg", "jpeg"), "/c")
    with pytest.raises(CaptureError, match=r"known encoding.*'8SC4'"):
        decode_color(image(RGB, "8SC4"), "/c")
    with pytest.raises(CaptureError, match="no depth image"):
        decode_depth(image(RGB, "rgb8"), "/d")
    with pytest.raises(CaptureError, match="16-bit png"):
        decode_depth(compressed(encoded(RGB, "jpeg"), "16UC1; jpeg compressed"), "/d")
    with pytest.raises(CaptureError, match="no colour image"):
        decode_color(compressed(*encode_compressed_depth(STEPS)), "/c")


def info(**fields: Any) -> SimpleNamespace:
    stamp = SimpleNamespace(sec=0, nanosec=0)
    given = {
        "header": SimpleNamespace(stamp=stamp, frame_id="/" + FRAME),
        "width": 16,
        "height": 12,
        "distortion_model": "plumb_bob",
        "d": [],
        "k": K.ravel(),
        "p": np.hstack([np.diag([2.0, 2, 1]) @ K, np.zeros((3, 1))]).ravel(),
    }
    return SimpleNamespace(**{**given, **fields})


def test_intrinsics() -> None:
    facts = camera_facts(info(), "/i")
    np.testing.assert_array_equal(facts.camera.K, K)
    assert (facts.camera.width, facts.camera.height, facts.model) == (16, 12, "none")
    assert facts.frame_id == FRAME


def test_a_rectified_image_is_described_by_the_projection_matrix() -> None:
    facts = camera_facts(info(d=[0.1, 0, 0, 0, 0]), "/i", is_rectified=True)
    assert (facts.camera.fx, facts.model) == (40, "none")
    assert camera_facts(info(d=[0.1, 0, 0, 0, 0]), "/i").model == "plumb_bob"


def test_a_part_of_the_sensor_and_pixels_that_are_taken_together() -> None:
    roi = SimpleNamespace(x_offset=4, y_offset=2, width=8, height=6)
    facts = camera_facts(info(roi=roi, binning_x=2, binning_y=2), "/i")
    assert (facts.camera.width, facts.camera.height) == (4, 3)
    point = np.array([0.2, -0.1, 2.0])
    u, v, _ = (K @ point) / point[2]
    seen = facts.camera.K @ point / point[2]
    # the superpixel (0, 0) is of the pixels 4 and 5, 2 and 3: its centre is at 4.5, 2.5
    np.testing.assert_allclose(seen[:2], [(u - 4.5) / 2, (v - 2.5) / 2])
    whole = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    assert camera_facts(info(roi=whole), "/i").camera == camera_facts(info(), "/i").camera


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"k": np.full(9, np.nan)}, "NaN"),
        ({"d": [np.inf]}, "NaN or infinite"),
        ({"k": np.zeros(9)}, "not calibrated"),
        ({"k": np.diag([20.0, 20, 1]).ravel()}, "in its corner"),
        ({"width": 0}, "of no use"),
    ],
)
def test_useless_intrinsics_are_refused(fields: dict, message: str) -> None:
    with pytest.raises(CaptureError, match=message):
        camera_facts(info(**fields), "/i")
