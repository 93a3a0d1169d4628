// Equal ids in different parts, found by merging the hashes of all ids.
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../../schemas/errors.js';
import type { Commit } from '../../../../schemas/records.js';
import { checkDuplicateIds } from '../../../../stages/tokens/duplicate-ids.js';
import { failureOf } from '../../../harness/failure-of.js';
import { jsonLines } from '../corpus/run-part.js';
import { commits, many } from './corpus-commits.js';

describe('equal ids in two parts', () => {
  const request = (found: readonly Commit[]) => ({
    commits: found,
    names: found.map((_, i) => `part-${i}.jsonl`),
    seed: 0,
    fetch: (object: { readonly key: string }) => Promise.resolve(object.key),
  });

  it('are named with both parts', async () => {
    const found = await commits(
      many('a', 5000),
      many('b', 3000),
      jsonLines([
        { id: 'c', text: 'x' },
        { id: 'a-321', text: 'y' },
      ]),
    );
    const error = await failureOf(checkDuplicateIds(request(found)));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toBe(
      'Expected every document id once in the corpus, found "a-321" in part-0.jsonl and in part-2.jsonl; make the ids unique or remove one of the parts.',
    );
  });

  it('are not there where all differ, also where hashes are equal', async () => {
    const found = await commits(many('a', 100), many('b', 60), many('c', 10));
    await expect(checkDuplicateIds(request(found))).resolves.toBeUndefined();
    // The hashes of part 0 in place of those of part 1: every hash collides, no id does.
    const [first, second] = found;
    const collided = {
      ...second,
      objects: [
        ...(second?.objects ?? []).filter((o) => o.table !== 'ids'),
        ...(first?.objects ?? []).filter((o) => o.table === 'ids'),
      ],
    } as Commit;
    await expect(checkDuplicateIds(request([first, collided] as Commit[]))).resolves.toBeUndefined();
  });
});
