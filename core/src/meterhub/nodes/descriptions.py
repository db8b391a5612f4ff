"""What there is, for whoever asks: paths, services, and the models behind them, in his language."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from meterhub_sdk import Config, NotFound, field
from meterhub_sdk.description import ServiceDescription
from meterhub_sdk.translator import Translator

from meterhub.access.principal import Principal
from meterhub.core_sections import CORE_SECTIONS
from meterhub.instance_settings import InstanceConfig
from meterhub.language import LANGUAGES, Languages, localised
from meterhub.plugins import Catalogue
from meterhub.resources import Node, Tree


class LanguageQuery(Config):
    """In which language."""

    language: str = field("en", title="Language", description="Code of ISO 639-1.", max_length=8)


class PathQuery(LanguageQuery):
    """One path."""

    path: str = field(title="Path", max_length=300)


class DescriptionNodes:
    """``/data/descriptions`` (all that the caller may use) and ``/data/description`` (the models of one path).

    ``configured`` names the services of the running configuration; ``active`` says whether a feature is; ``settings``
    are those of the instance itself.
    """

    def __init__(
        self,
        tree: Tree,
        catalogue: Catalogue,
        languages: Languages,
        configured: Callable[[], Iterable[str]],
        active: Callable[[str], bool],
        settings: Callable[[], InstanceConfig],
    ) -> None:
        self._tree = tree
        self._catalogue = catalogue
        self._languages = languages
        self._configured = configured
        self._active = active
        self._settings = settings

    def nodes(self) -> list[Node]:
        """The nodes of this room."""
        return [
            Node("/data/descriptions", "get", self._all, "Descriptions", LanguageQuery),
            Node("/data/description", "get", self._one, "Description of a path", PathQuery),
        ]

    async def _all(self, who: Principal, query: LanguageQuery) -> Any:
        may: dict[str, dict[str, Any]] = {}
        words = self._languages.translator(query.language)
        for node in self._tree.nodes(who):
            row = may.setdefault(node.path, {"path": node.path, "title": words.text(node.title), "verbs": []})
            row["verbs"].append(node.verb)
        return {
            "instance": self._settings().model_dump(mode="json"),
            "languages": LANGUAGES,
            "paths": sorted(may.values(), key=lambda row: str(row["path"])),
            "services": [
                self._service(name, offered, query.language)
                for name, offered in self._services()
                if f"/configuration/{name}" in may or f"/status/{name}" in may
            ],
            "core_sections": [name for name in CORE_SECTIONS if f"/configuration/{name}" in may],
            "pages": self._pages(words),
        }

    def _services(self) -> list[tuple[str, ServiceDescription]]:
        """All services on offer and the instances of them that are configured."""
        offers = {offered.name: offered for _, offered in self._catalogue.offers()}
        names = {*offers, *(name for name in self._configured() if name.partition("@")[0] in offers)}
        return [(name, offers[name.partition("@")[0]]) for name in sorted(names)]

    def _service(self, name: str, offered: ServiceDescription, language: str) -> dict[str, Any]:
        found = self._catalogue.service(name)
        words = self._languages.translator(language, found[0].name if found else None)
        return {
            "name": name,
            "title": words.text(offered.title),
            "description": words.text(offered.description),
            "menu": _menu(offered.menu, words),
            "place": offered.menu,
            "kind": offered.kind,
            "single": offered.single,
            "feature": offered.feature,
            "active": offered.feature is None or self._active(offered.feature),
            "configured": name in self._configured(),
            "commands": [{"name": c.name, "title": words.text(c.title)} for c in offered.commands],
        }

    def _pages(self, words: Translator) -> list[dict[str, Any]]:
        """The pages that plugins bring, by the hook ``meterhub_pages``."""
        return [
            {"distribution": name, "place": place, "menu": _menu(place, words), "file": file}
            for name, place, file in self._catalogue.pages()
        ]

    async def _one(self, who: Principal, query: PathQuery) -> Any:
        """Models of a path that the caller may not use do not exist for him."""
        nodes = [node for node in self._tree.nodes(who) if node.path == query.path]
        if not nodes:
            raise NotFound(f"there is no path {query.path[:200]}")
        _, kind, name, *command = (*query.path.split("/"), "", "")
        found = self._catalogue.service(name)
        words = self._languages.translator(query.language, found[0].name if found else None)
        described = self._models(kind, name, command[0], found[1] if found else None)
        arguments = next((node.arguments for node in nodes if node.arguments is not None), None)
        if arguments is not None:
            described["arguments"] = arguments.model_json_schema()
        texts = {key: words.text(value) for key, value in described.items() if isinstance(value, str)}
        return {
            "path": query.path,
            "verbs": sorted(node.verb for node in nodes),
            "title": words.text(nodes[0].title),
            **localised({key: value for key, value in described.items() if key not in texts}, words),
            **texts,
        }

    def _models(self, kind: str, name: str, command: str, offered: ServiceDescription | None) -> dict[str, Any]:
        if kind == "configuration" and name in CORE_SECTIONS:
            return {"schema": CORE_SECTIONS[name].model_json_schema()}
        if offered is None:
            return {}
        if kind == "configuration":
            return {"schema": offered.config_schema, "description": offered.description}
        if kind == "status":
            return {"schema": offered.status_schema, "description": offered.description}
        found = next((known for known in offered.commands if known.name == command), None)
        if found is None:
            return {}
        return {"arguments": found.arguments, "result": found.result, "description": found.description}


def _menu(place: str, words: Translator) -> list[str]:
    return [words.text(part) for part in place.split("/") if part]
