"""gsplat with its CUDA kernels, or an error that says what is missing and what to do.

gsplat compiles its kernels on first use, with the nvcc it finds; most of its users' trouble starts
there.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import torch

from grounding3d.errors import MissingDependencyError
from grounding3d.extras import require

OLDEST = (1, 5, 3)  # older ones cut a Gaussian off at 3 sigma, where its alpha is still 0.01

_WHEELS = (
    "or install a wheel that is compiled already (for some versions of torch and CUDA): "
    "pip install gsplat --index-url https://docs.gsplat.studio/whl/pt24cu124"
)
_CAUSES = (  # part of the message, what to do; {cuda} is the version torch was built with
    (
        "mismatches the version",
        "Install the CUDA toolkit {cuda} (nvcc --version shows which one is found; CUDA_HOME "
        "chooses), or a torch that was built for yours",
    ),
    ("cuda_home", "Install the CUDA toolkit {cuda} and set CUDA_HOME to its folder"),
    ("nvcc", "Install the CUDA toolkit {cuda} and set CUDA_HOME to its folder"),
    ("ninja", "Install ninja: pip install ninja"),
    ("unsupported gnu version", "Install a g++ that nvcc {cuda} supports and set CC and CXX to it"),
    ("python.h", "Install Python's headers (Debian and Ubuntu: apt install python3-dev)"),
    ("out of memory", "Compile with fewer jobs at a time: MAX_JOBS=1"),
    ("cannot open shared object", "Remove the half-built ~/.cache/torch_extensions and try again"),
    ("killed", "Compile with fewer jobs at a time: MAX_JOBS=1"),
)


def load_gsplat() -> ModuleType:
    """The module gsplat, ready to rasterise on a CUDA device.

    Raises:
        MissingDependencyError: no device, no gsplat, too old a one, or kernels that do not build.
    """
    check_cuda_device()
    gsplat = require("gsplat", purpose="splatting on CUDA")
    check_version(gsplat.__version__)
    check_kernels()
    return gsplat


def check_cuda_device() -> None:
    """Raise MissingDependencyError unless torch sees a CUDA device."""
    if torch.cuda.is_available():
        return
    if torch.version.cuda is None:
        found = f"torch {torch.__version__}, built without CUDA"
        hint = "Install torch with CUDA (https://pytorch.org/get-started), or use the CPU"
    else:
        found = f"torch for CUDA {torch.version.cuda}, but no device"
        hint = "Check nvidia-smi and CUDA_VISIBLE_DEVICES, or use the CPU"
    raise MissingDependencyError(
        "splatting on CUDA needs a CUDA device", found=found, hint=f"{hint}: --device cpu."
    )


def check_version(version: str) -> None:
    """Raise MissingDependencyError for a gsplat whose pictures differ from ours."""
    numbers = tuple(int(part) for part in version.split("+")[0].split(".")[:3] if part.isdigit())
    if numbers < OLDEST:
        raise MissingDependencyError(
            "gsplat is too old",
            expected=".".join(map(str, OLDEST)) + " or newer",
            found=version,
            hint="Install it with: pip install -U 'grounding3d[cuda]'",
        )


def check_kernels() -> None:
    """Compile or load gsplat's kernels; MissingDependencyError explains why it cannot be done."""
    try:
        kernels = import_module("gsplat.cuda._backend")._C
    except Exception as error:  # torch's builder raises whatever its tools did
        raise build_error(_history(error)) from error
    if kernels is None:
        raise build_error("no nvcc was found")


def _history(error: BaseException) -> str:
    """The messages of an error and of those it came from, the first one first.

    gsplat goes on after a compilation that failed, and then misses the library.
    """
    messages = []
    cause: BaseException | None = error
    while cause is not None:
        messages.append(f"{type(cause).__name__}: {cause}")
        cause = cause.__cause__ or cause.__context__
    return "\n".join(reversed(messages))


def build_error(message: str) -> MissingDependencyError:
    """The error for what the compilation said, with the next step."""
    cuda = torch.version.cuda or "of torch's version"
    hint, telling = "Read the compiler's messages with VERBOSE=1", "error"
    for sign, remedy in _CAUSES:
        if sign in message.lower():
            hint, telling = remedy.format(cuda=cuda), sign
            break
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    found = [line for line in lines if telling in line.lower()] or lines or ["no message"]
    return MissingDependencyError(
        "gsplat's CUDA kernels could not be compiled",
        found=found[0][:300],
        hint=f"{hint}; {_WHEELS}.",
    )
