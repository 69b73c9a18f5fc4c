"""config.md#root."""

import os

import pytest

from lib import req

EROFS = 30


@req("CFG-ROOT-01")
def test_root_is_missing(ctr):
    del ctr.config["root"]
    ctr.create_fails(naming="root")


@req("CFG-ROOT-02")
@pytest.mark.parametrize("root", [{}, {"path": ""}])
def test_path_is_missing(ctr, root):
    ctr.config["root"] = root
    ctr.create_fails(naming="root.path")


@req("CFG-ROOT-03")
@pytest.mark.parametrize("kind", ["nothing", "a file"])
def test_no_directory_at_path(ctr, kind):
    ctr.config["root"]["path"] = "elsewhere"
    if kind == "a file":
        with open(os.path.join(ctr.bundle.path, "elsewhere"), "w", encoding="ascii"):
            pass
    ctr.create_fails(naming="root.path")


@req("CFG-ROOT-04")
def test_relative_to_the_bundle(ctr):
    ctr.bundle.put("marker", "here\n")
    assert ctr.args("/bin/cat", "/marker").run(cwd="/").ok().stdout == "here\n"


@req("CFG-ROOT-05")
def test_absolute(ctr):
    away = os.path.join(ctr.top, "away")
    os.rename(ctr.bundle.rootfs, away)
    ctr.bundle.rootfs = ctr.config["root"]["path"] = away
    ctr.bundle.put("marker", "away\n")
    assert ctr.args("/bin/cat", "/marker").run().ok().stdout == "away\n"


@req("CFG-ROOT-06")
def test_another_name(ctr):
    tree = os.path.join(ctr.bundle.path, "tree")
    os.rename(ctr.bundle.rootfs, tree)
    ctr.bundle.rootfs, ctr.config["root"]["path"] = tree, "tree"
    assert ctr.sh("echo ran").run().ok().stdout == "ran\n"


@req("CFG-ROOT-07")
def test_readonly(ctr):
    ctr.config["root"]["readonly"] = True
    ctr.config["mounts"].append({"destination": "/mnt", "type": "tmpfs", "source": "t"})
    ctr.bundle.put("/mnt/.keep", "")
    done = ctr.probe("open", "/x", "c", "open", "/mnt/x", "c")["do"]
    assert [a["errno"] for a in done] == [EROFS, 0]
    assert not ctr.bundle.exists("/x")


@req("CFG-ROOT-08")
def test_writable_by_default(ctr):
    done = ctr.probe("open", "/x", "c")["do"]
    assert [a["errno"] for a in done] == [0]
    assert ctr.bundle.exists("/x")
