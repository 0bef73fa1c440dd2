"""Opening bags without ROS: folders, lone .mcap and .db3 files of ROS 2, .bag files of ROS 1."""

from __future__ import annotations

import heapq
import logging
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

import yaml

from grounding3d.capture import ros1_storage
from grounding3d.capture.compression import ZSTD_MAGIC, zstd
from grounding3d.capture.db3_storage import MAGIC as SQLITE_MAGIC
from grounding3d.capture.db3_storage import Db3Reader
from grounding3d.capture.mcap_mending import MAGIC as MCAP_MAGIC
from grounding3d.capture.mcap_storage import McapReader
from grounding3d.errors import CaptureError

_log = logging.getLogger(__name__)

T = TypeVar("T")

_SUFFIXES = (".mcap", ".db3")
_TRIES = 20  # messages, to find one that is not damaged
_PIECE = 1 << 14  # bytes of a compressed file that are lost before the place where it breaks off


class BagMessage(NamedTuple):
    """A recorded message: its topic, when it was received, and its CDR bytes."""

    topic: str
    log_ns: int
    data: bytes


@dataclass(frozen=True)
class TopicFacts:
    """Message type and number of messages of a topic."""

    msgtype: str
    count: int


def storage_files(path: Path) -> list[Path]:
    """Storage files of a bag folder in natural order, or the file itself; compressed ones too.

    Of ROS 1 where there is nothing of ROS 2. Hidden files, as some systems leave beside what they
    copy, do not count.
    """
    entries = [path]
    if not path.is_file():
        entries = [each for each in path.iterdir() if each.is_file() and each.name[0] != "."]
    files = [entry for entry in entries if _is_storage(entry)]
    files = files or [entry for entry in entries if entry.suffix == ros1_storage.SUFFIX]
    return sorted(
        files,
        key=lambda file: [
            int(part) if part.isdigit() else part for part in re.split(r"(\d+)", file.name)
        ],
    )


def _is_storage(path: Path) -> bool:
    return path.suffix in _SUFFIXES or (
        path.suffix == ".zstd" and Path(path.stem).suffix in _SUFFIXES
    )


class Bag:
    """An open bag; made by `open_bag`.

    Attributes:
        path: as it was given.
        topics: facts of every topic with CDR messages, by name.
        distro: ROS distribution that recorded it, "" where it does not say.
        notes: what could not be read, for people; grows where reading meets damage.
    """

    def __init__(self, path: Path, readers: list[Any], notes: list[str], distro: str) -> None:
        self.path, self._readers, self.notes = path, readers, notes
        self.topics: dict[str, TopicFacts] = {}
        refused = set()
        for connection in (each for reader in readers for each in reader.connections):
            if connection.ext.serialization_format != "cdr":
                refused.add(connection.ext.serialization_format)
                continue
            count = self.topics.get(connection.topic, TopicFacts("", 0)).count
            self.topics[connection.topic] = TopicFacts(
                connection.msgtype, count + connection.msgcount
            )
        if refused and not self.topics:
            raise CaptureError(
                f"{path} holds messages of another serialization",
                expected="cdr",
                found=", ".join(sorted(map(repr, refused))),
            )
        said = (reader.ros_distro for reader in readers if reader.ros_distro)
        self.distro = distro or str(next(said, ""))
        self._types = message_types(self.distro)

    def of_type(self, *msgtypes: str) -> dict[str, TopicFacts]:
        """Topics of these types that hold messages, by name."""
        return {
            name: facts
            for name, facts in sorted(self.topics.items())
            if facts.msgtype in msgtypes and facts.count
        }

    def messages(
        self, topics: Collection[str], start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[BagMessage]:
        """Messages of some topics by the time they were received, start included, stop not."""
        streams = []
        for reader in self._readers:
            wanted = [each for each in reader.connections if each.topic in topics]
            if wanted:
                streams.append(reader.messages(wanted, start=start_ns, stop=stop_ns))
        with _reading(self.path):
            for connection, log_ns, data in heapq.merge(*streams, key=lambda item: item[1]):
                yield BagMessage(connection.topic, log_ns, _plain(data))

    def first(self, topic: str, read: Callable[[Any], T] | None = None) -> T | Any:
        """The first message of a topic that decodes, or what `read` makes of it if it can.

        Raises:
            CaptureError: there is none, or none among the first does; the first one's error.
        """
        errors: list[CaptureError] = []
        for message in islice(self.messages([topic]), _TRIES):
            try:
                decoded = self.decode(message)
                return decoded if read is None else read(decoded)
            except CaptureError as error:
                errors.append(error)
        raise errors[0] if errors else CaptureError(f"{self.path} holds no message on {topic}")

    def decode(self, message: BagMessage) -> Any:
        """A message as an object with the fields of its type."""
        msgtype = self.topics[message.topic].msgtype
        try:
            return self._types.deserialize_cdr(message.data, msgtype)
        except Exception as error:  # a foreign parser on foreign bytes fails in many ways
            raise CaptureError(
                f"a message on {message.topic} of {self.path} does not decode as {msgtype}: {error}"
            ) from error


@lru_cache
def message_types(distro: str) -> Any:
    """The message definitions of a ROS 2 distribution, the latest where it is not known.

    Those of images, camera_info and transforms are the same from Foxy on.
    """
    from rosbags.typesys import Stores, get_typestore

    stores = {store.value: store for store in Stores}
    return get_typestore(stores.get(f"ros2_{distro}", Stores.LATEST))


@contextmanager
def open_bag(path: Path) -> Iterator[Bag]:
    """Open a bag folder, or a lone `.mcap`, `.db3` or `.bag` file, until the `with` block ends.

    Raises:
        CaptureError: missing, empty, cut short, damaged, or written in a way that is not supported.
    """
    if not path.exists():
        raise CaptureError(f"{path} does not exist", hint="Give a recorded file or folder.")
    files = storage_files(path)
    if not files:
        raise CaptureError(
            f"{path} is no bag", expected="a folder with .mcap, .db3 or .bag files, or such a file"
        )
    notes: list[str] = []
    listed, distro = _metadata(path, notes)
    if listed:
        missing = sorted(set(listed) - {file.name for file in files})
        notes += [f"{name} is missing, which metadata.yaml lists" for name in missing]
        files = files if missing else [file for file in files if file.name in listed]
    with ExitStack() as stack:
        yield Bag(path, _readers(_checked(files, notes), notes, stack), notes, distro)


def _metadata(path: Path, notes: list[str]) -> tuple[set[str], str]:
    """Names of the storage files and ROS distribution that a bag folder's metadata.yaml gives.

    There are none of a lone file, or where it is of no use, which is noted.
    """
    if not path.is_dir() or storage_files(path)[0].suffix == ros1_storage.SUFFIX:
        return set(), ""
    file = path / "metadata.yaml"
    if not file.is_file():
        notes.append("there is no metadata.yaml: the files are read one by one")
        return set(), ""
    try:
        facts = yaml.safe_load(file.read_text(encoding="utf-8"))["rosbag2_bagfile_information"]
        listed = {Path(name).name for name in facts["relative_file_paths"]}
        return listed, str(facts.get("ros_distro") or "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        notes.append(f"metadata.yaml is of no use, the files are read one by one: {text}")
        return set(), ""


def _checked(files: list[Path], notes: list[str]) -> list[Path]:
    """The files that look as they should; notes on the others, the first one's error if none do."""
    whole, errors = [], []
    for file in files:
        try:
            _check_file(file)
            whole.append(file)
        except CaptureError as error:
            errors.append(error)
    if not whole:
        raise errors[0]
    notes += [f"left out: {error}" for error in errors]
    return whole


def _readers(files: list[Path], notes: list[str], stack: ExitStack) -> list[Any]:
    """Readers of the storage files that can be read."""
    readers, errors = [], []
    for file in files:
        try:
            with _reading(file):
                readers.append(stack.enter_context(_reader(_unpacked(file, notes, stack), notes)))
        except CaptureError as error:
            errors.append(error)
    if errors and not readers:
        raise errors[0]
    notes += [f"left out: {error}" for error in errors]
    return readers


def _reader(file: Path, notes: list[str]) -> Any:
    if file.suffix == ros1_storage.SUFFIX:
        return ros1_storage.Ros1Reader(file, message_types(""))
    return (McapReader if file.suffix == ".mcap" else Db3Reader)(file, notes)


def _check_file(file: Path) -> None:
    """Recognise what interrupted recordings leave behind."""
    size = file.stat().st_size
    if size == 0:
        raise CaptureError(f"{file} is empty", hint="The recording was not finished or not copied.")
    with file.open("rb") as stream:
        head = stream.read(16)
    if file.suffix == ros1_storage.SUFFIX and not head.startswith(ros1_storage.MAGIC):
        raise CaptureError(f"{file} is not a ROS 1 bag", found=f"it begins with {head!r}")
    if file.suffix == ".mcap" and not head.startswith(MCAP_MAGIC):
        raise CaptureError(f"{file} is not an mcap file", found=f"it begins with {head[:8]!r}")
    if file.suffix == ".db3" and head != SQLITE_MAGIC:
        raise CaptureError(f"{file} is not an sqlite3 file", found=f"it begins with {head!r}")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn whatever a damaged bag makes the reader raise into one clear error."""
    try:
        yield
    except (CaptureError, ImportError):
        raise
    except Exception as error:  # many kinds; a damaged length even exhausts the memory
        text = " ".join(str(error).split()) or type(error).__name__
        if "erialization format" in text:
            raise CaptureError(
                f"{path} holds messages of another serialization", expected="cdr", found=text
            ) from error
        if path.suffix == ros1_storage.SUFFIX:
            raise CaptureError(
                f"{path} does not read as a ROS 1 bag: {text}",
                hint=f"If the recording was interrupted: rosbag reindex {path.name}",
            ) from error
        raise CaptureError(
            f"{path} does not read as a ROS 2 bag: {text}",
            hint="If the recording was interrupted, repair it with `mcap recover` (.mcap), "
            "`sqlite3 FILE .recover` (.db3) or `ros2 bag reindex` (metadata.yaml).",
        ) from error


def _unpacked(file: Path, notes: list[str], stack: ExitStack) -> Path:
    """A storage file itself, or its contents in a temporary folder where it is compressed."""
    if file.suffix != ".zstd":
        return file
    folder = stack.enter_context(TemporaryDirectory(prefix="grounding3d-"))
    plain = Path(folder) / file.stem
    try:
        with zstd().open(file, "rb") as source, plain.open("wb") as target:
            shutil.copyfileobj(source, target, _PIECE)
    except Exception as error:  # which kind depends on the module
        if (isinstance(error, OSError) and error.errno) or not plain.stat().st_size:
            raise
        notes.append(f"{file.name} is damaged or cut off; what comes before that is read")
    _check_file(plain)
    return plain


def _plain(data: bytes) -> bytes:
    """Message bytes; decompressed where each message was compressed."""
    if bytes(data[:4]) != ZSTD_MAGIC:  # CDR begins with 00 00 or 00 01
        return data
    return bytes(zstd().decompress(data))
