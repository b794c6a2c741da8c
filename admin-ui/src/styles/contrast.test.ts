import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");
const light = colours(":root {");
const dark = colours(':root[data-theme="dark"] {');

/** Text on ground, each as it is used, with the least contrast of WCAG AA for it. */
const PAIRS: [string, string, number][] = [
  ["text", "bg", 4.5],
  ["text", "surface", 4.5],
  ["text", "sunken", 4.5],
  ["muted", "bg", 4.5],
  ["muted", "surface", 4.5],
  ["accent", "bg", 4.5],
  ["accent", "surface", 4.5],
  ["on-accent", "accent", 4.5],
  ["on-accent", "accent-hover", 4.5],
  ["danger", "surface", 4.5],
  ["danger", "danger-soft", 4.5],
  ["text", "danger-soft", 4.5],
  ["warn", "warn-soft", 4.5],
  ["ok", "ok-soft", 4.5],
  ["accent", "accent-soft", 4.5],
  ["line-strong", "surface", 3],
  ["ok", "surface", 3],
  ["warn", "surface", 3],
];

test.each([
  ["light", light],
  ["dark", dark],
])("every pair of the %s theme can be read", (_name, theme) => {
  const faint = PAIRS.filter(([text, ground, least]) => contrast(theme, text, ground) < least);
  expect(faint).toEqual([]);
});

test("dark is dark by the system's wish and by choice alike", () => {
  expect(colours(':root:not([data-theme="light"]) {')).toEqual(dark);
  expect(Object.keys(dark)).toEqual(Object.keys(light));
});

function colours(selector: string): Record<string, string> {
  const block = css.slice(css.indexOf(selector)).split("}")[0] ?? "";
  return Object.fromEntries(
    [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]),
  );
}

function contrast(theme: Record<string, string>, text: string, ground: string): number {
  const [a, b] = [luminance(theme[text]), luminance(theme[ground])];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** Relative luminance as WCAG 2 defines it. */
function luminance(colour = ""): number {
  const channel = (at: number) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}
