"""Build the ROS 2 interface packages with CMake, with or without a ROS installation.

    python tools/build_ros_interfaces.py [--prefix build/ros_install]

Without ROS, rclpy and the generators are the wheels of the extras `ros` and `ros-build`; with a
sourced ROS 2 they are that one's. grounding3d_msgs is built always, vision_msgs and tf2_msgs where
they are not there. Nothing is done when nothing has changed. The last line on stdout is the folder
to put in front of AMENT_PREFIX_PATH (environment() gives all the variables).
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
WORKSPACE = REPOSITORY / "ros2_ws" / "src"
PREFIX = REPOSITORY / "build" / "ros_install"
TEXTS = REPOSITORY / "grounding3d" / "ros_interfaces"
CMAKE_FIX = REPOSITORY / "tools" / "ros_wheels.cmake"
RECIPE = "1"  # another one builds everything anew
GENERATORS = ("rclpy", "rosidl_adapter", "rosidl_generator_py", "numpy", "rosbags")


class BuildError(Exception):
    """The interfaces cannot be built; says what is missing, or shows CMake's last words."""


@dataclass(frozen=True)
class Package:
    """A package of interfaces: its texts by file name ("msg/Answer.msg"), its dependencies."""

    name: str
    texts: dict[str, str]
    depends: tuple[str, ...]


def build(prefix: Path = PREFIX, packages: Sequence[Package] | None = None) -> Path:
    """Build what is not there yet into `prefix`; waits for another process that does so.

    Args:
        prefix: folder to install into.
        packages: these, in the order of their dependencies; None: ours, and what it needs.

    Raises:
        BuildError: a tool is missing, or CMake fails.
    """
    check_tools()
    with locked(prefix):
        _discard_foreign(prefix)
        for source in _sources(work_folder(prefix) / "src", packages):
            stamp, current = prefix / ".built" / source.name, _fingerprint(source)
            if not stamp.exists() or stamp.read_text() != current:
                _cmake_build(source, work_folder(prefix) / "build" / source.name, prefix)
                stamp.write_text(current)
    return prefix


def work_folder(prefix: Path = PREFIX) -> Path:
    """Where the packages are built; it may be deleted."""
    return prefix.with_name(f"{prefix.name}_work")


def environment(prefix: Path = PREFIX) -> dict[str, str]:
    """Variables under which a Python of this environment imports what was built."""
    packages = sysconfig.get_path("purelib", vars={"base": str(prefix), "platbase": str(prefix)})
    variables = dict(os.environ)
    _prepend(variables, "PYTHONPATH", packages)
    _prepend(variables, "LD_LIBRARY_PATH", str(prefix / "lib"))
    for folder in (_wheels_prefix(), prefix):
        if folder is not None:
            _prepend(variables, "AMENT_PREFIX_PATH", str(folder))
            _prepend(variables, "CMAKE_PREFIX_PATH", str(folder))
    _prepend(variables, "PATH", str(Path(sys.executable).parent))
    return variables


def cmake_arguments() -> list[str]:
    """What CMake needs to be told to build against the wheels."""
    arguments = [
        f"-DPython3_EXECUTABLE={sys.executable}",
        "-DPython3_FIND_VIRTUALENV=ONLY",
        "-DBUILD_TESTING=OFF",
        "-Wno-dev",
    ]
    if _wheels_prefix() is not None:
        arguments.append(f"-DCMAKE_PROJECT_INCLUDE={CMAKE_FIX}")
    return arguments


def check_tools() -> None:
    """Raise BuildError naming what is missing and how to get it."""
    if _wheels_prefix() is None and "AMENT_PREFIX_PATH" not in os.environ:
        raise BuildError("no ROS 2: source one, or pip install 'grounding3d[ros,ros-build]'")
    if not _find_share("rosidl_default_generators"):
        raise BuildError("the generators are missing: pip install 'grounding3d[ros-build]'")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    if shutil.which("cmake", path=path) is None:
        raise BuildError("cmake is missing: pip install cmake")
    if not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        raise BuildError("a C++ compiler is missing: apt-get install g++")


def _prepend(variables: dict[str, str], name: str, value: str) -> None:
    rest = [part for part in variables.get(name, "").split(os.pathsep) if part and part != value]
    variables[name] = os.pathsep.join([value, *rest])


def _wheels_prefix() -> Path | None:
    """This environment's folder if it holds rclpy's wheels."""
    found = (Path(sys.prefix) / "share" / "rclpy" / "package.xml").exists()
    return Path(sys.prefix) if found else None


def _find_share(package: str) -> Path | None:
    """The share folder of an installed package, outside of what is built here."""
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    for prefix in [str(_wheels_prefix() or ""), *prefixes]:
        share = Path(prefix) / "share" / package
        if prefix and (share / "package.xml").exists():
            return share
    return None


def _packages() -> Iterator[Package]:
    """Those that stand in for packages which are not installed."""
    if not _find_share("tf2_msgs"):
        text = "geometry_msgs/TransformStamped[] transforms\n"
        yield Package("tf2_msgs", {"msg/TFMessage.msg": text}, ("geometry_msgs",))
    for folder in sorted(path for path in TEXTS.iterdir() if path.is_dir()):
        if folder.name != "grounding3d_msgs" and not _find_share(folder.name):
            texts = {f"msg/{path.name}": path.read_text() for path in folder.glob("msg/*.msg")}
            yield Package(folder.name, texts, ("std_msgs", "geometry_msgs"))


def _sources(folder: Path, packages: Sequence[Package] | None) -> Iterator[Path]:
    """Package folders to build, in order; those of stand-ins are written below `folder`."""
    for package in _packages() if packages is None else packages:
        source = folder / package.name
        files = {
            **package.texts,
            "CMakeLists.txt": _CMAKE.format(
                name=package.name,
                find="\n".join(f"find_package({each} REQUIRED)" for each in package.depends),
                files="\n  ".join(sorted(package.texts)),
                depends=" ".join(package.depends),
            ),
            "package.xml": _MANIFEST.format(
                name=package.name,
                depends="\n".join(f"  <depend>{each}</depend>" for each in package.depends),
            ),
        }
        for name, text in files.items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_text() != text:  # a new date builds it again
                path.write_text(text)
        yield source
    if packages is None:
        yield WORKSPACE / "grounding3d_msgs"


def _cmake_build(source: Path, build_folder: Path, prefix: Path) -> None:
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    install = f"-DCMAKE_INSTALL_PREFIX={prefix}"
    configure = ["cmake", *generator, "-S", source, "-B", build_folder, install]
    _run([*configure, *cmake_arguments()], prefix)
    _run(["cmake", "--build", build_folder, "--parallel", _jobs(), "--target", "install"], prefix)


def _jobs() -> str:
    return str(len(os.sched_getaffinity(0)))


def _run(command: list[str | Path], prefix: Path) -> None:
    arguments, variables = [str(part) for part in command], environment(prefix)
    done = subprocess.run(
        arguments, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-40:])
        raise BuildError(f"{' '.join(arguments)} failed with {done.returncode}:\n{tail}")


def _discard_foreign(prefix: Path) -> None:
    """Begin anew where the last build was for another Python, or with other generators."""
    parts = [sys.version, sys.prefix, RECIPE]
    for name in GENERATORS:
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            parts.append(f"{name} {_find_share(name)}")
    current, stamp = "\n".join(parts), prefix / ".built" / "environment"
    if stamp.exists() and stamp.read_text() == current:
        return
    shutil.rmtree(prefix, ignore_errors=True)
    shutil.rmtree(work_folder(prefix), ignore_errors=True)
    stamp.parent.mkdir(parents=True)
    (prefix.parent / "COLCON_IGNORE").touch()
    stamp.write_text(current)


def _fingerprint(source: Path) -> str:
    """Changes when a definition or the package's CMake does."""
    digest = hashlib.sha256()
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        digest.update(path.relative_to(source).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


@contextmanager
def locked(prefix: Path = PREFIX) -> Iterator[None]:
    """Nobody else builds meanwhile."""
    name = hashlib.sha256(str(prefix).encode()).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"grounding3d_ros_{os.getuid()}_{name}.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


_CMAKE = """\
cmake_minimum_required(VERSION 3.8)
project({name})
find_package(ament_cmake REQUIRED)
find_package(rosidl_default_generators REQUIRED)
{find}
rosidl_generate_interfaces(${{PROJECT_NAME}}
  {files}
  DEPENDENCIES {depends}
)
ament_export_dependencies(rosidl_default_runtime)
ament_package()
"""

_MANIFEST = """\
<?xml version="1.0"?>
<package format="3">
  <name>{name}</name>
  <version>0.0.0</version>
  <description>Stand-in with the same messages, for tests without a ROS installation.</description>
  <maintainer email="grounding3d@users.noreply.github.com">grounding3d</maintainer>
  <license>Apache-2.0</license>
  <buildtool_depend>ament_cmake</buildtool_depend>
  <buildtool_depend>rosidl_default_generators</buildtool_depend>
{depends}
  <exec_depend>rosidl_default_runtime</exec_depend>
  <member_of_group>rosidl_interface_packages</member_of_group>
  <export><build_type>ament_cmake</build_type></export>
</package>
"""


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prefix", type=Path, default=PREFIX, help="folder to install into")
    arguments = parser.parse_args()
    try:
        print(build(arguments.prefix.resolve()))
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
