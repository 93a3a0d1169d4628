// What a new revision of a run asks for that the one before did not. Pure.
import { canonicalJson } from '../../core/identity/canonical-json.js';
import { differences } from '../../reading/runs/explain.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import { counted } from './quantities.js';

/** One line for each thing: fields of the file, words of the command line, files that are others under their old names. */
export function whatChanged(before: ResolvedRun, now: ResolvedRun): string {
  const asked = ({ file, until, limitDocuments }: ResolvedRun): object => ({
    ...file,
    '--until': until,
    '--limit': limitDocuments,
  });
  const fields = differences(asked(before), asked(now)).map(
    (d) => `  ${d.field}: ${JSON.stringify(d.before)} → ${JSON.stringify(d.after)}`,
  );
  return [
    `revision ${now.revision} of ${now.name}; changed against revision ${before.revision}:`,
    ...fields,
    ...contents(before, now),
    `Commands read the newest revision; a file of another name keeps both. What is recomputed and why: assay explain ${now.name}`,
  ].join('\n');
}

function contents(before: ResolvedRun, now: ResolvedRun): string[] {
  const old = new Set(before.parts.map((part) => part.digest));
  const kept = new Set(now.parts.map((part) => part.digest));
  const added = now.parts.filter((part) => !old.has(part.digest)).length;
  const gone = before.parts.filter((part) => !kept.has(part.digest)).length;
  const model = canonicalJson(before.model) !== canonicalJson(now.model);
  return [
    ...(added > 0 ? [`  ${counted(added, 'new part')} of the corpus`] : []),
    ...(gone > 0 ? [`  ${counted(gone, 'part')} of the corpus less`] : []),
    ...(model ? ['  the model: its files or what is read from them'] : []),
  ];
}
