"""The sound of a call before and after somebody listens."""

import asyncio

import numpy as np

from dirfa_pipeline.live.face import AvatarFrame
from dirfa_pipeline.live.timeline import SOUND_RATE
from dirfa_pipeline.server.calls import MOST_SOUND, PACKET, FaceSound


FRAME = SOUND_RATE // 25


def offer(sound: FaceSound, first: int, count: int) -> None:
    """Offer some frames of a twenty-fifth of a second each, from number `first` on."""
    for number in range(first, first + count):
        audio = np.full((1, FRAME), 0.1 * np.sin(number), np.float32)
        sound.offer(AvatarFrame(np.zeros((2, 2, 3), np.uint8), audio, number / 25, speaking=True))


def moments(sound: FaceSound, count: int) -> list[int]:
    """The places of the next packets in the sound, in samples."""

    async def take() -> list[int]:
        return [(await sound.recv()).pts for _ in range(count)]

    return asyncio.run(take())


def test_nothing_waits_for_a_listener() -> None:
    """Sound from before the connection would come at once and be played late from then on."""
    sound = FaceSound(0)
    offer(sound, 0, 25)
    assert moments(sound, 1) == [SOUND_RATE - PACKET]


def test_all_that_is_heard_comes_once_and_in_order() -> None:
    sound = FaceSound(0)
    offer(sound, 0, 1)
    begin = moments(sound, 1)[0]
    offer(sound, 1, 5)
    assert moments(sound, 10) == [begin + PACKET * (number + 1) for number in range(10)]


def test_sound_that_waits_too_long_is_dropped_from_its_beginning() -> None:
    sound = FaceSound(0)
    offer(sound, 0, 1)
    moments(sound, 1)
    offer(sound, 1, 50)
    assert moments(sound, 1) == [51 * FRAME - MOST_SOUND]
