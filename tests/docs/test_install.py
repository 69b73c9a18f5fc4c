# SPDX-License-Identifier: Apache-2.0
"""`make install`: the program, every page, the completions; `make uninstall` takes them away again."""

import json
import os
import shutil
import subprocess

from tap import call, eq, has, need, test


def files_below(path):
    return {os.path.relpath(os.path.join(d, name), path) for d, _, names in os.walk(path) for name in names}


def found_by_shells(share, desk):
    """Each shell loads its file by itself, when it is asked to complete hull."""
    env = dict(os.environ, XDG_DATA_DIRS=share, HOME=desk.box)
    library = "/usr/share/bash-completion/bash_completion"
    if os.path.exists(library):
        done = call("bash", "--norc", "-c", f"source {library}; _completion_loader hull; complete -p hull", env=env)
        has(done.out, "-F _hull hull")
    if shutil.which("fish"):
        eq(call("fish", "-c", "complete -C 'hull crea'", env=env).ok().out.split("\t")[0], "create", "fish")
    if shutil.which("zsh"):
        done = call("zsh", "-f", "-c", f"fpath=({share}/zsh/site-functions $fpath); autoload -Uz compinit; compinit -u -D; "
                    "print $_comps[hull]", env=env)
        eq(done.ok().out.strip(), "_hull", "zsh")


@test("install: program, pages and completions are where they are looked for, and uninstall leaves nothing")
def install(desk):
    build = os.path.dirname(desk.runtime)
    need(os.path.exists(os.path.join(build, "build.ninja")), "the runtime is not in a build directory")
    top = os.path.join(desk.box, "stage")
    told = subprocess.run(["meson", "introspect", "--buildoptions", build], stdout=subprocess.PIPE, check=True, timeout=60)
    prefix = next(o["value"] for o in json.loads(told.stdout) if o["name"] == "prefix").strip("/")
    env = dict(os.environ, DESTDIR=top)
    # a copy of the build directory's notes: the real one remembers what `make install` put on this host
    log = os.path.join(build, "meson-logs", "install-log.txt")
    kept = os.path.exists(log) and shutil.copy(log, os.path.join(desk.box, "install-log"))
    try:
        call("meson", "install", "-C", build, "--no-rebuild", "--quiet", env=env).ok()
        found = files_below(os.path.join(top, prefix))
        wanted = {"bin/hull", "share/man/man8/hull.8", *(f"share/man/man8/hull-{verb}.8" for verb in desk.verbs),
                  "share/bash-completion/completions/hull", "share/zsh/site-functions/_hull",
                  "share/fish/vendor_completions.d/hull.fish"}
        assert wanted <= found, f"not installed: {sorted(wanted - found)}"
        out = call("man", "-M", os.path.join(top, prefix, "share/man"), "-w", "hull-exec").ok().out
        eq(out.strip(), os.path.join(top, prefix, "share/man/man8/hull-exec.8"), "where man finds it")
        found_by_shells(os.path.join(top, prefix, "share"), desk)
        call("ninja", "-C", build, "uninstall", env=env).ok()
        eq(files_below(top), set(), "what uninstall leaves")
    finally:
        if kept:
            shutil.copy(kept, log)
