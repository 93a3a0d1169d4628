// The numeric self-check of a model's sites: one short context through the unedited model, and every equation
// that the sites must obey (core/hooks/identities.ts). What the resolver found by structure is believed only where it holds.
import { brokenIdentities, identitiesOf, type BrokenIdentity, type Identity } from '../core/hooks/identities.js';
import type { SiteValue } from '../core/hooks/identity-errors.js';
import { graphOf } from '../core/onnx/cut.js';
import type { GraphProto } from '../core/onnx/proto.js';
import { halfsToFloats } from '../core/tensor/half.js';
import { InputError } from '../schemas/errors.js';
import type { TensorValue } from '../runtime/session.js';
import type { EngineConfig } from '../schemas/stored.js';
import { makeFeeds } from './feeds.js';
import { loadModel, prepareModel } from './model-session.js';
import { placeOf, type OpenedModel } from './open-model.js';

/** Allowed error of float32 values; observed are up to 1e-6. Half precision keeps 11 bits. */
const TOLERANCE = 2e-5;
const HALF_TOLERANCE = 1e-2;
/** Tokens of the context: enough for masks, positions and sliding heads to matter, short enough to cost nothing. */
const CHECK_TOKENS = 6;

/**
 * The equations among a model's sites that do not hold, of those that concern the wanted sites (all sites by default).
 * @throws as `prepareModel` and `loadModel`
 */
export async function checkSites(
  opened: OpenedModel,
  engine: Pick<EngineConfig, 'provider' | 'threads' | 'optimisation'>,
  wanted: readonly string[] = opened.summary.sites.map((site) => site.name),
): Promise<BrokenIdentity[]> {
  const { summary } = opened;
  const identities = identitiesOf(summary.sites.map((site) => site.name)).filter(({ sites }) =>
    sites.some((site) => wanted.includes(site)),
  );
  const names = [...new Set(identities.flatMap(({ sites }) => sites))];
  if (names.length === 0) return [];
  const prepared = await prepareModel(placeOf(opened), names, { read: opened });
  const model = await loadModel(prepared, engine);
  try {
    const [rows, length] = contextShape(graphOf(opened.model), summary);
    // The equations hold whatever positions are counted from.
    const inputs = model.inputs.map((input) => ({ ...input, start: input.start ?? 0 }));
    const feeds = makeFeeds(inputs, { ids: spreadIds(rows * length, summary), length });
    const results = await model.session.run(feeds, [...new Set(model.outputs)]);
    const values = model.sites.map(({ name }, i) => [name, results[model.outputs[i] ?? '']] as const);
    return brokenAmong(identities, values);
  } finally {
    await model.release();
  }
}

/**
 * Throws where an equation fails that a wanted site takes part in.
 * @throws InputError with the sites, the equation and the numbers
 */
export function requireIdentities(path: string, broken: readonly BrokenIdentity[]): void {
  const [first] = broken;
  if (first === undefined) return;
  if (first.notFinite !== undefined)
    throw new InputError(
      `${path}: the model gives NaN or infinity at site ${first.notFinite} for a context of ordinary token ids, so that its sites cannot be checked. Its weights hold such values, or its activations overflow their type. Check the weights (copy or download them again, or save them as float32).`,
      { path, ...first },
    );
  throw new InputError(
    `${path}: sites ${first.sites.join(', ')} cannot be trusted: ${brokenText(first)}. This structure is not supported; \`assay model inspect\` lists the sites that are certain.`,
    { path, ...first },
  );
}

/** What fails, with its numbers. */
export function brokenText({ equation, error, tolerance }: BrokenIdentity): string {
  return `expected ${equation} within ${tolerance}, found an error of ${error.toPrecision(3)}`;
}

/** The equations that values of sites of one pass break. Values of other types than floats are left out. */
export function brokenAmong(
  identities: readonly Identity[],
  values: readonly (readonly [site: string, value: TensorValue | undefined])[],
): BrokenIdentity[] {
  const floats = new Map<string, SiteValue>();
  let tolerance = TOLERANCE;
  for (const [name, value] of values) {
    if (value?.data instanceof Float32Array) floats.set(name, { dims: value.dims, data: value.data });
    if (value?.dtype !== 'float16') continue;
    floats.set(name, { dims: value.dims, data: halfsToFloats(value.data) });
    tolerance = HALF_TOLERANCE;
  }
  return brokenIdentities(identities, floats, tolerance);
}

/** Rows and tokens of the check: as many as the model fixes, else one row of a few tokens. */
function contextShape(
  graph: GraphProto,
  { inputs, maxPositions }: OpenedModel['summary'],
): [rows: number, tokens: number] {
  const tokens = inputs.find(({ role }) => role === 'tokens')?.name;
  const shape = graph.input.find(({ name }) => name === tokens)?.type?.tensorType?.shape;
  const [rows, length] = shape?.dim.map(({ dimValue }) => dimValue ?? 0) ?? [];
  return [rows || 1, length || Math.min(CHECK_TOKENS, maxPositions ?? CHECK_TOKENS)];
}

/** Ids spread over the vocabulary by the golden ratio: no two equal in a short context, and the same every time. */
export function spreadIds(
  length: number,
  { firstId, vocab }: { readonly firstId: number; readonly vocab: number },
): Uint32Array {
  const rows = vocab - firstId;
  return Uint32Array.from({ length }, (_, i) => firstId + Math.floor((((i + 1) * 0.6180339887) % 1) * rows));
}
