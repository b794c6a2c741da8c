import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { refused, startServer } from "./server.mjs";

let server, client;
before(async () => {
  server = await startServer();
  client = await server.superuser();
});
after(() => server.stop());

test("settings are shown without secrets, and changed key by key", async () => {
  const before = await client.settings.getAll();
  const changed = await client.settings.update({ meta: { appName: "Library" }, smtp: { password: "secret" } });
  assert.equal(changed.meta.appName, "Library");
  assert.equal(changed.meta.appURL, before.meta.appURL);
  assert.equal(JSON.stringify(changed).includes('"secret"'), false);
  assert.deepEqual(await client.settings.getAll({ fields: "meta.appName" }), { meta: { appName: "Library" } });
});

test("a wrong setting names itself and changes nothing", async () => {
  const error = await refused(client.settings.update({ meta: { appName: "Other", senderAddress: "nobody" } }), 400);
  assert.equal(error.response.data.meta.senderAddress.code, "validation_is_email");
  assert.notEqual((await client.settings.getAll()).meta.appName, "Other");
});

test("a store that isn't there is told", async () => {
  await refused(client.settings.testS3("storage"), 400);
});

test("nobody else may see or change them", async () => {
  await refused(server.client().settings.getAll(), 401);
  await refused(server.client().settings.update({ meta: { appName: "Mine" } }), 401);
});
