import { ClientResponseError } from "pocketbase";
import { expect, test } from "vitest";
import { messageBeside, readFailure } from "./failure";

function refusal(status: number, data: object = {}, message = "Said by the server."): ClientResponseError {
  return new ClientResponseError({ status, response: { status, message, data } });
}

test("a wrong token is the link's fault", () => {
  const data = { token: { code: "validation_invalid_token", message: "Invalid or expired token." } };
  expect(readFailure(refusal(400, data))).toEqual({ kind: "link", message: "Invalid or expired token.", fields: {} });
  expect(readFailure(refusal(404)).kind).toBe("link");
});

test("each field gets its message, in our words where the server's leave a question open", () => {
  const data = {
    password: { code: "validation_length_out_of_range", message: "Must be between 8 and 71 character(s)." },
    passwordConfirm: { code: "validation_values_mismatch", message: "Values don't match." },
  };
  expect(readFailure(refusal(400, data))).toEqual({
    kind: "fields",
    message: "",
    fields: { password: "Must be between 8 and 71 character(s).", passwordConfirm: "The two passwords differ." },
  });
});

test("a field without an input is named beside the others", () => {
  const failure = readFailure(
    refusal(400, { password: { message: "Too short." }, name: { code: "validation_required" } }),
  );
  expect(messageBeside(failure, ["password", "name"])).toBeNull();
  expect(messageBeside(failure, ["password"])).toBe("name: Fill this in.");
  expect(messageBeside(readFailure(refusal(429)), ["password"])).toMatch(/^Too many attempts/);
});

test("no answer, too many attempts and anything else are told apart", () => {
  expect(readFailure(refusal(0)).kind).toBe("offline");
  expect(readFailure(refusal(429)).kind).toBe("busy");
  expect(readFailure(refusal(400))).toEqual({ kind: "other", message: "Said by the server.", fields: {} });
  expect(readFailure(refusal(500, {}, "")).message).toBe("Something went wrong. Try again.");
  expect(readFailure(new TypeError("bug")).kind).toBe("other");
});
