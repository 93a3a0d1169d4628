// Data objects lie under their digest: damage, loss and wrong sizes are noticed, and what is adopted is kept from
// garbage collection.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../../core/identity/digest.js';
import { DataError } from '../../../../schemas/errors.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import { putDataBytes, putDataFile } from '../../../../storage/records/data-objects.js';
import { fetchDataToFile, getData, streamData } from '../../../../storage/records/data-stream.js';
import { verifyObjects } from '../../../../storage/records/verify-objects.js';
import { failureOf } from '../../../harness/failure-of.js';
import { patternBytes } from '../../../conformance/store-conformance.js';
import { countCalls } from './counting-store.js';
import { collect, sampleObject } from './sample-records.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const HOUR = 3600_000;
const folder = temporaryFolder('data');

async function spool(name: string, content: Uint8Array) {
  const path = join(folder, name);
  await writeFile(path, content);
  return { path, sha256: sha256Hex(content), bytes: content.length, extension: 'arrow' };
}

describe('data objects', () => {
  it('lie under their digest and come back whole', async () => {
    const store = createMemoryStore();
    const content = patternBytes(5000);
    const file = await spool('a', content);
    const stored = await putDataFile(store, file);
    expect(stored).toEqual({
      key: `data/${file.sha256.slice(0, 2)}/${file.sha256}.arrow`,
      sha256: file.sha256,
      bytes: 5000,
    });
    expect(Buffer.compare(await getData(store, stored), content)).toBe(0);
    expect(await putDataBytes(store, { bytes: content, extension: 'arrow' })).toEqual(stored);
  });

  it.each([
    [99, 'data'],
    [100, 'data'],
    [101, 'parts'],
    [250, 'parts'],
    [300, 'parts'],
  ])('of %i bytes are stored as %s where one object holds 100', async (bytes, kind) => {
    const store = createMemoryStore();
    const content = patternBytes(bytes);
    const stored = await putDataFile(store, await spool('p', content), { partBytes: 100 });
    expect(stored.key.endsWith('.parts.json')).toBe(kind === 'parts');
    expect(stored.sha256).toBe(sha256Hex(content));
    expect(stored.bytes).toBe(bytes);
    const objects = await collect(store.list('data/'));
    const parts = objects.filter((info) => info.key.endsWith('.bin'));
    expect(parts.length).toBe(kind === 'parts' ? Math.ceil(bytes / 100) : 0);
    expect(parts.every((info) => info.bytes <= 100)).toBe(true);
    expect(Buffer.compare(await getData(store, stored), content)).toBe(0);
    const path = join(folder, 'fetched');
    await fetchDataToFile(store, stored, { path });
    expect(Buffer.compare(await readFile(path), content)).toBe(0);
    const again = await putDataBytes(store, { bytes: content, extension: 'arrow' }, { partBytes: 100 });
    expect(again).toEqual(stored);
  });

  it('are streamed in pieces of 16 MiB, which joined are the content', async () => {
    const store = createMemoryStore();
    const content = patternBytes(40 * 2 ** 20);
    const stored = await putDataBytes(store, { bytes: content, extension: 'bin' });
    const pieces = await collect(streamData(store, stored));
    expect(pieces.map((piece) => piece.length / 2 ** 20)).toEqual([16, 16, 8]);
    expect(Buffer.compare(Buffer.concat(pieces), content)).toBe(0);
  });

  it('are touched when they are old and adopted, with their parts, and only then', async () => {
    let now = Date.now() - 30 * HOUR;
    const { store, counts, reset } = countCalls(createMemoryStore(() => now));
    const file = await spool('old', patternBytes(250));
    await putDataFile(store, file, { partBytes: 100 });
    now = Date.now();
    reset();
    await putDataFile(store, file, { partBytes: 100 });
    expect(counts()['touch']).toBe(4);
    expect(counts()['putIfAbsent'] ?? 0).toBe(0);
    const infos = await collect(store.list('data/'));
    expect(infos.every((info) => info.modifiedMs === now)).toBe(true);
    reset();
    await putDataFile(store, file, { partBytes: 100 });
    expect(counts()['touch'] ?? 0).toBe(0);
  });

  it('are put again where garbage collection took them between the two looks', async () => {
    const inner = createMemoryStore(() => Date.now() - 30 * HOUR);
    const bytes = Buffer.from('content');
    const { key } = await putDataBytes(inner, { bytes, extension: 'bin' });
    const { store, counts } = countCalls(
      Object.assign(Object.create(inner) as typeof inner, {
        touch: async (touched: string) => {
          await inner.delete(touched);
          return inner.touch(touched);
        },
        get: (k: string) => inner.get(k),
        head: (k: string) => inner.head(k),
        putIfAbsent: (k: string, b: Uint8Array) => inner.putIfAbsent(k, b),
      }),
    );
    await putDataBytes(store, { bytes, extension: 'bin' });
    expect(counts()['putIfAbsent']).toBe(2);
    expect(await inner.get(key)).not.toBeNull();
  });

  it('above 8 MiB are not sent when they are there already', async () => {
    const { store, counts, reset } = countCalls(createMemoryStore());
    const bytes = patternBytes(8 * 2 ** 20);
    await putDataBytes(store, { bytes, extension: 'bin' });
    reset();
    await putDataBytes(store, { bytes, extension: 'bin' });
    expect(counts()).toEqual({ head: 1 });
  });

  it('are refused when the spooled file is not what its digest says', async () => {
    const store = createMemoryStore();
    const file = await spool('changed', patternBytes(300));
    await writeFile(file.path, patternBytes(299));
    for (const partBytes of [1000, 100]) {
      const error = await failureOf(putDataFile(store, file, { partBytes }));
      expect(error).toBeInstanceOf(DataError);
      expect(error.message).toContain(file.sha256);
      expect(error.message).toMatch(/300 bytes.*changed.*found 299 bytes.*spool folder/s);
    }
    expect((await collect(store.list('data/'))).some((i) => i.key.includes(file.sha256))).toBe(false);
    const gone = await failureOf(putDataFile(store, { ...file, path: join(folder, 'gone') }));
    expect(gone.message).toMatch(/ENOENT.*read local file.*gone/s);
  });

  it('name the key when they are missing, damaged or cut short', async () => {
    const store = createMemoryStore();
    const stored = await putDataBytes(store, { bytes: patternBytes(300), extension: 'bin' });
    const missing = { ...stored, key: 'data/00/none.bin' };
    expect((await failureOf(getData(store, missing))).message).toMatch(/data\/00\/none\.bin/);
    const path = join(folder, 'x');
    expect((await failureOf(fetchDataToFile(store, missing, { path }))).message).toMatch(/none\.bin/);
    await store.put(stored.key, patternBytes(299));
    for (const read of [getData(store, stored), collect(streamData(store, stored))]) {
      const error = await failureOf(read);
      expect(error).toBeInstanceOf(DataError);
      expect(error.message).toContain(stored.key);
      expect(error.message).toMatch(/damaged.*assay resume/s);
    }
    const adopting = await failureOf(putDataBytes(store, { bytes: patternBytes(300), extension: 'bin' }));
    expect(adopting.message).toMatch(/300 bytes.*found 299.*delete it/s);
  });

  it('never give a wrong last piece to a stream, so that nothing wrong is taken for whole', async () => {
    const store = createMemoryStore();
    const content = patternBytes(17 * 2 ** 20);
    const stored = await putDataBytes(store, { bytes: content, extension: 'bin' });
    const wrong = content.slice();
    wrong[5] = (wrong[5] ?? 0) ^ 1;
    await store.put(stored.key, wrong);
    let got = 0;
    const read = async (): Promise<void> => {
      for await (const piece of streamData(store, stored)) got += piece.length;
    };
    await failureOf(read());
    expect(got).toBe(16 * 2 ** 20);
  });
});

describe('verifyObjects', () => {
  it('counts what is sound and names what is damaged, missing or of another size', async () => {
    const store = createMemoryStore();
    const names = ['sound', 'damaged', 'missing', 'longer'];
    const records = names.map((name) => sampleObject(name));
    for (const name of names) await putDataBytes(store, { bytes: Buffer.from(name), extension: 'arrow' });
    const keyOf = (name: string): string => sampleObject(name).key;
    await store.put(keyOf('damaged'), Buffer.from('damageD'));
    await store.delete(keyOf('missing'));
    const longer = { ...sampleObject('longer'), bytes: 7 };
    const seen: number[] = [];
    const report = await verifyObjects(store, [...records.slice(0, 3), longer, sampleObject('sound')], {
      onProgress: ({ objects }) => seen.push(objects),
    });
    expect(report.objects).toBe(4);
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(report.damaged.map((object) => object.shard)).toEqual(['damaged', 'missing', 'longer']);
    const [damaged, missing, other] = report.damaged.map((object) => object.problem);
    expect(damaged).toContain(sampleObject('damaged').sha256);
    expect(missing).toMatch(/found none/);
    expect(other).toMatch(/Expected 7 bytes.*found 6/);
  });
});
