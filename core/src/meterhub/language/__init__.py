"""Other languages than English: those of this instance, and JSON Schema in them."""

from meterhub.language.languages import LANGUAGES, Languages
from meterhub.language.schemas import localised

__all__ = ["LANGUAGES", "Languages", "localised"]
