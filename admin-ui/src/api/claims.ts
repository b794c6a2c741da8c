/** What a token says of itself. Nothing here is proven: the server alone verifies. */
export type Claims = Readonly<Record<string, unknown>>;

/** Decodes the payload of a JWT; null when it has none. */
export function readClaims(token: string): Claims | null {
  const payload = token.split(".")[1];
  if (payload === undefined) return null;
  try {
    const binary = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isObject(claims) ? claims : null;
  } catch {
    return null;
  }
}

/** The texts of these claims; null when one is missing or empty. */
export function textClaims<Name extends string>(token: string, names: readonly Name[]): Record<Name, string> | null {
  const claims = readClaims(token);
  if (claims === null) return null;
  const found: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const value = claims[name];
    if (typeof value !== "string" || value === "") return null;
    found[name] = value;
  }
  return found as Record<Name, string>;
}

function isObject(value: unknown): value is Claims {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
