/** From 0, nothing typed, to 4. */
export type Strength = 0 | 1 | 2 | 3 | 4;

export const STRENGTH_WORDS: readonly string[] = ["", "Easy to guess", "Weak", "Fair", "Strong"];

/** Least bits for each level above 1: guesses at a stolen, slowly hashed password become too dear around 60. */
const BITS: readonly [number, Strength][] = [
  [60, 4],
  [45, 3],
  [30, 2],
];

/**
 * A rough estimate of how hard a password is to guess: the kinds of characters it draws from, for each character that
 * neither repeats nor goes on from the one before. It knows no words; it is advice and refuses nothing.
 */
export function strength(password: string): Strength {
  if (password === "") return 0;
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/];
  const sizes = [26, 26, 10, 33];
  const alphabet = kinds.reduce((sum, kind, at) => sum + (kind.test(password) ? (sizes[at] ?? 0) : 0), 0);
  const codes = [...password].map((character) => character.codePointAt(0) ?? 0);
  const surprising = codes.filter((code, at) => at === 0 || Math.abs(code - (codes[at - 1] ?? 0)) > 1).length;
  // "abababab" surprises at each step and still holds two characters.
  const counted = Math.min(surprising, new Set(codes).size * 2);
  const bits = counted * Math.log2(alphabet);
  return BITS.find(([least]) => bits >= least)?.[1] ?? 1;
}
