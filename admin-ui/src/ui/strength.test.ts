import { expect, test } from "vitest";
import { strength } from "./strength";

test.each([
  ["", 0],
  ["a", 1],
  ["12345678", 1],
  ["aaaaaaaaaaaaaaaaaaaaaaaa", 1],
  ["abababababababab", 1],
  ["kqzvbn", 1],
  ["kqzvbntw", 2],
  ["kqzvbntwmx", 3],
  ["kQ7!vbN2?wmX", 4],
  ["four unrelated words here", 4],
  ["пароль-из-слов", 4],
])("%j has strength %i", (password, expected) => {
  expect(strength(password)).toBe(expected);
});
