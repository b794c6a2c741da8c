// The official SDK, unchanged, in a page that the binary serves from its public directory.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { EMAIL, PASSWORD, startServer } from "../sdk/server.mjs";
import { startBrowser } from "./browser.mjs";

const sdk = new URL("../sdk/node_modules/pocketbase/dist/pocketbase.umd.js", import.meta.url);
const APPLICATION = `<!doctype html>
<html lang="en">
<title>Application</title>
<script src="/pocketbase.js"></script>
<script>
  const client = new PocketBase(location.origin);
  const heard = [];
  const hear = (event) => heard.push(event.action + " " + event.record.text);
</script>`;

let server, superuser, browser;
before(async () => {
  const files = { "index.html": APPLICATION, "pocketbase.js": readFileSync(sdk, "utf8") };
  server = await startServer({ files });
  superuser = await server.superuser();
  await superuser.collections.create({
    name: "messages",
    type: "base",
    listRule: "",
    viewRule: "",
    fields: [{ name: "text", type: "text" }],
  });
  browser = await startBrowser();
});
after(async () => {
  await browser.stop();
  await server.stop();
});

async function application() {
  const page = await browser.visitor();
  await page.goto(server.url);
  return page;
}

function say(text) {
  return superuser.collection("messages").create({ text });
}

async function hears(page, text) {
  await page.waitForFunction((wanted) => heard.includes(wanted), `create ${text}`);
}

test("who is signed in stays so over a reload, until the sign-out", async () => {
  const page = await application();
  const signIn = ([email, password]) => client.collection("_superusers").authWithPassword(email, password);
  await page.evaluate(signIn, [EMAIL, PASSWORD]);
  await page.reload();
  assert.equal(await page.evaluate(() => client.authStore.isValid), true);
  assert.equal(await page.evaluate(async () => (await client.collection("_superusers").authRefresh()).record.email), EMAIL);
  await page.evaluate(() => client.authStore.clear());
  await page.reload();
  assert.equal(await page.evaluate(() => client.authStore.isValid), false);
  assert.deepEqual(page.problems, []);
});

test("a subscription hears events until it ends", async () => {
  const page = await application();
  await page.evaluate(() => client.collection("messages").subscribe("*", hear));
  await say("one");
  await hears(page, "one");
  await page.evaluate(() => client.collection("messages").unsubscribe());
  await say("unheard");
  await page.evaluate(() => client.collection("messages").subscribe("*", hear));
  await say("two");
  await hears(page, "two");
  assert.deepEqual(page.problems, []);
});

test("a subscription goes on after a restart of the server", async () => {
  const page = await application();
  await page.evaluate(() => client.collection("messages").subscribe("*", hear));
  await say("before");
  await hears(page, "before");
  const connection = await page.evaluate(() => client.realtime.clientId);
  await server.restart();
  await page.waitForFunction((old) => client.realtime.isConnected && client.realtime.clientId !== old, connection);
  await say("after");
  await hears(page, "after");
});
