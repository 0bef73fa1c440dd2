"""Reader of ScanNet scans as its SensReader exports them.

`color/N.jpg`, `depth/N.png` (uint16 mm), `pose/N.txt` (4x4, camera to world, OpenCV axes; -inf
where tracking was lost), and 4x4 matrices `intrinsic_color.txt` and `intrinsic_depth.txt`, in the
folder itself or in `intrinsic`. Depth is aligned to colour but smaller: the two matrices are of one
camera at two sizes. Colour that was made as small as depth has the depth's.
Format: Dai et al., "ScanNet", CVPR 2017, and its repository's SensReader.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from grounding3d.capture.base import CaptureConfig
from grounding3d.capture.files import image_size, read_numbers
from grounding3d.capture.indexed import FileFacts, ImageFileCapture
from grounding3d.capture.lenses import Lens
from grounding3d.capture.numbered import (
    given_lens,
    matrix_intrinsics,
    numbered_images,
    open_numbered,
    pose_matrix,
)
from grounding3d.errors import CaptureError

DEPTH_UNIT_M = 0.001
_PUBLISHED = "1169.62 1167.11 646.30 489.93, which differ by scan"


class ScannetFormat:
    """Entry of the table of capture formats."""

    @staticmethod
    def recognises(path: Path) -> bool:
        return (path / "color").is_dir() and next(path.glob("pose/*.txt"), None) is not None

    @staticmethod
    def open(path: Path, config: CaptureConfig) -> ImageFileCapture:
        """Open an exported scan.

        Raises:
            CaptureError: no images, poses or intrinsics, or none that belong together.
        """
        poses = {
            int(file.stem): pose_matrix(read_numbers(file, columns=4), str(file))
            for file in path.glob("pose/*.txt")
            if file.stem.isdigit()
        }
        colors, depths = numbered_images(path / "color"), numbered_images(path / "depth")
        lens = _lens(path, "depth") if _same_size(colors, depths) else None
        lens = lens or _lens(path, "color")
        if lens is None:
            expected = "a 4x4 matrix in intrinsic/intrinsic_color.txt"
            lens = given_lens(config, path, expected, _PUBLISHED)
        facts = FileFacts("scannet", path, lens, DEPTH_UNIT_M, same_view=True)
        return open_numbered(facts, colors, depths, poses, config)


def _same_size(colors: Mapping[int, Path], depths: Mapping[int, Path]) -> bool:
    """Whether colour is as small as depth, by the first frame that can be read."""
    for number in sorted(colors.keys() & depths.keys()):
        with suppress(CaptureError):  # reading it will tell
            return image_size(colors[number]) == image_size(depths[number])
    return False


def _lens(path: Path, camera: str) -> Lens | None:
    """Lens of a camera as its matrix says, None where there is no such file."""
    names = (f"intrinsic_{camera}.txt", f"intrinsics_{camera}.txt")
    files = [folder / name for folder in (path / "intrinsic", path) for name in names]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        return None
    K = read_numbers(file)
    if K.shape not in ((3, 3), (3, 4), (4, 4)):
        raise CaptureError(
            f"{file} holds no intrinsics", expected="a 4x4 matrix", found=f"one of {K.shape}"
        )
    return Lens(matrix_intrinsics(K))
