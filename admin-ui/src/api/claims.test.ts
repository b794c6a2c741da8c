import { expect, test } from "vitest";
import { readClaims, textClaims } from "./claims";

function token(payload: string): string {
  return `e30.${Buffer.from(payload).toString("base64url")}.c2lnbmF0dXJl`;
}

test("claims are read whatever script their texts are in", () => {
  const claims = { email: "zoë@пример.example", exp: 1 };
  expect(readClaims(token(JSON.stringify(claims)))).toEqual(claims);
});

test.each(["", "a", "a.b.c", "..", token("[1]"), token("null"), token("{")])("%j has no claims", (text) => {
  expect(readClaims(text)).toBeNull();
});

test("a needed claim that is missing, empty or no text makes the token useless", () => {
  const names = ["email", "collectionId"] as const;
  expect(textClaims(token('{"email":"a@b.c","collectionId":"c","id":"x"}'), names)).toEqual({
    email: "a@b.c",
    collectionId: "c",
  });
  expect(textClaims(token('{"email":"a@b.c"}'), names)).toBeNull();
  expect(textClaims(token('{"email":"","collectionId":"c"}'), names)).toBeNull();
  expect(textClaims(token('{"email":1,"collectionId":"c"}'), names)).toBeNull();
});
