// JSON lines whatever the chunks they arrive in.
import { describe, expect, it } from 'vitest';
import { readJsonLines } from '../../../../stages/corpus/read-jsonl.js';
import type { RawRecord } from '../../../../stages/corpus/raw-record.js';

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function readAll(text: string | Uint8Array, size: number, limit?: number): Promise<RawRecord[]> {
  const records: RawRecord[] = [];
  for await (const batch of readJsonLines(inChunks(Buffer.from(text), size), limit)) records.push(...batch);
  return records;
}

describe('JSON lines', () => {
  const text = '\uFEFF{"a":"é😀"}\r\n\n   \n{"b":1}\n{"c":null}';

  it('are the same in chunks of 1 to 40 bytes', async () => {
    for (let size = 1; size <= 40; size++) {
      expect(await readAll(text, size)).toEqual([
        { line: 1, fields: { a: 'é😀' } },
        { line: 4, fields: { b: 1 } },
        { line: 5, fields: { c: null } },
      ]);
    }
  });

  it('longer than the limit are bad, and the next line is read again', async () => {
    const lines = `{"a":1}\n{"long":"${'x'.repeat(100)}"}\n{"b":2}\n`;
    for (const size of [1, 7, 50, 500]) {
      const records = await readAll(lines, size, 50);
      expect(records.map((r) => ('bad' in r ? [r.line, r.bad.reason] : [r.line, r.fields]))).toEqual([
        [1, { a: 1 }],
        [2, 'tooLong'],
        [3, { b: 2 }],
      ]);
      expect('bad' in (records[1] ?? {}) && JSON.stringify(records[1])).toMatch(/at most 50 bytes/);
    }
  });

  it('that are not UTF-8 are named by the byte of the whole file, in any chunks', async () => {
    const bytes = Buffer.concat([Buffer.from('{"a":1}\n{"b":"'), Buffer.from([0xe2, 0x82]), Buffer.from('"}\n')]);
    for (const size of [1, 3, 9, 100]) {
      const records = await readAll(bytes, size);
      expect(records[1]).toMatchObject({
        line: 2,
        bad: { reason: 'invalidUtf8', details: { byteOffset: 14, byte: '0xe2' } },
      });
    }
  });
});
