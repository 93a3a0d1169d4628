// A copy of a store has the id of the original: what is active under one is not taken for what is asked for in the other. Two
// addresses of one store are no copies.
import { cp, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { assertSameStore } from '../../../cli/orchestration/workflow-store.js';
import { InputError } from '../../../schemas/errors.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { claimStoreId, readStoreId } from '../../../storage/records/identity.js';
import { listAll } from '../../../storage/records/record-io.js';
import { failureOf } from '../../harness/failure-of.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';

const memoOf = (folder: string): Record<string, unknown> => ({
  store: { url: pathToFileURL(folder).href, options: {} },
});

describe('what is active under the id of a store', () => {
  it('is refused where it works on a copy, with both places and what to do', async () => {
    const folder = temporaryFolderOfTest('copy');
    const [original, copy] = [join(folder, 'original'), join(folder, 'copy')];
    const store = await openStore(original);
    const id = await claimStoreId(store);
    await cp(original, copy, { recursive: true });
    expect(await readStoreId(await openStore(copy))).toBe(id);
    const error = await failureOf(assertSameStore(await openStore(copy), memoOf(original), 'kjv'));
    expect(error).toBeInstanceOf(InputError);
    for (const part of ['"kjv"', original, copy, 'delete store.json']) expect(error.message).toContain(part);
    for (const one of [store, await openStore(copy)]) expect(await listAll(one, 'probe/')).toEqual([]);
  });

  it('is accepted by another address of the same store, and where nobody can tell', async () => {
    const folder = temporaryFolderOfTest('copy');
    const [original, link] = [join(folder, 'original'), join(folder, 'link')];
    const store = await openStore(original);
    await claimStoreId(store);
    await symlink(original, link);
    await assertSameStore(store, memoOf(link), 'kjv');
    await assertSameStore(await openStore(link), memoOf(original), 'kjv');
    await assertSameStore(store, memoOf(join(folder, 'of another machine')), 'kjv');
    await assertSameStore(store, undefined, 'kjv');
    expect(await listAll(store, 'probe/')).toEqual([]);
  });
});
