# SPDX-License-Identifier: Apache-2.0
"""buildah: RUN steps by --isolation oci."""

import os
import shutil

from tap import call, eq, has, need, test


def buildah(c, *args):
    need(shutil.which("buildah"), "buildah is not installed")
    return call("buildah", *args)


@test("buildah run --isolation oci: output, exit status, what is written stays")
def run(c):
    image = c.image()
    name = buildah(c, "from", "--pull-never", "--isolation", "oci", "--cgroup-parent", c.parent + "/buildah", image).ok().out.strip()
    how = ["run", "--isolation", "oci", "--runtime", c.runtime, "--network", "none"]
    r = buildah(c, *how, name, "sh", "-c", "echo made >/made; id -u; pwd").ok()
    eq(r.out, "0\n/\n", "output")
    r = buildah(c, *how, name, "sh", "-c", "cat /made; exit 3")
    has(r.out, "made")
    eq(r.code, 3, "exit status")
    r = buildah(c, *how, name, "no-such-program")
    assert r.code, r
    has(r.err, "executable file not found")
    buildah(c, "rm", name).ok()
    c.nothing_left()


@test("buildah bud: two stages, RUN in each, COPY --from")
def bud(c):
    image = c.image()
    context = c.path("context")
    os.makedirs(context)
    with open(f"{context}/Containerfile", "w", encoding="ascii") as f:
        f.write(f"FROM {image} AS one\nRUN mkdir /out && echo built as $(id -u) >/out/file\n"
                f"FROM {image}\nUSER alice\nWORKDIR /work\nCOPY --from=one /out/file /work/file\n"
                'RUN ["sh", "-c", "cat /work/file; id -u >/tmp/who"]\nCMD ["cat", "/work/file", "/tmp/who"]\n')
    r = buildah(c, "bud", "--isolation", "oci", "--runtime", c.runtime, "--network", "none", "--cgroup-parent", c.parent + "/buildah",
                "--layers=false", "-t", "localhost/two", context).ok()
    has(r.out, "built as 0")
    r = c.podman("run", "--rm", "--cgroup-parent", c.parent, "localhost/two").ok()
    eq(r.out, "built as 0\n1000\n", "the image's command")
    r = buildah(c, "bud", "--isolation", "oci", "--runtime", c.runtime, "--network", "none", "-f", "-", context)
    assert r.code, r
    c.nothing_left()
