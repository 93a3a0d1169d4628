// In which words a part of a corpus is refused for one of its documents; the run and the plan that counts beforehand say the same.
import type { BadRecord } from '../../core/corpus/document.js';
import { DataError } from '../../schemas/errors.js';
import type { Part } from '../../schemas/stored.js';

/** A bad record, at its place in a file, where such records are not skipped. */
export function badDocument({ reason, problem, details }: BadRecord, file: string, line: number): DataError {
  return new DataError(
    `${file}:${line}: ${problem}; correct the document, or set corpus.onBadDocument: skip to leave such documents out.`,
    { file, line, reason, ...details },
  );
}

/** An id that a part has on both lines. */
export function duplicateId(id: string, lines: readonly [first: number, second: number]): BadRecord {
  const problem = `expected every document id once, found "${id}" on lines ${lines.join(' and ')}`;
  return { reason: 'duplicateId', problem, details: { id, lines } };
}

/** An id that two parts have. */
export function sharedId(id: string, parts: readonly [string, string]): DataError {
  const files = [...parts].sort();
  return new DataError(
    `Expected every document id once in the corpus, found "${id}" in ${files.join(' and in ')}; make the ids unique or remove one of the parts.`,
    { id, files },
  );
}

/** A part without documents, where none was skipped. */
export function noDocuments({ location }: Part): DataError {
  return new DataError(`Expected at least one document in ${location}, found none; remove it from the sources.`, {
    file: location,
  });
}
