// Sign-in through a certified OpenID provider with the official SDK: both flows, each in pages as a visitor sees them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { startServer } from "../sdk/server.mjs";
import { startBrowser } from "./browser.mjs";

const sdk = new URL("../sdk/node_modules/pocketbase/dist/pocketbase.umd.js", import.meta.url);
const oidc = new URL("../support/oidc.mjs", import.meta.url).pathname;
const APPLICATION = `<!doctype html>
<html lang="en">
<title>Application</title>
<button>Sign in</button>
<script src="/pocketbase.js"></script>
<script>
  const client = new PocketBase(location.origin);
  let signedIn;
  document.querySelector("button").onclick = () => {
    signedIn = client.collection("users").authWithOAuth2({ provider: "oidc" });
  };
</script>`;

let server, browser, provider;
before(async () => {
  const files = { "index.html": APPLICATION, "pocketbase.js": readFileSync(sdk, "utf8") };
  server = await startServer({ files });
  provider = await startProvider(`${server.url}/api/oauth2-redirect`, `${server.url}/`);
  const superuser = await server.superuser();
  await superuser.collections.update("users", {
    oauth2: {
      enabled: true,
      providers: [
        {
          name: "oidc",
          clientId: "app",
          clientSecret: "s3:cr%et",
          authURL: `${provider.issuer}/auth`,
          tokenURL: `${provider.issuer}/token`,
          userInfoURL: `${provider.issuer}/me`,
        },
      ],
    },
  });
  browser = await startBrowser();
});
after(async () => {
  await browser?.stop();
  provider?.stop();
  await server.stop();
});

// The provider prints its issuer once it listens.
async function startProvider(...redirectUris) {
  const child = spawn("node", [oidc, ...redirectUris], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("http://")) return { issuer: line, stop: () => child.kill("SIGKILL") };
  }
  throw new Error("the provider ended; `make tools` installs it");
}

async function application() {
  const page = await browser.visitor();
  await page.goto(server.url);
  return page;
}

// What somebody does at the provider's own pages.
async function consent(page, login) {
  await page.fill("input[name=login]", login);
  await page.fill("input[name=password]", "any");
  await page.click("button[type=submit]");
  await page.waitForSelector("input[name=prompt][value=consent]", { state: "attached" });
  await page.click("button[type=submit]");
}

test("one click: the provider in a pop-up, its answer over realtime", async () => {
  const page = await application();
  const [popup] = await Promise.all([page.waitForEvent("popup"), page.click("button")]);
  // The landing closes the pop-up where the browser lets it.
  const landed = Promise.race([popup.waitForEvent("close"), popup.waitForURL(/oauth2-redirect-success/)]);
  await consent(popup, "ada");
  const answer = await page.evaluate(async () => {
    const { meta, record } = await signedIn;
    return { email: record.email, verified: record.verified, isNew: meta.isNew, isValid: client.authStore.isValid };
  });
  assert.deepEqual(answer, { email: "ada@example.com", verified: true, isNew: true, isValid: true });
  await landed;
});

test("by code: the provider in the page, the code in its address", async () => {
  const page = await application();
  await page.evaluate(async () => {
    const { oauth2 } = await client.collection("users").listAuthMethods();
    sessionStorage.setItem("offer", JSON.stringify(oauth2.providers[0]));
    location.href = oauth2.providers[0].authURL + encodeURIComponent(`${location.origin}/`);
  });
  await page.waitForURL(`${provider.issuer}/**`);
  await consent(page, "bob");
  await page.waitForURL(`${server.url}/?**`);
  const answer = await page.evaluate(async () => {
    const offer = JSON.parse(sessionStorage.getItem("offer"));
    const brought = new URLSearchParams(location.search);
    const finish = () =>
      client
        .collection("users")
        .authWithOAuth2Code("oidc", brought.get("code"), offer.codeVerifier, `${location.origin}/`);
    const { record } = await finish();
    const again = await finish().catch((error) => error.status);
    return { isSameState: brought.get("state") === offer.state, email: record.email, again };
  });
  assert.deepEqual(answer, { isSameState: true, email: "bob@example.com", again: 400 });
});
