import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import * as tus from "tus-js-client";
import { startServer } from "./server.mjs";

const MIB = 1 << 20;

let server, client;
before(async () => {
  server = await startServer();
  client = await server.superuser();
  await client.collections.create({
    name: "films",
    type: "base",
    viewRule: "",
    fields: [{ name: "film", type: "file", maxSelect: 1, maxSize: 64 * MIB }],
  });
});
after(() => server.stop());

// Uploads the bytes to their end; gives the token.
function upload(bytes, options) {
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(bytes, {
      endpoint: `${server.url}/api/files/tus`,
      headers: { Authorization: client.authStore.token },
      metadata: { filename: "My Film.bin" },
      retryDelays: [100, 300, 1000, 3000, 5000],
      onError: reject,
      onSuccess: ({ lastResponse }) => resolve(lastResponse.getHeader("Upload-Token")),
      ...options,
    });
    upload.start();
  });
}

async function assertStored(token, bytes) {
  const record = await client.collection("films").create({ film: token });
  assert.match(record.film, /^my_film_\w{10}\.bin$/);
  const answer = await fetch(client.files.getURL(record, record.film));
  assert.equal(answer.status, 200);
  assert.ok(bytes.equals(Buffer.from(await answer.arrayBuffer())));
}

test("an upload in pieces goes on where it was after the server was killed", async () => {
  const bytes = randomBytes(12 * MIB);
  let crashed;
  const offsets = [];
  const token = await upload(bytes, {
    chunkSize: MIB,
    onChunkComplete(_size, accepted) {
      offsets.push(accepted);
      if (accepted === 4 * MIB) crashed ??= server.restart();
    },
  });
  await crashed;
  assert.ok(offsets.length >= 12 && offsets.length <= 14, `sent again: ${offsets}`);
  await assertStored(token, bytes);
});

test("an upload in one request is resumed from what was counted when the server was killed", async () => {
  const bytes = randomBytes(40 * MIB);
  let crashed;
  const token = await upload(bytes, {
    onProgress(sent) {
      if (sent > 24 * MIB) crashed ??= server.restart();
    },
  });
  await crashed;
  await assertStored(token, bytes);
});

test("an upload that begins with its bytes, and one that is given up", async () => {
  const bytes = randomBytes(MIB);
  await assertStored(await upload(bytes, { uploadDataDuringCreation: true }), bytes);
  let url;
  await upload(bytes, { onUploadUrlAvailable() { url = this.url; }, chunkSize: MIB / 2 }).catch(() => {});
  const begun = new tus.Upload(bytes, { uploadUrl: url, headers: { Authorization: client.authStore.token } });
  begun.url = url;
  await begun.abort(true);
});
