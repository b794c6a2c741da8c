// How the pages are served: small, kept for ever but for the page itself, and below a path prefix too.
import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { after, before, test } from "node:test";
import { startServer } from "../sdk/server.mjs";
import { startBrowser } from "./browser.mjs";

// What a first visit loads, as it comes over the wire: the dashboard's whole budget is 250 KiB.
const LOADED_BYTES_MAX = 110 * 1024;

let server, browser;
before(async () => {
  server = await startServer();
  browser = await startBrowser();
});
after(async () => {
  await browser.stop();
  await server.stop();
});

// An answer as it comes over the wire; `fetch` would undo the compression.
function raw(url, coding) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers: { "Accept-Encoding": coding } }, async (answer) => {
      const chunks = [];
      for await (const chunk of answer) chunks.push(chunk);
      resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) });
    });
    asked.on("error", reject).end();
  });
}

async function assets() {
  const page = (await raw(`${server.url}/_/`, "identity")).body.toString();
  return [...page.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, path]) => `${server.url}/_/${path}`);
}

test("what the page loads is compressed and kept for ever", async () => {
  const sizes = { br: 0, gzip: 0, identity: 0 };
  for (const url of await assets()) {
    const plain = Buffer.from(await (await fetch(url)).arrayBuffer());
    for (const coding of Object.keys(sizes)) {
      const { status, headers, body } = await raw(url, coding);
      assert.equal(status, 200);
      assert.equal(headers["cache-control"], "public, max-age=31536000, immutable");
      assert.equal(headers.vary, "Origin, Accept-Encoding");
      assert.match(headers["content-type"], /^(text\/javascript|text\/css|image\/svg\+xml)/);
      const expected = coding === "identity" || plain.length < 1024 ? undefined : coding;
      assert.equal(headers["content-encoding"], expected, `${url} ${coding}`);
      if (expected === undefined) assert.deepEqual(body, plain);
      sizes[coding] += body.length;
    }
    assert.equal((await raw(`${url}.br`, "identity")).status, 404);
  }
  assert.ok(sizes.br < sizes.gzip && sizes.gzip < LOADED_BYTES_MAX, JSON.stringify(sizes));
});

test("the pages work below a path prefix", async () => {
  const proxy = createServer((asked, answer) => {
    const path = asked.url.replace(/^\/deep\/down/, "");
    const onward = request(server.url + path, { method: asked.method, headers: asked.headers }, (answered) => {
      answer.writeHead(answered.statusCode, answered.headers);
      answered.pipe(answer);
    });
    asked.pipe(onward);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const prefix = `http://127.0.0.1:${proxy.address().port}/deep/down`;
  const page = await browser.visitor();
  const asked = [];
  page.on("request", (sent) => asked.push(`${sent.method()} ${sent.url()}`));
  await page.goto(`${prefix}/_/#/auth/confirm-verification/e30.eyJlbWFpbCI6ImFAZXhhbXBsZS5jb20iLCJjb2xsZWN0aW9uSWQiOiJ1c2VycyJ9.a`);
  await page.getByRole("heading", { name: "This link doesn’t work any more" }).waitFor();
  assert.ok(asked.includes(`POST ${prefix}/api/collections/users/confirm-verification`), asked.join("\n"));
  assert.deepEqual(asked.filter((line) => !line.includes(prefix)), []);
  assert.deepEqual(page.problems, []);
  proxy.closeAllConnections();
  proxy.close();
});
