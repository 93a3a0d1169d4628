// Every kind in every wiring that it may have: tensors with first values of their shape and unit rows over all sites written, features
// silent for the mean row, a fold to raw units by different scales that changes no active set, and a step that trains every tensor.
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../../core/dictionaries/architectures.js';
import type { KindSettings } from '../../../../core/dictionaries/architecture.js';
import { ENCODE_OUTPUTS } from '../../../../core/dictionaries/encode-graph.js';
import { initialParameters } from '../../../../core/dictionaries/initialise.js';
import { type DictionarySites, wiringName } from '../../../../core/dictionaries/sites.js';
import { dictionaryTensors, parametersOf, trainedOf } from '../../../../core/dictionaries/state.js';
import { foldToRaw } from '../../../../core/dictionaries/units.js';
import { wiringOf } from '../../../../core/dictionaries/wirings.js';
import { startState } from '../../../../core/optimise/state.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import { ARCHITECTURE_NAMES, type ArchitectureName } from '../../../../schemas/dictionaries.js';
import { runEncoder, runSteps } from './step-run.js';

const [B, F] = [32, 24];
const SITES: Readonly<Record<string, DictionarySites>> = {
  same: { widths: [5], reads: [0], writes: [0] },
  other: { widths: [5, 4], reads: [0], writes: [1] },
  skip: { widths: [5, 4], reads: [0], writes: [1], skip: true },
  lists: { widths: [5, 4, 3], reads: [0, 1], writes: [1, 2] },
  crossLayer: { widths: [5, 4, 3, 6], reads: [0, 1], writes: [2, 3], crossLayer: true },
};
const SETTINGS: Readonly<Record<ArchitectureName, KindSettings>> = {
  topk: { k: 3 },
  batchtopk: { k: 3 },
  matryoshka: { k: 3, prefixes: [8, 24] },
  relu: { sparsity: 0.02 },
  gated: { sparsity: 0.02 },
  jumprelu: { sparsity: 0.01, bandwidth: 0.5, threshold: 0.1 },
};
const CASES = ARCHITECTURE_NAMES.flatMap((name) =>
  Object.entries(SITES).flatMap(([wiring, sites]) =>
    ARCHITECTURES[name].lacks?.includes(wiringName(sites)) ? [] : [{ name, wiring, sites }],
  ),
);

function makeCase(name: ArchitectureName, sites: DictionarySites) {
  const shape = { kind: ARCHITECTURES[name], sites, features: F, settings: SETTINGS[name], batchRows: B };
  const random = new KeyedRandom('wirings', name);
  const means = sites.widths.map((width) => Float64Array.from({ length: width }, () => random.nextNormal()));
  const rows = sites.widths.map((width, site) =>
    Float32Array.from({ length: B * width }, (_, i) => (means[site]?.[i % width] ?? 0) + random.nextNormal()),
  );
  return { shape, random, means, rows, initial: initialParameters(shape, 3, means) };
}

/** Adds ‖row‖² of each row. */
function addSquares(squares: Float64Array, rows: Float32Array, width: number): void {
  rows.forEach((v, i) => {
    const feature = Math.floor(i / width);
    squares[feature] = (squares[feature] as number) + v * v;
  });
}

describe.each(CASES)('$name, wired $wiring', ({ name, sites }) => {
  const { shape, random, means, rows, initial } = makeCase(name, sites);

  it('begins with tensors of its shapes, and decoder rows of one norm over all sites written', () => {
    const parameters = parametersOf(shape);
    expect(new Set(parameters.map((p) => p.name)).size).toBe(parameters.length);
    for (const { name: tensor, shape: axes } of parameters)
      expect(initial.get(tensor)?.length, tensor).toBe(axes.reduce((a, b) => a * b, 1));
    const squares = new Float64Array(F);
    for (const { name: tensor, width } of wiringOf(shape).decoders)
      addSquares(squares, initial.get(tensor) as Float32Array, width);
    for (const sum of squares) expect(Math.sqrt(sum)).toBeCloseTo(name === 'relu' ? 0.5 : 1, 5);
  });

  it('begins with z = 0 for the mean of what is read', async () => {
    const mean = means.map((of) => Float32Array.from({ length: B * of.length }, (_, i) => of[i % of.length] ?? 0));
    const outputs = await runEncoder(shape, initial, mean);
    const fired = (outputs[ENCODE_OUTPUTS.value]?.data as Float32Array).filter((v) => v > 1e-5);
    expect(fired.length).toBe(0);
  });

  it('is folded to raw units without a change of the active set or the reconstruction', async () => {
    const trained = new Map(
      [...initial].map(([key, values]) => [key, values.map((v) => v + 0.1 * random.nextNormal())]),
    );
    const powers = sites.widths.map((_, site) => (sites.writes.includes(site) ? 0.5 : 2 ** (3 - site)));
    const at = (places: readonly number[]): number[] => places.map((place) => powers[place] ?? 1);
    const raw = foldToRaw(parametersOf(shape), trained, { reads: at(sites.reads), writes: at(sites.writes) });
    const scaled = await runEncoder(shape, trained, rows);
    const stored = await runEncoder(
      shape,
      raw,
      rows.map((of, site) => of.map((v) => v / (powers[site] ?? 1))),
    );
    const { feature, value, errSq } = ENCODE_OUTPUTS;
    expect(stored[feature]?.data).toEqual(scaled[feature]?.data);
    const [a, b] = [scaled, stored].map((outputs) => outputs[value]?.data as Float32Array);
    expect(b?.map((v) => v * 0.5)).toEqual(a);
    expect(a?.some((v) => v > 0)).toBe(true);
    expect((stored[errSq]?.data as Float32Array).map((v) => v * 0.25)).toEqual(scaled[errSq]?.data);
  });

  it('moves every tensor that is trained, and keeps rows at norm 1', async () => {
    const settings = {
      ...shape,
      ...{ kAux: shape.kind.revives ? 4 : 0, auxWeight: 1 / 32, deadAfterTokens: 10 * B, variance: 3 },
      ...{ adam: { betas: [0, 0.999] as const, epsilon: 1e-8 }, clipNorm: null },
    };
    const many = rows.map((of) => new Float32Array(Array.from({ length: 3 }, () => [...of]).flat()));
    const before = startState(dictionaryTensors(settings), initial);
    const { state } = await runSteps(settings, before, { rows: many, steps: 3 });
    for (const { name: tensor } of trainedOf(shape)) expect(state.get(tensor), tensor).not.toEqual(before.get(tensor));
    const squares = new Float64Array(F);
    for (const { name: tensor, width } of wiringOf(shape).decoders)
      addSquares(squares, state.get(tensor) as Float32Array, width);
    if (name !== 'relu') for (const sum of squares) expect(sum).toBeCloseTo(1, 5);
  });
});
