// The first superuser, by the link that a fresh server prints.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startServer } from "../sdk/server.mjs";
import { accessibilityFaults, PHONE, startBrowser } from "./browser.mjs";

let server, browser;
before(async () => {
  server = await startServer({ superuser: false });
  browser = await startBrowser();
});
after(async () => {
  await browser.stop();
  await server.stop();
});

async function fill(page, email, password) {
  await page.getByLabel("E-mail address", { exact: true }).fill(email);
  await page.getByLabel("New password", { exact: true }).fill(password);
  await page.getByLabel("New password again", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Create superuser" }).click();
}

test("the printed link makes the first superuser, once", async () => {
  const page = await browser.visitor({ size: PHONE });
  await page.goto(server.installerLink);
  await fill(page, "first@example.com", "short");
  await page.locator("[name=password][aria-invalid=true]").waitFor();
  assert.deepEqual(await accessibilityFaults(page), []);
  await fill(page, "first@example.com", "long enough to keep");
  await page.getByRole("heading", { name: "Your superuser is ready" }).waitFor();
  assert.deepEqual(await accessibilityFaults(page), []);
  const client = server.client();
  const { record } = await client.collection("_superusers").authWithPassword("first@example.com", "long enough to keep");
  assert.equal(record.email, "first@example.com");
  assert.deepEqual(await client.collection("_superusers").getFullList({ fields: "email" }), [{ email: record.email }]);
  await page.getByRole("link", { name: "See what works" }).click();
  await page.getByRole("heading", { name: "Monobase is running" }).waitFor();

  const again = await browser.visitor();
  await again.goto(server.installerLink);
  await fill(again, "second@example.com", "long enough to keep");
  await again.getByRole("heading", { name: "This link doesn’t work any more" }).waitFor();
  assert.deepEqual(await accessibilityFaults(again), []);
  assert.deepEqual([...page.problems, ...again.problems], []);
});
