"""Holds the statistics of `compare_variants` against SciPy, on a thousand random tables.

Everything is worked out here again from its definition: nothing of ours is used but the numbers it printed.

    compare.py PROGRAM
"""

import json
import math
import subprocess
import sys

import numpy as np
from scipy import special, stats

TABLES = 1_000
SEED = 20_260_302
# Agreement to four digits.
ALLOWED = 5e-5


def tables():
    """Arms of tens to hundreds of thousands of people, alike and not, some of them dealt out otherwise than planned."""
    random = np.random.default_rng(SEED)
    for _ in range(TABLES):
        count = int(random.choice([2, 2, 2, 3, 4]))
        size = 10 ** random.uniform(1.3, 5.3)
        split = [1.0] * count if random.random() < 0.7 else [float(share) for share in random.integers(1, 10, count)]
        tilt = random.normal(1, 0.15, count) if random.random() < 0.2 else np.ones(count)
        shares = np.clip(np.array(split) * tilt, 0.01, None)
        sent = [int(number) for number in random.multinomial(int(size) * count, shares / shares.sum())]
        sent = [max(number, 1) for number in sent]
        reached = [max(int(random.binomial(number, 0.97)), 1) for number in sent]
        rate = random.beta(0.7, 4)
        rates = np.clip(rate * (1 + random.normal(0, random.choice([0, 0.03, 0.2]), count)), 0, 1)
        arms = [[int(random.binomial(n, p)), n] for n, p in zip(reached, rates)]
        yield {"arms": arms, "sent": sent, "split": split, "relevant": float(random.choice([0.05, 0.1, 0.5]))}


# Where the beliefs of all arms are cut, in shares of each, and how many points each piece is taken at.
LEVELS = [1e-14, 1e-9, 1e-6, 1e-4, 1e-2, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1 - 1e-4, 1 - 1e-6, 1 - 1e-9]
NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)


def probability_best(arms):
    """The chance of each arm to have the highest rate: the density of its own belief times the others' distribution
    functions. Taken over the angle whose squared sine is the rate, in which Jeffreys' densities stay bounded."""
    beliefs = [(s + 0.5, n - s + 0.5) for s, n in arms]
    marks = [special.betaincinv(a, b, LEVELS) for a, b in beliefs]
    cuts = np.unique(np.concatenate([[0, np.pi / 2], np.arcsin(np.sqrt(np.concatenate(marks)))]))
    middle, half = (cuts[1:] + cuts[:-1]) / 2, (cuts[1:] - cuts[:-1]) / 2
    angle = (middle[:, None] + half[:, None] * NODES).ravel()
    weight = (half[:, None] * WEIGHTS).ravel()
    rate, below = np.sin(angle) ** 2, []
    for a, b in beliefs:
        below.append(special.betainc(a, b, rate))
    chances = []
    for own, (a, b) in enumerate(beliefs):
        logarithm = np.log(2) + (2 * a - 1) * np.log(np.sin(angle)) + (2 * b - 1) * np.log(np.cos(angle))
        others = [distribution for arm, distribution in enumerate(below) if arm != own]
        chances.append(float(np.sum(weight * np.exp(logarithm - special.betaln(a, b)) * np.prod(others, axis=0))))
    return chances


def same_rate(one, other):
    (s, n), (t, m) = one, other
    pooled = (s + t) / (n + m)
    if pooled in (0, 1):
        return 1.0
    z = (s / n - t / m) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return 2 * stats.norm.sf(abs(z))


def expected(table):
    arms, relevant = table["arms"], table["relevant"]
    rates = [s / n for s, n in arms]
    order = sorted(range(len(arms)), key=lambda arm: -rates[arm])
    leader, following = order[0], order[1]
    intervals = [list(stats.binomtest(s, n).proportion_ci(0.95, method="wilson")) for s, n in arms]
    total, whole = sum(table["sent"]), sum(table["split"])
    split_p = stats.chisquare(table["sent"], [total * share / whole for share in table["split"]]).pvalue
    difference_p = min(same_rate(arms[leader], arms[following]) * (len(arms) - 1), 1.0)
    power = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    p, q = rates[leader], rates[following]
    needed = math.ceil(power**2 * (p * (1 - p) + q * (1 - q)) / (p - q) ** 2) if p != q else None
    needed = needed if needed != 0 else None
    successes, people = sum(s for s, _ in arms), sum(n for _, n in arms)
    fewest, pooled = min(n for _, n in arms), successes / people
    would_show = power * math.sqrt(2 * pooled * (1 - pooled) / fewest) / pooled if pooled > 0 else None
    if split_p < 0.001:
        verdict = "split_broken"
    elif fewest < 100 or successes < 10:
        verdict = "too_early"
    elif difference_p < 0.05:
        verdict = f"better {leader}" if needed is not None and fewest >= needed else "too_early"
    else:
        verdict = "no_difference" if would_show is not None and would_show <= relevant else "too_early"
    return {
        "rates": rates,
        "intervals": intervals,
        "best": probability_best(arms),
        "split_p": split_p,
        "difference_p": difference_p,
        "needed": needed,
        "would_show": would_show,
        "verdict": verdict,
    }


def flat(value):
    return [number for part in value for number in flat(part)] if isinstance(value, list) else [value]


def deviation(name, ours, theirs):
    """Of probabilities the difference itself; of what can be large or tiny, the difference as a share of it."""
    largest = 0.0
    for one, other in zip(flat(ours), flat(theirs), strict=True):
        if one is None or other is None:
            largest = max(largest, 0.0 if one is other else math.inf)
            continue
        apart = abs(one - other)
        if name in ("needed", "would_show", "split_p", "difference_p") and abs(other) > 1e-300:
            # One person more or less is how a whole number is rounded.
            apart = max(apart - (1 if name == "needed" else 0), 0) / abs(other)
        largest = max(largest, apart)
    return largest


def main():
    asked = list(tables())
    lines = "".join(json.dumps(table) + "\n" for table in asked)
    run = subprocess.run([sys.argv[1]], input=lines, capture_output=True, text=True, check=True)
    said = [json.loads(line) for line in run.stdout.splitlines()]
    if len(said) != TABLES:
        sys.exit(f"{len(said)} answers to {TABLES} tables")
    largest, wrong, verdicts = {}, [], {}
    for table, ours in zip(asked, said):
        theirs = expected(table)
        if set(ours) != set(theirs):
            sys.exit(f"{sorted(ours)} is not {sorted(theirs)}")
        verdicts[theirs["verdict"].split()[0]] = verdicts.get(theirs["verdict"].split()[0], 0) + 1
        if ours["verdict"] != theirs["verdict"]:
            wrong.append((table, "verdict", ours["verdict"], theirs["verdict"]))
        for name in theirs.keys() - {"verdict"}:
            apart = deviation(name, ours[name], theirs[name])
            largest[name] = max(largest.get(name, 0.0), apart)
            if not apart <= ALLOWED:
                wrong.append((table, name, ours[name], theirs[name]))
    for name in sorted(largest):
        print(f"{name:<13} largest deviation {largest[name]:.1e}")
    print("verdicts      " + ", ".join(f"{count} {name}" for name, count in sorted(verdicts.items())))
    print(f"{TABLES} tables, {len(wrong)} deviations above {ALLOWED:.0e}; the largest of all is {max(largest.values()):.1e}")
    for table, name, ours, theirs in wrong[:5]:
        print(f"not ok {name}: {ours} is not {theirs} of {json.dumps(table)}")
    if wrong:
        sys.exit(1)


main()
