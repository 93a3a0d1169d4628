// What a name given by a user may mean.
import { describe, expect, it } from 'vitest';
import { findDataset, findDictionary } from '../../../reading/datasets/given-names.js';

const DATASETS = [
  'kjv/documents',
  'kjv/tokens',
  'kjv/activations/blocks.2.hook_resid_post',
  'kjv/kjv-l2/top',
  'kjv/kjv-l2/acts',
  'kjv/shared/top',
  'other/shared/acts',
];

describe('a dictionary', () => {
  it.each(['kjv-l2', 'kjv/kjv-l2'])('is found as %s', (given) => {
    expect(findDictionary(given, DATASETS)).toEqual({ run: 'kjv', dictionary: 'kjv-l2' });
  });

  it('whose name several runs have is refused with the candidates', () => {
    expect(() => findDictionary('shared', DATASETS)).toThrow(
      'Expected the name of one dictionary, found that "shared" means kjv/shared, other/shared; give one of these.',
    );
  });

  it('that is unknown is refused with the nearest names', () => {
    expect(() => findDictionary('kjv-l3', DATASETS)).toThrow(/found "kjv-l3", which is none; did you mean kjv-l2/);
  });

  it('unlike all others is refused with all of them', () => {
    expect(() => findDictionary('zzzzzzzzz', DATASETS)).toThrow(/there are kjv\/kjv-l2, kjv\/shared, other\/shared/);
  });

  it('in an empty store is refused with a hint at the store', () => {
    expect(() => findDictionary('x', [])).toThrow(/this store holds none yet; is it the store that you mean/);
  });

  it('is never the folder of activations', () => {
    expect(() => findDictionary('activations', DATASETS)).toThrow(/found "activations", which is none/);
  });
});

describe('a dataset', () => {
  it('is found by its whole name', () => {
    expect(findDataset('kjv/tokens', DATASETS)).toBe('kjv/tokens');
  });

  it('named in part is refused with what it may mean', () => {
    expect(() => findDataset('kjv/kjv-l2', DATASETS)).toThrow(/part of the names kjv\/kjv-l2\/top, kjv\/kjv-l2\/acts/);
    expect(() => findDataset('tokens', DATASETS)).toThrow(/part of the names kjv\/tokens/);
  });

  it('misspelt is refused with the nearest name', () => {
    expect(() => findDataset('kjv/tokns', DATASETS)).toThrow(/did you mean kjv\/tokens/);
  });
});
