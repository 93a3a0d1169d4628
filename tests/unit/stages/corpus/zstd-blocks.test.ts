// Blocks of zstd frames without a checksum: far matches give the bytes that stand there, and what no sound block holds is refused, as
// libzstd does.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { initZstd, zstdCompress, zstdDecompress } from '../../../../storage/arrow/zstd.js';
import { messageOf, noise, read, words } from './compressed.js';

beforeAll(initZstd);

/** Header of a block of this type, not the last one. */
function blockHeader(type: number, size: number): Buffer {
  return Buffer.from([((size << 3) | (type << 1)) & 255, (size >>> 5) & 255, (size >>> 13) & 255]);
}

/** A block of one sequence without literals, whose match of 131 + `more` bytes lies `distance` back. */
function matchBlock({ distance, more = 0, spare = 0 }: { distance: number; more?: number; spare?: number }): Buffer {
  const code = Math.floor(Math.log2(distance + 3));
  // From the end: the mark, the offset below its leading bit, seven bits of length, bits that nothing reads.
  const offset = BigInt(distance + 3 - 2 ** code);
  let bits = (((1n << BigInt(code)) + offset) << 7n) + BigInt(more);
  bits <<= BigInt(spare);
  const stream: number[] = [];
  for (; bits > 0n; bits >>= 8n) stream.push(Number(bits & 255n));
  // No literals, one sequence, three tables of one code each.
  const body = Buffer.from([0, 1, 0x54, 0, code, 43, ...stream]);
  return Buffer.concat([blockHeader(2, body.length), body]);
}

/** A frame without size and checksum, with a window of 128 MiB. */
function longFrame(...blocks: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x88]), ...blocks, Buffer.from([1, 0, 0])]);
}

describe('a zstd block', () => {
  const begin = noise(1000);
  const first = Buffer.concat([blockHeader(0, begin.length), begin]);

  // fzstd took 25 bits of the 26 that such an offset has, and copied other bytes without a word.
  it('whose match lies 97 MiB back gives the bytes that stand there', async () => {
    const zeros = Buffer.concat([blockHeader(1, 131_072), Buffer.of(0)]);
    const blocks = 97 * 8;
    const stored = longFrame(
      first,
      ...Array.from({ length: blocks }, () => zeros),
      matchBlock({ distance: 1000 + blocks * 131_072, more: 69 }),
    );
    const content = await read(stored, 'zstd');
    expect(content.length).toBe(1000 + blocks * 131_072 + 200);
    expect(content.subarray(-200).equals(begin.subarray(0, 200))).toBe(true);
  });

  it('whose match begins before the content is refused; it gave zeros', async () => {
    expect((await read(longFrame(first, matchBlock({ distance: 1000 })), 'zstd')).length).toBe(1131);
    expect(await messageOf(longFrame(first, matchBlock({ distance: 1001 })), 'zstd')).toContain(
      'is damaged (a match reaches too far back)',
    );
  });

  it('with bits that nothing reads, with bytes behind its literals, or with literals that it does not have is refused', async () => {
    expect(await messageOf(longFrame(first, matchBlock({ distance: 900, spare: 1 })), 'zstd')).toContain(
      'is damaged (the sequences of a block do not end where their codes do)',
    );
    const behind = Buffer.concat([blockHeader(2, 4), Buffer.from([8, 65, 0, 66])]);
    expect(await messageOf(longFrame(behind), 'zstd')).toContain(
      'is damaged (bytes stand behind the literals of a block)',
    );
    const greedy = matchBlock({ distance: 900 });
    greedy[6] = 5;
    expect(await messageOf(longFrame(first, greedy), 'zstd')).toContain('is damaged (a block takes more literals');
  });

  it('of a frame without a checksum that the reference refuses is refused; what both read is the same', async () => {
    const frames = [
      words(300),
      words(20_000),
      Buffer.concat([words(200_000), noise(150_000), Buffer.alloc(300_000, 7), words(400_000)]),
    ].flatMap((content) => [1, 9, 19].map((level) => Buffer.from(zstdCompress(content, level))));
    let refused = 0;
    const change = fc.record({
      frame: fc.constantFrom(...frames),
      place: fc.double({ min: 0, max: 0.999, noNaN: true }),
      near: fc.boolean(),
      by: fc.integer({ min: 1, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(change, async ({ frame: sound, place, near, by }) => {
        const changed = Buffer.from(sound);
        // Behind the frame's own header; half of them where the first block describes its tables.
        const at = 12 + Math.floor(place * Math.min(sound.length - 12, near ? 150 : Infinity));
        changed[at] = (changed[at] ?? 0) ^ by;
        let expected: Uint8Array | null = null;
        try {
          expected = zstdDecompress(changed);
        } catch {
          refused++;
        }
        const found = await read(changed, 'zstd').catch(() => null);
        if (found) expect(expected && found.equals(expected)).toBe(true);
      }),
      { numRuns: 300, seed: 22 },
    );
    expect(refused).toBeGreaterThan(50);
  });
});
