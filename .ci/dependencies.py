"""Holds the locked dependencies to deny.toml: licences, bans, sources, wildcards. Exit code 1 names what does not fit.

What `cargo deny check bans licenses sources` does, for machines that do not have it: installing it takes longer than
all of our tests.
"""

import json
import re
import subprocess
import sys
import tomllib


def allowed(expression, licences):
    """Whether an SPDX expression can be met by the licences; `/` is how old crates write OR."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def alternatives():
        met = conjunction()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            # No short cut: the tokens of the other side must be read either way.
            met = conjunction() or met
        return met

    def conjunction():
        met = licence()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            met = licence() and met
        return met

    def licence():
        token = tokens.pop(0)
        if token == "(":
            met = alternatives()
            tokens.pop(0)
            return met
        if tokens and tokens[0] == "WITH":
            token = f"{token} WITH {tokens[1]}"
            del tokens[:2]
        return token in licences

    return alternatives() and not tokens


def faults(packages, rules):
    licences = set(rules["licenses"]["allow"])
    banned = {entry["crate"]: entry.get("use-instead", "nothing") for entry in rules["bans"]["deny"]}
    sources = {f"registry+{registry}" for registry in rules["sources"]["allow-registry"]}
    for package in packages:
        name = f"{package['name']} {package['version']}"
        if not package["license"] or not allowed(package["license"], licences):
            yield f"{name}: licence {package['license'] or 'not stated'} is not allowed"
        if package["name"] in banned:
            yield f"{name}: is banned; use {banned[package['name']]}"
        if package["source"] is not None and package["source"] not in sources:
            yield f"{name}: comes from {package['source']}"
        if package["source"] is None:
            for dependency in package["dependencies"]:
                if dependency["req"] == "*":
                    yield f"{name}: any version of {dependency['name']} would do; say which"


def prove():
    """The rules find what is planted."""
    assert allowed("(MIT OR X) AND ISC", {"MIT", "ISC"}) and allowed("X/MIT", {"MIT"})
    assert not allowed("MIT AND X", {"MIT"}) and not allowed("A WITH B", {"A"}) and not allowed("X OR Y", {"MIT"})


prove()
with open("deny.toml", "rb") as file:
    rules = tomllib.load(file)
command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
packages = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["packages"]
found = list(faults(packages, rules))
print("\n".join(found) or f"{len(packages)} packages fit deny.toml")
sys.exit(1 if found else 0)
