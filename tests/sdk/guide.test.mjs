import assert from "node:assert/strict";
import { test } from "node:test";
import { readdirSync } from "node:fs";
import { blocksOf, matches, runPage, stepsOf } from "./guide.mjs";

const GUIDE = "docs/guide";

test("what a page says it prints is told apart from what it explains", () => {
  const page = "text\n```sh\n# why\nls a\nls b\n# a b\n\n# later\nls c\n```\n```js\nf();\n// 1\n// 2\n```\n";
  const [sh, js] = blocksOf(page).map(stepsOf);
  assert.deepEqual(sh, [
    { commands: "\nls a\nls b", expected: "a b", line: 3 },
    { commands: "\n\nls c", expected: null, line: 7 },
  ]);
  assert.deepEqual(js, [{ commands: "f();", expected: "1\n2", line: 12 }]);
  assert.equal(matches('{"id":"…","n":1}', '{"id":"abc","n":1}\n'), true);
  assert.equal(matches('{"n":1}', '{"n":10}'), false);
});

test("README.md does what it says", () => runPage("README.md", { start: false }));

for (const page of readdirSync(new URL(`../../${GUIDE}`, import.meta.url)).sort()) {
  test(`${GUIDE}/${page} does what it says`, () => runPage(`${GUIDE}/${page}`, { start: true }));
}
