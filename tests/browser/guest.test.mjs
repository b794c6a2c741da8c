// The pages that mails, providers and the start banner link to: each from its link to its end.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PASSWORD, refused, startServer } from "../sdk/server.mjs";
import { accessibilityFaults, DESK, PHONE, startBrowser } from "./browser.mjs";
import { startMail } from "./mail.mjs";

const home = mkdtempSync(join(tmpdir(), "monobase-clock-"));
const clock = join(home, "shift");
const HOUR_MS = 3_600_000;

let server, superuser, mail, browser;
before(async () => {
  server = await startServer({ variables: { MONOBASE_FAULT_CLOCK_FILE: clock } });
  superuser = await server.superuser();
  mail = await startMail();
  await mail.receivesFrom(superuser, server.url);
  browser = await startBrowser();
});
after(async () => {
  await browser.stop();
  mail.stop();
  await server.stop();
  rmSync(home, { recursive: true });
});

// Runs `act` at a time when every link is too old.
async function later(act) {
  writeFileSync(clock, String(HOUR_MS * 25));
  try {
    return await act();
  } finally {
    rmSync(clock);
  }
}

function newUser(email) {
  return superuser.collection("users").create({ email, password: PASSWORD, passwordConfirm: PASSWORD });
}

async function open(link, looks) {
  const page = await browser.visitor(looks);
  await page.goto(link);
  return page;
}

// Waits for the state of this title; there, nothing may be wrong with the page.
async function shows(page, title) {
  await page.getByRole("heading", { name: title }).waitFor();
  assert.deepEqual(await accessibilityFaults(page), []);
  assert.deepEqual(page.problems, []);
}

function press(page, name) {
  return page.getByRole("button", { name, exact: true }).click();
}

async function resetLink(email, collection = "users") {
  await server.client().collection(collection).requestPasswordReset(email);
  return mail.linkFor(email, "confirm-password-reset");
}

test("a verification is confirmed by following its link", async () => {
  const user = await newUser("ada@example.com");
  await server.client().collection("users").requestVerification(user.email);
  const page = await open(await mail.linkFor(user.email, "confirm-verification"));
  await shows(page, "Your e-mail address is verified");
  assert.equal(await page.getByText(user.email).count(), 1);
  assert.equal((await superuser.collection("users").getOne(user.id)).verified, true);
});

test("an old verification link leads to a new mail", async () => {
  const user = await newUser("grace@example.com");
  await server.client().collection("users").requestVerification(user.email);
  const link = await mail.linkFor(user.email, "confirm-verification");
  await later(async () => {
    const page = await open(link);
    await shows(page, "This link doesn’t work any more");
    await press(page, "Send a new link");
    await shows(page, "Look for the new mail");
    await page.goto(await mail.linkFor(user.email, "confirm-verification"));
    await shows(page, "Your e-mail address is verified");
  });
  assert.equal((await superuser.collection("users").getOne(user.id)).verified, true);
});

test("a forged or cut link says what is wrong with it", async () => {
  const user = await newUser("eve@example.com");
  const link = await resetLink(user.email);
  const cut = await open(link.replace(/\.[^/]*$/, ""));
  await shows(cut, "This link is incomplete");
  const forged = await open(`${link.slice(0, link.lastIndexOf("."))}.AAAA`);
  await fillPasswords(forged, "another-password", "another-password");
  await press(forged, "Change password");
  await shows(forged, "This link doesn’t work any more");
});

async function fillPasswords(page, password, repeated) {
  await page.getByLabel("New password", { exact: true }).fill(password);
  await page.getByLabel("New password again", { exact: true }).fill(repeated);
}

test("a forgotten password is replaced, and its link ends with that", async () => {
  const user = await newUser("alan@example.com");
  const link = await resetLink(user.email);
  const page = await open(link);
  await shows(page, "Choose a new password");
  await fillPasswords(page, "another-password", "another-passwort");
  await press(page, "Change password");
  const repeated = page.getByLabel("New password again", { exact: true });
  await page.getByText("The two passwords differ.").waitFor();
  assert.equal(await repeated.evaluate((input) => input === document.activeElement), true);
  assert.equal(await repeated.getAttribute("aria-invalid"), "true");
  await shows(page, "Choose a new password");
  await repeated.fill("another-password");
  await press(page, "Change password");
  await shows(page, "Your password is changed");
  await server.client().collection("users").authWithPassword(user.email, "another-password");
  await refused(server.client().collection("users").authWithPassword(user.email, PASSWORD), 400);

  const again = await open(link);
  await fillPasswords(again, "a-third-password", "a-third-password");
  await press(again, "Change password");
  await shows(again, "This link doesn’t work any more");
  await press(again, "Send a new link");
  await shows(again, "Look for the new mail");
  assert.notEqual(await mail.linkFor(user.email, "confirm-password-reset"), link);
});

test("a superuser's forgotten password is replaced by the same page", async () => {
  await superuser.collection("_superusers").create({ email: "root@example.com", password: PASSWORD, passwordConfirm: PASSWORD });
  const page = await open(await resetLink("root@example.com", "_superusers"));
  await fillPasswords(page, "another-password", "another-password");
  await press(page, "Change password");
  await shows(page, "Your password is changed");
  await server.client().collection("_superusers").authWithPassword("root@example.com", "another-password");
});

test("an e-mail change wants the current password", async () => {
  const user = await newUser("mary@example.com");
  const own = server.client();
  await own.collection("users").authWithPassword(user.email, PASSWORD);
  await own.collection("users").requestEmailChange("shelley@example.com");
  const link = await mail.linkFor("shelley@example.com", "confirm-email-change");
  const page = await open(link);
  await shows(page, "Confirm your new e-mail address");
  await page.getByLabel("Current password", { exact: true }).fill("wrong-password");
  await press(page, "Change e-mail address");
  await page.locator("[name=password][aria-invalid=true]").waitFor();
  await shows(page, "Confirm your new e-mail address");
  await page.getByLabel("Current password", { exact: true }).fill(PASSWORD);
  await press(page, "Change e-mail address");
  await shows(page, "Your e-mail address is changed");
  await server.client().collection("users").authWithPassword("shelley@example.com", PASSWORD);

  const again = await open(link);
  await again.getByLabel("Current password", { exact: true }).fill(PASSWORD);
  await press(again, "Change e-mail address");
  await shows(again, "This link doesn’t work any more");
});

test("without a connection a form says so and keeps what was typed", async () => {
  const user = await newUser("joan@example.com");
  const page = await open(await resetLink(user.email));
  await fillPasswords(page, "another-password", "another-password");
  await page.context().setOffline(true);
  await press(page, "Change password");
  await page.getByText("The server can't be reached.").waitFor();
  await page.context().setOffline(false);
  await press(page, "Change password");
  await shows(page, "Your password is changed");
});

test("a password can be shown, and says how strong it is", async () => {
  const user = await newUser("karen@example.com");
  const page = await open(await resetLink(user.email));
  const password = page.getByLabel("New password", { exact: true });
  await password.fill("12345678");
  await page.getByText("Easy to guess.").waitFor();
  await press(page, "Show new password");
  assert.equal(await password.getAttribute("type"), "text");
  await press(page, "Show new password");
  assert.equal(await password.getAttribute("type"), "password");
  assert.equal(await password.getAttribute("autocomplete"), "new-password");
});

test("the landing of a sign-in closes its pop-up, and says so where it can't", async () => {
  for (const [outcome, title] of [
    ["success", "You are signed in"],
    ["failure", "The sign-in failed"],
  ]) {
    const landing = `${server.url}/_/#/auth/oauth2-redirect-${outcome}`;
    const page = await open(landing);
    await shows(page, title);
    await page.goto(`${server.url}/api/health`);
    const popup = page.waitForEvent("popup");
    await page.evaluate((url) => void window.open(url), landing);
    const opened = await popup;
    if (!opened.isClosed()) await opened.waitForEvent("close");
  }
});

test("every page can be read in light, dark and on a phone, and holds still", async () => {
  const user = await newUser("lise@example.com");
  const hashes = [
    new URL(await resetLink(user.email)).hash,
    "#/auth/confirm-email-change/e30.eyJuZXdFbWFpbCI6ImFAZXhhbXBsZS5jb20iLCJjb2xsZWN0aW9uSWQiOiJhIn0.a",
    "#/auth/confirm-verification/e30.eyJlbWFpbCI6ImFAZXhhbXBsZS5jb20iLCJjb2xsZWN0aW9uSWQiOiJhIn0.a",
    "#/auth/confirm-verification/cut",
    "#/auth/oauth2-redirect-success",
    "#/auth/oauth2-redirect-failure",
    "#/pbinstall/e30.eyJ0eXBlIjoiYXV0aCIsImV4cCI6OTAwMDAwMDAwMH0.a",
    "#/pbinstall/cut",
    "#/",
    "#/login",
  ];
  for (const looks of [{}, { theme: "dark" }, { size: PHONE }]) {
    const page = await browser.visitor(looks);
    for (const hash of hashes) {
      await page.goto("about:blank");
      await page.goto(`${server.url}/_/${hash}`);
      await page.locator("h1").waitFor();
      await page.locator(".spinner").waitFor({ state: "detached" });
      assert.deepEqual(await accessibilityFaults(page), [], hash);
      const { shift, overflow } = await page.evaluate(stillness);
      assert.ok(shift < 0.02, `${hash} shifted by ${shift}`);
      assert.equal(overflow, 0, `${hash} is wider than the screen`);
    }
    assert.deepEqual(page.problems, []);
  }
});

// How far the layout moved by itself since the page was opened, and how much wider than the screen it is.
async function stillness() {
  const shift = await new Promise((resolve) => {
    new PerformanceObserver((list) => {
      resolve(list.getEntries().reduce((sum, entry) => sum + entry.value, 0));
    }).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => resolve(0), 100);
  });
  return { shift, overflow: Math.max(0, document.documentElement.scrollWidth - innerWidth) };
}

test("a theme that was chosen wins over the system's", async () => {
  const page = await open(`${server.url}/_/`, { theme: "dark", size: DESK });
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await ground();
  await page.evaluate(() => document.documentElement.setAttribute("data-theme", "light"));
  assert.notEqual(await ground(), dark);
  await shows(page, "Monobase is running");
});
