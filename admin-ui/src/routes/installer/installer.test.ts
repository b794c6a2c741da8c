import { expect, test } from "vitest";
import { isInstallerToken } from "./installer";

const token = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;

test("only a sign-in that hasn't ended leads to the form", () => {
  expect(isInstallerToken(token({ type: "auth", exp: 11 }), 10)).toBe(true);
  expect(isInstallerToken(token({ type: "auth", exp: 10 }), 10)).toBe(false);
  expect(isInstallerToken(token({ type: "file", exp: 11 }), 10)).toBe(false);
  expect(isInstallerToken(token({ type: "auth" }), 10)).toBe(false);
  expect(isInstallerToken("", 10)).toBe(false);
});
