// What every store driver must do, as one suite: run it against a driver by giving it a way to open an empty store.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, InputError } from '../../schemas/errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { probeStore } from '../../storage/probe/probe-store.js';

export interface ConformanceTarget {
  readonly name: string;
  /** An empty store; called once. */
  readonly open: () => Promise<ObjectStore>;
  /** A second handle on the same store, as another process would have; absent for memory. */
  readonly openAgain?: () => Promise<ObjectStore>;
  /** Bytes of the largest object tried. */
  readonly largeBytes: number;
  readonly close?: () => Promise<void>;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const plain = (bytes: Uint8Array | null): string | null => (bytes === null ? null : new TextDecoder().decode(bytes));

async function keysOf(store: ObjectStore, prefix: string, options: { startAfter?: string } = {}): Promise<string[]> {
  const keys: string[] = [];
  for await (const info of store.list(prefix, options)) keys.push(info.key);
  return keys;
}

/** Bytes that repeat only after a long way, so that a piece in the wrong place is seen. */
export function patternBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 2654435761) >>> 24;
  return bytes;
}

export function storeConformance(target: ConformanceTarget): void {
  describe(`store driver ${target.name}`, () => {
    let store: ObjectStore;
    beforeAll(async () => {
      store = await target.open();
    });
    afterAll(async () => {
      await store.close();
      await target.close?.();
    });

    it('names itself by a canonical URL and 16 hex digits', () => {
      expect(store.url).toMatch(/^(file|s3|memory):\/\/.*[^/]$/);
      expect(store.addressId).toMatch(/^[0-9a-f]{16}$/);
    });

    it('gives back what was created, whole and with its size', async () => {
      expect(await store.putIfAbsent('whole/a.json', text('hello'))).toBe('created');
      expect(plain(await store.get('whole/a.json'))).toBe('hello');
      const info = await store.head('whole/a.json');
      expect(info).toMatchObject({ key: 'whole/a.json', bytes: 5 });
      expect(Math.abs((info?.modifiedMs ?? 0) - Date.now())).toBeLessThan(60_000);
    });

    it('says null for what is not there, also below an object and for a folder', async () => {
      await store.putIfAbsent('absent/object', text('x'));
      for (const key of ['absent/none', 'absent/object/below', 'absent', 'nowhere/at/all']) {
        expect(await store.get(key), key).toBeNull();
        expect(await store.head(key), key).toBeNull();
      }
    });

    it('creates an object once and leaves the first content', async () => {
      expect(await store.putIfAbsent('once/a', text('first'))).toBe('created');
      expect(await store.putIfAbsent('once/a', text('second'))).toBe('exists');
      expect(plain(await store.get('once/a'))).toBe('first');
    });

    it('lets one of 16 racing creators win, and everyone then reads its content', async () => {
      const other = target.openAgain === undefined ? store : await target.openAgain();
      for (let round = 0; round < 8; round++) {
        const key = `race/${round}/${randomUUID()}`;
        const outcomes = await Promise.all(
          Array.from({ length: 16 }, (_, i) =>
            (i % 2 === 0 ? store : other).putIfAbsent(key, text(`writer ${i} ${'x'.repeat(5000)}`)),
          ),
        );
        expect(outcomes.filter((o) => o === 'created')).toHaveLength(1);
        const content = `writer ${outcomes.indexOf('created')} ${'x'.repeat(5000)}`;
        expect(plain(await store.get(key))).toBe(content);
        expect(plain(await other.get(key))).toBe(content);
      }
      if (other !== store) await other.close();
    });

    it('replaces content by put, and never shows a mixture while it does', async () => {
      const long = 200_000;
      await store.put('beat/a', text('0'.repeat(long)));
      const state = { done: false };
      const writer = (async () => {
        for (let i = 1; i < 8; i++) await store.put('beat/a', text(String(i).repeat(long)));
        state.done = true;
      })();
      while (!state.done) {
        const seen = plain(await store.get('beat/a')) ?? '';
        expect(seen).toBe((seen[0] ?? '').repeat(long));
      }
      await writer;
      expect((await store.head('beat/a'))?.bytes).toBe(long);
    });

    it('holds an empty object', async () => {
      await store.putIfAbsent('empty/a', new Uint8Array(0));
      expect(await store.get('empty/a')).toHaveLength(0);
      expect(await store.getRange('empty/a', 0, 10)).toHaveLength(0);
    });

    it('takes a view of a larger buffer as exactly that view', async () => {
      const buffer = patternBytes(1000);
      await store.putIfAbsent('view/a', buffer.subarray(10, 20));
      expect([...((await store.get('view/a')) ?? [])]).toEqual([...buffer.subarray(10, 20)]);
    });

    it('reads ranges: inside, at the end, across the end, beyond the end, and empty', async () => {
      const bytes = patternBytes(10_000);
      await store.putIfAbsent('range/a', bytes);
      const cases: [number, number][] = [
        [0, 1],
        [4096, 128],
        [9_900, 100],
        [9_990, 500],
        [10_000, 5],
        [20_000, 5],
        [5, 0],
      ];
      for (const [offset, length] of cases) {
        const range = await store.getRange('range/a', offset, length);
        expect(Buffer.from(range).equals(bytes.subarray(offset, offset + length))).toBe(true);
      }
    });

    it('reads a suffix as a range that starts at size minus length', async () => {
      const bytes = patternBytes(5_000);
      await store.putIfAbsent('suffix/a', bytes);
      const size = (await store.head('suffix/a'))?.bytes ?? 0;
      const tail = await store.getRange('suffix/a', size - 12, 12);
      expect(Buffer.from(tail).equals(bytes.subarray(-12))).toBe(true);
    });

    it('refuses a range of an object that is not there, naming key and store', async () => {
      for (const length of [4, 0]) {
        const failure = store.getRange('range/none', 0, length);
        await expect(failure).rejects.toThrow(DataError);
        await expect(failure).rejects.toThrow(/range\/none.*found none.*assay/s);
      }
      await expect(store.touch('range/none')).rejects.toThrow(DataError);
    });

    it('refuses a negative or broken range', async () => {
      await expect(store.getRange('range/a', -1, 4)).rejects.toThrow(InputError);
      await expect(store.getRange('range/a', 0, 1.5)).rejects.toThrow(/whole numbers.*1\.5/);
    });

    const bad = ['', '/a', 'a/', 'a//b', '.', '..', 'a/./b', 'a/../b', 'a\u0000b', 'a\nb', 'a\\b'];
    const worse = ['.assay-tmp/x', 'x'.repeat(241), Array(200).fill('segment').join('/')];
    it.each([...bad, ...worse])('refuses the key %j in every method', async (key) => {
      const calls = [
        () => store.get(key),
        () => store.getRange(key, 0, 1),
        () => store.head(key),
        () => store.put(key, text('x')),
        () => store.putIfAbsent(key, text('x')),
        () => store.touch(key),
        () => store.delete(key),
      ];
      for (const call of calls) {
        await expect((async () => call())()).rejects.toThrow(InputError);
      }
    });

    it('takes keys with spaces, signs and letters of all alphabets', async () => {
      const names = ['a b', 'a+b', 'a%2Fb', 'ä', '漢字', '🙂', "it's(1)!*~", 'a=b&c', '#?;,@:$'];
      const keys = names.map((name) => `letters/${name}.json`);
      for (const key of keys) expect(await store.putIfAbsent(key, text(key))).toBe('created');
      for (const key of keys) expect(plain(await store.get(key))).toBe(key);
      const byBytes = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(await keysOf(store, 'letters/')).toEqual(byBytes);
      for (const key of keys) await store.touch(key);
    });

    it('lists keys in byte order, by any string prefix, from any place', async () => {
      const keys = ['l/a', 'l/a.b', 'l/a-c/1', 'l/a/1', 'l/a/2/x', 'l/b/1', 'l/B', 'l/b0', 'm/a'];
      // A folder cannot hold the object `l/a` and objects below `l/a/`, so that pair is left out.
      const written = keys.filter((key) => key !== 'l/a');
      for (const key of written) await store.putIfAbsent(`list/${key}`, text(key));
      const sorted = ['l/B', 'l/a-c/1', 'l/a.b', 'l/a/1', 'l/a/2/x', 'l/b/1', 'l/b0', 'm/a'];
      const strip = async (prefix: string, startAfter?: string): Promise<string[]> => {
        const from = startAfter === undefined ? {} : { startAfter: `list/${startAfter}` };
        return (await keysOf(store, `list/${prefix}`, from)).map((key) => key.slice(5));
      };
      expect(await strip('')).toEqual(sorted);
      expect(await strip('l/a')).toEqual(sorted.slice(1, 5));
      expect(await strip('l/a/')).toEqual(['l/a/1', 'l/a/2/x']);
      expect(await strip('l/a/2/x')).toEqual(['l/a/2/x']);
      expect(await strip('none/')).toEqual([]);
      for (let i = 0; i < sorted.length; i++) {
        expect(await strip('', sorted[i])).toEqual(sorted.slice(i + 1));
      }
      expect(await strip('', 'l/a/2')).toEqual(sorted.slice(4));
      expect(await strip('l/', 'l/zzz')).toEqual([]);
    });

    it('lists more keys than one page holds, each with its size', async () => {
      const count = 1100;
      const keys = Array.from({ length: count }, (_, i) => `pages/${String(i).padStart(5, '0')}`);
      for (let at = 0; at < count; at += 50) {
        const batch = keys.slice(at, at + 50);
        await Promise.all(batch.map((key) => store.putIfAbsent(key, text(key))));
      }
      const listed = [];
      for await (const info of store.list('pages/')) listed.push(info);
      expect(listed.map((info) => info.key)).toEqual(keys);
      expect(listed.every((info) => info.bytes === 11)).toBe(true);
      const tail = await keysOf(store, 'pages/', { startAfter: 'pages/01050' });
      expect(tail).toEqual(keys.slice(1051));
    }, 60_000);

    it('makes an object young again by touch, and leaves its content', async () => {
      await store.putIfAbsent('touch/a', text('same'));
      const before = (await store.head('touch/a'))?.modifiedMs ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await store.touch('touch/a');
      const after = await store.head('touch/a');
      expect(after?.modifiedMs).toBeGreaterThan(before);
      expect(plain(await store.get('touch/a'))).toBe('same');
    });

    it('deletes, twice without complaint, and lets the key be created anew', async () => {
      await store.putIfAbsent('delete/a', text('1'));
      await store.delete('delete/a');
      await store.delete('delete/a');
      expect(await store.get('delete/a')).toBeNull();
      expect(await keysOf(store, 'delete/')).toEqual([]);
      expect(await store.putIfAbsent('delete/a', text('2'))).toBe('created');
    });

    it(`holds an object of ${target.largeBytes} bytes`, async () => {
      const bytes = patternBytes(target.largeBytes);
      expect(await store.putIfAbsent('large/a', bytes)).toBe('created');
      expect(Buffer.compare((await store.get('large/a')) ?? new Uint8Array(), bytes)).toBe(0);
      const middle = Math.floor(target.largeBytes / 2);
      const range = await store.getRange('large/a', middle, 1 << 20);
      expect(Buffer.compare(range, bytes.subarray(middle, middle + (1 << 20)))).toBe(0);
    }, 60_000);

    it('stops at an aborted signal with its reason', async () => {
      const reason = new InputError('stopped by the test');
      const signal = AbortSignal.abort(reason);
      await expect(store.get('once/a', { signal })).rejects.toBe(reason);
      await expect(store.getRange('once/a', 0, 1, { signal })).rejects.toBe(reason);
      await expect(store.put('abort/a', text('x'), { signal })).rejects.toBe(reason);
      await expect(store.putIfAbsent('abort/a', text('x'), { signal })).rejects.toBe(reason);
      await expect(
        (async () => {
          for await (const info of store.list('once/', { signal })) expect(info).toBeNull();
        })(),
      ).rejects.toBe(reason);
      expect(await store.get('abort/a')).toBeNull();
    });

    it('passes its own probe and leaves nothing behind', async () => {
      const results = await probeStore(store);
      expect(results.filter((result) => !result.ok)).toEqual([]);
      expect(results.length).toBeGreaterThanOrEqual(4);
      expect(await keysOf(store, 'probe/')).toEqual([]);
    });

    it('shows in a listing of everything only what was put there', async () => {
      const all = await keysOf(store, '');
      const tops = new Set(all.map((key) => key.split('/')[0]));
      expect([...tops].filter((top) => top?.startsWith('.'))).toEqual([]);
    });
  });
}
