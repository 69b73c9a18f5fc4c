"""bundle.md, glossary.md#json, config.md#specification-version."""

import json
import os

import pytest

from lib import assert_names, assert_says, req


@req("BND-01")
@pytest.mark.parametrize("where", [None, "Config.json", "sub/config.json"])
def test_config_is_missing(ctr, where):
    wanted = ctr.bundle.write()
    if where:
        os.makedirs(os.path.join(ctr.bundle.path, os.path.dirname(where)), exist_ok=True)
        os.rename(wanted, os.path.join(ctr.bundle.path, where))
    else:
        os.unlink(wanted)
    result = ctr.create_fails(write=False)
    assert_says(wanted.replace(".", r"\."), result.stderr)


@req("BND-02")
def test_rootfs_is_missing(ctr):
    os.rename(ctr.bundle.rootfs, ctr.bundle.rootfs + "-away")
    ctr.create_fails(naming="root.path")


@req("BND-03")
def test_name_of_the_bundle(ctr):
    path = os.path.join(ctr.top, "a bündle ☂ \"of\" its own")
    os.rename(ctr.bundle.path, path)
    ctr.bundle.path, ctr.bundle.rootfs = path, os.path.join(path, "rootfs")
    ctr.sh("echo ran").created()
    assert ctr.state()["bundle"] == path
    ctr.start().ok()
    assert ctr.finish() == (0, "ran\n")


@req("GLO-01")
def test_not_utf8(ctr):
    ctr.config["hostname"] = "xHEREx"
    ctr.bundle.raw = json.dumps(ctr.config).encode().replace(b"HERE", b"\xff")
    result = ctr.create_fails()
    assert_says(r"config\.json", result.stderr)


@req("GLO-02")
@pytest.mark.parametrize("name,old,new", [
    ("hostname", '"hostname": "one"', '"hostname": "one", "hostname": "two"'),
    ("cwd", '"cwd": "/"', '"cwd": "/", "cwd": "/"'),
    ("cgroupsPath", '"namespaces":', '"cgroupsPath": "/a", "cgroupsPath": "/b", "namespaces":'),
], ids=["top", "process", "linux"])
def test_doubled_names(ctr, name, old, new):
    ctr.config["hostname"] = "one"
    text = json.dumps(ctr.config)
    assert old in text
    ctr.bundle.raw = text.replace(old, new)
    result = ctr.create_fails()
    assert_names([name, f"process.{name}", f"linux.{name}"], result.stderr)


def reversed_order(value):
    if isinstance(value, dict):
        return {k: reversed_order(value[k]) for k in reversed(list(value))}
    if isinstance(value, list):
        return [reversed_order(v) for v in value]
    return value


@req("GLO-03")
def test_order_of_members(ctr):
    ctr.sh("echo $A; hostname; id -u")
    ctr.process["env"].append("A=b")
    ctr.config["hostname"] = "conform"
    ctr.bundle.raw = json.dumps(reversed_order(ctr.config))
    assert ctr.run().ok().stdout == "b\nconform\n0\n"


@req("CFG-VER-01")
def test_version_is_missing(ctr):
    del ctr.config["ociVersion"]
    ctr.create_fails(naming="ociVersion")


@req("CFG-VER-02")
@pytest.mark.parametrize("version", ["1.0", "v1.0.0", "1.0.0.0", "01.0.0", "", 1, "1.0.0-", "1.0.x"])
def test_version_is_not_semver(ctr, version):
    ctr.config["ociVersion"] = version
    result = ctr.create_fails(naming="ociVersion")
    if version:
        assert_says(str(version).replace(".", r"\."), result.stderr)


@req("CFG-VER-03", "CFG-VER-04")
@pytest.mark.parametrize("version", ["1.0.2-dev", "1.3.0-rc.1", "1.3.0+build.5", "1.0.0", "1.0.2",
                                     "1.1.0", "1.2.1", "1.3.0"])
def test_version_is_fine(ctr, version):
    ctr.config["ociVersion"] = version
    assert ctr.sh("echo ran").run().ok().stdout == "ran\n"


@req("CFG-VER-05")
@pytest.mark.parametrize("version", ["2.0.0", "0.9.0"])
def test_another_major(ctr, version, record_property):
    ctr.config["ociVersion"] = version
    result = ctr.args("/bin/true").run()
    record_property(f"ociVersion {version}", "refused" if result.code else "taken")
    if ctr.rt.is_hull:
        assert_names("ociVersion", result.failed().stderr)


@req("CFG-VER-05")
def test_a_newer_minor(ctr, record_property):
    ctr.config["ociVersion"] = "1.99.0"
    result = ctr.sh("echo ran").run()
    record_property("ociVersion 1.99.0", "refused" if result.code else "taken")
    if ctr.rt.is_hull:
        assert result.ok().stdout == "ran\n"
        assert_names("ociVersion", result.stderr)
