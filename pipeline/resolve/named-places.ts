// Whether the local files and folders that a run file or training file names are there: a misspelt name is told by its field, with
// its line where the file's text is known and with the nearest name that is there. Opens none of them.
import { access, readdir } from 'node:fs/promises';
import path from 'node:path';
import { nearestNames } from '../../core/text/nearest-names.js';
import { InputError } from '../../schemas/errors.js';
import type { RunFile } from '../../schemas/run-file.js';
import type { TrainingFile } from '../../schemas/training-file.js';
import { isGlob } from '../../stages/corpus/glob.js';
import { isRemote } from '../../stages/corpus/part-files.js';
import { linkFault } from '../../storage/files/link-fault.js';
import { fieldText, problemsError, type FieldPath, type Finding, type Problem } from '../files/problem.js';

interface NamedPlace {
  readonly path: FieldPath;
  readonly place: string | undefined;
  readonly what: 'folder' | 'file' | 'file or folder';
}

/** What a run file names of this machine. */
export function runPlaces({ model, corpus, saes }: RunFile): NamedPlace[] {
  return [
    { path: ['model', 'folder'], place: model.folder, what: 'folder' },
    { path: ['model', 'onnx'], place: model.onnx, what: 'file or folder' },
    { path: ['model', 'tokenizer'], place: model.tokenizer, what: 'file' },
    ...sourcePlaces(corpus.sources),
    ...saes.map(({ from }, i): NamedPlace => ({ path: ['saes', i, 'from'], place: from, what: 'file or folder' })),
  ];
}

/** What a training file names of this machine. */
export function trainingPlaces({ tokenizer, corpus }: TrainingFile): NamedPlace[] {
  return [{ path: ['tokenizer'], place: tokenizer, what: 'file' }, ...sourcePlaces(corpus?.sources ?? [])];
}

function sourcePlaces(sources: readonly string[]): NamedPlace[] {
  return sources.map((source, i) => ({
    path: ['corpus', 'sources', i],
    // What a pattern means is found out where it is read.
    place: isRemote(source) || isGlob(source) ? undefined : source,
    what: 'file or folder',
  }));
}

/**
 * @param locate finds the place of a field in the file's text
 * @throws InputError with a line for each place that is not there
 */
export async function expectPlaces(
  named: readonly NamedPlace[],
  folder: string,
  locate: ((finding: Finding) => Problem) | undefined,
): Promise<void> {
  const judged = await Promise.all(named.map((one) => missingPlace(one, folder)));
  const findings = judged.filter((finding) => finding !== null);
  if (findings.length === 0) return;
  if (locate) throw problemsError(findings.map(locate));
  const lines = findings.map((f) => `${fieldText(f.path)}: expected ${f.expected}, found ${f.found} — ${f.remedy}`);
  throw new InputError(lines.join('\n'), { field: fieldText(findings[0]?.path ?? []) });
}

async function missingPlace({ path: field, place, what }: NamedPlace, folder: string): Promise<Finding | null> {
  if (place === undefined) return null;
  const whole = path.resolve(folder, place);
  if (await isThere(whole)) return null;
  let missing = whole;
  while (!(await isThere(path.dirname(missing)))) missing = path.dirname(missing);
  const link = await linkFault(missing);
  if (link !== null) {
    const found = `the link ${missing} to ${link.target}, ${link.wrong}`;
    return { path: field, expected: `a ${what}`, found, remedy: link.remedy };
  }
  const there = await readdir(path.dirname(missing)).catch(() => []);
  const near = nearestNames(path.basename(missing), there);
  const advice =
    near.length > 0
      ? `nearest: ${near.map((name) => path.join(path.dirname(missing), name, path.relative(missing, whole))).join(', ')}`
      : 'correct the path (relative ones start at the folder of this file)';
  return { path: field, expected: `a ${what}`, found: `no such ${what}: ${whole}`, remedy: advice };
}

/** What may not be looked at counts as there: reading it says more. */
async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    (error: unknown) => !['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? ''),
  );
}
