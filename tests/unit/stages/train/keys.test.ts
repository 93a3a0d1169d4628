// Keys of dictionaries do not move when the frame grows: digests of settings and keys as they were before there was any kind but
// topk. A new setting must be absent where it is not used.
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../../core/identity/digest.js';
import { resolveDictionaries } from '../../../../pipeline/resolve/resolve-dictionary.js';
import type { StoredSettings } from '../../../../schemas/dictionaries.js';
import { InputError } from '../../../../schemas/errors.js';
import type { TrainedDictionary } from '../../../../schemas/resolved-run.js';
import { runFile } from '../../../../schemas/run-file.js';
import { encodeConfig } from '../../../../stages/encode/config.js';
import { encodeKey } from '../../../../stages/encode/plan.js';
import { trainConfig } from '../../../../stages/train/config.js';
import { trainingKey } from '../../../../stages/train/plan.js';

const SITE = 'blocks.2.hook_resid_post';
const engine = { ort: '1.30.0', provider: 'cpu', threads: 1, optimisation: 'all' } as const;
const digest = (letter: string): string => letter.repeat(64);

function settingsOf(sae: object): StoredSettings {
  const file = runFile.parse({
    name: 'kjv',
    model: { folder: 'm' },
    corpus: { sources: ['c.jsonl'] },
    activations: { hooks: [SITE] },
    saes: [{ name: 'a', hook: SITE, features: 2048, tokens: 3_000_000, ...sae }],
  });
  const sites = { sites: [{ name: SITE, width: 128 }], unknown: (_: string, site: string) => new InputError(site) };
  const [resolved] = resolveDictionaries(file.saes[0] as (typeof file.saes)[number], sites, engine);
  return (resolved as TrainedDictionary).sae;
}

describe('keys of today', () => {
  it.each([
    {
      what: 'defaults',
      sae: { k: 16 },
      settings: 'd33ab188d6e0e247cd618879b61a47a865a5fe08f3c8e68ac0acfe4f3636e2e3',
      key: 'dfb4416eb3b57e5bda788a4df88491083684549af26dfa263328dad3e4a72f84',
    },
    {
      what: 'settings of its own',
      sae: { k: 16, lr: 0.001, clipNorm: 1, auxK: 0, seed: 5, warmupSteps: 7, deadAfterTokens: 1000 },
      settings: '5d6e41396af16c2f6b0cf2977ca9ce6772376f1c408e354c6b68d170ca2bf118',
      key: 'b62222dd9d08501e36257e6edea8be0e8bf479571e833ae10fce69aa8545126f',
    },
  ])('are those recorded for a topk training with $what', ({ sae, settings, key }) => {
    const resolved = settingsOf(sae);
    expect(digestOf(resolved)).toBe(settings);
    const keyed = {
      ...{ activationsKey: digest('a'), site: SITE, dtype: 'float16', runSeed: 0, sae: resolved, engine },
    } as const;
    // Through the schema, as the settings come out of a stored lot.
    const config = trainConfig.parse({ keyed, aux: { name: 'a', widths: [128] } });
    expect(trainingKey(config, digest('b')).key).toBe(key);
  });

  it('are those recorded for an encoding', () => {
    const config = encodeConfig.parse({
      keyed: { dictionary: digest('c'), activationsKey: digest('a'), dtype: 'float16', engine },
      aux: {
        ...{ name: 'a', architecture: 'topk', features: 2048, settings: { k: 16 } },
        sites: { names: [SITE], widths: [128], reads: [0], writes: [0] },
        weights: { key: '', sha256: digest('c'), bytes: 0 },
      },
    });
    expect(encodeKey(config).key).toBe('5848d4579f0eee96710fc6ac733d599270928f4ce58053978fa18a57c5ed8dc8');
  });

  it('have no field of another kind: relu has sparsity and no k, topk has k and no sparsity', () => {
    expect(Object.keys(settingsOf({ k: 16 }))).not.toContain('sparsity');
    const relu = settingsOf({ architecture: 'relu', sparsity: 0.02 });
    expect(Object.keys(relu)).not.toContain('k');
    expect(relu).toMatchObject({ sparsity: 0.02, auxK: 0 });
  });
});
