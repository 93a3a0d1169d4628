// Compressed sources are read whole or refused: checksums, stated sizes, windows and what stands between and after the compressed
// pieces are looked at, for zstd and gzip alike, however the bytes are cut on their way in.
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { decompress } from '../../../../stages/corpus/compression/decompress.js';
import { Xxh64 } from '../../../../stages/corpus/compression/xxh64.js';
import { initZstd, zstdCompress } from '../../../../storage/arrow/zstd.js';
import { failureOf } from '../../../harness/failure-of.js';
import { messageOf, noise, read, words } from './compressed.js';
import { runSource } from './run-part.js';

beforeAll(initZstd);

const CONTENTS: Readonly<Record<string, Buffer>> = {
  empty: Buffer.alloc(0),
  short: Buffer.from('a line\n'),
  zeros: Buffer.alloc(700_000),
  noise: noise(300_000),
  words: words(3_000_000),
  mixed: Buffer.concat([words(200_000), noise(150_000), Buffer.alloc(300_000, 7), words(400_000)]),
};

/** A frame whose header says what is given, with one raw last block. */
function frame(header: readonly number[], content: Uint8Array): Buffer {
  const block = (content.length << 3) | 1;
  const head = [0x28, 0xb5, 0x2f, 0xfd, ...header, block & 255, (block >>> 8) & 255, (block >>> 16) & 255];
  return Buffer.concat([Uint8Array.from(head), content]);
}

function withChecksum(content: Uint8Array): Buffer {
  const hash = new Xxh64();
  hash.update(content);
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(hash.low32());
  return Buffer.concat([frame([0x04, 0x38], content), sum]);
}

describe('XXH64', () => {
  // Python: xxhash.xxh64(bytes(i & 255 for i in range(n))).intdigest()
  it.each([
    [0, 0xef46db3751d8e999n],
    [1, 0xe934a84adb052768n],
    [31, 0xc346d2b59b4d8ee1n],
    [32, 0xcbf59c5116ff32b4n],
    [33, 0x0c535d1acafb8eadn],
    [300, 0x4f1d6de0165b155an],
  ])('of %i bytes is what the reference gives, however they are cut', (length, expected) => {
    const bytes = Uint8Array.from({ length }, (_, i) => i & 255);
    for (const piece of [1, 7, 32, 1000]) {
      const hash = new Xxh64();
      for (let at = 0; at < length; at += piece) hash.update(bytes.subarray(at, at + piece));
      expect(hash.digest()).toBe(expected);
    }
  });
});

describe('a zstd source', () => {
  it.each(Object.keys(CONTENTS).flatMap((name) => [1, 9].map((level) => [name, level] as const)))(
    'of %s, level %i, is read as it was, also beyond its window',
    async (name, level) => {
      const content = CONTENTS[name] as Buffer;
      const stored = zstdCompress(content, level);
      expect((await read(stored, 'zstd')).equals(content)).toBe(true);
      expect((await read(stored, 'zstd', 1009)).equals(content)).toBe(true);
    },
  );

  it('of several frames with skippable ones between is read whole, cut anywhere', async () => {
    const skippable = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9]);
    const parts = [withChecksum(Buffer.from('one\n')), skippable, zstdCompress(Buffer.from('two\n')), skippable];
    const stored = Buffer.concat(parts);
    for (let piece = 1; piece <= stored.length; piece++) {
      expect((await read(stored, 'zstd', piece)).toString()).toBe('one\ntwo\n');
    }
  });

  it('whose content is damaged is refused by its checksum, and the run names the file', async () => {
    const error = await failureOf(runSource('tests/cases/data/b-zst-checksum', 'x.jsonl.zst'));
    expect(error.message).toMatch(
      /x\.jsonl\.zst is damaged \(the content does not have the checksum that is stated\); .* It broke off after line \d+\./,
    );
  });

  it('of 3.5 KB made with --long=30 is read, in memory of its content, not of its window', async () => {
    const stored = await readFile('tests/cases/data/c-zst-long30-19/x.jsonl.zst');
    const before = process.memoryUsage().arrayBuffers;
    const content = await read(stored, 'zstd');
    expect(content.toString().split('\n')[0]).toMatch(/^\{"id": "d0"/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 2 ** 20);
  });

  it('made with --long=31 is read where its content is small, and refused by the size of its window where it is not', async () => {
    const small = frame([0x00, 0xa8], Buffer.from('small\n'));
    expect((await read(small, 'zstd')).toString()).toBe('small\n');
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(3n * 2n ** 30n);
    const large = frame([0xc0, 0xa8, ...size], Buffer.from('x'));
    expect(await messageOf(large, 'zstd')).toBe(
      'Expected a zstd file that can be read here, the file needs a window of 2.0 GiB of memory to be decompressed, more than the 1 GiB that is given; ' +
        'compress it again with a smaller one (`zstd --long=30` or less).',
    );
  });

  it.each([
    ['more', [0x20, 3], 'states 3 bytes of content and holds more'],
    ['less', [0x20, 9], 'states 9 bytes of content and holds 4'],
  ] as const)('that holds %s than it states is refused', async (_what, header, found) => {
    expect(await messageOf(frame(header, Buffer.from('abcd')), 'zstd')).toContain(`is damaged (a frame ${found})`);
  });

  it('that needs a dictionary is refused by its number', async () => {
    const stored = frame([0x21, 77, 4], Buffer.from('abcd'));
    expect(await messageOf(stored, 'zstd')).toMatch(
      /the file needs the dictionary 77, with which it was compressed; compress it again without one/,
    );
  });

  it('with a reserved bit or a block of unknown type, with other bytes behind, or that is none is refused', async () => {
    const good = frame([0x20, 4], Buffer.from('abcd'));
    expect(await messageOf(frame([0x28, 4], Buffer.from('abcd')), 'zstd')).toContain('a reserved bit');
    const unknown = Buffer.from(good);
    unknown[6] = 0x27;
    expect(await messageOf(unknown, 'zstd')).toContain('a block of unknown type');
    expect(await messageOf(Buffer.concat([good, Buffer.from('{"a":1}')]), 'zstd')).toContain('bytes after a frame');
    expect(await messageOf(Buffer.from('{"a":1}'), 'zstd')).toContain('is damaged (no zstd frame header)');
  });

  it('cut anywhere is called truncated', async () => {
    const stored = withChecksum(Buffer.from('some content'));
    for (let length = 1; length < stored.length; length++) {
      expect(await messageOf(stored.subarray(0, length), 'zstd')).toContain('the file is truncated');
    }
  });

  it('with any byte changed under a checksum never gives other content', async () => {
    const content = words(5_000);
    const inner = zstdCompress(content, 3);
    const sum = withChecksum(content).subarray(-4);
    const stored = Buffer.concat([inner, sum]);
    // The flag that says that a checksum follows.
    stored[4] = (stored[4] ?? 0) | 4;
    expect((await read(stored, 'zstd')).equals(content)).toBe(true);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: stored.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, by) => {
          const changed = Buffer.from(stored);
          changed[at] = (changed[at] ?? 0) ^ by;
          const found = await read(changed, 'zstd').catch(() => content);
          expect(found.equals(content) || at === 4).toBe(true);
        },
      ),
    );
  });
});

describe('a gzip source', () => {
  it.each(Object.keys(CONTENTS))('of %s is read as it was, however it is cut', async (name) => {
    const content = CONTENTS[name] as Buffer;
    const stored = gzipSync(content);
    expect((await read(stored, 'gzip')).equals(content)).toBe(true);
    expect((await read(stored, 'gzip', 1009)).equals(content)).toBe(true);
  });

  it('whose members stand apart is read whole, cut anywhere', async () => {
    const [one, two, none] = ['one\n', 'two\n', ''].map((text) => gzipSync(text)) as [Buffer, Buffer, Buffer];
    const stored = Buffer.concat([one, Buffer.alloc(5), two, none, two, Buffer.alloc(12)]);
    for (let piece = 1; piece <= stored.length; piece++) {
      expect((await read(stored, 'gzip', piece)).toString()).toBe('one\ntwo\ntwo\n');
    }
  });

  it('with a header of name, comment, extra field and its checksum is read', async () => {
    const plain = gzipSync('text\n');
    const header = Buffer.from([0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3, 2, 0, 65, 66, ...Buffer.from('n\0c\0'), 1, 2]);
    const stored = Buffer.concat([header, plain.subarray(10)]);
    for (let piece = 1; piece <= stored.length; piece++) {
      expect((await read(stored, 'gzip', piece)).toString()).toBe('text\n');
    }
  });

  it('with other bytes behind its content is refused', async () => {
    const stored = gzipSync('text\n');
    expect(await messageOf(Buffer.concat([stored, Buffer.from('{"id":1}')]), 'gzip')).toMatch(
      /the file has other bytes after its compressed content; cut them off, or compress the whole again/,
    );
    expect(await messageOf(Buffer.concat([stored, stored.subarray(0, 8)]), 'gzip')).toContain('the file is truncated');
  });

  it('cut anywhere is called truncated, and one with a wrong checksum or size damaged', async () => {
    const stored = gzipSync('some content');
    for (let length = 1; length < stored.length; length++) {
      expect(await messageOf(stored.subarray(0, length), 'gzip')).toContain('the file is truncated');
    }
    for (const [at, what] of [
      [8, 'incorrect data check'],
      [4, 'incorrect length check'],
    ] as const) {
      const changed = Buffer.from(stored);
      changed[stored.length - at] = (changed[stored.length - at] ?? 0) ^ 1;
      expect(await messageOf(changed, 'gzip')).toContain(`is damaged (${what})`);
    }
  });
});

it.each(['gzip', 'zstd'] as const)(
  'a %s file that is cut gives nothing but its content before it is refused',
  async (compression) => {
    const lines = Array.from({ length: 400 }, (_, i) => `{"id": "g${i}", "text": "text number ${(i * 7919) % 997}"}\n`);
    const content = Buffer.from(lines.join(''));
    const stored = compression === 'gzip' ? gzipSync(content) : Buffer.from(zstdCompress(content));
    for (let length = 1; length < stored.length; length += 3) {
      const given: Uint8Array[] = [];
      async function* pieces(): AsyncGenerator<Uint8Array> {
        yield await Promise.resolve(stored.subarray(0, length));
      }
      const reading = (async () => {
        for await (const chunk of decompress(pieces(), compression, 'the file')) given.push(Uint8Array.from(chunk));
      })();
      expect((await failureOf(reading)).message).toContain('the file is truncated');
      const all = Buffer.concat(given);
      expect(content.subarray(0, all.length).equals(all), `cut after ${length} bytes`).toBe(true);
    }
  },
);
