"""How an `open_clip:` SPEC is read: architecture, weights, preprocessing, tokenizer, prompts."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from grounding3d.compat import prepare_torchvision
from grounding3d.errors import EncoderError
from grounding3d.features.hub import quick_hub
from grounding3d.features.open_clip_encoder import OpenClipEncoder
from grounding3d.features.preprocess import Preprocess
from grounding3d.features.prompts import prompts_of
from grounding3d.features.towers import FileTowers, Side, Tower

_log = logging.getLogger(__name__)

_HUB_CONFIG = "open_clip_config.json"  # lies beside the weights in open_clip's folders on the hub
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


def load_open_clip(spec: str, device: str = "cpu") -> OpenClipEncoder:
    """The open_clip model of `open_clip:ARCH/TAG` or `open_clip:ARCH@FILE`.

    `?prompts=plain` behind it turns the prompt ensemble off. Names and files are checked at once,
    weights are read when a side is first used.

    Raises:
        EncoderError: unknown architecture or tag (close names are listed), no such file, or
            later an unreachable hub or a file that does not fit.
    """
    name, templates = prompts_of(spec)
    arch, pretrained = parse_open_clip(name)
    prepare_torchvision()
    import open_clip

    config = open_clip.get_model_config(arch)
    if config is None:
        raise EncoderError(
            f"open_clip has no architecture {arch!r}", hint=_near(arch, open_clip.list_models())
        )
    file = Path(pretrained) if "@" in name else None
    tag = {} if file is not None else open_clip.get_pretrained_cfg(arch, pretrained)
    if file is not None and not file.is_file():
        raise EncoderError(f"encoder {spec!r}: there is no file {pretrained}")
    if file is None and not tag:
        tags = open_clip.list_pretrained_tags_by_model(arch)
        raise EncoderError(f"{arch} has no pretrained tag {pretrained!r}", hint=_near("", tags))
    if "quick_gelu" in tag:  # open_clip itself only warns, and computes with the wrong activation
        config["quick_gelu"] = tag["quick_gelu"]
    size = config["vision_cfg"].get("image_size", 224)
    preprocess = Preprocess.from_config({**preprocess_config(arch, tag, file), "size": size})
    folder = None if file is None else file.parent
    return OpenClipEncoder(
        spec,
        int(config["embed_dim"]),
        make_tokenizer=lambda: _tokenizer(spec, arch, config["text_cfg"], folder),
        tokenizer_name=f"open_clip:{arch}",
        device=device,
        towers=_Guarded(spec, arch, config, _fetch(spec, arch, tag, file), preprocess),
        templates=templates,
    )


def parse_open_clip(spec: str) -> tuple[str, str]:
    """(architecture, tag or file) of an `open_clip:` SPEC."""
    rest = spec.partition(":")[2]
    arch, _, pretrained = rest.partition("@") if "@" in rest else rest.rpartition("/")
    if not arch or not pretrained:
        raise EncoderError(
            f"encoder {spec!r} is incomplete",
            expected="open_clip:ARCH/TAG or open_clip:ARCH@FILE",
            hint="For example open_clip:ViT-B-32/laion2b_s34b_b79k.",
        )
    return arch, pretrained


def preprocess_config(arch: str, tag: dict[str, Any], file: Path | None) -> dict[str, Any]:
    """open_clip's `preprocess_cfg` for a tag or for a file of weights.

    A file does not say how its images were prepared, and open_clip assumes CLIP's own way, which
    is wrong for SigLIP or MobileCLIP. Here it is taken from an `open_clip_config.json` beside the
    file, else from the architecture's pretrained tags, which agree but for three architectures.
    """
    import open_clip

    if file is None:
        return _known(tag)
    beside = file.parent / _HUB_CONFIG
    if beside.is_file():
        try:
            found = json.loads(beside.read_text(encoding="utf-8")).get("preprocess_cfg", {})
        except (ValueError, OSError, AttributeError) as error:
            raise EncoderError(f"{beside} cannot be read", found=_first_line(error)) from error
        return _known(found)
    tags = open_clip.list_pretrained_tags_by_model(arch)
    ways = Counter(json.dumps(_known(open_clip.get_pretrained_cfg(arch, t))) for t in tags)
    if not ways:
        return {}
    if len(ways) > 1:
        _log.warning(
            "weights of %s were trained with %d ways of preparing images; the commonest is taken. "
            "Put the %s of your weights beside %s to be sure.",
            arch, len(ways), _HUB_CONFIG, file.name,
        )  # fmt: skip
    found = json.loads(ways.most_common(1)[0][0])
    assert isinstance(found, dict)
    return found


def _known(config: dict[str, Any]) -> dict[str, Any]:
    """The fields that say how an image is prepared, with open_clip's defaults."""
    names = ("mean", "std", "interpolation", "resize_mode", "fill_color")
    return {
        **{k: v for k, v in Preprocess().as_json().items() if k in names},
        **{k: config[k] for k in names if config.get(k) is not None},
    }


class _Guarded(FileTowers):
    """Turns whatever open_clip, torch or a hub client raises into one clear error."""

    def __init__(self, spec: str, arch: str, *parts: Any) -> None:
        super().__init__(spec, *parts)
        self._arch = arch

    def load(self, side: Side) -> Tower:
        try:
            return super().load(side)
        except EncoderError:
            raise
        except Exception as error:  # each of those libraries has exceptions of its own
            raise EncoderError(
                f"the weights of {self._name!r} cannot be loaded",
                found=_first_line(error),
                hint="Without a network, download the weights elsewhere and pass the file: "
                f"--encoder open_clip:{self._arch}@/path/to.safetensors",
            ) from error


def _fetch(spec: str, arch: str, tag: dict[str, Any], file: Path | None) -> Callable[[], Path]:
    def fetch() -> Path:
        if file is not None:
            return file
        from open_clip.pretrained import download_pretrained

        with quick_hub():
            return Path(download_pretrained(tag))

    return fetch


def _tokenizer(spec: str, arch: str, text: dict[str, Any], folder: Path | None) -> Any:
    """The architecture's tokenizer; one that lies beside the weights needs no hub."""
    import open_clip
    from open_clip.tokenizer import HFTokenizer

    try:
        has_files = folder is not None and any((folder / n).is_file() for n in _TOKENIZER_FILES)
        if text.get("hf_tokenizer_name") and has_files:
            return HFTokenizer(
                str(folder),
                context_length=text.get("context_length", 77),
                tokenizer_mode=text.get("tokenizer_mode"),
                **text.get("tokenizer_kwargs", {}),
            )
        with quick_hub():
            return open_clip.get_tokenizer(arch)
    except Exception as error:  # `transformers` missing, hub unreachable, damaged files
        raise EncoderError(
            f"the tokenizer of {spec!r} cannot be loaded",
            found=_first_line(error),
            hint="It needs: pip install 'grounding3d[siglip]'. It comes from the Hugging Face hub; "
            "without a network, put its tokenizer.json and tokenizer_config.json beside the "
            "weights and use open_clip:ARCH@FILE.",
        ) from error


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]


def _near(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name, names, n=5, cutoff=0.5) if name else list(names)[:12]
    return ("Close names: " if name else "It has: ") + ", ".join(near or list(names)[:12])
