import { expect, test } from "vitest";
import { readRoute } from "./route";

test.each([
  ["#/auth/confirm-verification/a.b.c", { page: "confirm-verification", token: "a.b.c" }],
  ["#/auth/confirm-password-reset/a.b-_c", { page: "confirm-password-reset", token: "a.b-_c" }],
  ["#/auth/confirm-email-change/a.b.c/", { page: "confirm-email-change", token: "a.b.c" }],
  ["#/pbinstall/a.b.c", { page: "installer", token: "a.b.c" }],
  ["#/pbinstall", { page: "installer", token: "" }],
  ["#/auth/oauth2-redirect-success", { page: "oauth2-success" }],
  ["#/auth/oauth2-redirect-failure", { page: "oauth2-failure" }],
  ["", { page: "dashboard" }],
  ["#/", { page: "dashboard" }],
  ["#/login", { page: "dashboard" }],
  ["#/collections?collection=posts", { page: "dashboard" }],
  ["#/auth/confirm-verificationx/a", { page: "dashboard" }],
])("%s leads to its page", (hash, route) => {
  expect(readRoute(hash)).toEqual(route);
});
