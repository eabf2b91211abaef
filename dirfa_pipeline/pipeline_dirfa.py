"""One photo and one speech clip in; a video out in which that person says it."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from numbers import Real
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

import numpy as np
import torch
from diffusers import DiffusionPipeline
from diffusers.callbacks import MultiPipelineCallbacks, PipelineCallback
from numpy.typing import NDArray
from PIL import Image
from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

from .animation.animation import Animation
from .animation.frame_rate import ANIMATION_FPS, change_frame_rate
from .bundled import BUNDLED_NAME, FACE_DETECTOR, detector_folder
from .capture.detector import FaceDetector, copy_networks
from .capture.films import FilmedFace, film_face
from .capture.pictures import ImageInput
from .capture.portrait import Portrait
from .capture.tracking import track_video
from .direction.controls import Controls, direct
from .direction.controls import neutralize as _without_own_expression
from .direction.expressions import Expression
from .errors import AnimationError, CheckpointError, InputError
from .hub.checkpoint import check_component, check_layout
from .hub.model_card import build_model_card
from .hub.pretrained import DOWNLOAD_OPTIONS, find_weights, publish
from .hub.remote_code import is_only_ours, write_hub_code, write_pipeline_code
from .media.audio import (
    ENCODER_RATE,
    FEATURES_PER_FRAME,
    WHOLE_GRID,
    AudioClip,
    AudioFile,
    AudioInput,
    EncoderGrid,
    check_rate,
    load_audio,
    num_frames,
    receptive_field,
)
from .media.audio_stream import SoundStream, encoder_inputs, live_grid, mono_waveform
from .media.prosody import prosody
from .models.animation_sampler import AnimationSampler
from .models.face_model import FaceModel
from .models.face_renderer import FaceRenderer, PreparedPortrait
from .models.strict_model import copy_to_aligned_memory, is_mismatch
from .pipeline_output import DirfaPipelineOutput
from .rendering.redraw import dub_frames


LIVE_LOOKAHEAD: Final = 0.24  # seconds
MAX_LOOKAHEAD: Final = 1.2  # seconds: nothing later shapes a frame
RENDER_CHUNK: Final = 25  # frames rendered between two callbacks: one second at the usual rate
HUB_OPTIONS: Final = ("repo_id", "commit_message", "private", "token", "create_pr", "metrics", "notes", "license")
OUTPUT_TYPES: Final = ("pil", "np", "pt", "animation")

StepCallback = Callable[["DirfaPipeline", int, int, dict[str, Any]], dict[str, Any] | None]


class DirfaPipeline(DiffusionPipeline):
    """
    Audio-driven talking faces after DIRFA (Wu et al., Pattern Recognition 2023): lips that follow the speech, and head
    motion, gaze, brows and blinks drawn anew for every seed.

    Args:
        feature_extractor (`Wav2Vec2FeatureExtractor`): Prepares the 16 kHz waveform.
        audio_encoder (`Wav2Vec2Model`): Turns it into speech features at 50 Hz.
        animation_sampler ([`AnimationSampler`]): Draws facial animation for the features.
        face_model ([`FaceModel`]): Fits the photo and gives the coefficients their shape.
        face_renderer ([`FaceRenderer`]): Moves the photo.

    The first three may be `None`, as in `from_pretrained(..., audio_encoder=None)`: what is left renders animations.

    Raises:
        CheckpointError: The encoder and the sampler do not belong together.
    """

    model_cpu_offload_seq = "audio_encoder"
    # A few megabytes, and their work is not done in `forward`, where the hooks of offloading would sit.
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
        self.detector_folder = detector_folder()
        _check_pair(audio_encoder, animation_sampler)
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
        pipeline.detector_folder = detector_folder(folder)
        for name, component in pipeline.components.items():
            if isinstance(component, torch.nn.Module) and name not in kwargs:
                check_component(name, component, folder / name, variant)
                copy_to_aligned_memory(component)
        return pipeline

    @classmethod
    def download(cls, pretrained_model_name: str | os.PathLike[str], **kwargs: Any) -> str:
        """
        Fetch a checkpoint, if it is not here already, and return its folder; arguments as in `from_pretrained`.

        diffusers would look for our component classes as code inside the repository; they are in this package.
        """
        options = {name: kwargs.get(name) for name in DOWNLOAD_OPTIONS}
        return str(find_weights(os.fspath(pretrained_model_name), kwargs.get("variant"), **options))

    def save_pretrained(
        self, save_directory: str | os.PathLike[str], *args: Any, push_to_hub: bool = False, **kwargs: Any
    ) -> None:
        """
        Save all components, the networks that find faces and the `pipeline.py` by which `DiffusionPipeline` loads it.

        Arguments are those of `DiffusionPipeline.save_pretrained`; `push_to_hub=True` also calls [`push_to_hub`].
        """
        hub = {name: kwargs.pop(name) for name in HUB_OPTIONS if name in kwargs}
        folder = Path(save_directory)
        super().save_pretrained(folder, *args, **kwargs)
        copy_networks(self.detector_folder, folder / FACE_DETECTOR)
        write_pipeline_code(folder)
        if push_to_hub:
            self.push_to_hub(hub.pop("repo_id", folder.name), variant=kwargs.get("variant"), **hub)

    def push_to_hub(
        self,
        repo_id: str,
        commit_message: str | None = None,
        private: bool | None = None,
        token: str | None = None,
        create_pr: bool = False,
        variant: str | None = None,
        metrics: Mapping[str, Any] | None = None,
        notes: str | None = None,
        license: str | None = None,
    ) -> str:
        """
        Publish the pipeline, the code by which generic classes load it, and a model card made from what it really is.

        Args:
            repo_id (`str`): `user/name`; made if there is none.
            commit_message, private, token, create_pr: As in `DiffusionPipeline.push_to_hub`.
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
            self.save_pretrained(folder, variant=variant)
            write_hub_code(folder)
            (folder / "README.md").write_text(card, encoding="utf-8")
            return publish(folder, repo_id, private, token, commit_message=message, create_pr=create_pr)

    def check_inputs(
        self,
        image: Any,
        audio: Any,
        animation: Any,
        num_videos_per_prompt: int,
        diversity: float,
        fps: float,
        output_type: str,
        callback_on_step_end_tensor_inputs: Sequence[str],
    ) -> None:
        """Check everything that can be checked without reading the picture or the sound."""
        if output_type not in OUTPUT_TYPES:
            raise InputError(f"output_type must be one of {', '.join(OUTPUT_TYPES)}, got {output_type!r}")
        if image is None and output_type != "animation":
            raise InputError(f"image is needed for output_type={output_type!r}; only 'animation' does without")
        if audio is None and animation is None:
            raise InputError("audio or animation is needed: pass the speech, or the coefficients to render")
        if animation is None:
            self._check_can_draw()
        for item in _as_list(animation):
            if item is not None and not isinstance(item, Animation):
                raise AnimationError(
                    f"animation must be an Animation or a list of them, got {type(item).__name__}; "
                    "wrap arrays: Animation(coefficients, fps)"
                )
        if not isinstance(num_videos_per_prompt, int | np.integer) or num_videos_per_prompt < 1:
            raise InputError(f"num_videos_per_prompt must be a whole number from 1, got {num_videos_per_prompt!r}")
        _check_motion(diversity, fps)
        unknown = [name for name in callback_on_step_end_tensor_inputs if name not in self._callback_tensor_inputs]
        if unknown:
            raise InputError(
                f"callback_on_step_end_tensor_inputs must be among {self._callback_tensor_inputs}, got {unknown}"
            )

    def prepare_portrait(self, image: ImageInput | Portrait, max_size: int | None = None) -> Portrait:
        """
        Find, fit and cut out the face of a photo; a [`Portrait`] passes through.

        Args:
            image: A `PIL.Image.Image`, an array of shape `(height, width[, channels])`, or a path.
            max_size (`int`, *optional*): Longest side of the result in pixels; larger photos are scaled down.

        Raises:
            ImageError, FaceNotFoundError: The picture cannot be read, or shows no face that can be animated.
        """
        if isinstance(image, Portrait):
            return image
        with closing(FaceDetector(folder=self.detector_folder)) as detector:
            return Portrait.from_image(image, self.face_model, max_size=max_size, detector=detector)

    def track(self, video: str | os.PathLike[str]) -> Animation:
        """
        Turn a video of a face into an [`Animation`] at 25 fps; `pipe(photo, animation=...)` re-enacts it.

        Raises:
            InputError, FaceNotFoundError: Not a video, or one without a face in ten frames.
        """
        return track_video(video, self.face_model, self.detector_folder)

    def dub(
        self,
        video: str | os.PathLike[str] | FilmedFace,
        audio: AudioInput,
        sampling_rate: int | None = None,
        generator: torch.Generator | None = None,
        diversity: float = 1.0,
    ) -> Iterator[NDArray[np.uint8]]:
        """
        Let the person of a video say something else: the video keeps its frames, and only the lips are drawn anew.

        Args:
            video: A path, or what [`film_face`] made of one.
            audio, sampling_rate: The speech, as [`__call__`] takes it, no longer than the video.
            generator (`torch.Generator`, *optional*): Makes the draw repeatable.
            diversity (`float`, defaults to 1.0): Spread of the drawn motion in [0, 2]; of it only the smile shows.

        Yields:
            `np.ndarray` of shape `(height, width, 3)`, uint8: every frame of the video at its own size, made even.
            Frames without a usable face come back as they are, and so do pixels away from the lower face.

        Raises:
            InputError: Not a video, one without frames, or speech that is longer than it.
            FaceNotFoundError: Fewer than ten frames show a face that can be dubbed.
        """
        self._check_can_draw()
        _check_motion(diversity, ANIMATION_FPS)
        sound = load_audio(audio, sampling_rate)
        film = video if isinstance(video, FilmedFace) else film_face(video, self.face_model, self.detector_folder)
        animation = self.sample_animation(film.fill_with_silence(sound), generator, diversity)
        return dub_frames(film, animation, self.face_renderer)

    def encode_audio(self, audio: AudioClip | AudioFile) -> torch.Tensor:
        """
        Turn sound into speech features, of shape `(2 * num_frames, dim)`: two for each frame at 25 fps.

        Windows lie on a fixed grid and overlap, so the result is the same for every caller.
        """
        self._check_can_draw()
        return torch.cat([features for features, _ in self._encode(self._waveform(audio), WHOLE_GRID)])

    def _check_can_draw(self) -> None:
        missing = [name for name in self._optional_components if getattr(self, name) is None]
        if missing:
            raise InputError(
                f"this pipeline was loaded without {', '.join(missing)} and cannot animate speech; pass animation= "
                "or load all components"
            )

    def _waveform(self, audio: AudioClip | AudioFile) -> Iterator[NDArray[np.float32]]:
        """The sound at 16 kHz, piece by piece; whole where the feature extractor must see all of it."""
        waveform = mono_waveform(audio)
        if not self.feature_extractor.do_normalize:
            return waveform
        whole = np.concatenate(list(waveform))
        return iter(self.feature_extractor(whole, sampling_rate=ENCODER_RATE, return_tensors="np").input_values)

    @torch.no_grad()
    def _encode(
        self, waveform: Iterable[NDArray[np.float32]], grid: EncoderGrid
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """
        Yield the features of each window, with its prosody in the last columns, and, provisionally, those of the sound
        that it hears after them.
        """
        field = receptive_field(self.audio_encoder.config.conv_kernel, self.audio_encoder.config.conv_stride)
        for samples, keep in encoder_inputs(waveform, grid, field):
            inputs = torch.from_numpy(samples).unsqueeze(0).to(self._execution_device, self.audio_encoder.dtype)
            features = self.audio_encoder(inputs).last_hidden_state[0]
            rows = torch.from_numpy(prosody(samples)).to(features)
            features = torch.cat([features, rows], dim=1)
            yield features[keep], features[keep.stop :]

    def sample_animation(
        self,
        audio: AudioClip | AudioFile,
        generator: torch.Generator | None = None,
        diversity: float = 1.0,
        fps: float = ANIMATION_FPS,
        lookahead: float | None = None,
    ) -> Animation:
        """
        Draw one animation for the sound.

        Args:
            audio ([`AudioClip`] or [`AudioFile`]): The speech.
            generator (`torch.Generator`, *optional*): Makes the draw repeatable.
            diversity (`float`, defaults to 1.0): Spread of the drawn motion in [0, 2].
            fps (`float`, defaults to 25): Frames per second.
            lookahead (`float`, *optional*): Seconds of sound heard before a frame is decided, as [`stream`] has it.
                All that helps by default.

        Returns:
            [`Animation`] at `fps` whose length is that of the sound, rounded up to whole frames.
        """
        return self.sample_animations(audio, [generator], diversity, fps, lookahead)[0]

    def sample_animations(
        self,
        audio: AudioClip | AudioFile,
        generators: Sequence[torch.Generator | None],
        diversity: float = 1.0,
        fps: float = ANIMATION_FPS,
        lookahead: float | None = None,
    ) -> list[Animation]:
        """
        Draw a take for each generator, hearing the sound once: four cost about a tenth more than one.

        Each is the take that [`sample_animation`] draws with its generator, to the last bit.
        """
        self._check_can_draw()
        takes = self._draw(self._waveform(audio), generators, diversity, lookahead)
        length = num_frames(audio.num_samples, audio.sampling_rate, fps)
        return [
            Animation(take, ANIMATION_FPS).resample(fps, length) for take in np.concatenate(list(takes), axis=1)
        ]  # fmt: skip

    def _draw(
        self,
        waveform: Iterable[NDArray[np.float32]],
        generators: Sequence[torch.Generator | None],
        diversity: float,
        lookahead: float | None,
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the next coefficients, `(takes, frames, 58)` at 25 fps, as the sound comes."""
        sampler, grid, frames = self.animation_sampler, WHOLE_GRID, None
        if lookahead is not None:
            frames = round(lookahead * ANIMATION_FPS)
            grid = live_grid(FEATURES_PER_FRAME * frames)
        takes = sampler.start(generators, diversity)
        for features, preview in self._encode(waveform, grid):
            features, preview = (part.to(self._execution_device, sampler.dtype) for part in (features, preview))
            yield takes.push(features, None if frames is None else preview).float().cpu().numpy()
        yield takes.finish().float().cpu().numpy()

    def render(self, portrait: Portrait | PreparedPortrait, animation: Animation) -> Iterator[NDArray[np.uint8]]:
        """
        Yield the frames of a video one by one, each uint8 of shape `(height, width, 3)`; memory stays bounded.

        For several videos of one portrait, prepare it once: `pipe.face_renderer.prepare(portrait)`.
        """
        # A CPU makes one frame at a time: whoever takes them is not kept waiting, then flooded.
        size = 1 if self.face_renderer.device.type == "cpu" else RENDER_CHUNK
        for frames, _ in self._render_chunks(self._prepared(portrait), [animation.coefficients], size):
            yield from frames

    def _prepared(self, portrait: Portrait | PreparedPortrait) -> PreparedPortrait:
        return portrait if isinstance(portrait, PreparedPortrait) else self.face_renderer.prepare(portrait)

    @torch.no_grad()
    def _render_chunks(
        self, prepared: PreparedPortrait, pieces: Iterable[NDArray[np.float32]], size: int = RENDER_CHUNK
    ) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        for piece in pieces:
            for start in range(0, len(piece), size):
                coefficients = piece[start : start + size]
                yield self.face_renderer.render(prepared, coefficients), coefficients

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
    ) -> Iterator[NDArray[np.uint8]]:
        """
        Make a talking video while the speech arrives.

        The photo is prepared before this returns; sound is asked for as frames are. Memory does not grow, and frames
        depend on `lookahead`, not on how the sound is cut: they are those of [`sample_animation`] with the same
        `lookahead` and [`render`]. Closing the iterator frees everything.

        Args:
            image: A photo as `PIL.Image.Image`, array or path, or one prepared before.
            audio_chunks: The speech, an iterable of arrays of any length, integers or floats, mono or stereo, of
                `(sampling_rate, array)` tuples or of [`AudioClip`]s.
            sampling_rate (`int`, *optional*): Samples per second, where chunks are arrays.
            generator (`torch.Generator`, *optional*): Makes the draw repeatable.
            diversity (`float`, defaults to 1.0): Spread of the drawn motion in [0, 2].
            fps (`float`, defaults to 25): Frames per second.
            max_size (`int`, *optional*): Longest side of the video; the photo's own size by default.
            lookahead (`float`, *optional*, defaults to 0.24): Seconds of sound heard before a frame is decided, 0.24
                to 1.2; a frame comes about 0.12 s later than that. More makes lips truer, see the README; `None` hears
                all that helps and gives the video that [`__call__`] gives, 9 s late.
            controls ([`Controls`], *optional*): What can be decided frame by frame: all but `nods`, `motion_from`, and
                blink rates other than 0 and 1.

        Yields:
            `np.ndarray` of shape `(height, width, 3)`, uint8: at the end, as many frames as cover the sound.

        Raises:
            InputError: Some argument breaks a rule; at once. For a chunk that does, when its turn comes.
        """
        self._check_stream(audio_chunks, diversity, fps, lookahead)
        directed = direct(controls)
        if not directed.follows_frames:
            raise InputError(
                "a stream cannot look ahead: controls may not have nods, motion_from or a blink_rate but 0 and 1"
            )
        sound = SoundStream(sampling_rate)
        portrait = image if isinstance(image, PreparedPortrait) else self.prepare_portrait(image, max_size)
        prepared = self._prepared(portrait)
        # The first frame ever compiles loops, for seconds: not while somebody speaks.
        self.face_renderer.render(prepared, Animation.from_curves(1).coefficients)
        return self._stream_frames(
            prepared,
            sound,
            audio_chunks,
            _generators(generator, 1),
            diversity,
            fps,
            lookahead,
            directed,
        )

    def _check_stream(self, audio_chunks: Any, diversity: float, fps: float, lookahead: float | None) -> None:
        self._check_can_draw()
        _check_motion(diversity, fps)
        if isinstance(audio_chunks, str | os.PathLike | np.ndarray | tuple) or not isinstance(audio_chunks, Iterable):
            raise InputError(
                f"audio_chunks must be an iterable of chunks, got {type(audio_chunks).__name__}; wrap one in a list"
            )
        least = self.animation_sampler.lip_future / ANIMATION_FPS
        if lookahead is not None and not (isinstance(lookahead, Real) and least <= lookahead <= MAX_LOOKAHEAD):
            raise InputError(f"lookahead must be None or seconds in [{least}, {MAX_LOOKAHEAD}], got {lookahead!r}")
        if self.feature_extractor.do_normalize:
            raise InputError(
                "this pipeline's feature_extractor normalises over the whole clip and cannot stream; "
                "use weights with do_normalize=False"
            )

    def _stream_frames(
        self,
        prepared: PreparedPortrait,
        sound: SoundStream,
        audio_chunks: Iterable[Any],
        generators: Sequence[torch.Generator | None],
        diversity: float,
        fps: float,
        lookahead: float | None,
        controls: Controls,
    ) -> Iterator[NDArray[np.uint8]]:
        drawn = self._draw(sound.waveform(audio_chunks), generators, diversity, lookahead)
        pieces = change_frame_rate(
            (pieces[0] for pieces in drawn), ANIMATION_FPS, fps,
            num_frames=lambda: num_frames(sound.num_samples, check_rate(sound.sampling_rate), fps),
        )  # fmt: skip
        for frames, _ in self._render_chunks(prepared, self._direct_pieces(pieces, controls, fps)):
            yield from frames

    def _direct_pieces(
        self, pieces: Iterable[NDArray[np.float32]], controls: Controls, fps: float
    ) -> Iterator[NDArray[np.float32]]:
        done = 0
        for piece in pieces:
            yield controls.apply(Animation(piece, fps), self.face_model, start=done / fps).coefficients
            done += len(piece)

    @torch.no_grad()
    def __call__(
        self,
        image: ImageInput | Portrait | list[ImageInput | Portrait] | None = None,
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
    ) -> DirfaPipelineOutput | tuple[Any, ...]:
        """
        Make talking videos.

        Args:
            image: A photo as `PIL.Image.Image`, array or path, a [`Portrait`] prepared before, or a list of these.
            audio: Speech as a path to anything PyAV reads, a `(sampling_rate, array)` tuple, an array with
                `sampling_rate`, an [`AudioClip`], or a list of these. A list of images and a list of sounds pair up;
                a single one of either serves all of the other.
            sampling_rate (`int`, *optional*): Samples per second, where `audio` is an array.
            animation ([`Animation`] or a list, *optional*): Rendered instead of drawing one for the speech, after
                resampling to `fps`.
            num_videos_per_prompt (`int`, defaults to 1): Takes for each pair.
            diversity (`float`, defaults to 1.0): Spread of the drawn motion in [0, 2]; 0 is the centre of what was
                learned, the same for every seed, 1 the learned spread.
            fps (`float`, defaults to 25): Frames per second.
            max_size (`int`, *optional*): Longest side of the video; the photo's own size by default. A [`Portrait`]
                keeps the size it was prepared at.
            generator (`torch.Generator` or a list, *optional*): Makes the draw repeatable. A list holds one for each
                video and gives each the take it would have alone, within rounding.
            output_type (`str`, defaults to `"pil"`): `"pil"`, `"np"`, `"pt"`, or `"animation"` to stop before
                rendering.
            return_dict (`bool`, defaults to `True`): Whether to return a [`DirfaPipelineOutput`] or a plain tuple.
            callback_on_step_end (`Callable`, *optional*): Called as `callback(pipe, step, frame, tensors)` after each
                rendered chunk of at most 25 frames, `step` counting on over all videos and `frame` from 0 in each;
                what it returns for `"frames"` replaces them. Set `pipe._interrupt = True` in it to stop: the video at
                hand ends there and the ones after it are left out of `frames`.
            callback_on_step_end_tensor_inputs (`Sequence[str]`, defaults to `("frames",)`): What the callback is
                given: `"frames"`, `"coefficients"`. A `PipelineCallback` of diffusers names its own.
            controls ([`Controls`], *optional*): How the takes are directed: expression, head, eyes, blinks.
            expression, expression_strength (*optional*): Instead of those of `controls`: a preset such as `"happy"`,
                named ARKit weights, or keyframes `[("sad", 0.0), ("happy", 2.5)]`; and their scale in [0, 2].
            neutralize (`bool`, defaults to `False`): Whether the photo's own expression is taken off first.
            motion_from ([`Animation`] or a path, *optional*): Instead of that of `controls`: a video, or what
                [`track`] made of one, whose head motion and blinks (`controls.motion_channels`) are used.

        Returns:
            [`DirfaPipelineOutput`], or a tuple of its fields in order.

        Raises:
            InputError: Some input breaks a rule; the message states the rule, the value and the remedy. All inputs
                are checked before any is processed.
        """
        if isinstance(callback_on_step_end, PipelineCallback | MultiPipelineCallbacks):
            callback_on_step_end_tensor_inputs = callback_on_step_end.tensor_inputs
        self.check_inputs(
            image, audio, animation, num_videos_per_prompt, diversity, fps, output_type,
            callback_on_step_end_tensor_inputs,
        )  # fmt: skip
        if isinstance(motion_from, str | os.PathLike):
            motion_from = self.track(motion_from)
        directed = direct(
            controls, expression=expression, expression_strength=expression_strength, motion_from=motion_from
        )
        if neutralize and output_type == "animation":
            raise InputError("neutralize needs the photo's fit: use output_type 'pil', 'np' or 'pt'")
        self._interrupt = False
        clips = [None if item is None else load_audio(item, sampling_rate) for item in _as_list(audio)]
        animations = _as_list(animation)
        images = _as_list(image) if output_type != "animation" else [None]
        num_items = _batch_size(image=images, audio=clips, animation=animations)
        clips, animations = _spread(clips, num_items), _spread(animations, num_items)
        for index, (clip, given) in enumerate(zip(clips, animations, strict=True)):
            if clip is None and given is None:
                raise InputError(f"each item needs audio or an animation; item {index} of {num_items} has neither")
        generators = _generators(generator, num_items * num_videos_per_prompt)
        portraits: list[Any] = [None if item is None else self.prepare_portrait(item, max_size) for item in images]

        takes = self._sample_takes(clips, animations, generators, num_videos_per_prompt, diversity, fps)
        sounds = [clip for clip in clips for _ in range(num_videos_per_prompt)]
        takes = [
            directed.apply(take, self.face_model, sound) for take, sound in zip(takes, sounds, strict=True)
        ]  # fmt: skip
        videos = None
        if output_type != "animation":
            portraits = [item for item in _spread(portraits, num_items) for _ in range(num_videos_per_prompt)]
            if neutralize:
                takes = [
                    _without_own_expression(take, portrait.face)
                    for take, portrait in zip(takes, portraits, strict=True)
                ]
            videos = self._render_videos(
                portraits, takes, output_type, callback_on_step_end, callback_on_step_end_tensor_inputs
            )
        self.maybe_free_model_hooks()

        output = DirfaPipelineOutput(
            frames=videos,
            audio=[None if sound is None else sound.samples for sound in sounds],
            animation=takes,
            sampling_rate=[None if sound is None else sound.sampling_rate for sound in sounds],
            fps=fps,
        )
        return output if return_dict else tuple(output.values()) if videos is not None else (None, *output.values())

    @property
    def interrupt(self) -> bool:
        """Whether a callback asked the running call to stop."""
        return self._interrupt

    def _sample_takes(
        self,
        clips: list[AudioClip | None],
        animations: list[Animation | None],
        generators: list[torch.Generator | None],
        num_takes: int,
        diversity: float,
        fps: float,
    ) -> list[Animation]:
        takes: list[Animation] = []
        for clip, animation in zip(clips, animations, strict=True):
            if animation is not None:
                takes += [animation.resample(fps)] * num_takes
                continue
            assert clip is not None  # __call__ saw to it
            takes += self.sample_animations(clip, generators[len(takes) : len(takes) + num_takes], diversity, fps)
        return takes

    def _render_videos(
        self,
        portraits: list[Any],
        takes: list[Animation],
        output_type: str,
        callback: StepCallback | None,
        callback_inputs: Sequence[str],
    ) -> list[Any]:
        videos, step = [], 0
        prepared = None
        with self.progress_bar(total=sum(len(take) for take in takes)) as progress_bar:
            for portrait, take in zip(portraits, takes, strict=True):
                chunks: list[NDArray[np.uint8]] = []
                if prepared is None or prepared.portrait is not portrait:  # takes of one portrait share it
                    prepared = self.face_renderer.prepare(portrait)
                for frames, coefficients in self._render_chunks(prepared, [take.coefficients]):
                    if callback is not None:
                        given = {"frames": frames, "coefficients": coefficients}
                        changed = callback(
                            self, step, sum(map(len, chunks)), {name: given[name] for name in callback_inputs}
                        )
                        frames = (changed or {}).get("frames", frames)
                    chunks.append(frames)
                    step += 1
                    progress_bar.update(len(frames))
                    if self.interrupt:
                        break
                videos.append(_convert_frames(np.concatenate(chunks), output_type))
                if self.interrupt:
                    break
        return videos


def _check_pair(audio_encoder: Wav2Vec2Model | None, animation_sampler: AnimationSampler | None) -> None:
    """Raise [`CheckpointError`] unless the sampler takes what the encoder gives, as far as both are there."""
    if audio_encoder is None:
        return
    given = audio_encoder.config
    receptive_field(given.conv_kernel, given.conv_stride)
    if animation_sampler is not None and given.hidden_size != animation_sampler.config.audio_dim:
        raise CheckpointError(
            f"audio_encoder gives features of width {given.hidden_size}, but animation_sampler takes "
            f"{animation_sampler.config.audio_dim}; use an encoder with the sampler that was trained on it"
        )


def _check_motion(diversity: float, fps: float) -> None:
    if not isinstance(diversity, Real) or not 0.0 <= diversity <= 2.0:
        raise InputError(f"diversity must be a number in [0, 2], got {diversity!r}")
    if not isinstance(fps, Real) or not 1 <= fps <= 120:
        raise InputError(f"fps must be a number in [1, 120], got {fps!r}")


def _as_list(value: Any) -> list[Any]:
    """A list stays one; anything else, a `(sampling_rate, array)` tuple included, is one item."""
    return list(value) if isinstance(value, list) else [value]


def _batch_size(**inputs: list[Any]) -> int:
    sizes = {name: len(items) for name, items in inputs.items()}
    empty = [name for name, size in sizes.items() if size == 0]
    if empty:
        raise InputError(f"{empty[0]} must not be an empty list")
    if len(set(sizes.values()) - {1}) > 1:
        raise InputError(f"lists of inputs must have equal lengths or hold a single item, got {sizes}")
    return max(sizes.values())


def _spread(items: list[Any], size: int) -> list[Any]:
    return items * size if len(items) == 1 else items


def _generators(
    generator: torch.Generator | list[torch.Generator] | None, num_videos: int
) -> list[torch.Generator | None]:
    for item in generator if isinstance(generator, list) else [generator]:
        if item is not None and not isinstance(item, torch.Generator):
            raise InputError(
                f"generator must be a torch.Generator or a list of them, got {item!r}; "
                "pass torch.Generator().manual_seed(seed)"
            )
    if not isinstance(generator, list):
        return [generator] * num_videos
    if len(generator) != num_videos:
        raise InputError(f"a list of generators needs one for each of the {num_videos} videos, got {len(generator)}")
    return list(generator)


def _convert_frames(frames: NDArray[np.uint8], output_type: str) -> Any:
    if output_type == "pil":
        return [Image.fromarray(frame) for frame in frames]
    if output_type == "np":
        return frames.astype(np.float32) / 255.0
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255.0
