"""ROS 1 bags, made of ROS 2 ones message by message."""

from __future__ import annotations

from pathlib import Path

from rosbags.rosbag1 import Writer
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

TF = "tf2_msgs/msg/TFMessage"
TYPES = get_typestore(Stores.ROS1_NOETIC)
FIELDS = get_typestore(Stores.ROS2_HUMBLE)  # the bytes are those of ROS 2's fields
TYPES.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms", TF))


def write_ros1(source: Path, path: Path, *, compression: str = "", old_tf: bool = False) -> Path:
    """Write the bag folder `source` as the file `path`/recording.bag.

    Args:
        compression: "bz2", "lz4" or none.
        old_tf: transforms are of type `tf/tfMessage`, as before tf2.
    """
    path.mkdir()
    writer = Writer(path / "recording.bag")
    if compression:
        writer.set_compression(Writer.CompressionFormat[compression.upper()])
    with Reader(source) as reader, writer:
        connections = {
            each.id: writer.add_connection(each.topic, each.msgtype, typestore=TYPES)
            if not (old_tf and each.msgtype == TF)
            else writer.add_connection(
                each.topic,
                "tf/msg/tfMessage",
                msgdef=TYPES.generate_msgdef(TF)[0],
                md5sum="94810edda583a504dfda3829e70d7eec",
            )
            for each in reader.connections
        }
        for count, (each, log_ns, data) in enumerate(reader.messages()):
            bare = bytes(FIELDS.cdr_to_ros1(data, each.msgtype))
            if each.msgtype.startswith("sensor_msgs"):  # begins with a header, and that with this
                bare = count.to_bytes(4, "little") + bare[4:]
            writer.write(connections[each.id], log_ns, bare)
    return path
