// Which run a query means: the one that the store holds, whatever a removal of another left behind; a query that names the removed one
// is told so.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { querySql } from '../../../reading/sql/query.js';
import { createMemoryStore } from '../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { appendEvent } from '../../../storage/records/events.js';
import { putRunDocument } from '../../../storage/records/runs.js';
import { failureOf } from '../../harness/failure-of.js';

const at = (name: string): { name: string; revision: number } => ({ name, revision: 1 });

/** Holds the run `whole`, and of the run `gone` an event that its removal has not reached. */
async function storeWithRemains(): Promise<ObjectStore> {
  const store = createMemoryStore();
  await putRunDocument(store, at('whole'), { document: 'config', schema: z.unknown(), value: {} });
  await appendEvent(store, at('gone'), { type: 'started', data: {}, atMs: 1 });
  return store;
}

async function refusalOf(query: string, run: string | null = null): Promise<string> {
  const store = await storeWithRemains();
  const { signal } = new AbortController();
  return (await failureOf(querySql(store, { query, run, maxBytes: 1e6, signal }, () => Promise.resolve()))).message;
}

describe('the run that a query means', () => {
  it('is the only whole one beside one whose removal was interrupted', async () => {
    expect(await refusalOf('select * from tokens')).not.toMatch(/--run|gone/);
  });

  it('is not the one whose removal was interrupted, however the query names it', async () => {
    for (const query of ['select * from gone.tokens', 'select * from gone.main.tokens', 'select * from Gone.top'])
      expect(await refusalOf(query), query).toMatch(/"gone" to be whole .* `assay rm gone`/);
    expect(await refusalOf('select * from tokens', 'gone')).toMatch(/`assay rm gone`/);
  });
});
