"""Other languages than English: texts, sentences with values in them, and JSON Schema."""

from meterhub.language.languages import LANGUAGES, Languages
from meterhub.language.schemas import localised
from meterhub.language.translator import Translator

__all__ = ["LANGUAGES", "Languages", "Translator", "localised"]
