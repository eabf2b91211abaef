"""The pipeline: one photo and one speech clip in, a talking video out."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import get_ident
from typing import Any, Final, Self

import numpy as np
import torch
from diffusers import DiffusionPipeline
from diffusers.utils import replace_example_docstring
from numpy.typing import NDArray
from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

from .animation.animation import Animation
from .animation.frame_rate import ANIMATION_FPS, change_frame_rate
from .bundled import BUNDLED_NAME, FACE_DETECTOR, detector_folder
from .capture.detector import FaceDetector, copy_networks
from .capture.faces import FaceChoice, FoundFace, check_choice, find_faces
from .capture.films import FilmedFace, film_face
from .capture.pictures import ImageInput, check_max_size, read_photo
from .capture.portrait import Portrait
from .capture.tracking import track_video
from .direction.controls import Controls, direct
from .direction.controls import neutralize as without_own_expression
from .direction.expressions import Expression
from .direction.facing import FACING, check_facing, face_camera
from .direction.resting_look import RestingLook
from .errors import CheckpointError, InputError
from .hub.checkpoint import check_component, check_layout, check_pair
from .hub.model_card import build_model_card
from .hub.pretrained import DOWNLOAD_OPTIONS, find_weights, publish
from .hub.remote_code import is_only_ours, write_hub_code, write_pipeline_code
from .live.clock import Clock
from .live.conversation import Conversation, ConversationEvent
from .live.face import LiveFace
from .live.voices.voice import Voice
from .media.audio import AudioClip, AudioFile, AudioInput, check_rate, load_audio, num_frames
from .media.audio_stream import SoundStream
from .models.animation_sampler import AnimationSampler
from .models.face_model import FaceModel
from .models.face_renderer import FaceRenderer, PreparedPortrait
from .models.strict_model import copy_to_aligned_memory, is_mismatch
from .pipeline_check import PhotoCheck, check_photo
from .pipeline_inputs import (
    Batch,
    check_chunks,
    check_directions,
    check_lookahead,
    check_motion,
    check_rendered,
    check_streamed,
    is_path,
    one_for_each,
    pair_up,
    to_be_spoken,
)
from .pipeline_output import DirfaPipelineOutput, convert_frames
from .pipeline_speech import draw, encode, waveform_of
from .pipeline_steps import Chunk, StepCallback, Steps
from .provenance.marking import MARKED, Marks
from .provenance.watermark import Watermark


LIVE_LOOKAHEAD: Final = 0.24  # seconds
LIVE_SIZE: Final = 512  # pixels: what two busy cores draw in time
Ready = Portrait | PreparedPortrait
STEP: Final = 25  # frames rendered between two callbacks of a call: one second at the usual rate
HUB_OPTIONS: Final = ("repo_id", "commit_message", "private", "token", "create_pr", "metrics", "notes", "license")

EXAMPLE_DOC_STRING: Final = """
        Examples:
            ```py
            >>> import numpy as np
            >>> import torch
            >>> from dirfa_pipeline import DirfaPipeline, load_audio, write_video

            >>> pipe = DirfaPipeline.from_pretrained("dirfa-base")
            >>> speech = load_audio("speech.wav")
            >>> output = pipe("photo.jpg", speech, generator=torch.Generator().manual_seed(7))
            >>> frames = (np.asarray(frame) for frame in output.frames[0])
            >>> write_video("talk.mp4", frames, output.fps, speech)
            ```
"""


class DirfaPipeline(DiffusionPipeline):
    """
    Audio-driven talking faces after DIRFA (Wu et al., Pattern Recognition 2023): lips that follow the speech, and head
    motion, gaze, brows and blinks that differ with every seed.

    Args:
        feature_extractor (`Wav2Vec2FeatureExtractor`): Prepares the 16 kHz waveform.
        audio_encoder (`Wav2Vec2Model`): Turns it into speech features at 50 Hz.
        animation_sampler ([`AnimationSampler`]): Draws facial animation for the features.
        face_model ([`FaceModel`]): Fits the photo, and turns coefficients into face shapes.
        face_renderer ([`FaceRenderer`]): Moves the photo.

    The first three may be `None`, as in `from_pretrained(..., audio_encoder=None)`. Such a pipeline can only render
    animations.

    Raises:
        CheckpointError: The encoder and the sampler do not belong together.
    """

    model_cpu_offload_seq = "audio_encoder"
    # They are small, and they do not work in `forward`, which is where offloading has its hooks.
    _exclude_from_cpu_offload = ["animation_sampler", "face_model", "face_renderer"]
    _callback_tensor_inputs = ["frames", "coefficients"]
    _optional_components = ["feature_extractor", "audio_encoder", "animation_sampler"]

    def __init__(
        self,
        feature_extractor: Wav2Vec2FeatureExtractor | None,
        audio_encoder: Wav2Vec2Model | None,
        animation_sampler: AnimationSampler | None,
        face_model: FaceModel,
        face_renderer: FaceRenderer,
    ) -> None:
        super().__init__()
        self._detector_folder: Path | None = None  # the bundled one, looked for when it is needed
        self._interrupted: set[int] = set()  # threads whose calls were asked to stop
        self.interruptions = 0  # of all calls at once
        check_pair(audio_encoder, animation_sampler)
        self.register_modules(
            feature_extractor=feature_extractor,
            audio_encoder=audio_encoder,
            animation_sampler=animation_sampler,
            face_model=face_model,
            face_renderer=face_renderer,
        )

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str] = BUNDLED_NAME, **kwargs: Any
    ) -> Self:
        """
        Load a pipeline; arguments are those of `DiffusionPipeline.from_pretrained`.

        Args:
            pretrained_model_name_or_path (`str` or `os.PathLike`, defaults to `"dirfa-base"`): A folder, the bundled
                weights by their bare name (no network needed), or a hub id.
            kwargs: `revision`, `token`, `cache_dir`, `local_files_only`, `force_download`; `variant` (`"fp16"`);
                `dtype`, float32 by default (the face's geometry keeps float32); a component by its name.

        Raises:
            CheckpointError: A file or a tensor is missing, unknown or of another shape than its component needs.
            HubError: The hub does not give the checkpoint; the message says why and what to do.
        """
        name_or_path = os.fspath(pretrained_model_name_or_path)
        variant = kwargs.get("variant")
        folder = Path(cls.download(name_or_path, **kwargs))
        check_layout(folder, variant, given=kwargs)
        if kwargs.get("dtype") is None and kwargs.get("torch_dtype") is None:
            kwargs["dtype"] = torch.float32  # transformers would keep the stored dtype
        if is_only_ours(folder):
            kwargs.setdefault("trust_remote_code", True)
        try:
            pipeline = super().from_pretrained(folder, **kwargs)
        except (RuntimeError, ValueError) as error:
            if isinstance(error, InputError) or not is_mismatch(error):
                raise
            raise CheckpointError(f"a tensor does not fit its component's configuration: {error}") from error
        pipeline.register_to_config(_name_or_path=name_or_path)
        pipeline.detector_folder = folder / FACE_DETECTOR if (folder / FACE_DETECTOR).is_dir() else None
        for name, component in pipeline.components.items():
            if isinstance(component, torch.nn.Module) and name not in kwargs:
                check_component(name, component, folder / name, variant)
                copy_to_aligned_memory(component)
        return pipeline

    @classmethod
    def from_pipe(cls, pipeline: DiffusionPipeline, **kwargs: Any) -> Self:
        """A pipeline of the same components; arguments are those of `DiffusionPipeline.from_pipe`."""
        made = super().from_pipe(pipeline, **kwargs)
        made.detector_folder = getattr(pipeline, "_detector_folder", None)
        return made

    @property
    def detector_folder(self) -> Path:
        """Folder of the networks that find faces: the checkpoint's own, or else the bundled ones."""
        return self._detector_folder or detector_folder()

    @detector_folder.setter
    def detector_folder(self, folder: Path | None) -> None:
        self._detector_folder = folder

    @classmethod
    def download(cls, pretrained_model_name: str | os.PathLike[str], **kwargs: Any) -> str:
        """
        Fetch a checkpoint, if it is not here already, and return its folder; arguments as in `from_pretrained`.

        diffusers would look for our component classes as code inside the repository; they are in this package.
        """
        options = {name: kwargs.get(name) for name in DOWNLOAD_OPTIONS}
        return str(find_weights(os.fspath(pretrained_model_name), kwargs.get("variant"), **options))

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        safe_serialization: bool = True,
        variant: str | None = None,
        max_shard_size: int | str | None = None,
        push_to_hub: bool = False,
        **kwargs: Any,
    ) -> None:
        """
        Save all components, the networks that find faces and the `pipeline.py` by which `DiffusionPipeline` loads it.

        Arguments are those of `DiffusionPipeline.save_pretrained`; `push_to_hub=True` also calls [`push_to_hub`].
        """
        hub = {name: kwargs.pop(name) for name in HUB_OPTIONS if name in kwargs}
        folder = Path(save_directory)
        super().save_pretrained(folder, safe_serialization, variant, max_shard_size, **kwargs)
        copy_networks(self.detector_folder, folder / FACE_DETECTOR)
        write_pipeline_code(folder)
        if push_to_hub:
            name = hub.pop("repo_id", folder.name)
            self.push_to_hub(name, safe_serialization=safe_serialization, variant=variant, **hub)

    def push_to_hub(
        self,
        repo_id: str,
        commit_message: str | None = None,
        private: bool | None = None,
        token: str | None = None,
        create_pr: bool = False,
        *,
        safe_serialization: bool = True,
        variant: str | None = None,
        metrics: Mapping[str, Any] | None = None,
        notes: str | None = None,
        license: str | None = None,
    ) -> str:
        """
        Publish the pipeline, the code by which generic classes load it, and a model card made from what it really is.

        Args:
            repo_id (`str`): `user/name`; made if there is none.
            commit_message, private, token, create_pr, safe_serialization: As in `DiffusionPipeline.push_to_hub`.
            variant (`str`, *optional*): `"fp16"` names the files so; convert with `pipe.to(torch.float16)` before.
            metrics, notes, license: See [`build_model_card`].

        Returns:
            The address of the commit.

        Raises:
            HubError: The hub does not take it; the message says why and what to do.
        """
        card = build_model_card(self, repo_id, metrics, notes, license)
        message = commit_message or "Upload DirfaPipeline"
        with TemporaryDirectory() as name:
            folder = Path(name)
            self.save_pretrained(folder, safe_serialization, variant)
            write_hub_code(folder)
            (folder / "README.md").write_text(card, encoding="utf-8")
            return publish(folder, repo_id, private, token, commit_message=message, create_pr=create_pr)

    def check_inputs(
        self,
        image: Any,
        audio: Any,
        sampling_rate: int | None,
        animation: Any,
        num_videos_per_prompt: int,
        diversity: float,
        fps: float,
        max_size: int | None,
        generator: Any,
        output_type: str,
        controls: Controls,
    ) -> Batch:
        """
        Check all that can be checked without decoding a file, and pair the inputs up; arguments are those of a call.

        Raises:
            InputError: Some input breaks a rule.
        """
        batch = pair_up(image, audio, animation, num_videos_per_prompt, generator, output_type)
        check_motion(diversity, fps)
        if batch.draws:
            self._check_can_draw()
        return batch.checked(sampling_rate, max_size, controls)

    def _check_can_draw(self) -> None:
        missing = [name for name in self._optional_components if getattr(self, name) is None]
        if missing:
            raise InputError(
                f"this pipeline was loaded without {', '.join(missing)} and cannot animate speech; pass animation= "
                "or load all components"
            )

    def find_faces(self, image: ImageInput, max_size: int | None = None) -> list[FoundFace]:
        """
        All faces of a photo, from left to right, with their boxes; arguments and errors are those of [`read_photo`].

        `face=` takes the number of one of them, or a point in its box.
        """
        with closing(FaceDetector(folder=self.detector_folder)) as detector:
            return find_faces(read_photo(image, max_size), detector)

    def check(
        self, image: ImageInput, max_size: int | None = None, face: FaceChoice | None = None, timed: bool = True
    ) -> PhotoCheck:
        """
        Check how well a photo will work: face, turn, size, mouth, eyes, colours and the speed to expect, each with a
        verdict and advice. A bad photo raises no error here; the result says what is wrong.

        Args:
            image: The photo, as [`prepare_portrait`] takes it.
            max_size (`int`, *optional*), face (`int` or `tuple[float, float]`, *optional*): As for
                [`prepare_portrait`].
            timed (`bool`, *optional*, defaults to `True`): Whether to draw and encode up to 12 frames to measure the
                speed, which takes most of the time.

        Raises:
            InputError: `max_size` or `face` is not a valid value.
        """
        return check_photo(self, image, max_size, face, timed)

    def prepare_portrait(
        self, image: ImageInput | Portrait, max_size: int | None = None, face: FaceChoice | None = None
    ) -> Portrait:
        """
        Find, fit and cut out the face of a photo; a [`Portrait`] passes through.

        Args:
            image (`PIL.Image.Image`, `np.ndarray`, `str` or [`Portrait`]): A picture, an array of shape
                `(height, width[, channels])`, a path or a file's bytes.
            max_size (`int`, *optional*, defaults to the photo's own size): Longest side of the result in pixels;
                larger photos are scaled down.
            face (`int` or `tuple[float, float]`, *optional*, defaults to the largest): Which face, if there are
                several: its number from left to right, from 0, or a point (x, y) in it, in the photo's own pixels.

        Raises:
            ImageError, FaceNotFoundError: The picture cannot be read, or shows no face that can be animated.
        """
        if isinstance(image, Portrait):
            return image
        with closing(FaceDetector(folder=self.detector_folder)) as detector:
            return Portrait.from_image(image, self.face_model, max_size, detector, face)

    def track(self, video: str | os.PathLike[str]) -> Animation:
        """
        Turn a video of a face into an [`Animation`] at 25 fps; `pipe(photo, animation=...)` re-enacts it.

        Args:
            video (`str` or `os.PathLike`): Anything PyAV reads that shows a face.

        Raises:
            InputError, FaceNotFoundError: Not a video, or one without a face in ten frames.
        """
        return track_video(video, self.face_model, self.detector_folder)

    def encode_audio(self, audio: AudioInput, sampling_rate: int | None = None) -> torch.Tensor:
        """
        Turn sound into speech features.

        Windows overlap and lie on a fixed grid, so the result does not depend on how the sound is passed.

        Args:
            audio, sampling_rate: The speech, as [`__call__`] takes it.

        Returns:
            `torch.Tensor` of shape `(2 * num_frames, dim + 4)`: two features for each frame at 25 fps, and in the last
            columns loudness, pitch, voicing and brightness, see [`prosody`].
        """
        self._check_can_draw()
        waveform = waveform_of(self, _as_sound(audio, sampling_rate))
        return torch.cat(list(encode(self, waveform)))

    def sample_animation(
        self,
        audio: AudioInput,
        generator: torch.Generator | None = None,
        diversity: float = 1.0,
        fps: float = ANIMATION_FPS,
        lookahead: float | None = None,
        sampling_rate: int | None = None,
        expressiveness: float = 1.0,
        follow_arousal: bool = False,
    ) -> Animation:
        """
        Draw one animation for the sound.

        Args:
            audio (`str`, `tuple`, `np.ndarray`, [`AudioClip`] or [`AudioFile`]): The speech, as [`__call__`] takes it;
                an [`AudioFile`] stays on the disk.
            generator (`torch.Generator`, *optional*): Makes the draw repeatable.
            diversity (`float`, *optional*, defaults to 1.0): Spread of the drawn motion in [0, 2].
            fps (`float`, *optional*, defaults to 25): Frames per second.
            lookahead (`float`, *optional*, defaults to all that helps): Seconds of sound after a frame that are
                heard before it is decided, as in [`stream`].
            sampling_rate (`int`, *optional*): Samples per second, if `audio` is an array.
            expressiveness (`float`, *optional*, defaults to 1.0): How much head, eyes and brows move, in [0, 2]: 0 is
                deadpan, 1 is like real talkers, 2 is like somebody on a stage.
            follow_arousal (`bool`, *optional*, defaults to `False`): Whether to move more where the voice is excited
                and less where it is calm, as with `expression="auto"`.

        Returns:
            [`Animation`] at `fps` whose length is that of the sound, rounded up to whole frames.

        Raises:
            InputError: Some argument breaks a rule.
        """
        return self.sample_animations(
            audio, [generator], diversity, fps, lookahead, sampling_rate, expressiveness, follow_arousal
        )[0]

    def sample_animations(
        self,
        audio: AudioInput,
        generators: Sequence[torch.Generator | None],
        diversity: float = 1.0,
        fps: float = ANIMATION_FPS,
        lookahead: float | None = None,
        sampling_rate: int | None = None,
        expressiveness: float = 1.0,
        follow_arousal: bool = False,
    ) -> list[Animation]:
        """
        Draw a take for each generator. The sound is encoded once, so four takes cost about a tenth more than one.

        Each take is the one that [`sample_animation`] draws with its generator, bit for bit; the other arguments are
        the same.
        """
        self._check_can_draw()
        check_motion(diversity, fps, expressiveness)
        check_lookahead(lookahead, self._least_lookahead)
        generators = one_for_each(list(generators), len(generators))
        if not generators:
            return []
        sound = _as_sound(audio, sampling_rate)
        waveform = waveform_of(self, sound)
        pieces = draw(self, waveform, generators, diversity, lookahead, expressiveness, follow_arousal)
        takes = np.concatenate(list(pieces), axis=1)
        length = num_frames(sound.num_samples, sound.sampling_rate, fps)
        return [Animation(take, ANIMATION_FPS).resample(fps, length) for take in takes]

    @property
    def _least_lookahead(self) -> float:
        """Seconds of sound that the lips of a frame need after it."""
        return self.animation_sampler.lip_future / ANIMATION_FPS

    def render(
        self,
        portrait: Portrait | PreparedPortrait,
        animation: Animation,
        callback_on_step_end: StepCallback | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("frames",),
        alpha: bool = False,
        facing: float = FACING,
    ) -> Iterator[NDArray[np.uint8]]:
        """
        Make the frames of a video one by one, in bounded memory.

        Args:
            portrait ([`Portrait`] or [`PreparedPortrait`]): Whose face. For several videos of one portrait, prepare it
                once: `pipe.face_renderer.prepare(portrait)`.
            animation ([`Animation`]): How the face moves.
            callback_on_step_end (`Callable`, *optional*): Called as in [`__call__`], after each frame.
            callback_on_step_end_tensor_inputs (`Sequence[str]`, *optional*, defaults to `("frames",)`): What it
                is given.
            alpha (`bool`, *optional*, defaults to `False`): Whether to add a fourth channel with the person's
                mask.
            facing (`float`, *optional*, defaults to 0.5): Share of the photo's own yaw, pitch and roll by which the
                head comes back to the camera, as in [`Controls`]; 0 keeps the photo's pose.

        Yields:
            `np.ndarray` of shape `(height, width, 3)`, or 4 with `alpha`, uint8.

        Raises:
            InputError: Some argument breaks a rule; raised at once.
        """
        check_rendered(portrait, animation)
        check_facing(facing)
        steps = Steps(self, callback_on_step_end, callback_on_step_end_tensor_inputs)
        pieces = self._render_pieces(portrait, [animation.coefficients], animation.fps, facing, alpha)
        return steps.frames(pieces, len(animation))

    def _render_pieces(
        self,
        portrait: Portrait | PreparedPortrait,
        pieces: Iterable[NDArray[np.float32]],
        fps: float,
        facing: float,
        alpha: bool = False,
    ) -> Iterator[Chunk]:
        """Frames one by one, each with its coefficients."""
        prepared = self._prepared(portrait)
        resting = RestingLook(prepared.face)
        for piece in pieces:
            shown = face_camera(resting.apply(piece, 1.0 / fps), prepared.face, facing)
            for frame, row in zip(self.face_renderer.frames(prepared, shown, alpha), piece, strict=True):
                yield frame[None], row[None]

    def _prepared(self, portrait: Portrait | PreparedPortrait) -> PreparedPortrait:
        return portrait if isinstance(portrait, PreparedPortrait) else self.face_renderer.prepare(portrait)

    def stream(
        self,
        image: ImageInput | Portrait | PreparedPortrait,
        audio_chunks: Iterable[Any],
        sampling_rate: int | None = None,
        generator: torch.Generator | None = None,
        diversity: float = 1.0,
        fps: float = ANIMATION_FPS,
        max_size: int | None = None,
        lookahead: float | None = LIVE_LOOKAHEAD,
        controls: Controls | None = None,
        callback_on_step_end: StepCallback | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("frames",),
        expressiveness: float = 1.0,
        face: FaceChoice | None = None,
    ) -> Iterator[NDArray[np.uint8]]:
        """
        Make a talking video while the speech arrives.

        The photo is prepared before this returns; chunks of sound are taken as frames are requested. Memory does not
        grow. Frames depend on `lookahead`, but not on how the sound is cut: they are those of [`sample_animation`]
        with the same `lookahead` and [`render`]. Closing the iterator frees everything.

        Args:
            image (`PIL.Image.Image`, `np.ndarray`, `str`, [`Portrait`] or [`PreparedPortrait`]): A photo, or one
                prepared before.
            audio_chunks (`Iterable`): The speech: arrays of any length, integers or floats, mono or stereo,
                `(sampling_rate, array)` tuples or [`AudioClip`]s.
            sampling_rate (`int`, *optional*): Samples per second, if chunks are arrays.
            generator (`torch.Generator`, *optional*): Makes the draw repeatable.
            diversity (`float`, *optional*, defaults to 1.0): Spread of the drawn motion in [0, 2].
            fps (`float`, *optional*, defaults to 25): Frames per second.
            max_size (`int`, *optional*, defaults to the photo's own size): Longest side of the video.
            lookahead (`float`, *optional*, defaults to 0.24): Seconds of sound after a frame that are heard before it
                is decided, 0.24 to 1.2; the frame comes about 0.12 s later. More makes lips more accurate; `None` uses
                all the sound that helps and gives the same video as [`__call__`], 9 s late.
            controls ([`Controls`], *optional*): Everything that can be decided frame by frame: all but `nods`,
                `motion_from`, and blink rates other than 0 and 1.
            callback_on_step_end (`Callable`, *optional*): Called as in [`__call__`], after each frame.
            callback_on_step_end_tensor_inputs (`Sequence[str]`, *optional*, defaults to `("frames",)`): What it
                is given.
            expressiveness (`float`, *optional*, defaults to 1.0): As in [`__call__`].
            face (`int` or `tuple[float, float]`, *optional*): Which one, as for [`prepare_portrait`].

        Yields:
            `np.ndarray` of shape `(height, width, 3)`, uint8; in the end as many frames as cover the sound.

        Raises:
            InputError: Some argument breaks a rule; raised at once. If a chunk breaks one, raised when its turn comes.
        """
        pieces = self._stream_pieces(
            audio_chunks, sampling_rate, generator, diversity, fps, lookahead, controls, expressiveness
        )
        check_max_size(max_size)
        check_choice(face)
        steps = Steps(self, callback_on_step_end, callback_on_step_end_tensor_inputs)
        prepared = self._prepared(
            image if isinstance(image, PreparedPortrait) else self.prepare_portrait(image, max_size, face)
        )
        # The very first frame compiles loops, which takes seconds, so draw one before somebody speaks.
        self.face_renderer.render(prepared, Animation.from_curves(1).coefficients)
        facing = direct(controls).facing
        return steps.frames(self._render_pieces(prepared, pieces, fps, facing), total=float("inf"))

    def stream_animation(
        self,
        audio_chunks: Iterable[Any],
        sampling_rate: int | None = None,
        generator: torch.Generator | None = None,
        diversity: float = 1.0,
        fps: float = ANIMATION_FPS,
        lookahead: float | None = LIVE_LOOKAHEAD,
        controls: Controls | None = None,
        expressiveness: float = 1.0,
    ) -> Iterator[NDArray[np.float32]]:
        """
        Draw the animation while the speech arrives, without a photo: for heads that another program shows.

        Args:
            audio_chunks, sampling_rate, generator, diversity, fps, lookahead, controls, expressiveness: As for
                [`stream`], whose frames show these coefficients.

        Yields:
            `np.ndarray` of shape `(58,)`, float32: the coefficients of each frame, see [`Animation`].

        Raises:
            InputError: Some argument breaks a rule; raised at once. If a chunk breaks one, raised when its turn comes.
        """
        pieces = self._stream_pieces(
            audio_chunks, sampling_rate, generator, diversity, fps, lookahead, controls, expressiveness
        )
        return (row for piece in pieces for row in piece)

    def _stream_pieces(
        self,
        audio_chunks: Iterable[Any],
        sampling_rate: int | None,
        generator: torch.Generator | None,
        diversity: float,
        fps: float,
        lookahead: float | None,
        controls: Controls | None,
        expressiveness: float,
    ) -> Iterator[NDArray[np.float32]]:
        """Check the arguments of a stream; the coefficients of its frames, `(frames, 58)` each."""
        self._check_can_draw()
        check_motion(diversity, fps, expressiveness)
        check_chunks(audio_chunks)
        check_lookahead(lookahead, self._least_lookahead)
        check_streamed(self.feature_extractor, directed := direct(controls))
        generators = one_for_each(generator, 1)
        sound = SoundStream(sampling_rate)
        waveform = sound.waveform(audio_chunks)
        drawn = draw(self, waveform, generators, diversity, lookahead, expressiveness, directed.follows_arousal)
        pieces = change_frame_rate(
            (pieces[0] for pieces in drawn), ANIMATION_FPS, fps,
            num_frames=lambda: num_frames(sound.num_samples, check_rate(sound.sampling_rate), fps),
        )  # fmt: skip
        return self._direct_pieces(pieces, directed, fps)

    def _direct_pieces(
        self, pieces: Iterable[NDArray[np.float32]], controls: Controls, fps: float
    ) -> Iterator[NDArray[np.float32]]:
        done = 0
        for piece in pieces:
            yield controls.apply(Animation(piece, fps), self.face_model, start=done / fps).coefficients
            done += len(piece)

    def converse(
        self,
        image: ImageInput | Portrait | PreparedPortrait,
        fps: float = ANIMATION_FPS,
        max_size: int | None = LIVE_SIZE,
        generator: torch.Generator | None = None,
        controls: Controls | None = None,
        lookahead: float = LIVE_LOOKAHEAD,
        on_event: Callable[[ConversationEvent], None] | None = None,
        clock: Clock | None = None,
        face: FaceChoice | None = None,
        marks: Marks | None = MARKED,
    ) -> Conversation:
        """
        Open a conversation: `async with pipe.converse(photo) as face:`, then `await face.say(sound)` at any time and
        `async for frame in face:` for frames with their sound. Between utterances the face keeps moving.

        Args:
            image (`PIL.Image.Image`, `np.ndarray`, `str`, [`Portrait`] or [`PreparedPortrait`]): A photo, or one
                prepared before.
            fps (`float`, *optional*, defaults to 25): Frames per second.
            max_size (`int`, *optional*, defaults to 512): Longest side of the frames.
            generator (`torch.Generator`, *optional*): Makes the draw repeatable.
            controls ([`Controls`], *optional*): What can be decided frame by frame, as for [`stream`].
            lookahead (`float`, *optional*, defaults to 0.24): Seconds of sound after a frame that are heard before it
                is decided, 0.24 to 1.2; speech starts 0.2 s later.
            on_event (`Callable`, *optional*): Called with each [`ConversationEvent`].
            clock ([`Clock`], *optional*): Replaces the machine's clock.
            marks ([`Marks`], *optional*): The watermark that frames carry; `None` for no watermark.
            face (`int` or `tuple[float, float]`, *optional*): Which one, as for [`prepare_portrait`].

        Returns:
            [`Conversation`]. The photo is prepared when it is opened.

        Raises:
            InputError: Some argument breaks a rule; raised at once.
        """
        self._check_can_draw()
        check_motion(1.0, fps)
        if lookahead is None:
            raise InputError("lookahead must be seconds, got None: a conversation cannot wait")
        check_lookahead(lookahead, self._least_lookahead)
        check_max_size(max_size)
        check_choice(face)
        check_streamed(self.feature_extractor, directed := direct(controls))
        generator = one_for_each(generator, 1)[0]
        mark = None if marks is None or marks.payload is None else Watermark(marks.payload).mark

        def open_face() -> LiveFace:
            prepared = self._prepared(
                image if isinstance(image, PreparedPortrait) else self.prepare_portrait(image, max_size, face)
            )
            live = LiveFace(
                self.audio_encoder, self.animation_sampler, self.face_model, self.face_renderer, prepared, fps,
                lookahead, generator, directed, self._execution_device, mark,
            )  # fmt: skip
            live.warm_up()
            return live

        return Conversation(open_face, fps, on_event, clock)

    def dub(
        self,
        video: str | os.PathLike[str] | FilmedFace,
        audio: AudioInput,
        sampling_rate: int | None = None,
        generator: torch.Generator | None = None,
        diversity: float = 1.0,
        callback_on_step_end: StepCallback | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("frames",),
    ) -> Iterator[NDArray[np.uint8]]:
        """
        Let the person of a video say something else: the video keeps its frames, and only lips and jaw are redrawn.

        Args:
            video (`str`, `os.PathLike` or [`FilmedFace`]): A path, or what [`film_face`] made of one.
            audio (`str`, `tuple`, `np.ndarray`, [`AudioClip`] or [`AudioFile`]): The speech, as [`__call__`] takes it,
                no longer than the video.
            sampling_rate (`int`, *optional*): Samples per second, if `audio` is an array.
            generator (`torch.Generator`, *optional*): Makes the draw repeatable.
            diversity (`float`, *optional*, defaults to 1.0): Spread of the drawn motion in [0, 2]; in a dub only
                the smile shows it.
            callback_on_step_end (`Callable`, *optional*): Called as in [`__call__`], after each frame.
            callback_on_step_end_tensor_inputs (`Sequence[str]`, *optional*, defaults to `("frames",)`): What it
                is given.

        Yields:
            `np.ndarray` of shape `(height, width, 3)`, uint8: every frame of the video at its own size, made even.
            Frames without a usable face come back as they are, and so do pixels away from the lower face.

        Raises:
            InputError: Not a video, one without frames, or speech that is longer than it.
            FaceNotFoundError: Fewer than ten frames show a face that can be dubbed.
        """
        self._check_can_draw()
        check_motion(diversity)
        one_for_each(generator, 1)
        steps = Steps(self, callback_on_step_end, callback_on_step_end_tensor_inputs)
        sound = load_audio(audio, sampling_rate)
        film = video if isinstance(video, FilmedFace) else film_face(video, self.face_model, self.detector_folder)
        animation = self.sample_animation(film.fill_with_silence(sound), generator, diversity)
        rows = animation.resample(film.fps, len(film)).coefficients
        frames = self.face_renderer.redraw(film, animation)
        return steps.frames(((frame[None], row[None]) for frame, row in zip(frames, rows, strict=False)), len(film))

    @torch.no_grad()
    @replace_example_docstring(EXAMPLE_DOC_STRING)
    def __call__(
        self,
        image: ImageInput | Ready | list[ImageInput | Ready] | None = None,
        audio: AudioInput | list[AudioInput] | None = None,
        sampling_rate: int | None = None,
        animation: Animation | list[Animation] | None = None,
        num_videos_per_prompt: int = 1,
        diversity: float = 1.0,
        fps: float = ANIMATION_FPS,
        max_size: int | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: StepCallback | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("frames",),
        controls: Controls | None = None,
        expression: Expression | None = None,
        expression_strength: float | None = None,
        neutralize: bool = False,
        motion_from: Animation | str | os.PathLike[str] | None = None,
        expressiveness: float = 1.0,
        text: str | list[str] | None = None,
        voice: str | Voice | None = None,
        face: FaceChoice | None = None,
    ) -> DirfaPipelineOutput | tuple[Any, ...]:
        """
        Make talking videos.

        Args:
            image (`PIL.Image.Image`, `np.ndarray`, `str`, [`Portrait`] or a list of these, *optional*): The photo, as
                a picture, an array of shape `(height, width[, channels])`, a path, or prepared before, as a
                [`PreparedPortrait`] too. A list of images and a list of sounds pair up; a single one of either serves
                all of the other.
            audio (`str`, `tuple`, `np.ndarray`, [`AudioClip`] or a list of these, *optional*): The speech, as a path
                to anything PyAV reads, a `(sampling_rate, array)` tuple, or an array with `sampling_rate`.
            sampling_rate (`int`, *optional*): Samples per second, if `audio` is an array.
            animation ([`Animation`] or a list of them, *optional*): Rendered, after resampling to `fps`, instead of
                one drawn for the speech.
            num_videos_per_prompt (`int`, *optional*, defaults to 1): Takes for each pair.
            diversity (`float`, *optional*, defaults to 1.0): Spread of the drawn motion in [0, 2]; 0 gives the centre
                of what was learned, the same for every seed; 1 gives the learned spread.
            fps (`float`, *optional*, defaults to 25): Frames per second.
            max_size (`int`, *optional*, defaults to the photo's own size): Longest side of the video. A [`Portrait`]
                keeps the size it was prepared at.
            generator (`torch.Generator` or a list of them, *optional*): Makes the draw repeatable. A list holds one
                for each video; each video is then the same as if it were made alone, within rounding.
            output_type (`str`, *optional*, defaults to `"pil"`): `"pil"`, `"np"`, `"pt"`, or `"animation"` to stop
                before rendering.
            return_dict (`bool`, *optional*, defaults to `True`): Whether to return a [`DirfaPipelineOutput`] or a
                plain tuple.
            callback_on_step_end (`Callable`, *optional*): Called as `callback(pipe, step, frame, tensors)` after each
                step of at most 25 frames, `step` counts over all videos and `frame` from 0 in each. What it
                returns for `"frames"` replaces them. Set `pipe._interrupt = True` in it to stop: the current video
                ends there, and later ones are left out of `frames`. That stops the call of its own thread alone;
                other threads stop calls by [`interrupt_all`].
            callback_on_step_end_tensor_inputs (`Sequence[str]`, *optional*, defaults to `("frames",)`): What the
                callback is given: `"frames"` of shape `(frames, height, width, 3)`, uint8, and `"coefficients"` of
                shape `(frames, 58)`. A `PipelineCallback` of diffusers names its own.
            controls ([`Controls`], *optional*): How the takes are directed: expression, head, eyes, blinks.
            expression (`str`, `dict` or `list`, *optional*): Instead of that of `controls`: a preset such as
                `"happy"`, `"auto"` for motion as lively as the voice, named ARKit weights, or keyframes
                `[("sad", 0.0), ("happy", 2.5)]`.
            expression_strength (`float`, *optional*): Instead of that of `controls`: its scale in [0, 2].
            neutralize (`bool`, *optional*, defaults to `False`): Whether to remove the photo's own expression
                first.
            motion_from ([`Animation`], `str` or `os.PathLike`, *optional*): Instead of that of `controls`: a video, or
                what [`track`] made of one, whose head motion and blinks (`controls.motion_channels`) are used.
            expressiveness (`float`, *optional*, defaults to 1.0): How much head, eyes and brows move in drawn takes,
                in [0, 2]: 0 is deadpan, 1 is like real talkers, 2 is like somebody on a stage.
            text (`str` or a list of them, *optional*): Instead of `audio`: what to say, up to 4096 characters.
            voice (`str` or [`Voice`], *optional*, defaults to `"espeak"`): Who says it, see [`open_voice`].
            face (`int` or `tuple[float, float]`, *optional*, defaults to the largest): Which face, if the photo
                shows several: its number from left to right, from 0, or a point (x, y) in it, in the photo's own
                pixels.

        Examples:

        Returns:
            [`DirfaPipelineOutput`], or a tuple of its fields in order.

        Raises:
            InputError: Some input breaks a rule; the message states the rule, the value and what to do. All
                inputs are checked before any is decoded, and all are decoded before anything is drawn.
            VoiceError: A text cannot be spoken, or the voice fails.
        """
        check_choice(face)
        audio = to_be_spoken(audio, text, voice)
        steps = Steps(self, callback_on_step_end, callback_on_step_end_tensor_inputs)
        directed = check_directions(
            controls, neutralize, motion_from, output_type,
            expression=expression, expression_strength=expression_strength,
        )  # fmt: skip
        batch = self.check_inputs(
            image, audio, sampling_rate, animation, num_videos_per_prompt, diversity, fps, max_size, generator,
            output_type, directed,
        )  # fmt: skip
        check_motion(diversity, fps, expressiveness)
        self._interrupt = False

        batch = batch.read(max_size)
        portraits: list[Any] = [
            item if isinstance(item, PreparedPortrait | None) else self.prepare_portrait(item, face=face)
            for item in batch.images
        ]
        if is_path(motion_from):
            directed = replace(directed, motion_from=self.track(motion_from))

        sounds, portraits = batch.for_each_video(batch.sounds), batch.for_each_video(portraits)
        takes = [
            directed.apply(take, self.face_model, sound)
            for take, sound in zip(
                self._draw_takes(batch, diversity, fps, expressiveness, directed), sounds, strict=True
            )
        ]
        if neutralize:
            takes = [
                without_own_expression(take, portrait.face) for take, portrait in zip(takes, portraits, strict=True)
            ]
        videos = None
        if output_type != "animation":
            videos = self._render_videos(portraits, takes, output_type, steps, directed.facing)
        self.maybe_free_model_hooks()

        output = DirfaPipelineOutput(
            frames=videos,
            audio=[None if sound is None else sound.samples for sound in sounds],
            animation=takes,
            sampling_rate=[None if sound is None else sound.sampling_rate for sound in sounds],
            fps=fps,
        )
        return output if return_dict else (videos, output.audio, takes, output.sampling_rate, fps)

    @property
    def interrupt(self) -> bool:
        """Whether a callback asked this thread's call to stop; calls in other threads have a word of their own."""
        return self._interrupt

    def interrupt_all(self) -> None:
        """
        Stop what all threads render at present after their next step, as `pipe._interrupt = True` in a callback does.

        Conversations go on: they are closed instead. May be called from any thread.
        """
        self.interruptions += 1

    @property
    def _interrupt(self) -> bool:
        return get_ident() in self._interrupted

    @_interrupt.setter
    def _interrupt(self, stop: bool) -> None:
        (self._interrupted.add if stop else self._interrupted.discard)(get_ident())

    def _draw_takes(
        self, batch: Batch, diversity: float, fps: float, expressiveness: float, directed: Controls
    ) -> list[Animation]:
        """An animation for each video, drawn or given."""
        takes: list[Animation] = []
        for sound, animation in zip(batch.spread(batch.sounds), batch.spread(batch.animations), strict=True):
            if animation is not None:
                takes += [animation.resample(fps)] * batch.takes
            else:
                generators = batch.generators[len(takes) : len(takes) + batch.takes]
                takes += self.sample_animations(
                    sound, generators, diversity, fps,
                    expressiveness=expressiveness, follow_arousal=directed.follows_arousal,
                )  # fmt: skip
        return takes

    def _render_videos(
        self, portraits: list[Ready], takes: list[Animation], output_type: str, steps: Steps, facing: float
    ) -> list[Any]:
        """The videos of all takes, fewer if a callback interrupts."""
        videos: list[Any] = []
        shown, prepared = None, None
        with self.progress_bar(total=sum(len(take) for take in takes)) as bar:
            for portrait, take in zip(portraits, takes, strict=True):
                if prepared is None or shown is not portrait:  # takes of one portrait share it
                    shown, prepared = portrait, self._prepared(portrait)
                parts = []
                for frames in steps.take(self._render_steps(prepared, take, facing), bar):
                    parts.append(frames)
                    if steps.stopped:
                        break
                videos.append(convert_frames(np.concatenate(parts), output_type))
                if steps.stopped:
                    break
        return videos

    def _render_steps(self, prepared: PreparedPortrait, take: Animation, facing: float) -> Iterator[Chunk]:
        resting = RestingLook(prepared.face)
        for start in range(0, len(take), STEP):
            rows = take.coefficients[start : start + STEP]
            shown = face_camera(resting.apply(rows, 1.0 / take.fps), prepared.face, facing)
            yield self.face_renderer.render(prepared, shown), rows


def _as_sound(audio: AudioInput, sampling_rate: int | None) -> AudioClip | AudioFile:
    return audio if isinstance(audio, AudioFile) else load_audio(audio, sampling_rate)
