import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { refused, startServer } from "./server.mjs";

let server, client;
before(async () => {
  server = await startServer();
  client = await server.superuser();
  await client.settings.update({ batch: { enabled: true, maxRequests: 10 } });
  await client.collections.create({
    name: "items",
    type: "base",
    fields: [{ name: "name", type: "text", required: true }],
    indexes: ["CREATE UNIQUE INDEX idx_items_name ON items (name)"],
  });
});
after(() => server.stop());

test("a batch creates, changes, upserts and deletes in one go", async () => {
  const old = await client.collection("items").create({ name: "old" });
  const gone = await client.collection("items").create({ name: "gone" });
  const batch = client.createBatch();
  batch.collection("items").create({ name: "new" });
  batch.collection("items").update(old.id, { name: "older" });
  batch.collection("items").upsert({ id: "upserted0000000", name: "upserted" });
  batch.collection("items").delete(gone.id);
  const results = await batch.send();
  assert.deepEqual(
    results.map((result) => result.status),
    [200, 200, 200, 204],
  );
  const names = (await client.collection("items").getFullList({ sort: "name" })).map((item) => item.name);
  assert.deepEqual(names, ["new", "older", "upserted"]);
});

test("a batch that fails changes nothing and says where", async () => {
  const before = await client.collection("items").getList(1, 1);
  const batch = client.createBatch();
  batch.collection("items").create({ name: "half" });
  batch.collection("items").create({ name: "" });
  const error = await refused(batch.send(), 400);
  assert.equal(error.response.data.requests[1].response.data.name.code, "validation_required");
  assert.equal((await client.collection("items").getList(1, 1)).totalItems, before.totalItems);
});
