// What a run file makes a worker read outside of the store: its sources, its model, its tokenizer, the values of its edits. Names
// alone; the allow-list judges them before anything is opened.
import path from 'node:path';
import type { RunFile } from '../../schemas/run-file.js';

/**
 * Absolute paths and URLs, as the resolver will open them. Every text of the section `model` but the prepended token counts as a
 * place: a field that is added there cannot be forgotten here, and what is no path lies within the folder.
 * @param folder from which relative paths start
 */
export function outsideOf({ model, corpus }: Pick<RunFile, 'model' | 'corpus'>, folder: string): string[] {
  const { prepend: _prepend, ...places } = model;
  const named = [...corpus.sources.map(beforePattern), ...textsOf(places)];
  return [...new Set(named.map((place) => (place.includes('://') ? place : path.resolve(folder, place))))];
}

/** The folder of a pattern: everything before the first segment with a special character. */
function beforePattern(source: string): string {
  const segments = source.split('/');
  const special = segments.findIndex((segment) => /[*?[\]{}]/.test(segment));
  return special < 0 ? source : segments.slice(0, special).join('/') || (source.startsWith('/') ? '/' : '.');
}

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [];
}
