// What leaves a process is bounded in bytes of UTF-8, whole in its characters, and quotes neither documents nor what other programs
// quote; small values leave as they are.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundedText, outgoingError, outgoingValues, withoutQuotations } from '../../../../core/text/outgoing.js';
import { DataError } from '../../../../schemas/errors.js';

const bytes = (value: unknown): number => Buffer.byteLength(typeof value === 'string' ? value : JSON.stringify(value));

describe('a text', () => {
  it('of any characters is cut to the bytes that it may have, never within a character', () => {
    const texts = fc
      .array(fc.constantFrom('a', 'é', '語', '🜂', ' ', '\n'), { maxLength: 400 })
      .map((list) => list.join(''));
    fc.assert(
      fc.property(texts, fc.integer({ min: 64, max: 300 }), (text, limit) => {
        const cut = boundedText(text, limit);
        expect(bytes(cut)).toBeLessThanOrEqual(limit);
        expect(cut).not.toContain('\u{FFFD}');
        if (bytes(text) <= limit) expect(cut).toBe(text);
      }),
    );
  });

  it('that is cut keeps head and tail and says its length', () => {
    expect(boundedText(`start ${'x'.repeat(10_000)} end`, 100)).toMatch(/^start x+ … \(10010 bytes in all\) … x+ end$/);
  });

  it('that is a lone half of a surrogate pair does no harm', () => {
    expect(bytes(boundedText('\u{D83D}'.repeat(500), 100))).toBeLessThanOrEqual(100);
  });
});

describe('what another program says', () => {
  it.each([
    ['Unexpected token \'h\', "{"text": hello secret"... is not valid JSON', 'hello secret'],
    ['invalid value: `a secret sentence`', 'secret'],
    ["could not parse 'a secret sentence'", 'secret'],
    ['cut off: "a secret that never ends', 'secret'],
  ])('loses its quotations: %s', (text, secret) => {
    expect(withoutQuotations(text)).not.toContain(secret);
    expect(withoutQuotations(text)).toContain('bytes …');
  });
});

describe('an error', () => {
  it('of ours leaves with class, message and values, and without the excerpt', () => {
    const error = new DataError('a.jsonl:2: broken', { file: 'a.jsonl', line: 2, excerpt: 'the secret text' });
    const { stack, ...rest } = outgoingError(error);
    expect(rest).toEqual({ name: 'DataError', message: 'a.jsonl:2: broken', details: { file: 'a.jsonl', line: 2 } });
    expect(stack).toMatch(/^\s+at /);
  });

  it('of another program leaves without its quotations, also not in its stack', () => {
    const left = outgoingError(new SyntaxError('Unexpected token, "the secret text" is not valid JSON'));
    expect(JSON.stringify(left)).not.toContain('secret');
  });

  it('of any size stays below 30 kB', () => {
    const large = 'é'.repeat(3e6);
    const details = {
      id: 'doc-1',
      large,
      list: Array.from({ length: 1e5 }, () => large.slice(0, 900)),
      [large]: { large },
    };
    const left = outgoingError(new DataError(large, details));
    expect(bytes(left)).toBeLessThan(30_000);
    expect(left.details['id']).toBe('doc-1');
  });
});

describe('values', () => {
  it('that are small leave equal', () => {
    const values = { stage: 'train', step: 'train@a', n: 3, none: null, list: [1, 'a'], nested: { key: 'data/aa' } };
    expect(outgoingValues(values)).toEqual(values);
  });

  it('of other kinds leave as what JSON can hold', () => {
    const values = outgoingValues({
      big: 2n ** 60n,
      bytes: new Uint8Array(5),
      error: new DataError('x', { excerpt: 'y' }),
    });
    expect(values).toMatchObject({
      big: '1152921504606846976',
      bytes: '… 5 bytes …',
      error: { type: 'DataError', message: 'x' },
    });
    expect(JSON.stringify(values)).not.toContain('excerpt');
  });
});
