"""
The error-correcting code of the watermark: 32 bits of payload and a checksum of 16, each encoded as three signs.

It is a convolutional code (Elias, 1955), with the best known polynomials of rate 1/3 and memory 8. The Viterbi
algorithm decodes it from soft values, and so reads a mark less than half as strong as uncoded bits would need.
"""

import binascii
from typing import Final

import numpy as np
from numpy.typing import NDArray


Array = NDArray[np.float32]

PAYLOAD_BITS, CHECK_BITS = 32, 16
BITS: Final = PAYLOAD_BITS + CHECK_BITS
MEMORY: Final = 8  # preceding bits on which the signs of a bit depend
POLYNOMIALS: Final = (0o557, 0o663, 0o711)
STEPS: Final = BITS + MEMORY  # zeros follow the bits, so that every payload ends in the same state
CODE_BITS: Final = STEPS * len(POLYNOMIALS)

# The three signs for each state (the last eight bits) and each new bit, `(256, 2, 3)`.
_REGISTERS = np.arange(2**MEMORY)[:, None] | np.arange(2)[None] << MEMORY
_PARITIES = np.bitwise_count(_REGISTERS[..., None] & np.array(POLYNOMIALS)) & 1
_SIGNS = np.where(_PARITIES, 1.0, -1.0).astype(np.float32)
_NEXT = _REGISTERS >> 1  # the next state


def code_of(payload: int) -> Array:
    """Encode a payload and its checksum as signs, `(168,)` of -1 or 1."""
    number = payload << CHECK_BITS | _checksum(payload)
    signs, state = [], 0
    for place in range(STEPS):
        bit = number >> (BITS - 1 - place) & 1 if place < BITS else 0
        signs.append(_SIGNS[state, bit])
        state = int(_NEXT[state, bit])
    return np.concatenate(signs)


def payload_of(signs: NDArray[np.floating]) -> int | None:
    """Decode 168 soft values, more certain the larger they are; `None` if the checksum is wrong."""
    gains = np.einsum("pi,sbi->psb", np.asarray(signs, np.float64).reshape(STEPS, -1), _SIGNS)
    best = np.full(2**MEMORY, -np.inf)
    best[0] = 0.0
    states = np.arange(2**MEMORY)
    # A state's newest bit is its highest. Two states lead to it, which differ in the bit that was shifted out.
    bits, earlier = states >> (MEMORY - 1), (states << 1 & 2**MEMORY - 1)[:, None] | np.arange(2)
    came_from = np.empty((STEPS, 2**MEMORY), np.int64)
    for step in range(STEPS):
        sums = best[earlier] + gains[step][earlier, bits[:, None]]
        choice = sums.argmax(axis=1)
        best, came_from[step] = sums[states, choice], earlier[states, choice]
    state = number = 0
    for step in reversed(range(STEPS)):
        if step < BITS:
            number |= int(bits[state]) << (BITS - 1 - step)
        state = int(came_from[step, state])
    payload = number >> CHECK_BITS
    return payload if number & 2**CHECK_BITS - 1 == _checksum(payload) else None


def _checksum(payload: int) -> int:
    return binascii.crc_hqx(payload.to_bytes(PAYLOAD_BITS // 8, "big"), 0)
