import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startServer } from "./server.mjs";

let server;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

test("a guest reads health", async () => {
  const health = await server.client().health.check();
  assert.deepEqual(health, { code: 200, data: {}, message: "API is healthy." });
});

test("a superuser reads more of it", async () => {
  const client = await server.superuser();
  const health = await client.health.check();
  assert.equal(health.data.canBackup, true);
  assert.equal(health.data.realIP, "127.0.0.1");
});
