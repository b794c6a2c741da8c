import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { refused, startServer } from "./server.mjs";

let server, client;
before(async () => {
  server = await startServer();
  client = await server.superuser();
});
after(() => server.stop());

test("a collection is created, read, changed and deleted", async () => {
  const created = await client.collections.create({
    name: "books",
    type: "base",
    fields: [{ name: "title", type: "text", required: true, max: 50 }],
    indexes: ["CREATE INDEX idx_books_title ON books (title)"],
  });
  assert.deepEqual(
    created.fields.map((field) => field.name),
    ["id", "title"],
  );
  assert.equal((await client.collections.getOne("books")).id, created.id);
  const changed = await client.collections.update(created.id, { name: "novels", listRule: "" });
  assert.equal(changed.name, "novels");
  assert.equal(changed.listRule, "");
  assert.equal(await client.collections.delete("novels"), true);
  await refused(client.collections.getOne("novels"), 404);
});

test("a wrong field names itself", async () => {
  const error = await refused(
    client.collections.create({ name: "wrong", type: "base", fields: [{ name: "a b", type: "text" }] }),
    400,
  );
  assert.equal(error.response.data.fields[1].name.code, "validation_match_invalid");
});

test("the list has the system's collections and can be filtered", async () => {
  const all = await client.collections.getFullList({ filter: 'name = "users" || name = "_superusers"', sort: "name" });
  assert.deepEqual(
    all.map((collection) => collection.name),
    ["_superusers", "users"],
  );
});

test("a view is made of a query", async () => {
  await client.collections.create({ name: "numbers", type: "base", fields: [{ name: "n", type: "number" }] });
  for (const n of [1, 2, 3]) await client.collection("numbers").create({ n });
  const view = await client.collections.create({
    name: "sums",
    type: "view",
    viewQuery: "SELECT 'all' AS id, sum(n) AS total FROM numbers",
  });
  assert.deepEqual(
    view.fields.map((field) => field.name),
    ["id", "total"],
  );
  assert.equal((await client.collection("sums").getFirstListItem("")).total, 6);
});

test("an import adds, changes and, if asked, deletes", async () => {
  await client.collections.import([{ name: "imported", type: "base", fields: [{ name: "a", type: "text" }] }]);
  const imported = await client.collections.getOne("imported");
  imported.fields.push({ name: "b", type: "bool" });
  await client.collections.import([imported]);
  assert.deepEqual(
    (await client.collections.getOne("imported")).fields.map((field) => field.name),
    ["id", "a", "b"],
  );
});

test("truncate empties a collection", async () => {
  await client.collections.create({ name: "full", type: "base", fields: [{ name: "a", type: "text" }] });
  await client.collection("full").create({ a: "x" });
  assert.equal(await client.collections.truncate("full"), true);
  assert.equal((await client.collection("full").getList()).totalItems, 0);
});

test("scaffolds are there for each type", async () => {
  assert.deepEqual(Object.keys(await client.collections.getScaffolds()).sort(), ["auth", "base", "view"]);
});

test("a guest may do none of this", async () => {
  await refused(server.client().collections.getFullList(), 401);
  await refused(server.client().collections.create({ name: "mine", type: "base" }), 401);
});
