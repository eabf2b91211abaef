"""How a take is directed: the components of head, eyes and expression, and the [`Controls`] that they make."""

from typing import Any, Final

import gradio as gr

from ..direction.controls import Controls
from ..direction.expressions import AUTO, PRESETS


LEFT_RIGHT: Final = ("Left", "Right")
# The most useful of ARKit's weights, both sides together, under words that people use.
SLIDERS: Final = {
    "Smile": ("mouthSmile", LEFT_RIGHT), "Corners down": ("mouthFrown", LEFT_RIGHT), "Pucker": ("mouthPucker", ("",)),
    "Inner brows up": ("browInnerUp", ("",)),
    "Outer brows up": ("browOuterUp", LEFT_RIGHT), "Brows down": ("browDown", LEFT_RIGHT),
    "Eyes wide": ("eyeWide", LEFT_RIGHT), "Squint": ("eyeSquint", LEFT_RIGHT),
    "Cheeks up": ("cheekSquint", LEFT_RIGHT), "Nose sneer": ("noseSneer", LEFT_RIGHT),
}  # fmt: skip
# Presets whose names say less than these.
NAMES: Final = {"neutral": "unchanged", AUTO: "from the voice"}
# Degrees from the camera.
GAZES: Final = {
    "natural": "drift", "at the camera": "camera", "to the left of the picture": (-18.0, 0.0),
    "to the right of the picture": (18.0, 0.0), "up": (0.0, 14.0), "down": (0.0, -14.0),
}  # fmt: skip


def build_direction() -> list[gr.components.Component]:
    """Lay out the components; their values, in order, are the arguments of [`controls_from`]."""
    with gr.Row():
        expression = gr.Dropdown(
            [(NAMES.get(name, name), name) for name in PRESETS], value="neutral", label="Expression", min_width=160
        )
        strength = gr.Slider(0, 2, 1, step=0.05, label="Strength", min_width=130)
    with gr.Accordion("Fine-tune the expression", open=False):
        sliders = [gr.Slider(-1, 1, 0, step=0.05, label=name) for name in SLIDERS]
    with gr.Accordion("Head and eyes", open=False):
        head = gr.Slider(0, 2, 1, step=0.05, label="Head motion", info="0: still; 1: natural")
        gaze = gr.Dropdown(list(GAZES), value="natural", label="Gaze")
        blinks = gr.Slider(0, 2, 1, step=0.05, label="Blink rate", info="0: none; 1: natural")
        nods = gr.Slider(0, 2, 0, step=0.05, label="Nods", info="At stressed words; 0: none")
    return [expression, strength, head, gaze, blinks, nods, *sliders]


def controls_from(
    expression: str, strength: float, head: float, gaze: str, blinks: float, nods: float, *sliders: float
) -> Controls:
    """The values of [`build_direction`] as [`Controls`]; single expressions are added to the preset's."""
    weights = dict(PRESETS[expression])
    for (name, sides), value in zip(SLIDERS.values(), sliders or [0.0] * len(SLIDERS), strict=True):
        for side in sides:
            weights[name + side] = min(1.0, max(-1.0, weights.get(name + side, 0.0) + value))
    look: Any = GAZES[gaze]
    chosen = AUTO if expression == AUTO and not any(sliders) else weights
    return Controls(
        expression=chosen, expression_strength=strength, head_motion=head, gaze=look, blink_rate=blinks, nods=nods
    )  # fmt: skip
