// What is said wherever a dictionary is printed that does not beat what it is compared with. Pure.

/** Null where it beats every control, or was not compared with any. */
export function beatenNote(dictionary: string, controls: readonly string[]): string | null {
  if (controls.length === 0) return null;
  return `${dictionary} does not beat ${controls.join(', ')} at equal L0: on the test split it explains no more than ${controls.length === 1 ? 'that control' : 'these controls'}. Look with: assay metrics ${dictionary}`;
}
