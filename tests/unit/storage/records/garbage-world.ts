// A store whose clock is set by hand, with what the tests of garbage collection put into it.
import { z } from 'zod';
import { sha256Hex } from '../../../../core/identity/digest.js';
import type { Commit } from '../../../../schemas/records.js';
import { collectGarbage, planGarbage, type Collected } from '../../../../storage/gc/collect-garbage.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { putCommit } from '../../../../storage/records/commits.js';
import { putDataBytes, type StoredData } from '../../../../storage/records/data-objects.js';
import { putRunDocument } from '../../../../storage/records/runs.js';
import { expect } from 'vitest';
import { collect, sampleCommit } from './sample-records.js';

export const DAY = 24 * 3600_000;
export const NOW = Date.now();

/** A store whose clock is set by hand. */
export class World {
  nowMs = NOW - 3 * DAY;
  readonly store: ObjectStore = createMemoryStore(() => this.nowMs);

  async data(text: string): Promise<StoredData> {
    return putDataBytes(this.store, { bytes: Buffer.from(text), extension: 'arrow' });
  }

  async large(text: string): Promise<StoredData> {
    return putDataBytes(this.store, { bytes: Buffer.from(text), extension: 'bin' }, { partBytes: 4 });
  }

  async commit(stage: Commit['stage'], key: string, object: StoredData): Promise<Commit> {
    const record = { table: 't', shard: 's', rows: 1, batches: [], ...object };
    const input = sha256Hex(`${key} ${object.key}`);
    const { commit } = await putCommit(this.store, sampleCommit(1, { stage, key, input, objects: [record] }));
    return commit;
  }

  async run(name: string, keys: readonly string[], more: unknown = null): Promise<void> {
    const value = { keys: [...keys], more };
    await putRunDocument(this.store, { name, revision: 1 }, { document: 'plan', schema: z.unknown(), value });
  }

  /** All keys but those of collections' marks. */
  async keys(): Promise<string[]> {
    const keys = (await collect(this.store.list(''))).map((info) => info.key);
    return keys.filter((one) => !one.startsWith('collections/'));
  }

  /** A collection at NOW; the clock goes back afterwards. */
  async collectNow(store = this.store): Promise<Collected> {
    const before = this.nowMs;
    this.nowMs = NOW;
    return collectGarbage(store).finally(() => {
      this.nowMs = before;
    });
  }

  /** Keys removed by a collection now. */
  async collected(): Promise<string[]> {
    const before = await this.keys();
    const plan = await planGarbage(this.store, { nowMs: NOW });
    expect(await this.keys()).toEqual(before);
    const { removed } = await this.collectNow();
    const after = await this.keys();
    const gone = before.filter((key) => !after.includes(key));
    expect(gone.length).toBe(removed);
    expect(new Set(gone)).toEqual(new Set(plan.keys));
    return gone;
  }
}

/** A stage's key, by a name for it. */
export const key = (name: string): string => sha256Hex(`key ${name}`);
