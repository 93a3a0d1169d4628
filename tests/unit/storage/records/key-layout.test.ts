// Every key that is made for an object is one of the layout and is taken apart into what it was made of, whatever names people choose:
// a key that were not would be taken for somebody's file, and what it names for garbage.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../../core/identity/digest.js';
import * as layout from '../../../../storage/records/key-layout.js';

const segment = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('/')),
  fc.constantFrom('100%', '.hidden', "it's (1)!*~", '..', 'ü b', '%2F', '{x}', '000000000001.json', '1'),
);
const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'));
const number = fc.integer({ min: 0, max: 10 ** 12 - 1 });
const DIGEST = sha256Hex('x');

describe('a key of the layout', () => {
  it('is its own, whatever the names in it', () => {
    fc.assert(
      fc.property(path, number, (name, n) => {
        for (const [kind, prefix] of [
          ['refs', layout.refPrefix(name)],
          ['snapshots', layout.snapshotPrefix(name)],
        ] as const) {
          const laid = layout.parseKey(layout.numberedKey(prefix, n));
          expect(laid).toMatchObject({ kind, isOwn: true });
          expect([layout.unescapePath(laid?.parts.names ?? ''), Number(laid?.parts.number)]).toEqual([name, n]);
        }
        const run = { name, revision: n };
        for (const [record, is] of [
          ...(['config', 'suite', 'training'] as const).map((document) => [document, 'head'] as const),
          ...[['plan', 'plan'] as const, ['begun', 'begun'] as const, ['attempts/x', 'begun'] as const],
        ]) {
          const laid = layout.parseRunKey(`${layout.revisionPrefix(run)}${record}.json`);
          expect(laid).toMatchObject({ revision: n, is });
          expect(layout.unescapePath(laid?.name ?? '')).toBe(name);
        }
        const schedule = `schedules/${layout.escapeSegment(name)}/${layout.escapeSegment(name)}.json`;
        expect(layout.parseKey(schedule)).toMatchObject({ kind: 'schedules', isOwn: true });
      }),
    );
  });

  it('says what work and content it is of', () => {
    const address = { stage: 'tokens', key: DIGEST, input: sha256Hex('y') };
    for (const key of [layout.commitKey(address), layout.quarantineKey(address)]) {
      expect(layout.addressOf(key)).toEqual(address);
      expect(layout.stageKeyOf(key)).toBe(DIGEST);
    }
    for (const key of [layout.preimageKey('train', DIGEST), layout.numberedKey(layout.checkpointPrefix(DIGEST), 1)])
      expect([layout.stageKeyOf(key), layout.addressOf(key)]).toEqual([DIGEST, null]);
    expect(layout.dataDigestOf(layout.dataKey(DIGEST, layout.PARTS_EXTENSION))).toBe(DIGEST);
    expect(layout.dataDigestOf(`data/zz/${DIGEST}.arrow`)).toBeNull();
  });

  it('is nobody else’s: names that are escaped otherwise, or not at all, make it foreign', () => {
    for (const name of ['100%', 'a b', '%61', '%2f', '.x', '~'])
      for (const key of [`runs/${name}/1/plan.json`, `refs/${name}/000000000001.json`, `schedules/${name}/a.json`])
        expect(layout.parseKey(key)?.isOwn, key).toBe(false);
    expect(layout.parseKey('refs/a%2Fb/000000000001.json')?.isOwn).toBe(false);
    for (const key of [
      '',
      'x',
      '/',
      'runs',
      'runs//1/plan.json',
      'refs//000000000001.json',
      'store.json',
      'toString/x',
    ])
      expect(layout.parseKey(key), key).toBeNull();
  });
});
