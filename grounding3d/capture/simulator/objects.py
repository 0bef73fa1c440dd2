"""Every object the simulator can make: one table of parametric generators, and mesh packs.

Adding a category: write ``def noun(rng) -> ObjectModel`` in the file of `generators` where it
belongs and add one line to `GENERATORS`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from grounding3d.capture.simulator.generators import (
    bins,
    bottles,
    boxes,
    computers,
    cookware,
    cutlery,
    devices,
    drinkware,
    fruit,
    furniture,
    household,
    kitchenware,
    lights,
    office,
    paper,
    plants,
    tableware,
    tools,
    toys,
)
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
    "mug": drinkware.mug,
    "cup": drinkware.cup,
    "bowl": tableware.bowl,
    "plate": tableware.plate,
    "saucer": tableware.saucer,
    "bottle": bottles.bottle,
    "can": bottles.can,
    "jar": bottles.jar,
    "vase": plants.vase,
    "plant pot": plants.plant_pot,
    "potted plant": plants.potted_plant,
    "food box": boxes.food_box,
    "gift box": boxes.gift_box,
    "cardboard box": boxes.cardboard_box,
    "shoe box": boxes.shoe_box,
    "tissue box": boxes.tissue_box,
    "carton": boxes.carton,
    "book": paper.book,
    "notebook": paper.notebook,
    "picture frame": paper.picture_frame,
    "brick": boxes.brick,
    "foam brick": boxes.foam_brick,
    "waste basket": bins.waste_basket,
    "bucket": bins.bucket,
    "basket": bins.basket,
    "tray": bins.tray,
    "storage box": bins.storage_box,
    "frying pan": cookware.frying_pan,
    "saucepan": cookware.saucepan,
    "teapot": cookware.teapot,
    "moka pot": cookware.moka_pot,
    "apple": fruit.apple,
    "orange": fruit.orange,
    "lemon": fruit.lemon,
    "pear": fruit.pear,
    "banana": fruit.banana,
    "carrot": fruit.carrot,
    "tomato": fruit.tomato,
    "bread": fruit.bread,
    "sponge": household.sponge,
    "ball": toys.ball,
    "toy car": toys.toy_car,
    "teddy bear": toys.teddy_bear,
    "rubber duck": toys.rubber_duck,
    "cube": toys.dice,
    "laptop": computers.laptop,
    "keyboard": computers.keyboard,
    "computer mouse": computers.computer_mouse,
    "monitor": computers.monitor,
    "television": computers.television,
    "phone": computers.phone,
    "tablet computer": computers.tablet_computer,
    "remote control": devices.remote_control,
    "lamp": lights.lamp,
    "clock": lights.clock,
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
    "spoon": cutlery.spoon,
    "fork": cutlery.fork,
    "knife": cutlery.knife,
    "spatula": cutlery.spatula,
    "dumbbell": tools.dumbbell,
    "shoe": household.shoe,
    "hat": household.hat,
    "candle": lights.candle,
    "pillow": household.pillow,
    "towel": household.towel,
    "traffic cone": household.traffic_cone,
    "barrel": household.barrel,
    "tape": office.tape,
    "stapler": office.stapler,
    "calculator": office.calculator,
    "paper roll": office.paper_roll,
    "handbag": office.handbag,
    "game controller": office.game_controller,
    "dish rack": kitchenware.dish_rack,
    "spice jars": kitchenware.spice_jars,
    "kitchen utensils": kitchenware.kitchen_utensils,
    "security camera": kitchenware.security_camera,
    "robot vacuum": kitchenware.robot_vacuum,
    "toy brick": kitchenware.toy_brick,
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
