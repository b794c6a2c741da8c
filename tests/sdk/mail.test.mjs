import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Mailbox } from "./mailbox.mjs";
import { PASSWORD, refused, startServer } from "./server.mjs";

let server, admin, mailbox;
before(async () => {
  [server, mailbox] = await Promise.all([startServer(), Mailbox.open()]);
  admin = await server.superuser();
  await admin.settings.update({ smtp: mailbox.settings() });
});
after(async () => {
  mailbox.close();
  await server.stop();
});

// A new user's own client, signed in.
async function signUp(email) {
  const client = server.client();
  await client.collection("users").create({ email, password: PASSWORD, passwordConfirm: PASSWORD });
  await client.collection("users").authWithPassword(email, PASSWORD);
  return client;
}

async function read(question) {
  await mailbox.next();
  return mailbox.read(question);
}

test("an address is verified by the mailed token", async () => {
  const client = await signUp("verify@example.com");
  await client.collection("users").requestVerification("verify@example.com");
  const token = await read("token");
  assert.equal(await client.collection("users").confirmVerification(token), true);
  assert.equal((await client.collection("users").authRefresh()).record.verified, true);
  await refused(client.collection("users").confirmVerification("no.such.token"), 400);
});

test("a forgotten password is replaced, and its token works once", async () => {
  const client = await signUp("reset@example.com");
  await client.collection("users").requestPasswordReset("reset@example.com");
  const token = await read("token");
  await client.collection("users").confirmPasswordReset(token, "new-password", "new-password");
  await refused(client.collection("users").authRefresh(), 401);
  await refused(client.collection("users").authWithPassword("reset@example.com", PASSWORD), 400);
  await client.collection("users").authWithPassword("reset@example.com", "new-password");
  await refused(client.collection("users").confirmPasswordReset(token, "other-password", "other-password"), 400);
});

test("an address is changed by the mail to the new one", async () => {
  const client = await signUp("old@example.com");
  await client.collection("users").requestEmailChange("new@example.com");
  const token = await read("token");
  await refused(client.collection("users").confirmEmailChange(token, "wrong-password"), 400);
  await client.collection("users").confirmEmailChange(token, PASSWORD);
  const again = await client.collection("users").authWithPassword("new@example.com", PASSWORD);
  assert.equal(again.record.email, "new@example.com");
});

test("a one-time password signs in once", async () => {
  await signUp("otp@example.com");
  await admin.collections.update("users", { otp: { enabled: true, duration: 180, length: 8 } });
  const client = server.client();
  const { otpId } = await client.collection("users").requestOTP("otp@example.com");
  const code = await read("code");
  await refused(client.collection("users").authWithOTP(otpId, "00000000"), 400);
  assert.equal((await client.collection("users").authWithOTP(otpId, code)).record.email, "otp@example.com");
  await refused(client.collection("users").authWithOTP(otpId, code), 400);
  // Nobody learns whether an address is known.
  assert.equal(typeof (await client.collection("users").requestOTP("nobody@example.com")).otpId, "string");
});

test("with MFA two different ways in are needed", async () => {
  await signUp("mfa@example.com");
  await admin.collections.update("users", {
    otp: { enabled: true, duration: 180, length: 8 },
    mfa: { enabled: true, duration: 1800 },
  });
  const client = server.client();
  const first = await refused(client.collection("users").authWithPassword("mfa@example.com", PASSWORD), 401);
  const { mfaId } = first.response;
  const twice = client.collection("users").authWithPassword("mfa@example.com", PASSWORD, { mfaId });
  await refused(twice, 400);
  const { otpId } = await client.collection("users").requestOTP("mfa@example.com");
  const both = await client.collection("users").authWithOTP(otpId, await read("code"), { mfaId });
  assert.equal(both.record.email, "mfa@example.com");
  await admin.collections.update("users", { mfa: { enabled: false } });
});

test("a test mail tells at once whether mail works", async () => {
  assert.equal(await admin.settings.testEmail("_superusers", "see@example.com", "verification"), true);
  await mailbox.next();
  assert.deepEqual(mailbox.mails[mailbox.seen++].to, ["see@example.com"]);
});
