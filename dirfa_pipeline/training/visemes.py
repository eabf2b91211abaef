"""Phones, ARPAbet and IPA, as sequences of viseme classes."""

from typing import Final

from ..models.speech_head import VISEME_NAMES


# Classes by phone; a diphthong is two classes, each with half of the time.
ARPABET: Final[dict[str, tuple[str, ...]]] = {
    name: classes
    for names, classes in {
        "SIL +SPN+ +NSN+ SPN": ("silence",),
        "P B M": ("closure",),
        "F V": ("labiodental",),
        "TH DH": ("dental",),
        "T D N L": ("alveolar",),
        "S Z": ("sibilant",),
        "SH ZH CH JH": ("postalveolar",),
        "K G NG HH": ("velar",),
        "R ER": ("rhotic",),
        "W UW": ("round_close",),
        "UH OW": ("round_mid",),
        "AO": ("round_open",),
        "AA": ("open",),
        "AE": ("open_front",),
        "AH": ("central",),
        "EH": ("mid_front",),
        "IY Y": ("close_front",),
        "IH": ("near_close",),
        "AY": ("open", "near_close"),
        "AW": ("open", "round_mid"),
        "OY": ("round_open", "near_close"),
        "EY": ("mid_front", "close_front"),
    }.items()
    for name in names.split()
}
IPA: Final[dict[str, str]] = {
    symbol: viseme
    for symbols, viseme in {
        "p b m ɓ": "closure",
        "f v ɱ ʋ": "labiodental",
        "θ ð": "dental",
        "t d n l ɾ ɗ ɖ ʈ ɳ ɭ ɫ ɬ r": "alveolar",
        "s z": "sibilant",
        "ʃ ʒ ɕ ʑ ʂ ʐ": "postalveolar",
        "k g ɡ ŋ h x ɣ χ ʁ ʀ q c ɟ ç ɲ ʎ ʔ ħ ɦ": "velar",
        "ɹ ɻ ɝ ɚ ɜ": "rhotic",
        "w u ʉ y ɥ ʍ": "round_close",
        "ʊ o ø ʏ ɵ": "round_mid",
        "ɔ ɒ œ": "round_open",
        "a ɑ ɐ": "open",
        "æ": "open_front",
        "ə ʌ ɤ ɘ": "central",
        "ɛ e": "mid_front",
        "i j": "close_front",
        "ɪ ɨ ɯ": "near_close",
    }.items()
    for symbol in symbols.split()
}


def arpabet_visemes(phone: str) -> tuple[int, ...]:
    """Viseme classes of an ARPAbet phone, stress digits ignored; raises `KeyError` for an unknown one."""
    return tuple(VISEME_NAMES.index(name) for name in ARPABET[phone.rstrip("012")])


def ipa_visemes(phone: str) -> tuple[int, ...]:
    """
    Viseme classes of an IPA phone as espeak-ng writes it.

    Length, stress and tone marks are ignored, affricates count by their fricative, diphthongs by both vowels; a string
    without any known symbol is silence.
    """
    found = [IPA[symbol] for symbol in phone if symbol in IPA]
    if len(found) == 2 and found[0] == "alveolar" and found[1] in ("sibilant", "postalveolar"):
        found = found[1:]
    return tuple(VISEME_NAMES.index(name) for name in found[:2]) or (0,)
