// The split rule, shard counts and shard order: functions of ids, seeds and sizes alone.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { documentHash, HASH_RANGE } from '../../../../core/corpus/document-hash.js';
import { shardCount, shardName, shardOf } from '../../../../core/corpus/shard-plan.js';
import { splitByHash } from '../../../../core/corpus/split-rule.js';

const ids = Array.from({ length: 20_000 }, (_, i) => `doc-${i}`);

describe('the hash of a document', () => {
  it('is the first 52 bits of sha256(purpose/seed/id)', () => {
    const digest = createHash('sha256').update('order/7/Ge.1').digest('hex');
    expect(documentHash('order', 7, 'Ge.1')).toBe(parseInt(digest.slice(0, 13), 16));
  });

  it('differs by purpose and seed', () => {
    const hashes = [documentHash('order', 0, 'a'), documentHash('split', 0, 'a'), documentHash('order', 1, 'a')];
    expect(new Set(hashes).size).toBe(3);
    expect(hashes.every((hash) => Number.isInteger(hash) && hash >= 0 && hash < HASH_RANGE)).toBe(true);
  });
});

describe('the split by shares', () => {
  const shares = { fit: 0.9, calib: 0.05, test: 0.05 };

  it('gives each split its share of many documents', () => {
    const counts = { fit: 0, calib: 0, test: 0 };
    for (const id of ids) counts[splitByHash(shares, 0, id)]++;
    // Four standard deviations of a binomial: √(20000 · 0.05 · 0.95) ≈ 31.
    expect(Math.abs(counts.calib - 1000)).toBeLessThan(4 * 31);
    expect(Math.abs(counts.test - 1000)).toBeLessThan(4 * 31);
    expect(counts.fit + counts.calib + counts.test).toBe(20_000);
  });

  it('changes with the split seed', () => {
    expect(ids.slice(0, 200).some((id) => splitByHash(shares, 0, id) !== splitByHash(shares, 1, id))).toBe(true);
  });

  it('leaves a split with share 0 empty, also where the others add up to a little less than 1', () => {
    const found = new Set(ids.map((id) => splitByHash({ fit: 0.3, calib: 0.7 - 1e-9, test: 0 }, 0, id)));
    expect([...found].sort()).toEqual(['calib', 'fit']);
    expect(new Set(ids.map((id) => splitByHash({ fit: 1, calib: 0, test: 0 }, 0, id)))).toEqual(new Set(['fit']));
  });
});

describe('the number of shards', () => {
  it('is max(1, round(bytes / (4 · shardTokens)))', () => {
    expect(shardCount(10, 4 * 65_536 * 2.4, 65_536)).toBe(2);
    expect(shardCount(10, 4 * 65_536 * 2.5, 65_536)).toBe(3);
    expect(shardCount(10, 12, 65_536)).toBe(1);
  });

  it('is 0 where a part has no document of the split', () => {
    expect(shardCount(0, 0, 65_536)).toBe(0);
  });
});

describe('the shard of a document', () => {
  it('is a range of the hash, the last one closed', () => {
    expect(shardOf(0, 5)).toBe(0);
    expect(shardOf(HASH_RANGE - 1, 5)).toBe(4);
    expect(shardOf(HASH_RANGE / 2, 2)).toBe(1);
    expect(shardOf(HASH_RANGE / 2 - 1, 2)).toBe(0);
  });

  it('has a name of part, split and index', () => {
    expect(shardName('3f9a0c1b2d4e5f60ffff', 'calib', 12)).toBe('3f9a0c1b2d4e5f60-calib-00012');
  });
});
