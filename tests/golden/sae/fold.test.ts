// The fold to raw units changes no active set: trained weights on scaled rows and stored weights on raw rows choose the same features,
// bit for bit, on 100,000 rows, for every kind with every wiring that it can have and scales that differ from site to site.
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { type DictionarySettings, completeSettings } from '../../../core/dictionaries/settings.js';
import { type DictionarySites, totalFeatures, wiringName } from '../../../core/dictionaries/sites.js';
import { type DictionaryShape, parametersOf } from '../../../core/dictionaries/state.js';
import { foldToRaw, type Weights } from '../../../core/dictionaries/units.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { AppliedDictionary } from '../../../dictionaries/applied.js';
import { ARCHITECTURE_NAMES, type ArchitectureName } from '../../../schemas/dictionaries.js';
import { FastEngine } from '../../../stages/train/engines/fast-engine.js';

const [ROWS, B, STEPS, FEATURES] = [100_000, 1000, 60, 40];
/** s of each site: rows are stored a hundred times smaller and a thousand times larger than training sees them. */
const SCALES = [128, 2 ** -10, 4, 2 ** -3];
const WIRINGS: Readonly<Record<string, DictionarySites>> = {
  same: { widths: [12], reads: [0], writes: [0] },
  'transcoder with skip': { widths: [10, 7], reads: [0], writes: [1], skip: true },
  crosscoder: { widths: [6, 9, 4], reads: [0, 1], writes: [1, 2] },
  'cross-layer': { widths: [6, 9, 5, 7], reads: [0, 1], writes: [2, 3], crossLayer: true },
};
const OWN: Readonly<Record<ArchitectureName, Partial<DictionarySettings>>> = {
  topk: { k: 4 },
  batchtopk: { k: 4 },
  matryoshka: { k: 4, prefixes: [8, 20, FEATURES] },
  relu: { sparsity: 0.05 },
  jumprelu: { l0: 4 },
  gated: { sparsity: 0.05 },
};
const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all', ort: 'any' } as const;

const CASES = ARCHITECTURE_NAMES.flatMap((architecture) =>
  Object.entries(WIRINGS)
    .filter(([, sites]) => !ARCHITECTURES[architecture].lacks?.includes(wiringName(sites)))
    .map(([wiring, sites]) => ({ architecture, wiring, sites })),
);

/** Scaled rows by site, [count, width]: some of 30 directions that all sites share, a mean, noise. */
function rowsOf({ widths }: DictionarySites, count: number, seed: number): Float32Array[] {
  const [basis, random] = [new KeyedRandom('basis'), new KeyedRandom('rows', seed)];
  const directions = widths.map((width) => Float32Array.from({ length: 30 * width }, () => basis.nextNormal()));
  const sites = widths.map((width) =>
    Float32Array.from({ length: count * width }, () => 0.5 + 0.1 * random.nextNormal()),
  );
  for (let i = 0; i < count; i++)
    for (let n = 0; n < 3; n++) {
      const [at, by] = [random.nextInt(30), random.nextFloat()];
      sites.forEach((x, site) => {
        const width = widths[site] as number;
        for (let j = 0; j < width; j++)
          x[i * width + j] =
            (x[i * width + j] as number) + by * ((directions[site] as Float32Array)[at * width + j] as number);
      });
    }
  return sites;
}

async function trained(
  architecture: ArchitectureName,
  sites: DictionarySites,
): Promise<{ sae: DictionarySettings; shape: DictionaryShape; weights: Weights }> {
  const sae = completeSettings(
    {
      ...{
        architecture,
        features: FEATURES,
        ...OWN[architecture],
        tokens: STEPS * 256,
        batchRows: 256,
        seed: 3,
        lr: 3e-3,
      },
      ...{
        warmupSteps: 0,
        decayFraction: 0,
        betas: null,
        epsilon: 1e-8,
        clipNorm: null,
        auxK: null,
        auxWeight: 1 / 32,
      },
      ...{ deadAfterTokens: 2560, logEverySteps: STEPS },
    },
    10,
  );
  const shape = { kind: ARCHITECTURES[architecture], sites, features: totalFeatures(FEATURES, sites) };
  const means = sites.widths.map((width) => new Float64Array(width).fill(0.5));
  const engine = await FastEngine.create({
    shape,
    sae,
    means,
    engine: ENGINE,
    variance: 5,
    scales: sites.widths.map(() => 1),
  });
  await engine.begin();
  await engine.train(rowsOf(sites, STEPS * 256, 1), { from: 0, count: STEPS });
  const weights = new Map<string, Float32Array>();
  for (const { name, fixed } of parametersOf(shape)) {
    const tensor = engine.tensors.find((own) => own.name === name);
    const values: number[] = [];
    if (tensor) for await (const part of engine.read(tensor)) values.push(...Array.from(part as Float32Array));
    // θ of a choice over the batch, about the k-th largest of a row: any number does.
    weights.set(name, fixed ? Float32Array.of(0.7) : Float32Array.from(values));
  }
  await engine.release();
  return { sae, shape, weights };
}

describe('the fold to raw units', () => {
  it.each(CASES)(
    'keeps every active set of $architecture, $wiring, on 100,000 rows',
    async ({ architecture, sites }) => {
      const { sae, shape, weights } = await trained(architecture, sites);
      const scales = sites.widths.map((_, site) => SCALES[site] as number);
      const of = (places: readonly number[]): number[] => places.map((place) => scales[place] as number);
      const raw = foldToRaw(parametersOf(shape), weights, { reads: of(sites.reads), writes: of(sites.writes) });
      const open = (own: Weights): Promise<AppliedDictionary> =>
        AppliedDictionary.open(
          { shape, architecture, settings: sae, batchRows: B, engine: ENGINE },
          (name, from, count) => {
            const values = own.get(name) as Float32Array;
            const width = values.length / (parametersOf(shape).find((p) => p.name === name)?.shape[0] ?? 1);
            return Promise.resolve(values.slice(from * width, (from + count) * width));
          },
        );
      const [inTraining, stored] = [await open(weights), await open(raw)];
      let [firings, different, values] = [0, 0, 0];
      for (let from = 0; from < ROWS; from += B) {
        const scaled = rowsOf(sites, B, 2 + from);
        // What is stored is the raw row; training sees it times s.
        const rows = scaled.map((x, site) => x.map((value) => value / (scales[site] as number)));
        const batch = (x: readonly Float32Array[]): { reads: Float32Array[]; writes: Float32Array[] } => {
          const at = (places: readonly number[]): Float32Array[] => places.map((place) => x[place] as Float32Array);
          return { reads: at(sites.reads), writes: at(sites.writes) };
        };
        const [want, got] = [await inTraining.apply(batch(scaled)), await stored.apply(batch(rows))];
        want.firing.forEach((own, slice) => {
          const other = got.firing[slice];
          firings += own.feature.length;
          if (
            !other ||
            Buffer.compare(bytes(own.offsets), bytes(other.offsets)) ||
            Buffer.compare(bytes(own.feature), bytes(other.feature))
          )
            different++;
          const by = scales[sites.writes[0] as number] as number;
          own.value.forEach((value, p) => (values += value === (other?.value[p] ?? NaN) * by ? 0 : 1));
        });
      }
      expect({ different, values }).toEqual({ different: 0, values: 0 });
      expect(firings / ROWS).toBeGreaterThan(0.5);
      expect(firings / ROWS).toBeLessThan(0.9 * shape.features);
      await inTraining.release();
      await stored.release();
    },
  );
});

function bytes(values: Uint32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
