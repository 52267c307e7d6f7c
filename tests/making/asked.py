"""Builds of what is not in the context: URLs, Git repositories, named contexts, by the name of the case."""

from dataclasses import dataclass, field


@dataclass
class Asked:
    """One build. `{http}`, `{git}`, `{first}` … in its texts stand for what the servers have.

    Attributes:
        text: the Dockerfile.
        args: the build arguments.
        contexts: named contexts, as our `--build-context` takes them.
        url: the context itself; the Dockerfile is then the one that it has, or what `filename` says.
        secrets: what is given by id.
    """

    text: str
    args: dict[str, str] = field(default_factory=dict)
    contexts: dict[str, str] = field(default_factory=dict)
    url: str = ""
    filename: str = "Dockerfile"
    secrets: dict[str, str] = field(default_factory=dict)


def _add(words: str) -> Asked:
    return Asked(f"FROM scratch\nADD {words}\n")


def _epoch(value: str, text: str = "", **more: str) -> Asked:
    text = text or "FROM scratch\nARG SOURCE_DATE_EPOCH\nCOPY one /\nLABEL epoch=${SOURCE_DATE_EPOCH-none}\n"
    return Asked(text, {"SOURCE_DATE_EPOCH": value}, more)


_STAGE = "FROM scratch AS when\n{}\nFROM scratch\nARG SOURCE_DATE_EPOCH\nLABEL epoch=${{SOURCE_DATE_EPOCH-none}}\n"


def _stage(lines: str) -> Asked:
    return _epoch("when", _STAGE.format(lines))


ASKED = {
    "url": _add("{http}/file.txt /"),
    "url-to-name": _add("{http}/file.txt /d/name"),
    "url-undated": _add("{http}/undated /d/"),
    "url-odd-date": _add("{http}/odd-date /d/"),
    "url-two": _add("{http}/file.txt {http}/undated /d/"),
    "url-two-no-slash": _add("{http}/file.txt {http}/undated /d"),
    "url-query": _add("{http}/file.txt?a=b&c=d /d/"),
    "url-no-name": _add("{http}/ /d/"),
    "url-folder-name": _add("{http}/folder/ /d/"),
    "url-escaped": _add("{http}/with%20space /d/"),
    "url-redirected": _add("{http}/redirect /d/"),
    "url-disposition": _add("{http}/disposition /d/"),
    "url-missing": _add("{http}/missing /d/"),
    "url-chmod": _add("--chmod=4711 {http}/file.txt /d/"),
    "url-chown": _add("--chown=3:4 {http}/file.txt /d/"),
    "url-link": _add("--link {http}/file.txt /d/"),
    "url-exclude": _add("--exclude=file.txt {http}/file.txt /d/"),
    "url-checksum": _add("--checksum={sum} {http}/file.txt /d/"),
    "url-checksum-wrong": _add("--checksum={wrong} {http}/file.txt /d/"),
    "url-checksum-bad": _add("--checksum=sha256:12 {http}/file.txt /d/"),
    "url-checksum-two": _add("--checksum={sum} {http}/file.txt {http}/undated /d/"),
    "url-checksum-local": _add("--checksum={sum} one /d/"),
    "url-checksum-arg": Asked("FROM scratch\nARG S={sum}\nADD --checksum=${{S}} {http}/file.txt /d/\n"),
    "url-archive": _add("{http}/arch.tar.gz /d/"),
    "url-archive-unpack": _add("--unpack {http}/arch.tar.gz /d/"),
    "url-archive-unpack-chown": _add("--unpack --chown=3:4 {http}/arch.tar.gz /d/"),
    "url-unpack-no-archive": _add("--unpack=true {http}/file.txt /d/"),
    "url-and-local": _add("{http}/file.txt one /d/"),
    "url-keep-git-dir": _add("--keep-git-dir {http}/file.txt /d/"),
    "url-scheme-upper": _add("HTTP://x/file /d/"),
    "url-arg": Asked("FROM scratch\nARG U={http}\nADD $U/file.txt /d/\n"),
    "copy-url": Asked("FROM scratch\nCOPY {http}/file.txt /d/\n"),
    "copy-git": Asked("FROM scratch\nCOPY {git} /d/\n"),
    "git": _add("{git} /d/"),
    "git-no-slash": _add("{git} /d"),
    "git-chown": _add("--chown=3:4 {git} /d/"),
    "git-chmod": _add("--chmod=640 {git} /d/"),
    "git-exclude": _add("--exclude=sub {git} /d/"),
    "git-link": _add("--link {git} /d/"),
    "git-branch": _add("{git}#dev/x /d/"),
    "git-tag": _add("{git}#v1 /d/"),
    "git-light-tag": _add("{git}#light /d/"),
    "git-full-ref": _add("{git}#refs/heads/dev/x /d/"),
    "git-heads-ref": _add("{git}#heads/dev/x /d/"),
    "git-commit": _add("{git}#{first} /d/"),
    "git-short-commit": _add("{git}#{short} /d/"),
    "git-none": _add("{git}#none /d/"),
    "git-subdir": _add("{git}#main:sub /d/"),
    "git-subdir-dots": _add("{git}#main:sub/../sub/./deep /d/"),
    "git-subdir-out": _add("{git}#main:../.. /d/"),
    "git-subdir-none": _add("{git}#main:none /d/"),
    "git-subdir-file": _add("{git}#main:one /d/"),
    "git-subdir-link": _add("{git}#main:tosub /d/"),
    "git-checksum": _add("--checksum={last} {git} /d/"),
    "git-checksum-short": _add("--checksum={lastshort} {git} /d/"),
    "git-checksum-3": _add("--checksum={last3} {git} /d/"),
    "git-checksum-other": _add("--checksum={first} {git} /d/"),
    "git-checksum-tag-commit": _add("--checksum={first} {git}#v1 /d/"),
    "git-checksum-tag-object": _add("--checksum={tag} {git}#v1 /d/"),
    "git-checksum-bad": _add("--checksum=xyz {git} /d/"),
    "git-checksum-and-commit": _add("--checksum={short} {git}#{first} /d/"),
    "git-q-ref": _add("{git}?ref=dev/x /d/"),
    "git-q-branch": _add("{git}?branch=dev/x /d/"),
    "git-q-branch-is-tag": _add("{git}?branch=v1 /d/"),
    "git-q-tag": _add("{git}?tag=v1 /d/"),
    "git-q-tag-commit": _add("{git}?tag=v1&commit={first} /d/"),
    "git-q-tag-commit-other": _add("{git}?tag=v1&commit={last} /d/"),
    "git-q-subdir": _add("{git}?subdir=sub&branch=main /d/"),
    "git-q-checksum": _add("{git}?checksum={last} /d/"),
    "git-q-checksum-both": _add("--checksum={first} {git}?checksum={last} /d/"),
    "git-q-tag-and-branch": _add("{git}?tag=v1&branch=main /d/"),
    "git-q-ref-and-branch": _add("{git}?ref=main&branch=main /d/"),
    "git-q-ref-full-and-branch": _add("{git}?ref=refs/heads/main&branch=main /d/"),
    "git-q-and-fragment": _add("{git}?subdir=sub#main /d/"),
    "git-q-and-fragment-conflict": _add("{git}?ref=main#v1 /d/"),
    "git-q-unknown": _add("{git}?what=1 /d/"),
    "git-q-empty-ref": _add("{git}?ref= /d/"),
    "git-q-twice": _add("{git}?ref=main&ref=main /d/"),
    "git-q-mtime": _add("{git}?mtime=commit /d/"),
    "git-q-mtime-bad": _add("{git}?mtime=never /d/"),
    "git-q-fetch-by-commit": _add("{git}?branch=main&checksum={first}&fetch-by-commit /d/"),
    "git-q-fetch-by-commit-sha": _add("{git}?ref={first}&fetch-by-commit=true /d/"),
    "git-q-fetch-by-commit-none": _add("{git}?fetch-by-commit /d/"),
    "git-q-fetch-by-commit-short": _add("{git}?checksum={short}&fetch-by-commit /d/"),
    "git-q-fetch-by-commit-bad": _add("{git}?fetch-by-commit=yes /d/"),
    "git-q-keep-bad": _add("{git}?keep-git-dir=yes /d/"),
    "git-q-keep-conflict": _add("--keep-git-dir=false {git}?keep-git-dir /d/"),
    "git-q-keep-subdir": _add("{git}?keep-git-dir&subdir=sub /d/"),
    "git-submodules": _add("{outer} /d/"),
    "git-submodules-off": _add("{outer}?submodules=false /d/"),
    "epoch-context": _epoch("context"),
    "epoch-unknown": _epoch("nothing"),
    "epoch-named-git": _epoch("other", other="{git}"),
    "epoch-named-git-tag": _epoch("other", other="{git}#v1"),
    "epoch-named-folder": _epoch("other", other="{folder}"),
    "epoch-named-image": _epoch("other", other="{layout}"),
    "epoch-global": Asked(
        "ARG SOURCE_DATE_EPOCH=1234\nFROM scratch\nARG SOURCE_DATE_EPOCH\nLABEL e=$SOURCE_DATE_EPOCH\n"
    ),
    "epoch-global-name": Asked(
        "ARG SOURCE_DATE_EPOCH=when\n" + _STAGE.format("ADD {git} /"),
    ),
    "epoch-stage-git": _stage("ADD {git} /"),
    "epoch-stage-url": _stage("ADD {http}/file.txt /"),
    "epoch-stage-url-undated": _stage("ADD {http}/undated /"),
    "epoch-stage-archive-undated": _stage("ADD {http}/undated.tar /"),
    "epoch-stage-two": _stage("ADD {http}/file.txt /\nADD {http}/undated /"),
    "epoch-stage-two-sources": _stage("ADD {http}/file.txt {http}/undated /"),
    "epoch-stage-more": _stage("ADD {http}/file.txt /\nLABEL a=b"),
    "epoch-stage-local": _stage("ADD one /"),
    "epoch-stage-none": _stage(""),
    "epoch-stage-arg": _stage("ARG U={http}\nADD $U/file.txt /"),
    "named-folder": Asked("FROM scratch\nCOPY --from=other . /d/\n", {}, {"other": "{folder}"}),
    "named-folder-from": Asked("FROM other\nCOPY one /\n", {}, {"other": "{folder}"}),
    "named-git": Asked("FROM scratch\nCOPY --from=other . /d/\n", {}, {"other": "{git}#v1"}),
    "named-git-mtime": Asked("FROM scratch\nCOPY --from=other . /d/\n", {}, {"other": "{git}?mtime=commit"}),
    "named-layout": Asked("FROM other\nCOPY one /\nCOPY --from=other f /g\n", {}, {"other": "{layout}"}),
    "named-over-stage": Asked(
        "FROM scratch AS other\nCOPY one /x\nFROM scratch\nCOPY --from=other . /d/\n", {}, {"other": "{folder}"}
    ),
    "named-nothing": Asked(
        "FROM other\nCOPY one /\nCMD x\nFROM scratch\nCOPY --from=0 / /a/\nCOPY --from=other / /d/\n",
        {},
        {"other": "docker-image://scratch"},
    ),
    "named-nothing-from": Asked("FROM other\nCOPY one /\nCMD x\n", {}, {"other": "docker-image://scratch"}),
    "named-over-from-stage": Asked("FROM scratch AS other\nCOPY one /x\nFROM other\n", {}, {"other": "{layout}"}),
    "named-upper": Asked("FROM scratch\nCOPY --from=OTHER . /d/\n", {}, {"other": "{folder}"}),
    "named-given-upper": Asked("FROM scratch\nCOPY --from=other . /d/\n", {}, {"OTHER": "{folder}"}),
    "named-mount": Asked(
        "FROM busybox\nRUN --mount=from=other,target=/m cp /m/named.txt /n\n", {}, {"other": "{folder}"}
    ),
    "secret": Asked(
        "FROM busybox\nRUN --mount=type=secret,id=a,required wc -c /run/secrets/a > /n\n"
        "RUN --mount=type=secret,id=a,target=/t,mode=0640,uid=3,gid=4 ls -ln /t | cut -c1-30 > /m\n"
        "RUN --mount=type=secret,id=a,env=A echo ${#A} > /e\n"
        "RUN --mount=type=secret,id=b cat /run/secrets/b > /b || true\n",
        secrets={"a": "hidden"},
    ),
    "secret-required-missing": Asked("FROM busybox\nRUN --mount=type=secret,id=b,required true\n"),
    "secret-env-missing": Asked("FROM busybox\nRUN --mount=type=secret,id=b,env=B echo ${B-unset} > /e\n"),
    "secret-env-and-target": Asked(
        "FROM busybox\nRUN --mount=type=secret,id=a,env=A,target=/t echo ${#A} $(wc -c /t) > /e\n", secrets={"a": "xy"}
    ),
    "secret-relative-target": Asked(
        "FROM busybox\nWORKDIR /w\nRUN --mount=type=secret,id=a,target=t wc -c t > /e\n", secrets={"a": "xy"}
    ),
    "ssh-not-given": Asked("FROM busybox\nRUN --mount=type=ssh env | grep -c SSH > /e || true\n"),
    "ssh-required": Asked("FROM busybox\nRUN --mount=type=ssh,required true\n"),
    "context-git": Asked("", url="{outer}#main"),
    "context-git-mtime": Asked("", url="{outer}?mtime=commit"),
    "context-git-epoch": Asked("", {"SOURCE_DATE_EPOCH": "context"}, url="{outer}"),
    "context-git-epoch-number": Asked("", {"SOURCE_DATE_EPOCH": "1400000000"}, url="{outer}"),
    "context-git-subdir": Asked("", url="{git}#main:sub"),
    "context-git-bad": Asked("", url="{git}?what=1"),
    "context-git-ignored": Asked("", url="{ignored}"),
    "context-git-subdir-deep": Asked("", url="{ignored}#main:deep/er"),
    "context-git-subdir-missing": Asked("", url="{ignored}#main:nothing"),
    "context-git-subdir-tag": Asked("", url="{ignored}#v1:deep/er"),
    "context-git-subdir-file": Asked("", url="{ignored}#main:deep", filename="other.Dockerfile"),
    "context-http-archive": Asked("", url="{http}/context.tar.gz"),
    "context-http-archive-file": Asked("", url="{http}/context.tar.gz", filename="sub/other"),
    "context-http-archive-file-missing": Asked("", url="{http}/context.tar.gz", filename="nothing"),
    "context-http-dockerfile": Asked("", url="{http}/Dockerfile.txt"),
    "context-http-dockerfile-named": Asked("", url="{http}/Dockerfile.txt", filename="other"),
    "context-http-missing": Asked("", url="{http}/missing"),
    "context-http-no-dockerfile": Asked("", url="{http}/arch.tar.gz"),
    "context-http-broken": Asked("", url="{http}/broken.tar.gz"),
    "context-http-epoch": Asked("", {"SOURCE_DATE_EPOCH": "context"}, url="{http}/context.tar.gz"),
    "context-http-epoch-undated": Asked("", {"SOURCE_DATE_EPOCH": "context"}, url="{http}/undated-context.tar"),
    "context-git-file": Asked("", url="{outer}", filename="other.Dockerfile"),
}
