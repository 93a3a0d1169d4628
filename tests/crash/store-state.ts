// What must hold in a store at every moment, also right after a crash: nothing half-written is visible, and nothing names
// what is not there.
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { commitRecord, checkpointRecord, snapshotRecord } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { partsRecord } from '../../storage/records/data-stream.js';
import { labelsRecord } from '../../storage/records/labels.js';

/** Checks every object; returns the keys of all data objects and the digest of each. */
export async function expectSoundStore(store: ObjectStore): Promise<string[]> {
  const contents = new Map<string, Buffer>();
  for await (const info of store.list('')) {
    const content = await store.get(info.key);
    expect(content, info.key).not.toBeNull();
    contents.set(info.key, Buffer.from(content ?? []));
  }
  for (const [key, content] of contents) expectSound(key, content, contents);
  return [...contents.keys()].filter((key) => key.startsWith('data/'));
}

function expectSound(key: string, content: Buffer, all: ReadonlyMap<string, Buffer>): void {
  const there = (named: string): void => {
    expect([...all.keys()], `${key} names ${named}`).toContain(named);
  };
  if (key.endsWith('.parts.json')) {
    for (const part of partsRecord.parse(JSON.parse(content.toString())).parts) there(part.key);
    return;
  }
  if (key.startsWith('data/')) {
    const sha256 = createHash('sha256').update(content).digest('hex');
    expect(key.startsWith(`data/${sha256.slice(0, 2)}/${sha256}.`), key).toBe(true);
    return;
  }
  const record: unknown = JSON.parse(content.toString());
  if (key.startsWith('commits/')) {
    for (const object of commitRecord.parse(record).objects) there(object.key);
  } else if (key.startsWith('checkpoints/')) {
    for (const chunk of checkpointRecord.parse(record).chunks) there(chunk.key);
  } else if (key.startsWith('labels/')) {
    for (const object of labelsRecord.parse(record).objects) there(object.key);
  } else if (key.startsWith('snapshots/')) {
    for (const segment of snapshotRecord.parse(record).segments) there(segment.key);
  }
}
