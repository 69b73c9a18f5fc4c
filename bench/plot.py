# SPDX-License-Identifier: Apache-2.0
"""Plots for the README as SVG, by hand: bars grouped by question, and lines over a growing number."""

import html
import math

COLOURS = {"hull": "#0b6e6e", "crun": "#c8793a", "runc": "#8a8f98", "floor": "#b9c6c6", "libseccomp": "#c8793a",
           "libseccomp, tree": "#8a8f98"}
SPARE = ["#5b5ea6", "#7a9e5f", "#a85b7a"]
STYLE = ("text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#444}"
         ".t{font-size:17px;font-weight:600;fill:#222}.s{font-size:12px;fill:#777}.l{font-size:12px}"
         ".v{font-size:11px}.g{stroke:#e4e4e4;stroke-width:1}"
         "@media(prefers-color-scheme:dark){text{fill:#bbb}.t{fill:#eee}.s{fill:#999}.g{stroke:#3a3a3a}}")
WIDTH, LEFT, RIGHT, TOP = 760, 56, 24, 96


def colour(name, order):
    return COLOURS.get(name) or SPARE[order.index(name) % len(SPARE)]


def short(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ticks(top):
    """About four round numbers up to TOP."""
    step = 10 ** math.floor(math.log10(top / 4))
    step = next(step * f for f in (1, 2, 5, 10) if top / (step * f) <= 5)
    return [step * i for i in range(int(top / step) + 1)]


class Canvas:
    def __init__(self, title, subtitle, height, names):
        self.height, self.parts = height, []
        self.text(20, 32, title, "t")
        self.text(20, 52, subtitle, "s")
        x = 20
        for name in names:
            self.rect(x, 64, 11, 11, colour(name, names))
            self.text(x + 16, 74, name, "l")
            x += 36 + 7 * len(name)

    def text(self, x, y, what, kind, anchor="start"):
        self.parts.append(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
                          f"{html.escape(str(what))}</text>")

    def rect(self, x, y, w, h, fill):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="2" fill="{fill}"/>')

    def line(self, x1, y1, x2, y2):
        self.parts.append(f'<line class="g" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def svg(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" role="img">'
                f"<style>{STYLE}</style>\n" + "\n".join(self.parts) + "\n</svg>\n")


def bars(title, subtitle, groups, names, cut=None):
    """GROUPS: {label: {name: value}}. What is longer than CUT is cut off there and says so by its number."""
    height, base = 340, 300
    c = Canvas(title, subtitle, height, names)
    top = max(v for row in groups.values() for v in row.values())
    top = min(top, cut) if cut else top
    scale = (base - TOP) / (top * 1.08)
    for t in ticks(top):
        c.line(LEFT, base - t * scale, WIDTH - RIGHT, base - t * scale)
        c.text(LEFT - 8, base - t * scale + 4, short(t) if t else "0", "v", "end")
    room = (WIDTH - LEFT - RIGHT) / len(groups)
    for i, (label, row) in enumerate(groups.items()):
        shown = [n for n in names if n in row]
        width = min(46, room * 0.8 / len(shown))
        x = LEFT + room * i + (room - width * len(shown)) / 2
        for n in shown:
            tall = min(row[n], top * 1.04) * scale
            c.rect(x + 1, base - tall, width - 2, tall, colour(n, names))
            c.text(x + width / 2, base - tall - 4, short(row[n]), "v", "middle")
            x += width
        c.text(LEFT + room * (i + 0.5), base + 18, label, "l", "middle")
    return c.svg()


def lines(title, subtitle, series, names, unit_x):
    """SERIES: {name: {x: y}}; both axes are logarithmic."""
    height, base = 340, 290
    c = Canvas(title, subtitle, height, names)
    xs = sorted({x for row in series.values() for x in row})
    ys = [y for row in series.values() for y in row.values()]
    low, high = math.log10(min(ys) * 0.8), math.log10(max(ys) * 1.25)

    def px(x):
        return LEFT + 20 + (WIDTH - LEFT - RIGHT - 90) * (math.log(x / xs[0]) / math.log(xs[-1] / xs[0]))

    def py(y):
        return base - (base - TOP) * (math.log10(y) - low) / (high - low)

    for power in range(math.floor(low), math.ceil(high) + 1):
        for f in (1, 2, 5):
            y = f * 10.0 ** power
            if low <= math.log10(y) <= high:
                c.line(LEFT, py(y), WIDTH - RIGHT, py(y))
                c.text(LEFT - 8, py(y) + 4, f"{y:g}", "v", "end")
    for x in xs:
        c.text(px(x), base + 20, x, "l", "middle")
    c.text(WIDTH - RIGHT, base + 38, unit_x, "s", "end")
    for n in names:
        row = sorted(series.get(n, {}).items())
        if not row:
            continue
        points = " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in row)
        c.parts.append(f'<polyline points="{points}" fill="none" stroke="{colour(n, names)}" stroke-width="2.5"/>')
        for x, y in row:
            c.parts.append(f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="3.5" fill="{colour(n, names)}"/>')
        c.text(px(row[-1][0]) + 10, py(row[-1][1]) + 4, f"{n} {short(row[-1][1])}", "l")
    return c.svg()
