"""
Measure lips by language with synthetic voices, whose phones are known: closures, rounding, spreading.

    python benchmarks/compare_languages.py [--weights weights/dirfa-base] [--photo PHOTO]

espeak-ng says a few sentences in each language, with a man's and a woman's voice, and reports its phones. Neither the
lips nor the encoder were trained on any of these languages. The columns are

- how often lips are closed at p, b, m, and this minus the same at random times;
- the correlation of the opening with that expected for the phones;
- the width of the mouth at ee minus that at oo, at ss minus that at sh, and at rounded vowels and w minus the mean, in
  hundredths of the inter-ocular distance;
- the opening at f and v minus the mean.

The last row evaluates the same lips with the next language's phones, as a baseline for a mouth that ignores the sound.
Needs `apt-get install espeak-ng`.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from results import add_option, record

from dirfa_pipeline import DirfaPipeline
from dirfa_pipeline.animation.frame_rate import ANIMATION_FPS
from dirfa_pipeline.evaluation import metrics
from dirfa_pipeline.evaluation.metrics import Phone
from dirfa_pipeline.evaluation.phone_shapes import at_phones, width_contrasts
from dirfa_pipeline.evaluation.rows import format_columns
from dirfa_pipeline.evaluation.scores import Scores, mean_scores
from dirfa_pipeline.evaluation.tracking import Track
from dirfa_pipeline.face.fit import FaceFit
from dirfa_pipeline.face.measures import lip_aperture, mouth_width
from dirfa_pipeline.media.audio import ENCODER_RATE, AudioClip
from dirfa_pipeline.models.speech_head import VISEME_NAMES
from dirfa_pipeline.training.espeak_voices import Espeak, speak_with_espeak
from dirfa_pipeline.training.utterance import LeftOut


SENTENCES: Final = {
    "nl": "Mijn moeder bakt op woensdag verse broodjes. Zullen we morgen samen naar zee fietsen? Piet speelt buiten "
          "met zijn oude poes. De school begint om half zeven. Wie zoet is krijgt lekkers. Sjaak koopt een sjaal.",
    "sv": "Min mamma bakar bröd på söndag morgon. Vi ses vid sjön klockan sju. Pojken spelar piano och sjunger fina "
          "visor. Hunden sover under bordet. Det blir kallt i vinter. Sommaren är kort men ljus.",
    "tr": "Annem pazar günü taze ekmek pişiriyor. Küçük kuş pencerenin önünde şarkı söylüyor. Bizim bahçede beyaz "
          "güller var. Şimdi su içmek istiyorum. Şehirde sis var. Masada sıcak çay ve simit duruyor.",
    "el": "Η μαμά μου φτιάχνει ψωμί το πρωί. Το μικρό παιδί παίζει μπάλα στον κήπο. Θέλω να πιω λίγο νερό. Σήμερα "
          "βρέχει και φυσάει πολύ. Ο παππούς μου πίνει καφέ στο μπαλκόνι. Που μένουν οι φίλοι σου;",
    "cs": "Moje babička peče výborný chléb. Zítra pojedeme vlakem do Prahy. Malý pes běží po velké zahradě. Prosím, "
          "podejte mi sklenici vody. Šest myší si hraje pod stolem. Náš soused má čtyři syny a žádnou dceru.",
    "fi": "Äiti leipoo aamulla tuoretta leipää. Poika pelaa pihalla palloa. Me uimme huomenna suuressa järvessä. "
          "Syysmyrsky puhaltaa yli puiston. Isä istuu tuvassa ja juo kuumaa kahvia. Pikku kissa nukkuu.",
    "ro": "Mama mea face pâine bună dimineața. Băiatul mic aleargă prin parc. Vreau să beau un pahar de apă. Șase "
          "șoareci se joacă sub masă. Soarele strălucește în oraș. Copiii merg la școală și se salută.",
    "id": "Ibu saya membuat roti setiap pagi. Anak kecil itu bermain bola di kebun. Besok kami pergi ke pasar membeli "
          "buah. Sapi itu masih segar sekali. Ayah minum teh manis dan membaca cerita. Kucing kami lucu.",
}  # fmt: skip
VOICES: Final = (("+m3", 150, 40), ("+f2", 165, 60))  # variant, words per minute, pitch
# The ARPAbet phone by which the measures know each viseme; other visemes use the phone that opens the mouth as far.
NAMES: Final = {
    "silence": "SIL", "closure": "P", "labiodental": "F", "dental": "TH", "alveolar": "T", "sibilant": "S",
    "postalveolar": "SH", "velar": "K", "rhotic": "R", "round_close": "UW", "round_mid": "OW", "round_open": "AO",
    "open": "AA", "open_front": "AE", "central": "AH", "mid_front": "EH", "close_front": "IY", "near_close": "IH",
}  # fmt: skip
COLUMNS: Final = {
    "closed": ("p b m", "{:.2f}"), "gain": ("over chance", "{:+.2f}"), "openness": ("openness r", "{:.2f}"),
    "width_ee_oo": ("ee - oo", "{:+.1f}"), "width_ss_sh": ("ss - sh", "{:+.1f}"), "round": ("oo w", "{:+.1f}"),
    "tuck": ("f v", "{:+.1f}"),
}  # fmt: skip
HUNDREDTHS: Final = ("width_ee_oo", "width_ss_sh", "round", "tuck")


def speak(engine: Espeak, language: str, voice: tuple[str, int, int]) -> tuple[NDArray[np.float32], list[Phone]]:
    """Synthesize a language's sentences in one voice at 16 kHz, with their phones."""
    variant, pace, pitch = voice
    said = speak_with_espeak(engine, SENTENCES[language], language + variant, pace, pitch)
    if isinstance(said, LeftOut):
        raise RuntimeError(f"{said.name}: {said.reason}")
    phones = [Phone(NAMES[VISEME_NAMES[kind]], start, end) for kind, start, end in said.segments]
    return said.samples.astype(np.float32) / np.float32(32768), phones


def score(track: Track, phones: Sequence[Phone]) -> dict[str, float]:
    """Compute the columns of one take."""
    aperture, width = lip_aperture(track.landmarks), mouth_width(track.landmarks)
    recall, chance = metrics.closure_recall(aperture, ANIMATION_FPS, phones)
    openness = metrics.phone_openness(phones, len(aperture), ANIMATION_FPS)
    spoken = [phone for phone in phones if phone.name != "SIL"]
    scores = {"closed": recall, "gain": recall - chance, "openness": metrics.best_lag(aperture, openness)[1]}
    scores |= width_contrasts(width, ANIMATION_FPS, phones)
    for column, curve, names in (("round", width, ("UW",)), ("tuck", aperture, ("F",))):
        values = at_phones(curve, ANIMATION_FPS, spoken)
        there = values[[phone.name in names for phone in spoken]]
        scores[column] = float(np.nanmean(there) - np.nanmean(values)) if np.isfinite(there).any() else float("nan")
    return {name: 100.0 * value if name in HUNDREDTHS else value for name, value in scores.items()}


def take(pipe: DirfaPipeline, sound: NDArray[np.float32], face: FaceFit) -> Track:
    clip = AudioClip(sound[None], ENCODER_RATE)
    animation = pipe.sample_animation(clip, torch.Generator().manual_seed(0))
    return Track.of_animation(face, animation.coefficients)


def main() -> None:
    examples = Path(__file__).parents[1] / "dirfa_pipeline" / "examples"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=Path("weights/dirfa-base"))
    parser.add_argument("--photo", type=Path, default=examples / "astronaut.jpg", help="the face to measure on")
    add_option(parser, "languages")
    options = parser.parse_args()
    rows = measure(options.weights, options.photo)
    lines = [["", *(title for title, _ in COLUMNS.values()), ""]]
    lines += [[language, *cells(own), ""] for language, own in zip(SENTENCES, rows["own"], strict=True)]
    lines += [[f"mean, {name}", *cells(mean_scores(each)), ""] for name, each in rows.items()]
    print(format_columns(lines))
    record(options.record, told(rows), options.weights)


def measure(weights: Path, photo: Path) -> dict[str, list[dict[str, float]]]:
    """Scores of each language with its own phones, and with the next language's."""
    torch.set_num_threads(1)
    pipe, engine = DirfaPipeline.from_pretrained(weights), Espeak()
    face = pipe.prepare_portrait(photo).face
    rows: dict[str, list[dict[str, float]]] = {"own": [], "shuffled": []}
    spoken = [[speak(engine, language, voice) for voice in VOICES] for language in SENTENCES]
    for here, others in zip(spoken, [*spoken[1:], spoken[0]], strict=True):
        tracks = [take(pipe, sound, face) for sound, _ in here]
        for name, side in (("own", here), ("shuffled", others)):
            scores = [score(track, phones) for track, (_, phones) in zip(tracks, side, strict=True)]
            rows[name].append(mean_scores(scores))
    return rows


def told(rows: Mapping[str, Sequence[Scores]]) -> dict[str, float]:
    """The figures for the documents: means over languages, lengths in inter-ocular distances, the worst language."""
    found: dict[str, float] = {}
    for name, languages in rows.items():
        scores = mean_scores(languages)
        found |= {f"{name}.{key}": value / 100 if key in HUNDREDTHS else value for key, value in scores.items()}
    worst = min(rows["own"], key=lambda scores: scores["gain"])
    return found | {f"least.{key}": worst[key] for key in ("closed", "gain")}


def cells(scores: dict[str, float]) -> list[str]:
    return [form.format(scores[name]) if name in scores else "-" for name, (_, form) in COLUMNS.items()]


if __name__ == "__main__":
    main()
