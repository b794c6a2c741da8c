/** Where the hash leads. Mails, providers and the start banner link to these, so they never change. */
export type Route =
  | { page: "confirm-verification" | "confirm-password-reset" | "confirm-email-change" | "installer"; token: string }
  | { page: "oauth2-success" | "oauth2-failure" | "dashboard" };

const TOKEN_PAGES = {
  "auth/confirm-verification": "confirm-verification",
  "auth/confirm-password-reset": "confirm-password-reset",
  "auth/confirm-email-change": "confirm-email-change",
  pbinstall: "installer",
} as const;

/** Reads `location.hash`. What no page knows leads to the dashboard. */
export function readRoute(hash: string): Route {
  const path = hash.replace(/^#\/?/, "").replace(/\/$/, "");
  if (path === "auth/oauth2-redirect-success") return { page: "oauth2-success" };
  if (path === "auth/oauth2-redirect-failure") return { page: "oauth2-failure" };
  for (const [prefix, page] of Object.entries(TOKEN_PAGES)) {
    if (path === prefix) return { page, token: "" };
    if (path.startsWith(`${prefix}/`)) return { page, token: path.slice(prefix.length + 1) };
  }
  return { page: "dashboard" };
}
