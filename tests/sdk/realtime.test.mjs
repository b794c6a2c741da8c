import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { EventSource } from "eventsource";
import { startServer } from "./server.mjs";

// Node has no EventSource of its own yet; the SDK takes it from here.
globalThis.EventSource = EventSource;

let server, client;
before(async () => {
  server = await startServer();
  client = await server.superuser();
  await client.collections.create({
    name: "messages",
    type: "base",
    listRule: "",
    viewRule: "",
    fields: [{ name: "text", type: "text" }],
  });
});
after(() => server.stop());

// Gathers events; `next(n)` waits for n of them.
function gather() {
  const events = [];
  let wake = () => {};
  return {
    take: (event) => {
      events.push(event);
      wake();
    },
    async next(count) {
      while (events.length < count) await new Promise((resolve) => (wake = resolve));
      return events.slice(0, count);
    },
  };
}

test("a guest hears what is created, changed and deleted, in order", async () => {
  const guest = server.client();
  const heard = gather();
  const unsubscribe = await guest.collection("messages").subscribe("*", heard.take);
  const message = await client.collection("messages").create({ text: "one" });
  await client.collection("messages").update(message.id, { text: "two" });
  await client.collection("messages").delete(message.id);
  const events = await heard.next(3);
  assert.deepEqual(
    events.map((event) => [event.action, event.record.id, event.record.text]),
    [
      ["create", message.id, "one"],
      ["update", message.id, "two"],
      ["delete", message.id, "two"],
    ],
  );
  await unsubscribe();
});

test("a subscription to one record hears of that one alone", async () => {
  const wanted = await client.collection("messages").create({ text: "wanted" });
  const other = await client.collection("messages").create({ text: "other" });
  const guest = server.client();
  const heard = gather();
  await guest.collection("messages").subscribe(wanted.id, heard.take);
  await client.collection("messages").update(other.id, { text: "unheard" });
  await client.collection("messages").update(wanted.id, { text: "heard" });
  // Right after a start a stream repeats what its edges could have cost, so the creation may come first.
  let event;
  for (let count = 1; event?.record.text !== "heard"; count += 1) {
    event = (await heard.next(count))[count - 1];
    assert.equal(event.record.id, wanted.id);
  }
  await guest.collection("messages").unsubscribe();
});

test("over a kill and a restart nothing is missed", async () => {
  const guest = server.client();
  const heard = gather();
  await guest.collection("messages").subscribe("*", heard.take);
  await client.collection("messages").create({ text: "before" });
  await heard.next(1);
  await server.restart();
  // Before the listener is back.
  await client.collection("messages").create({ text: "meanwhile" });
  await client.collection("messages").create({ text: "after" });
  // A change may come twice after a restart, never not at all.
  let texts = [];
  for (let count = 1; !(texts.includes("meanwhile") && texts.includes("after")); count += 1) {
    texts = (await heard.next(count)).map((event) => event.record.text);
  }
  await guest.collection("messages").unsubscribe();
});
