import PocketBase, { BaseAuthStore } from "pocketbase";

/**
 * A client that knows nobody: it neither reads nor writes a stored token, so a page answers the same to everybody, and an
 * application on the same origin keeps its sign-in.
 */
export function freshClient(): PocketBase {
  // What stands in front of `/_/` is the server's prefix.
  const client = new PocketBase(new URL("..", window.location.href).href, new BaseAuthStore());
  return client.autoCancellation(false);
}
