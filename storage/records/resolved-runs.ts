// Reads the stored configurations of runs.
import { z } from 'zod';
import { DataError, InputError } from '../../schemas/errors.js';
import { parseResolvedRun, type ResolvedRun } from '../../schemas/resolved-run.js';
import type { ObjectStore } from '../objects/object-store.js';
import type { RunRevision } from './key-layout.js';
import { listRevisions } from './revisions.js';
import { getRunDocument } from './runs.js';
import { readSuite } from './suites.js';

/** A revision's configuration. @throws DataError where there is none or it is damaged */
export async function readResolvedRun(store: ObjectStore, revision: RunRevision): Promise<ResolvedRun> {
  const where = `runs/${revision.name}/${revision.revision}/config.json`;
  const stored = await getRunDocument(store, revision, { document: 'config', schema: z.unknown() });
  if (stored === null && (await readSuite(store, revision)))
    throw new InputError(
      `Expected a run, found that "${revision.name}" is a suite in ${store.url}; give the run another name, or ask for one of the suite's runs (\`assay status ${revision.name}\` lists them).`,
      { name: revision.name },
    );
  if (stored === null && (await isTraining(store, revision)))
    throw new InputError(
      `Expected a run, found that "${revision.name}" is a training of language models; \`assay model train\` with its training file goes on with it.`,
      { name: revision.name },
    );
  if (stored === null)
    throw new DataError(
      `Expected ${where} in ${store.url}, found nothing: the run was removed meanwhile, or its configuration is lost. Remove what is left with \`assay rm ${revision.name}\`, and start the run anew with \`assay run\` and its file.`,
      {
        key: where,
      },
    );
  return parseResolvedRun(stored, where);
}

async function isTraining(store: ObjectStore, revision: RunRevision): Promise<boolean> {
  const wanted = { document: 'training', schema: z.unknown() } as const;
  return (await getRunDocument(store, revision, wanted)) !== null;
}

/** The newest revision of a run that counts, or null where there is none. */
export async function latestRevision(store: ObjectStore, name: string): Promise<ResolvedRun | null> {
  const last = (await listRevisions(store, name)).at(-1);
  return last === undefined ? null : readResolvedRun(store, { name, revision: last });
}
