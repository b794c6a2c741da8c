import { ClientResponseError } from "pocketbase";

/** Why a call failed, as a person needs to know it. */
export interface Failure {
  /** `link`: the token is used up, expired or forged. `offline`: no answer came. */
  kind: "link" | "offline" | "busy" | "fields" | "other";
  /** A sentence to show; empty for `fields`, where each has its own. */
  message: string;
  /** Messages by the name of the input that they belong to. */
  fields: Readonly<Record<string, string>>;
}

const OFFLINE = "The server can't be reached. Check your connection, then try again.";
const BUSY = "Too many attempts. Wait a minute, then try again.";
const UNKNOWN = "Something went wrong. Try again.";

/** Texts for codes whose own message leaves a question open. */
const BY_CODE: Readonly<Record<string, string>> = {
  validation_required: "Fill this in.",
  validation_values_mismatch: "The two passwords differ.",
};

export function readFailure(error: unknown): Failure {
  if (!(error instanceof ClientResponseError)) return { kind: "other", message: UNKNOWN, fields: {} };
  if (error.status === 0) return { kind: "offline", message: OFFLINE, fields: {} };
  if (error.status === 429) return { kind: "busy", message: BUSY, fields: {} };
  const fields = fieldMessages(error.response.data);
  const message = typeof error.response.message === "string" ? error.response.message : UNKNOWN;
  if ("token" in fields) return { kind: "link", message: fields.token ?? message, fields: {} };
  if (Object.keys(fields).length > 0) return { kind: "fields", message: "", fields };
  // A collection or record that is gone took the link with it.
  if (error.status === 404) return { kind: "link", message, fields: {} };
  return { kind: "other", message: message === "" ? UNKNOWN : message, fields: {} };
}

/** What is to be said besides the messages of these inputs: the failure's own, or those of fields that have no input. */
export function messageBeside(failure: Failure, inputs: readonly string[]): string | null {
  if (failure.kind !== "fields") return failure.message;
  const others = Object.entries(failure.fields).filter(([name]) => !inputs.includes(name));
  return others.length === 0 ? null : others.map(([name, message]) => `${name}: ${message}`).join(" ");
}

function fieldMessages(data: unknown): Record<string, string> {
  const messages: Record<string, string> = {};
  if (typeof data !== "object" || data === null) return messages;
  for (const [name, value] of Object.entries(data)) {
    if (typeof value !== "object" || value === null) continue;
    const { code, message } = value as { code?: unknown; message?: unknown };
    const ours = typeof code === "string" ? BY_CODE[code] : undefined;
    messages[name] = ours ?? (typeof message === "string" ? message : UNKNOWN);
  }
  return messages;
}
