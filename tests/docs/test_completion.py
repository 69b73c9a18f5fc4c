# SPDX-License-Identifier: Apache-2.0
"""The completions, by the shells themselves: lines are typed into a real bash and zsh, and fish is asked."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

from tap import ROOT, call, eq, has, need, test

FOLDER = os.path.join(ROOT, "contrib", "completion")
BASH = """
bind 'set bell-style none' 'set completion-query-items 0' 'set disable-completion off' 'set enable-bracketed-paste off'
PS1='> '
source {folder}/hull.bash
bind '"\\C-xa": insert-completions'
bind -x '"\\C-xp": printf "\\n<<%s>>\\n" "$READLINE_LINE"'
echo rea''dy
"""
ZSH = """
PS1='> '
fpath=({folder} $fpath)
autoload -Uz compinit && compinit -u -D
unsetopt beep
zstyle ':completion:*' completer _all_matches _complete
zstyle ':completion:*' insert true
zstyle ':completion:*' old-matches false
show() {{ print -r -- ; print -r -- "<<$BUFFER>>" }}
zle -N show
bindkey '^Xp' show
bindkey '^Xa' complete-word
echo rea''dy
"""


class Shell:
    """An interactive shell on a terminal of its own."""

    def __init__(self, argv, setup, cwd):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.chdir(cwd)
            os.environ.update(TERM="dumb", COLUMNS="4000", LC_ALL="C.UTF-8", HISTFILE="")
            os.execvp(argv[0], argv)
        self.pid, self.text = pid, ""
        subprocess.run(["stty", "cols", "4000", "-F", os.ttyname(self.fd)], check=False)
        os.write(self.fd, setup.encode())
        self.wait_for("\nready")

    def wait_for(self, pattern, limit=30):
        end = time.monotonic() + limit
        while not (match := re.search(pattern, self.text)):
            assert time.monotonic() < end, f"no {pattern!r} in {limit} s: {self.text[-2000:]!r}"
            if select.select([self.fd], [], [], 0.2)[0]:
                self.text += os.read(self.fd, 65536).decode(errors="replace").replace("\r", "")
        return match

    def complete(self, line):
        """The line with all its completions in it."""
        self.text = ""
        os.write(self.fd, b"\x15" + line.encode() + b"\x18a\x18p")
        found = self.wait_for(r"<<(.*)>>\n")[1]
        os.write(self.fd, b"\x15")
        return found

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def words(text):
    """Candidates in a line; zsh says --option= for one with a value."""
    return {w.rstrip("=/") for w in text.split()}


class Typed:
    """bash or zsh: what was typed is cut off the line."""

    def __init__(self, argv, setup, cwd):
        self.shell = Shell(argv, setup.format(folder=FOLDER), cwd)

    def __call__(self, line):
        typed = line.split(" ")
        got = self.shell.complete(line)
        before = " ".join(typed[:-1])
        assert got.startswith(before), f"{got!r} does not begin with {before!r}"
        found = got[len(before):]
        if "=" in typed[-1] and typed[-1].startswith("-"): # --option=value: the value is what is completed
            found = found.replace(typed[-1].split("=")[0] + "=", " ")
        return words(found)

    def close(self):
        self.shell.close()


class Fish:
    def __init__(self, cwd):
        self.cwd = cwd

    def __call__(self, line):
        done = subprocess.run(["fish", "--no-config", "-c", f"source {FOLDER}/hull.fish; complete -C '{line}'"], cwd=self.cwd,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                              check=True, env=dict(os.environ, HOME=self.cwd, XDG_CONFIG_HOME=self.cwd))
        eq(done.stderr, "", "stderr of fish")
        found = {row.split("\t")[0].rstrip("/") for row in done.stdout.splitlines()}
        return {w.split("=", 1)[1] if w.startswith("--") and "=" in w else w for w in found}

    def close(self):
        pass


def try_all(desk, complete):
    """The same lines for every shell."""
    desk.create("blue", "--root", desk.box + "/other")
    desk.create("black", "--root", desk.box + "/other")
    desk.create("green")
    try:
        every = complete("hull ")
        assert set(desk.verbs) <= every, f"verbs that are not offered: {set(desk.verbs) - every}"
        eq(complete("hull crea"), {"create"}, "hull crea")
        eq(complete("hull help pau"), {"pause"}, "hull help pau")
        for name, verb in desk.verbs.items():
            wanted = {"--" + o["name"] for o in verb["options"]} | {"--root", "--debug"}
            found = complete(f"hull {name} --")
            assert wanted <= found, f"hull {name} --: {wanted - found} are not offered"
            assert found <= wanted | {"--" + o["name"] for o in desk.tables["options"]}, f"hull {name} --: {found}"
        eq(complete("hull start gr"), {"green"}, "hull start gr")
        eq(complete("hull state "), {"green"}, "hull state")
        eq(complete("hull --debug delete --force "), {"green"}, "ids behind options")
        eq(complete(f"hull --root {desk.box}/other kill bl"), {"blue", "black"}, "ids of another root")
        eq(complete("hull kill green KI"), {"KILL"}, "signals")
        eq(complete("hull --log-level wa"), {"warning"}, "values of --log-level")
        eq(complete("hull --cgroup-manager "), {"cgroupfs", "systemd", "disabled"}, "values of --cgroup-manager")
        eq(complete("hull list --format=js"), {"json"}, "--format=js")
        eq(complete("hull list --format "), {"json", "table"}, "--format")
        eq(complete("hull list -f j"), {"json"}, "-f j")
        eq(complete("hull create --bundle sub"), {"subdir"}, "directories")
        eq(complete("hull update --resources sub"), {"subdir", "subfile"}, "files")
        eq(complete("hull validate sub"), {"subdir"}, "a bundle")
        eq(complete("hull explain HULL-CLI-00"), {f"HULL-CLI-00{i}" for i in range(1, 5)}, "ids of errors")
        eq(complete("hull exec --cap CAP_NET_"), {"CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_RAW"},
           "capabilities")
        eq(complete("hull exec gre"), {"green"}, "hull exec gre")
        assert "--cwd" not in complete("hull exec green ls --c"), "options of hull behind the command of exec"
        assert "green" not in complete("hull run g"), "an id that exists, where a new one is wanted"
    finally:
        complete.close()
        desk.clean_up()
        for name in ("blue", "black"):
            desk.hull("--root", desk.box + "/other", "delete", "--force", name)


def place(desk):
    """A directory with something to complete."""
    cwd = os.path.join(desk.box, "files")
    os.makedirs(cwd + "/subdir", exist_ok=True)
    with open(cwd + "/subfile", "w", encoding="utf-8"):
        pass
    return cwd


@test("completions: they are what `make docs` prints")
def printed(desk):
    call(os.path.join(ROOT, "tools", "completions"), "--check", desk.runtime, FOLDER).ok()


@test("completions: bash")
def in_bash(desk):
    try_all(desk, Typed(["bash", "--norc", "--noprofile", "-i"], BASH, place(desk)))


@test("completions: zsh")
def in_zsh(desk):
    need(shutil.which("zsh"), "needs zsh")
    try_all(desk, Typed(["zsh", "-f", "-i"], ZSH, place(desk)))


@test("completions: fish")
def in_fish(desk):
    need(shutil.which("fish"), "needs fish")
    try_all(desk, Fish(place(desk)))


@test("completions: bash reads the file without a word, and shellcheck has none either")
def quiet(_):
    done = call("bash", "--norc", "-c", f"set -u; source {FOLDER}/hull.bash; complete -p hull").ok()
    has(done.out, "_hull")
    eq(done.err, "", "stderr")
    need(shutil.which("shellcheck"), "needs shellcheck")
    eq(call("shellcheck", "-s", "bash", "-S", "warning", FOLDER + "/hull.bash").out, "", "shellcheck")
