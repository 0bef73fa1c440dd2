"""A growing table of voxels: keys to rows, without sorting."""

from __future__ import annotations

import numpy as np

_EMPTY = -1
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio (Knuth, TAOCP 3, 6.4)
_BITS = 21  # of each index in a key, see geometry.pointcloud.voxel_keys


class VoxelTable:
    """Rows of voxels by key: open addressing with linear probing, vectorised over many keys.

    All keys of a call probe together; those that find an empty slot write themselves in, and
    whoever reads back another's key goes on to the next slot. That makes a lookup of 80,000 keys
    a few milliseconds, where a sort of them takes ten.
    """

    def __init__(self) -> None:
        self.keys = np.empty(0, np.int64)
        self._allocate(1 << 16)

    def __len__(self) -> int:
        return len(self.keys)

    def _allocate(self, slots: int) -> None:
        self._slot_keys = np.full(slots, _EMPTY, np.int64)
        self._slot_rows = np.full(slots, _EMPTY, np.int32)
        self._shift = np.uint64(64 - (slots.bit_length() - 1))
        if len(self.keys):
            self._slot_rows[self._claim(self.keys)] = np.arange(len(self.keys), dtype=np.int32)

    def _first_slot(self, keys: np.ndarray) -> np.ndarray:
        return ((keys.view(np.uint64) * _MULTIPLIER) >> self._shift).astype(np.int64)

    def _claim(self, keys: np.ndarray) -> np.ndarray:
        """Slot of each key, taking an empty one for a key that has none."""
        mask = len(self._slot_keys) - 1
        slots = self._first_slot(keys)
        pending, slot, key = np.arange(len(keys)), slots, keys
        while len(pending):
            empty = self._slot_keys[slot] == _EMPTY
            self._slot_keys[slot[empty]] = key[empty]
            settled = self._slot_keys[slot] == key
            slots[pending] = slot
            pending, key = pending[~settled], key[~settled]
            slot = (slot[~settled] + 1) & mask
        return slots

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Row [M] int32 of each key, -1 where it has none."""
        mask = len(self._slot_keys) - 1
        rows = np.full(len(keys), _EMPTY, np.int32)
        pending, slot, key = np.arange(len(keys)), self._first_slot(keys), keys
        while len(pending):
            found = self._slot_keys[slot]
            hit = found == key
            rows[pending[hit]] = self._slot_rows[slot[hit]]
            on = ~hit & (found != _EMPTY)
            pending, key, slot = pending[on], key[on], (slot[on] + 1) & mask
        return rows

    def find_or_add(self, keys: np.ndarray) -> np.ndarray:
        """Row [M] int32 of each key; new keys get the next rows, in order of first slot use."""
        slots = len(self._slot_keys)
        while slots < 2 * (len(self.keys) + len(keys)):
            slots *= 2
        if slots > len(self._slot_keys):
            self._allocate(slots)
        at = self._claim(keys)
        new = np.flatnonzero(self._slot_rows[at] == _EMPTY)
        if len(new):
            order = np.arange(len(new), dtype=np.int32)
            self._slot_rows[at[new]] = order  # of equal keys one stays: it speaks for them
            first = new[self._slot_rows[at[new]] == order]
            count = len(self.keys)
            self._slot_rows[at[first]] = np.arange(count, count + len(first), dtype=np.int32)
            self.keys = np.concatenate([self.keys, keys[first]])
        return self._slot_rows[at]


def group(rows: np.ndarray, scratch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows [G] and the group [M] of each row, without sorting.

    Args:
        rows: [M] indices below len(scratch).
        scratch: int32 work space, contents ignored and overwritten.
    """
    order = np.arange(len(rows), dtype=np.int32)
    scratch[rows] = order
    speaker = scratch[rows]
    speaks = speaker == order
    number = np.cumsum(speaks, dtype=np.int32) - 1
    return rows[speaks], number[speaker]


def parent_keys(keys: np.ndarray) -> np.ndarray:
    """Keys of the voxels of twice the size that hold the voxels with these keys."""
    mask = (1 << _BITS) - 1
    quarter = 1 << (_BITS - 2)  # keeps the biased index 0 of the origin where it is
    x, y, z = ((keys >> (shift * _BITS)) & mask for shift in (2, 1, 0))
    x, y, z = ((index >> 1) + quarter for index in (x, y, z))
    return (x << (2 * _BITS)) | (y << _BITS) | z
