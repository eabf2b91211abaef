"""Viseme classes of phones in ARPAbet and IPA."""

import unicodedata
from typing import Final

from ..models.speech_head import VISEME_NAMES


# Classes of each phone; a diphthong has two, each with half of the time.
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
        "f v ɱ ʋ β ɸ": "labiodental",  # in the last two, the lips come close but do not shut
        "θ ð": "dental",
        "t d n l ɾ ɽ ɗ ɖ ʈ ɳ ɭ ɫ ɬ r": "alveolar",
        "s z": "sibilant",
        "ʃ ʒ ɕ ʑ ʂ ʐ": "postalveolar",
        "k g ɡ ŋ ɴ h x ɣ χ ʁ ʀ q c ɟ ç ɲ ʎ ʔ ħ ɦ": "velar",
        "ɹ ɻ ɝ ɚ ɜ": "rhotic",
        "w u ʉ y ɥ ʍ": "round_close",
        "ʊ o ø ʏ ɵ": "round_mid",
        "ɔ ɒ œ": "round_open",
        "a ɑ ɐ": "open",
        "æ": "open_front",
        "ə ʌ ɤ ɘ": "central",
        "ɛ e": "mid_front",
        "i j ʲ": "close_front",
        "ɪ ɨ ɯ ᵻ": "near_close",
    }.items()
    for symbol in symbols.split()
}
# What espeak-ng writes besides letters: Unicode categories (combining, raised and modifier signs), and ASCII.
MARK_KINDS: Final = ("Mn", "Lm", "Sk")
MARKS: Final = frozenset(":\".-'`~^;012345")
SILENCE: Final = (VISEME_NAMES.index("silence"),)


def arpabet_visemes(phone: str) -> tuple[int, ...]:
    """Viseme classes of an ARPAbet phone, without its stress digit; raises `KeyError` for an unknown phone."""
    return tuple(VISEME_NAMES.index(name) for name in ARPABET[phone.rstrip("012")])


def ipa_visemes(phone: str) -> tuple[int, ...]:
    """
    Viseme classes of an IPA phone as espeak-ng writes it; raises `KeyError` for an unknown phone.

    Length, stress, tone, aspiration and secondary articulation are ignored. Affricates have the class of their
    fricative, diphthongs those of all their vowels. Pauses and changes of language, in brackets, are silence.
    """
    if not phone.strip("_:") or phone.startswith("("):
        return SILENCE
    symbols = [_plain(symbol) for symbol in unicodedata.normalize("NFC", phone.replace("s.", "ʂ"))]
    letters = [symbol for symbol in symbols if symbol not in MARKS and unicodedata.category(symbol) not in MARK_KINDS]
    if len(letters) > 1 and letters[-1] == "h":
        letters.pop()
    found = [IPA[letter] for letter in letters or symbols]
    if found[0] == "alveolar" and found[1:] in (["sibilant"], ["postalveolar"]):
        found = found[1:]
    return tuple(VISEME_NAMES.index(name) for name in found)


def _plain(symbol: str) -> str:
    """A letter without diacritics, unless the letter is known with them."""
    return symbol if symbol in IPA else unicodedata.normalize("NFD", symbol)[0]
