"""ComfyUI finds the nodes here: this folder, or a link to it, lies in `custom_nodes`."""

from comfy_api.latest import ComfyExtension, io

from .nodes import Direct, Dub, LoadPipeline, MakePortrait, Render, Sample


class DirfaExtension(ComfyExtension):
    """The six nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [LoadPipeline, MakePortrait, Sample, Direct, Render, Dub]


async def comfy_entrypoint() -> DirfaExtension:
    """Called by ComfyUI when it loads custom nodes."""
    return DirfaExtension()
