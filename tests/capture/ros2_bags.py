"""Small bags made message by message, and plain objects with the fields of ROS messages."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from grounding3d.geometry.frames import xyzw_from_wxyz
from grounding3d.geometry.transforms import make_pose, wxyz_from_matrix

TYPES = get_typestore(Stores.ROS2_HUMBLE)
WIDTH, HEIGHT = 16, 12
K = np.array([[20.0, 0, 7.5], [0, 20.0, 5.5], [0, 0, 1]])
OPTICAL = make_pose(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.zeros(3))
T0 = 1_700_000_000.0
COLOR, DEPTH = "/camera/color/image_raw", "/camera/aligned_depth_to_color/image_raw"
FRAME = "camera_color_optical_frame"
MODES = {
    None: CompressionMode.NONE,
    "file": CompressionMode.FILE,
    "message": CompressionMode.MESSAGE,
    "storage": CompressionMode.STORAGE,
}


def make(msgtype: str, **fields: Any) -> Any:
    """A message of a type."""
    return TYPES.types[msgtype](**fields)


def header(stamp_s: float, frame: str) -> Any:
    sec, nanosec = divmod(round(stamp_s * 1e9), 10**9)
    stamp = make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec)
    return make("std_msgs/msg/Header", stamp=stamp, frame_id=frame)


def transform(parent: str, child: str, T: np.ndarray, stamp_s: float) -> SimpleNamespace:
    """A TransformStamped that no ROS library made."""
    x, y, z, w = map(float, xyzw_from_wxyz(wxyz_from_matrix(T[:3, :3])))
    sec, nanosec = divmod(round(stamp_s * 1e9), 10**9)
    return SimpleNamespace(
        header=SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec), frame_id=parent),
        child_frame_id=child,
        transform=SimpleNamespace(
            translation=SimpleNamespace(**dict(zip("xyz", map(float, T[:3, 3])))),
            rotation=SimpleNamespace(x=x, y=y, z=z, w=w),
        ),
    )


def image(pixels: np.ndarray, encoding: str, stamp_s: float = T0, **fields: Any) -> SimpleNamespace:
    """A sensor_msgs/Image that no ROS library made."""
    data = np.ascontiguousarray(pixels)
    sec, nanosec = divmod(round(stamp_s * 1e9), 10**9)
    given = {
        "header": SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec), frame_id=FRAME),
        "height": data.shape[0],
        "width": data.shape[1],
        "encoding": encoding,
        "is_bigendian": 0,
        "step": data.strides[0],
        "data": data.tobytes(),
    }
    return SimpleNamespace(**{**given, **fields})


class BagBuilder:
    """Writes messages into a bag; the stamp is also the time they were received unless given."""

    def __init__(self, path: Path, storage: str = "mcap", mode: str | None = None) -> None:
        plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
        self.path, self.writer = path, Writer(path, version=8, storage_plugin=plugin)
        self.writer.set_compression(MODES[mode], CompressionFormat.ZSTD)
        self.connections: dict[str, Any] = {}
        self.serialization = "cdr"

    def __enter__(self) -> BagBuilder:
        self.writer.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.writer.__exit__(kind, error, trace)

    def send(self, topic: str, message: Any, log_s: float) -> None:
        if topic not in self.connections:
            self.connections[topic] = self.writer.add_connection(
                topic,
                message.__msgtype__,
                typestore=TYPES,
                serialization_format=self.serialization,
            )
        data = TYPES.serialize_cdr(message, message.__msgtype__)
        self.writer.write(self.connections[topic], round(log_s * 1e9), bytes(data))

    def image(
        self,
        topic: str,
        pixels: np.ndarray,
        encoding: str,
        stamp_s: float,
        frame: str = FRAME,
        log_s: float | None = None,
        **fields: Any,
    ) -> None:
        plain = image(pixels, encoding, stamp_s, **fields)
        given = {**vars(plain), "header": header(stamp_s, frame)}
        given["data"] = np.frombuffer(plain.data, np.uint8)
        log_s = stamp_s if log_s is None else log_s
        self.send(topic, make("sensor_msgs/msg/Image", **given), log_s)

    def info(
        self,
        topic: str,
        stamp_s: float,
        frame: str = FRAME,
        K: np.ndarray = K,
        size: tuple[int, int] = (WIDTH, HEIGHT),
        model: str = "plumb_bob",
        D: tuple[float, ...] = (0, 0, 0, 0, 0),
        P: np.ndarray | None = None,
        log_s: float | None = None,
    ) -> None:
        P = np.hstack([K, np.zeros((3, 1))]) if P is None else P
        roi = make(
            "sensor_msgs/msg/RegionOfInterest",
            x_offset=0,
            y_offset=0,
            height=0,
            width=0,
            do_rectify=False,
        )
        message = make(
            "sensor_msgs/msg/CameraInfo",
            header=header(stamp_s, frame),
            height=size[1],
            width=size[0],
            distortion_model=model,
            d=np.array(D, float),
            k=np.asarray(K, float).ravel(),
            r=np.eye(3).ravel(),
            p=np.asarray(P, float).ravel(),
            binning_x=0,
            binning_y=0,
            roi=roi,
        )
        self.send(topic, message, stamp_s if log_s is None else log_s)

    def tf(
        self,
        parent: str,
        child: str,
        T: np.ndarray,
        stamp_s: float,
        static: bool = False,
        log_s: float | None = None,
    ) -> None:
        x, y, z, w = map(float, xyzw_from_wxyz(wxyz_from_matrix(T[:3, :3])))
        stamped = make(
            "geometry_msgs/msg/TransformStamped",
            header=header(stamp_s, parent),
            child_frame_id=child,
            transform=make(
                "geometry_msgs/msg/Transform",
                translation=make(
                    "geometry_msgs/msg/Vector3", **dict(zip("xyz", map(float, T[:3, 3])))
                ),
                rotation=make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w),
            ),
        )
        message = make("tf2_msgs/msg/TFMessage", transforms=[stamped])
        self.send("/tf_static" if static else "/tf", message, stamp_s if log_s is None else log_s)

    def _pose(self, T: np.ndarray) -> Any:
        x, y, z, w = map(float, xyzw_from_wxyz(wxyz_from_matrix(T[:3, :3])))
        return make(
            "geometry_msgs/msg/Pose",
            position=make("geometry_msgs/msg/Point", **dict(zip("xyz", map(float, T[:3, 3])))),
            orientation=make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w),
        )

    def pose_stamped(self, topic: str, frame: str, T: np.ndarray, stamp_s: float) -> None:
        message = make(
            "geometry_msgs/msg/PoseStamped", header=header(stamp_s, frame), pose=self._pose(T)
        )
        self.send(topic, message, stamp_s)

    def pose_with_covariance(self, topic: str, frame: str, T: np.ndarray, stamp_s: float) -> None:
        pose = make(
            "geometry_msgs/msg/PoseWithCovariance", pose=self._pose(T), covariance=np.zeros(36)
        )
        name = "geometry_msgs/msg/PoseWithCovarianceStamped"
        self.send(topic, make(name, header=header(stamp_s, frame), pose=pose), stamp_s)

    def odometry(self, topic: str, frame: str, child: str, T: np.ndarray, stamp_s: float) -> None:
        def zero() -> Any:
            return make("geometry_msgs/msg/Vector3", x=0.0, y=0.0, z=0.0)

        message = make(
            "nav_msgs/msg/Odometry",
            header=header(stamp_s, frame),
            child_frame_id=child,
            pose=make(
                "geometry_msgs/msg/PoseWithCovariance",
                pose=self._pose(T),
                covariance=np.zeros(36),
            ),
            twist=make(
                "geometry_msgs/msg/TwistWithCovariance",
                twist=make("geometry_msgs/msg/Twist", linear=zero(), angular=zero()),
                covariance=np.zeros(36),
            ),
        )
        self.send(topic, message, stamp_s)


def translation(x: float, y: float, z: float) -> np.ndarray:
    return make_pose(np.eye(3), np.array([x, y, z]))


def send_camera(
    bag: BagBuilder,
    stamp_s: float,
    *,
    color: str | None = COLOR,
    depth: str | None = DEPTH,
    infos: bool = True,
    depth_offset_s: float = 0.0,
    log_s: float | None = None,
    frame: str = FRAME,
    depth_m: float = 1.5,
) -> None:
    """One colour image, one depth image and their camera_info."""
    depth_s = stamp_s + depth_offset_s
    if color:
        rgb = np.full((HEIGHT, WIDTH, 3), (200, 100, 50), np.uint8)
        bag.image(color, rgb, "rgb8", stamp_s, frame, log_s)
        if infos:
            bag.info(color.rsplit("/", 1)[0] + "/camera_info", stamp_s, frame, log_s=log_s)
    if depth:
        steps = np.full((HEIGHT, WIDTH), round(depth_m * 1000), "<u2")
        bag.image(depth, steps, "16UC1", depth_s, frame, log_s)
        if infos:
            bag.info(depth.rsplit("/", 1)[0] + "/camera_info", depth_s, frame, log_s=log_s)


def send_static(bag: BagBuilder, frame: str = FRAME) -> None:
    """base_link -> camera_link -> optical frame."""
    bag.tf("base_link", "camera_link", translation(0.1, 0.0, 0.5), T0, static=True)
    bag.tf("camera_link", frame, OPTICAL, T0, static=True)


def simple_bag(path: Path, count: int = 4, start: int = 0, **options: Any) -> Path:
    """A robot that drives along map's x at 1 m/s and takes a frame every 0.1 s."""
    with BagBuilder(path) as bag:
        send_static(bag)
        for i in range(start, start + count):
            stamp_s = T0 + 0.1 * i
            bag.tf("map", "base_link", translation(0.1 * i, 0.0, 0.0), stamp_s)
            send_camera(bag, stamp_s, **options)
    return path
