import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { refused, startServer } from "./server.mjs";

let server, client;
before(async () => {
  server = await startServer();
  client = await server.superuser();
  await client.collections.create({
    name: "papers",
    type: "base",
    viewRule: "",
    fields: [
      { name: "open", type: "file", maxSelect: 3 },
      { name: "closed", type: "file", maxSelect: 1, protected: true },
    ],
  });
});
after(() => server.stop());

async function read(url) {
  const answer = await fetch(url);
  assert.equal(answer.status, 200, url);
  return answer.text();
}

test("uploads come back byte for byte, and are appended and removed by name", async () => {
  const papers = client.collection("papers");
  const created = await papers.create({ open: [new File(["first"], "a b.txt"), new File(["second"], "c.txt")] });
  assert.equal(created.open.length, 2);
  assert.match(created.open[0], /^a_b_\w{10}\.txt$/);
  assert.equal(await read(client.files.getURL(created, created.open[1])), "second");
  const changed = await papers.update(created.id, {
    "open+": new File(["third"], "d.txt"),
    "open-": created.open[0],
  });
  assert.equal(changed.open.length, 2);
  assert.equal(changed.open[0], created.open[1]);
  assert.equal(await read(client.files.getURL(changed, changed.open[1])), "third");
});

test("a protected file needs a token where its rule does", async () => {
  await client.collections.update("papers", { viewRule: null });
  const paper = await client.collection("papers").create({ closed: new File(["secret"], "s.txt") });
  const url = client.files.getURL(paper, paper.closed);
  assert.equal((await fetch(url)).status, 404);
  const token = await client.files.getToken();
  assert.equal(await read(client.files.getURL(paper, paper.closed, { token })), "secret");
});

test("what a field doesn't take is refused by name", async () => {
  await client.collections.create({
    name: "pictures",
    type: "base",
    fields: [{ name: "picture", type: "file", maxSelect: 1, maxSize: 1000, mimeTypes: ["image/png"] }],
  });
  const pictures = client.collection("pictures");
  for (const [file, code] of [
    [new File(["text"], "text.png"), "validation_invalid_mime_type"],
    [new File([new Uint8Array(2000)], "large.png"), "validation_file_size_limit"],
  ]) {
    const error = await refused(pictures.create({ picture: file }), 400);
    assert.equal(error.response.data.picture.code, code);
  }
});
