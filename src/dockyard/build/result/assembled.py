"""The image of one platform, from what its target stage came to."""

from dockyard.build.annotations import of
from dockyard.build.cache.recompress import forced
from dockyard.build.plan import Plan
from dockyard.build.result.gather import gathered
from dockyard.build.state import State, rfc3339
from dockyard.images.assemble import assemble
from dockyard.images.image import Image
from dockyard.oci.platform import Platform


def assembled(plan: Plan) -> Image:
    """Write the image of a plan that was built: its layers gathered and compressed as was asked for, its configuration
    with labels, platform and time. The same plan gives the same image; no tag changes.
    """
    state, options, store = plan.result, plan.options, plan.tools.store
    gathered(state, plan.tools, options.layers)
    if options.forced:
        state.layers = [forced(store, layer, options.compression, options.level) for layer in state.layers]
    if options.labels:
        state.config["Labels"] = {**(state.config.get("Labels") or {}), **options.labels}
    if options.platforms:
        _aimed(state, plan.platform)
    platform = Platform.from_json(state.platform).normal().to_json()
    others = {name: value for name, value in state.platform.items() if name not in platform}
    times = [str(item["created"]) for item in state.history if item.get("created")]
    created = times[-1] if times else rfc3339(plan.tools.epoch or 0)
    author = {"author": state.author} if state.author else {}
    config = {"created": created, **author, **platform, **others, "config": state.config}
    if options.inline:
        from dockyard.build.cache.exchange import INLINE_KEY, inline  # loaded only when it is asked for

        config[INLINE_KEY] = inline(plan.tools.cache, [layer.descriptor.digest for layer in state.layers])
    return assemble(
        store,
        config=config,
        layers=state.layers,
        history=state.history,
        annotations=of(options.annotations, "manifest", plan.platform),
        family=options.family,
    )


def _aimed(state: State, platform: Platform) -> None:
    """Say that the image is for the platform that was asked for, whatever its base says."""
    same = (state.platform.get("os"), state.platform.get("architecture")) == (platform.os, platform.architecture)
    variant = platform.variant or (state.platform.get("variant", "") if same else "")
    version = platform.version or (state.platform.get("os.version", "") if same else "")
    state.platform = Platform(platform.os, platform.architecture, variant, version).to_json()
