"""Every object the simulator can make: one table of parametric generators, and mesh packs.

Adding a category: write ``def noun(rng: np.random.Generator) -> ObjectModel`` in the ``generators_*.py`` file where it
belongs and add one line to `GENERATORS`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from grounding3d.capture.simulator import generators_containers as containers
from grounding3d.capture.simulator import generators_devices as devices
from grounding3d.capture.simulator import generators_food as food
from grounding3d.capture.simulator import generators_furniture as furniture
from grounding3d.capture.simulator import generators_tools as tools
from grounding3d.capture.simulator import generators_vessels as vessels
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.packs import load_pack, load_pybullet_objects
from grounding3d.capture.simulator.spawn import spawn

__all__ = [
    "FURNITURE",
    "GENERATORS",
    "ObjectModel",
    "generate",
    "load_pack",
    "load_pybullet_objects",
    "spawn",
]

GENERATORS: dict[str, Callable[[np.random.Generator], ObjectModel]] = {
    "mug": vessels.mug,
    "cup": vessels.cup,
    "bowl": vessels.bowl,
    "plate": vessels.plate,
    "saucer": vessels.saucer,
    "bottle": vessels.bottle,
    "can": vessels.can,
    "jar": vessels.jar,
    "vase": vessels.vase,
    "plant pot": vessels.plant_pot,
    "potted plant": vessels.potted_plant,
    "food box": containers.food_box,
    "gift box": containers.gift_box,
    "cardboard box": containers.cardboard_box,
    "shoe box": containers.shoe_box,
    "tissue box": containers.tissue_box,
    "carton": containers.carton,
    "book": containers.book,
    "notebook": containers.notebook,
    "picture frame": containers.picture_frame,
    "brick": containers.brick,
    "foam brick": containers.foam_brick,
    "waste basket": containers.waste_basket,
    "bucket": containers.bucket,
    "basket": containers.basket,
    "tray": containers.tray,
    "storage box": containers.storage_box,
    "frying pan": containers.frying_pan,
    "saucepan": containers.saucepan,
    "teapot": containers.teapot,
    "moka pot": containers.moka_pot,
    "apple": food.apple,
    "orange": food.orange,
    "lemon": food.lemon,
    "pear": food.pear,
    "banana": food.banana,
    "carrot": food.carrot,
    "tomato": food.tomato,
    "bread": food.bread,
    "sponge": food.sponge,
    "ball": food.ball,
    "toy car": food.toy_car,
    "teddy bear": food.teddy_bear,
    "rubber duck": food.rubber_duck,
    "cube": food.dice,
    "laptop": devices.laptop,
    "keyboard": devices.keyboard,
    "computer mouse": devices.computer_mouse,
    "monitor": devices.monitor,
    "television": devices.television,
    "phone": devices.phone,
    "tablet computer": devices.tablet_computer,
    "remote control": devices.remote_control,
    "lamp": devices.lamp,
    "clock": devices.clock,
    "toaster": devices.toaster,
    "microwave": devices.microwave,
    "headphones": devices.headphones,
    "speaker": devices.speaker,
    "camera": devices.camera,
    "flashlight": devices.flashlight,
    "pen": tools.pen,
    "scissors": tools.scissors,
    "hammer": tools.hammer,
    "wrench": tools.wrench,
    "screwdriver": tools.screwdriver,
    "drill": tools.drill,
    "spoon": tools.spoon,
    "fork": tools.fork,
    "knife": tools.knife,
    "spatula": tools.spatula,
    "dumbbell": tools.dumbbell,
    "shoe": tools.shoe,
    "hat": tools.hat,
    "candle": tools.candle,
    "pillow": tools.pillow,
    "towel": tools.towel,
    "traffic cone": tools.traffic_cone,
    "barrel": tools.barrel,
    "chair": furniture.chair,
    "stool": furniture.stool,
    "table": furniture.table,
    "shelf": furniture.shelf,
    "cabinet": furniture.cabinet,
    "sofa": furniture.sofa,
    "bed": furniture.bed,
}

FURNITURE = frozenset({"chair", "stool", "table", "shelf", "cabinet", "sofa", "bed", "television"})


def generate(category: str, seed: int) -> ObjectModel:
    """Instance number ``seed`` of a category of `GENERATORS`."""
    return GENERATORS[category](np.random.default_rng([seed, sum(category.encode())]))
