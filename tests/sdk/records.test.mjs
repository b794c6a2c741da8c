import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { refused, startServer } from "./server.mjs";

let server, client;
before(async () => {
  server = await startServer();
  client = await server.superuser();
  const open = { listRule: "", viewRule: "", createRule: "", updateRule: "", deleteRule: "" };
  const authors = await client.collections.create({
    name: "authors",
    type: "base",
    ...open,
    fields: [{ name: "name", type: "text", required: true }],
  });
  await client.collections.create({
    name: "posts",
    type: "base",
    ...open,
    fields: [
      { name: "title", type: "text", required: true },
      { name: "rank", type: "number" },
      { name: "done", type: "bool" },
      { name: "tags", type: "select", values: ["a", "b", "c"], maxSelect: 3 },
      { name: "extra", type: "json" },
      { name: "author", type: "relation", collectionId: authors.id, maxSelect: 1, cascadeDelete: true },
      { name: "created", type: "autodate", onCreate: true },
    ],
  });
});
after(() => server.stop());

test("a record is created, read, changed and deleted", async () => {
  const guest = server.client().collection("posts");
  const created = await guest.create({ title: "first", rank: 1.5, tags: ["b", "a"], extra: { deep: [1, null] } });
  assert.match(created.id, /^[a-z0-9]{15}$/);
  assert.match(created.created, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(await guest.getOne(created.id), created);
  const changed = await guest.update(created.id, { "rank+": 2, "tags-": "b" });
  assert.deepEqual([changed.rank, changed.tags, changed.title], [3.5, ["a"], "first"]);
  assert.equal(await guest.delete(created.id), true);
  await refused(guest.getOne(created.id), 404);
});

test("a wrong value names its field", async () => {
  const error = await refused(client.collection("posts").create({ rank: 1 }), 400);
  assert.equal(error.response.message, "Failed to create record.");
  assert.deepEqual(error.response.data, { title: { code: "validation_required", message: "Cannot be blank." } });
});

test("lists are paged, filtered by bound values and sorted", async () => {
  const posts = client.collection("posts");
  const titles = ["it's", 'a "quoted" one', "back\\slash", "plain"];
  for (const [rank, title] of titles.entries()) await posts.create({ title, rank: 100 + rank });
  for (const title of titles) {
    const found = await posts.getFirstListItem(client.filter("title = {:title}", { title }));
    assert.equal(found.title, title);
  }
  const page = await posts.getList(2, 2, { filter: "rank >= 100", sort: "-rank" });
  assert.deepEqual([page.page, page.perPage, page.totalItems, page.totalPages], [2, 2, 4, 2]);
  assert.deepEqual(
    page.items.map((item) => item.rank),
    [101, 100],
  );
  assert.equal((await posts.getFullList({ filter: "rank >= 100", batch: 1 })).length, 4);
  await refused(posts.getList(1, 1, { filter: "nosuch = 1" }), 400);
});

test("relations are expanded both ways, and go with their record", async () => {
  const author = await client.collection("authors").create({ name: "Ada" });
  const post = await client.collection("posts").create({ title: "with author", author: author.id });
  const viewed = await client.collection("posts").getOne(post.id, { expand: "author" });
  assert.equal(viewed.expand.author.name, "Ada");
  const back = await client.collection("authors").getOne(author.id, { expand: "posts_via_author" });
  assert.deepEqual(
    back.expand.posts_via_author.map((item) => item.id),
    [post.id],
  );
  await client.collection("authors").delete(author.id);
  await refused(client.collection("posts").getOne(post.id), 404);
});

test("fields picks what is sent", async () => {
  const author = await client.collection("authors").create({ name: "Grace" });
  const post = await client.collection("posts").create({ title: "<p>some long title</p>", author: author.id });
  const picked = await client.collection("posts").getOne(post.id, {
    expand: "author",
    fields: "title:excerpt(4,true),expand.author.name",
  });
  assert.deepEqual(picked, { title: "some...", expand: { author: { name: "Grace" } } });
});

test("back-relations can be filtered by and expanded in pages", async () => {
  const author = await client.collection("authors").create({ name: "Barbara" });
  for (const rank of [1, 2, 3]) await client.collection("posts").create({ title: `post ${rank}`, rank, author: author.id });
  const filter = client.filter("posts_via_author.rank ?= {:rank} && name = {:name}", { rank: 3, name: "Barbara" });
  const found = await client.collection("authors").getFullList({ filter, expand: "posts_via_author" });
  assert.deepEqual(
    found.map((item) => [item.id, item.expand.posts_via_author.length]),
    [[author.id, 3]],
  );
});

test("values of every kind are bound as they are", async () => {
  const when = new Date("2030-01-02T03:04:05.678Z");
  const created = await client.collection("posts").create({ title: "bound", rank: -1.5, done: true });
  const filter = client.filter("title = {:title} && rank = {:rank} && done = {:done} && created < {:when}", {
    title: "bound",
    rank: -1.5,
    done: true,
    when,
  });
  assert.equal((await client.collection("posts").getFirstListItem(filter)).id, created.id);
});

test("pages by cursor give each record once", async () => {
  const seen = [];
  let after = "";
  do {
    const page = await client.collection("posts").getList(1, 2, { sort: "title", after });
    seen.push(...page.items.map((item) => item.id));
    after = page.nextCursor;
  } while (after !== "");
  const all = await client.collection("posts").getFullList();
  assert.deepEqual(seen.toSorted(), all.map((item) => item.id).toSorted());
});
