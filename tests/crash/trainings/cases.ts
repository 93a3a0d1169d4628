// Trainings that are killed: every kind on one site, and every other wiring with a kind of its own. The rows of all sites lie in one
// small store.
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { kindSettings } from '../../../core/dictionaries/architecture.js';
import type { ArchitectureName, StoredSettings } from '../../../schemas/dictionaries.js';
import type { TrainConfig } from '../../../stages/train/config.js';
import { makeRows, sha256, trainConfig, WIDTH, type ShardSpec } from '../../unit/stages/train/harness.js';

/** Batches of a training. */
export const STEPS = 400;
export const SNAPSHOT = sha256('snapshot');
export const SHARDS: readonly ShardSpec[] = [
  ...Array.from({ length: 70 }, (_, i): ShardSpec => {
    return { name: `p-fit-${String(i).padStart(5, '0')}`, split: 'fit', rows: 90, seed: i + 10 };
  }),
  { name: 'p-calib-00000', split: 'calib', rows: 300, seed: 3 },
];

const site = (name: string, width: number): { activationsKey: string; site: string; width: number } => {
  return { activationsKey: sha256(name), site: name, width };
};
const X = { ...site('activations', WIDTH), site: 'blocks.0.hook_resid_post' };
const [Y, U, V] = [site('y', 6), site('u', 9), site('v', 7)];

/** Rows of the sites beside the first: fixed maps of its rows, bent. */
export const FURTHER = Object.fromEntries(
  [Y, U, V].map(({ activationsKey, width }, n) => [
    activationsKey,
    ({ seed, rows }: ShardSpec): Float32Array => {
      const x = makeRows(seed, rows);
      return Float32Array.from({ length: rows * width }, (_, i) => {
        const row = x.subarray(Math.floor(i / width) * WIDTH, (Math.floor(i / width) + 1) * WIDTH);
        return 3 * Math.tanh(row.reduce((sum, value, j) => sum + value * Math.cos(n + (i % width) + 2 * j), 0)) + 0.3;
      });
    },
  ]),
);

const OWN: Readonly<Record<ArchitectureName, Partial<StoredSettings>>> = {
  relu: { sparsity: 0.02 },
  topk: { k: 3 },
  batchtopk: { k: 3 },
  jumprelu: { l0: 3, bandwidth: 0.5, threshold: 0.1 },
  matryoshka: { k: 3, prefixes: [16, 64] },
  gated: { sparsity: 0.02 },
};

function settingsOf(architecture: ArchitectureName, more: Partial<StoredSettings>): TrainConfig['keyed']['sae'] {
  const { sae } = trainConfig(architecture, { tokens: STEPS * 128, lr: 5e-3, clipNorm: 1 }).keyed;
  const kind = ARCHITECTURES[architecture];
  const others = Object.fromEntries(Object.keys(kindSettings(sae)).map((name) => [name, undefined]));
  const auxK = kind.revives ? sae.auxK : 0;
  return { ...sae, ...others, ...OWN[architecture], architecture, auxK, betas: kind.betas, ...more };
}

type Wired = typeof X;

function wired(
  name: string,
  sae: TrainConfig['keyed']['sae'],
  { reads, writes }: { readonly reads: readonly Wired[]; readonly writes: readonly Wired[] },
): TrainConfig {
  const { dtype, runSeed, engine } = trainConfig(name).keyed;
  const of = (sites: readonly Wired[]): { activationsKey: string; site: string }[] =>
    sites.map(({ activationsKey, site: own }) => ({ activationsKey, site: own }));
  const widths = [...new Map([...reads, ...writes].map((own) => [own.site, own.width])).values()];
  return { keyed: { dtype, runSeed, engine, sae, reads: of(reads), writes: of(writes) }, aux: { name, widths } };
}

const one = (architecture: ArchitectureName, more: Partial<StoredSettings>): TrainConfig => {
  const { keyed, aux } = trainConfig(architecture);
  return { keyed: { ...keyed, sae: settingsOf(architecture, more) }, aux };
};

/** Every kind and wiring by name. */
export const CASES: Readonly<Record<string, (more: Partial<StoredSettings>) => TrainConfig>> = {
  relu: (more) => one('relu', more),
  topk: (more) => one('topk', more),
  'topk, one moment per row': (more) => one('topk', { ...more, moments: 'row' }),
  batchtopk: (more) => one('batchtopk', more),
  jumprelu: (more) => one('jumprelu', more),
  matryoshka: (more) => one('matryoshka', more),
  gated: (more) => one('gated', more),
  'transcoder with skip': (more) =>
    wired('t', settingsOf('topk', { ...more, skip: true }), { reads: [X], writes: [Y] }),
  crosscoder: (more) => wired('x', settingsOf('batchtopk', more), { reads: [X, Y], writes: [X, Y] }),
  'cross-layer': (more) =>
    wired('c', settingsOf('jumprelu', { ...more, crossLayer: true }), { reads: [X, Y], writes: [U, V] }),
};
