import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, refused, startServer } from "./server.mjs";

let server, client;
before(async () => {
  server = await startServer();
  client = await server.superuser();
});
after(() => server.stop());

async function newUser(email) {
  return client.collection("users").create({ email, password: PASSWORD, passwordConfirm: PASSWORD });
}

test("a user signs in by password, refreshes and sees itself", async () => {
  const user = await newUser("ada@example.com");
  const own = server.client();
  const signedIn = await own.collection("users").authWithPassword("ada@example.com", PASSWORD);
  assert.equal(signedIn.record.id, user.id);
  assert.equal(own.authStore.isValid, true);
  assert.equal((await own.collection("users").authRefresh()).record.id, user.id);
  assert.equal((await own.collection("users").getOne(user.id)).email, "ada@example.com");
});

test("a wrong password is refused without a hint", async () => {
  await newUser("grace@example.com");
  const wrong = await refused(server.client().collection("users").authWithPassword("grace@example.com", "nope"), 400);
  const unknown = await refused(server.client().collection("users").authWithPassword("nobody@example.com", "nope"), 400);
  assert.deepEqual(wrong.response, unknown.response);
});

test("the methods of a collection are told", async () => {
  const methods = await server.client().collection("users").listAuthMethods();
  assert.deepEqual(methods.password, { enabled: true, identityFields: ["email"] });
});

test("a superuser acts as somebody else", async () => {
  const user = await newUser("eve@example.com");
  const eve = await client.collection("users").impersonate(user.id, 60);
  assert.equal(eve.authStore.record.id, user.id);
  assert.equal((await eve.collection("users").getOne(user.id)).id, user.id);
});

test("a new password ends the old tokens", async () => {
  const user = await newUser("alan@example.com");
  const own = server.client();
  await own.collection("users").authWithPassword("alan@example.com", PASSWORD);
  await client.collection("users").update(user.id, { password: "new-password", passwordConfirm: "new-password" });
  await refused(own.collection("users").authRefresh(), 401);
});
