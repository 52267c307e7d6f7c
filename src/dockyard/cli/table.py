"""The command table: every word of the command line, where it lives and what it is for.

Nothing here is imported until its command runs, so that `dockyard --help` and `--version` stay quick.
"""

from typing import NamedTuple


class Command(NamedTuple):
    """One command: its words, the function that runs it (`module:function`), its summary and its group in --help."""

    word: str
    target: str
    summary: str
    group: str


COMMANDS: tuple[Command, ...] = (
    Command(
        "ship", "dockyard.cli.ship:ship", "Take the application in this folder from source to running.", "The main job"
    ),
    Command(
        "record",
        "dockyard.cli.record:record",
        "Show what a ship did: digests, findings, verdict, rollout.",
        "The main job",
    ),
    Command("lint", "dockyard.cli.lint.lint:lint", "Judge a Dockerfile; say why and give the better line.", "Build"),
    Command("build", "dockyard.cli.build.build:build", "Build an image from a Dockerfile.", "Build"),
    Command(
        "debug", "dockyard.cli.build.debug:debug", "Open a shell inside a build, at a line or where it fails.", "Build"
    ),
    Command("builds", "dockyard.cli.builds:builds", "List the last builds and show what their steps printed.", "Build"),
    Command("cache", "dockyard.cli.cache:cache", "Show or prune what builds keep to be faster.", "Build"),
    Command("base", "dockyard.cli.base:base", "Make a base image from a distribution's packages.", "Build"),
    Command("images", "dockyard.cli.images:images", "List the images in the store.", "Images"),
    Command("inspect", "dockyard.cli.inspect:inspect", "Show an image's manifest and configuration.", "Images"),
    Command("tag", "dockyard.cli.tag:tag", "Give an image another name.", "Images"),
    Command("rm", "dockyard.cli.rm:rm", "Remove images and the blobs that only they used.", "Images"),
    Command("save", "dockyard.cli.save:save", "Write images to an archive.", "Images"),
    Command("load", "dockyard.cli.load:load", "Read images from an archive.", "Images"),
    Command("copy", "dockyard.cli.copy:copy", "Copy an image between store, layout, archive and registry.", "Images"),
    Command("pull", "dockyard.cli.pull:pull", "Fetch an image from a registry.", "Registries"),
    Command("push", "dockyard.cli.push:push", "Send an image to a registry.", "Registries"),
    Command("tags", "dockyard.cli.tags:tags", "List a repository's tags.", "Registries"),
    Command("login", "dockyard.cli.login:login", "Keep credentials for a registry.", "Registries"),
    Command("logout", "dockyard.cli.login:logout", "Forget credentials for a registry.", "Registries"),
    Command("serve", "dockyard.cli.serve:serve", "Run a registry.", "A registry of your own"),
    Command("registry user", "dockyard.cli.registry.users:user", "Manage a registry's accounts.", "Access"),
    Command("registry lockout", "dockyard.cli.registry.lockout:lockout", "End waits after wrong passwords.", "Access"),
    Command("registry group", "dockyard.cli.registry.users:group", "Manage groups of accounts.", "Access"),
    Command("registry token", "dockyard.cli.registry.users:token", "Manage personal access tokens.", "Access"),
    Command("registry project", "dockyard.cli.registry.projects:project", "Manage a registry's projects.", "Access"),
    Command("registry member", "dockyard.cli.registry.projects:member", "Say who has which role.", "Access"),
    Command("registry robot", "dockyard.cli.registry.robots:robot", "Manage robot accounts.", "Access"),
    Command("registry keyless", "dockyard.cli.registry.keyless:keyless", "Let CI jobs in without a secret.", "Access"),
    Command("registry key", "dockyard.cli.registry.keyless:key", "Renew the key that signs tokens.", "Access"),
    Command("registry rule", "dockyard.cli.registry.rule:rule", "Say which tags a project takes.", "Rules"),
    Command("registry retention", "dockyard.cli.registry.retention:retention", "Say what a project keeps.", "Rules"),
    Command("registry label", "dockyard.cli.registry.label:label", "Put words on images.", "Rules"),
    Command("registry quota", "dockyard.cli.registry.quota:quota", "Bound what a project holds.", "Rules"),
    Command("registry exemption", "dockyard.cli.registry.exemption:exemption", "Let an advisory pass.", "Rules"),
    Command("registry policy", "dockyard.cli.registry.policy:policy", "Say what images must be like.", "Rules"),
    Command("registry search", "dockyard.cli.registry.search:search", "Find images by their names.", "Finding"),
    Command("registry advisory", "dockyard.cli.registry.search:advisory", "Find images by advisory.", "Finding"),
    Command("registry audit", "dockyard.cli.registry.audit:audit", "Show and prove what happened.", "Finding"),
    Command("registry webhook", "dockyard.cli.registry.webhook:webhook", "Tell others what happens.", "Elsewhere"),
    Command("registry endpoint", "dockyard.cli.registry.endpoint:endpoint", "Name other registries.", "Elsewhere"),
    Command(
        "registry replication",
        "dockyard.cli.registry.replication:replication",
        "Copy to and from other registries by rule.",
        "Elsewhere",
    ),
    Command("registry verify", "dockyard.cli.registry.verify:verify", "Prove that every image is whole.", "Care"),
    Command("registry import", "dockyard.cli.registry.importing:take", "Take over another registry's folder.", "Care"),
    Command("registry copy", "dockyard.cli.registry.copy:copy", "Copy an image within a registry.", "Care"),
    Command("registry rm", "dockyard.cli.registry.rm:remove", "Remove images, a repository or a project.", "Care"),
    Command("registry openapi", "dockyard.cli.registry.openapi:openapi", "Print the API's document.", "Care"),
    Command("registry jobs", "dockyard.cli.registry.jobs:jobs", "Show and cancel a registry's jobs.", "Care"),
    Command("registry migrate", "dockyard.cli.registry.migrate:migrate", "Change a database's tables.", "Care"),
    Command("sbom", "dockyard.cli.sbom:sbom", "List the packages in an image as CycloneDX or SPDX.", "Trust"),
    Command("scan", "dockyard.cli.scan:scan", "Find the known vulnerabilities of an image.", "Trust"),
    Command("feed", "dockyard.cli.feed:feed", "Compile advisories into the feed that scan reads.", "Trust"),
    Command("keygen", "dockyard.cli.keygen:keygen", "Make a key pair for signing.", "Trust"),
    Command("sign", "dockyard.cli.sign:sign", "Sign an image.", "Trust"),
    Command("verify", "dockyard.cli.verify:verify", "Check an image's signatures.", "Trust"),
    Command("policy", "dockyard.cli.policy:policy", "Judge an image by the policy in dockyard.toml.", "Trust"),
    Command("deploy", "dockyard.cli.deploy:deploy", "Roll an image out on this host.", "Deploy"),
    Command("status", "dockyard.cli.status:status", "Show what runs and how it fares.", "Deploy"),
    Command("logs", "dockyard.cli.logs:logs", "Show an application's log lines.", "Deploy"),
    Command("undo", "dockyard.cli.undo:undo", "Go back to the version that ran before.", "Deploy"),
    Command("stop", "dockyard.cli.stop:stop", "Stop an application.", "Deploy"),
    Command("doctor", "dockyard.cli.doctor:doctor", "Say what this machine can do and what is missing.", "Help"),
    Command("completion", "dockyard.cli.completion:completion", "Let the shell complete commands and options.", "Help"),
)
