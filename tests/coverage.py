"""Reports what `llvm-cov export` measured; `tests/coverage` runs it.

    coverage.py SOURCES EXPORT LEFT_OUT LIMIT

SOURCES is the folder that counts, EXPORT the path of the export without its endings (`.lcov` and
`.json`), LIMIT the least share of lines in percent. Tests inside the sources (`#[cfg(test)]`
modules) do not count. LEFT_OUT says what else does not, and why; see its head.
"""

import fnmatch
import json
import os
import re
import sys


def is_test(path, lines):
    """The numbers of the lines of `#[cfg(test)]` items, which rustfmt ends with a bare brace."""
    found = set()
    at = 0
    while at < len(lines):
        if re.match(r"#\[cfg\((all\()?test\b", lines[at]):
            end = at
            while lines[end].startswith("#"):
                end += 1
            if lines[end].endswith("{"):
                while lines[end] != "}":
                    end += 1
            found.update(range(at + 1, end + 2))
            at = end
        at += 1
    # A module of tests in a file of its own.
    if os.path.basename(path) == "tests.rs" or "/tests/" in path:
        found.update(range(1, len(lines) + 1))
    return found


def block(lines, at):
    """The numbers of the line at index `at` and, if it opens a block or a function, of those up to its end."""
    line = lines[at]
    if not re.search(r"\{$|\bfn\b.*\($", line):
        return {at + 1}
    indent = len(line) - len(line.lstrip())
    end = at + 1
    while end < len(lines) and not re.match(r" {%d}\}" % indent, lines[end]):
        end += 1
    return set(range(at + 1, end + 2))


def left_out(path, sources):
    """Reads the list: per file the numbers of the lines that do not count; the list to print; what is wrong."""
    out = {name: set() for name in sources}
    shown, wrong = [], []
    with open(path, encoding="utf-8") as file:
        entries = [line.strip() for line in file]
    for entry in entries:
        if not entry or entry.startswith("#"):
            continue
        what, mark, reason = entry.rpartition(" # ")
        if not mark or not reason.strip():
            wrong.append(f"no reason: {entry}")
            continue
        pattern, colon, text = what.partition(": ")
        text = text.strip()
        count = 0
        for name, lines in sources.items():
            if not fnmatch.fnmatchcase(name, pattern.strip()):
                continue
            if not colon:
                out[name].update(range(1, len(lines) + 1))
                count += len(lines)
                continue
            for at, line in enumerate(lines):
                if line.strip() == text:
                    found = block(lines, at)
                    out[name] |= found
                    count += len(found)
        if count:
            shown.append(f"{what.strip()} ({count} lines): {reason.strip()}")
        else:
            wrong.append(f"matches nothing: {entry}")
    return out, shown, wrong


def read_lines(path, names):
    """Per file: line number to how often it ran."""
    found, name = {}, None
    with open(path, encoding="utf-8") as file:
        for record in file:
            kind, _, value = record.strip().partition(":")
            if kind == "SF":
                name = names.get(os.path.realpath(value))
            elif kind == "DA" and name:
                line, count = value.split(",")[:2]
                counts = found.setdefault(name, {})
                counts[int(line)] = max(counts.get(int(line), 0), int(count))
    return found


def read_regions(path, names):
    """Per file: region to how often it ran, whatever crate and type a function was built for."""
    found = {}
    with open(path, encoding="utf-8") as file:
        functions = json.load(file)["data"][0]["functions"]
    for function in functions:
        for *place, count, source, _, kind in function["regions"]:
            name = names.get(os.path.realpath(function["filenames"][source]))
            if name and kind == 0:
                counts = found.setdefault(name, {})
                counts[tuple(place)] = counts.get(tuple(place), 0) + count
    return found


def ranges(numbers):
    """`1-3, 7` of 1, 2, 3, 7."""
    parts = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(f"{a}-{b}" if a < b else str(a) for a, b in parts)


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def main():
    folder, export, list_path, limit = sys.argv[1:]
    sources = {}
    for where, _, files in os.walk(folder):
        for file in files:
            if file.endswith(".rs"):
                path = os.path.join(where, file)
                with open(path, encoding="utf-8") as text:
                    sources[path] = text.read().splitlines()
    sources = dict(sorted(sources.items()))
    names = {os.path.realpath(path): path for path in sources}
    out, shown, wrong = left_out(list_path, sources)

    lines, regions = read_lines(export + ".lcov", names), read_regions(export + ".json", names)
    total = [0, 0, 0, 0]
    missed = []
    print(f"{'file':<42} {'lines':>12} {'':>7} {'regions':>12}")
    for name, text in sources.items():
        skip = out[name] | is_test(name, text)
        ran = {line: count for line, count in lines.get(name, {}).items() if line not in skip}
        parts = [count for place, count in regions.get(name, {}).items() if place[0] not in skip]
        row = [sum(map(bool, ran.values())), len(ran), sum(map(bool, parts)), len(parts)]
        if not row[1]:
            continue
        total = [a + b for a, b in zip(total, row)]
        show(name, row)
        not_run = ranges(sorted(line for line, count in ran.items() if not count))
        if not_run:
            missed.append(f"{name}:{not_run}")
    show("total", total)

    if missed:
        print("\nnot run:")
        print("\n".join(missed))
    if shown:
        print("\nleft out on purpose:")
        print("\n".join(shown))
    if percent(*total[:2]) < float(limit):
        wrong.append(f"{percent(*total[:2]):.2f} % of the lines, and not {limit} %")
    if not total[1]:
        wrong.append(f"nothing of {folder} was measured")
    for text in wrong:
        print(f"tests/coverage: {text}", file=sys.stderr)
    sys.exit(bool(wrong))


def show(name, row):
    lines, regions = f"{row[0]}/{row[1]}", f"{row[2]}/{row[3]}"
    print(f"{name:<42} {lines:>12} {percent(*row[:2]):6.2f}% {regions:>12} {percent(*row[2:]):6.2f}%")


main()
