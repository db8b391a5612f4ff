"""The OpenAPI 3.1 document of what the caller may use, made from the descriptions of the tree."""

from meterhub_http.openapi.routes import OpenApiRoutes

__all__ = ["OpenApiRoutes"]
