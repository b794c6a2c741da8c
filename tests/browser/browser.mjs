// Headless Chromium for a test file. Each page is a visitor of its own (no shared cookies or storage) that keeps what
// went wrong on it, so that a test can end with `assert.deepEqual(page.problems, [])`.
//
//     const browser = await startBrowser();
//     const page = await browser.visitor({ theme: "dark", size: PHONE });
//     after(() => browser.stop());
import { existsSync } from "node:fs";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

const executablePath = process.env.MONOBASE_TEST_CHROMIUM ?? "/usr/bin/chromium";
// The machine may be busy with other suites.
const STEP_MS_MAX = 30_000;
const FLAGS = [
  "--no-sandbox", // containers have no user namespaces; only our own pages are opened
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const DESK = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

export async function startBrowser() {
  if (!existsSync(executablePath)) throw new Error(`${executablePath} is missing; \`make tools\` installs Chromium`);
  const browser = await chromium.launch({ executablePath, headless: true, args: FLAGS, timeout: STEP_MS_MAX });
  return {
    // A new visitor's page. Pop-ups that it opens are watched like itself.
    async visitor({ theme = "light", size = DESK } = {}) {
      const context = await browser.newContext({
        colorScheme: theme,
        viewport: size,
        deviceScaleFactor: size === PHONE ? 2 : 1,
        hasTouch: size === PHONE,
        reducedMotion: "reduce",
      });
      context.setDefaultTimeout(STEP_MS_MAX);
      const problems = [];
      context.on("page", (page) => watch(page, problems));
      const page = await context.newPage();
      return Object.assign(page, { problems });
    },
    stop: () => browser.close(),
  };
}

// Errors in scripts and what the page's policy refused. The browser's own line about an answer with an error status is
// none: the tests that provoke one look at what the page says.
function watch(page, problems) {
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !text.startsWith("Failed to load resource")) problems.push(text);
  });
}

// What axe finds against WCAG 2.0 to 2.2, levels A and AA: one line each, none when all is well.
export async function accessibilityFaults(page) {
  const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  const { violations } = await new AxeBuilder({ page }).withTags(rules).analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary ?? ""}`));
}
