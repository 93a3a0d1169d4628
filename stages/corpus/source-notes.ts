// What is to be said of sources that are read, but not as they lie there: what was left out, and ids that are made. Words alone.

/** Names that a note lists; the rest is counted. */
const SHOWN = 5;

/** A sentence about what a source leaves out, by reason; null where that is nothing. */
export function leftOutNote(
  source: string,
  leftOut: readonly { readonly name: string; readonly why: string }[],
): string | null {
  if (leftOut.length === 0) return null;
  const reasons = [...new Set(leftOut.map(({ why }) => why))];
  const parts = reasons.map((why) => {
    const names = leftOut.filter((one) => one.why === why).map(({ name }) => name);
    return `${names.length} ${why} (${listed(names)})`;
  });
  return `corpus.sources: ${source} leaves out ${parts.join('; ')}.`;
}

/** @param files without a single document */
export function emptyNote(files: readonly string[]): string | null {
  if (files.length === 0) return null;
  return `corpus.sources: ${files.length} ${files.length === 1 ? 'file has' : 'files have'} no document and ${files.length === 1 ? 'is' : 'are'} left out (${listed(files)}).`;
}

/** @param names of the files whose records have no id @param idField that was looked for */
export function madeIdsNote(names: readonly string[], idField: string): string | null {
  const [first] = names;
  if (first === undefined) return null;
  const files = names.length === 1 ? `${first} has` : `${names.length} files have`;
  return `${files} no field "${idField}": documents are named by path and row (${first}:1); set corpus.id for a field of theirs.`;
}

function listed(names: readonly string[]): string {
  const more = names.length - SHOWN;
  return `${names.slice(0, SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
