"""What the builds for several platforms stand on together, and the plan of each."""

from pathlib import Path

import msgspec

from dockyard._internal import redact
from dockyard._internal.confidential import Confidential
from dockyard.build.budget import Budget
from dockyard.build.cache import builds
from dockyard.build.cache.cache import StepCache
from dockyard.build.cache.recompress import recompressor
from dockyard.build.events import Watch
from dockyard.build.journal import Journal
from dockyard.build.options import Options
from dockyard.build.origins import Origins
from dockyard.build.plan import Plan
from dockyard.build.sources.ahead import Ahead
from dockyard.build.sources.bases import Bases
from dockyard.build.sources.context import Context
from dockyard.build.sources.contexts import ignore_rules
from dockyard.build.sources.epoch import Names, settled
from dockyard.build.tools import Halted, Tools
from dockyard.content.layout import Layout
from dockyard.dockerfile import stages as language
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.node import Dockerfile
from dockyard.oci.platform import Platform


class Ground(msgspec.Struct, frozen=True):
    """A Dockerfile, a context and all else that a build is given.

    Attributes:
        path: where the Dockerfile is.
        dockerfile: what it says.
        context: the files that COPY and ADD take from.
        store: gets layers and images.
        data: holds the cache, unpacked layers and folders to work in.
        bases: finds the images of FROM and --from.
        options: everything else that was asked for.
        cache: what steps are looked up in.
        journal: takes everything down.
        budget: how much goes on at once.
        halted: called where a RUN has failed, while its container's files are still there.
    """

    path: Path
    dockerfile: Dockerfile
    context: Context
    store: Layout
    data: Path
    bases: Bases
    options: Options
    cache: StepCache
    journal: Journal
    budget: Budget
    halted: Halted | None = None

    def plan(self, platform: Platform) -> Plan:
        """The build for `platform`, ready to begin.

        Raises:
            DockerfileInvalidError: the stages or the global arguments are not well formed.
            UsageError: SOURCE_DATE_EPOCH is no time.
        """
        options, escape = self.options, self.dockerfile.escape
        global_args, stages = language.stages(self.dockerfile)
        given = dict(options.build_args)
        if options.epoch is not None:
            given.setdefault("SOURCE_DATE_EPOCH", str(options.epoch))
        origins = Origins(self.bases, options.contexts, platform)
        plan = Plan(stages, origins, given, platform, options, f"{self.context.root}\0{self.path}")
        values = plan.globals(global_args, escape)
        names = Names(options.made, options.contexts, stages, given, values, escape)
        plan.tools = Tools(
            self.store,
            self.data,
            self.cache,
            self.context,
            options,
            escape,
            settled(names, self.data, self.journal),
            given,
            values,
            self.journal,
            self.budget,
            prefix=f"{platform} " if len(options.platforms) > 1 else "",
            halted=self.halted,
        )
        return plan


def context_files(context: Path, dockerfile: Path, options: Options, ahead: Ahead | None = None) -> Context:
    """The files of the context, as far as its ignore file and what it came as let them through."""
    dated = options.made if options.made == context.stat().st_mtime else None  # a checkout with the commit's time
    rules = ignore_rules(context, dockerfile) if options.origin == "folder" else IgnoreRules()
    return Context(context, rules, dated, ahead, owned=options.origin == "archive")


def open_journal(watch: Watch, data: Path, options: Options, context: str, dockerfile: str) -> Journal:
    """A journal for a build with these options, kept below `data`; secrets' values stay out of it."""
    facts = {
        "context": redact.url(context),
        "dockerfile": dockerfile,
        "target": options.target,
        "tags": [str(tag) for tag in options.tags],
    }
    values = Confidential(secret.value for secret in options.secrets.values())
    return Journal(watch, builds.new(data), values, facts)


def step_cache(data: Path, store: Layout, options: Options) -> StepCache:
    """The cache of builds with these options."""
    known = (options.compression, options.level)
    variant = "" if known == ("gzip", "fast") else f".{options.compression}-{options.level}"
    return StepCache(data / "cache", store, variant, recompressor(store, options.compression, options.level))
