// The numeric self-check of a model's sites: short contexts through the unedited model, their axes (core/hooks/reach.ts) and every
// equation that they must obey (core/hooks/identities.ts). What the resolver found by structure is believed only where it holds.
import { brokenIdentities, identitiesOf, type BrokenIdentity, type Identity } from '../core/hooks/identities.js';
import type { SiteValue } from '../core/hooks/identity-errors.js';
import { reachFromToken } from '../core/hooks/reach.js';
import { graphOf } from '../core/onnx/cut.js';
import type { GraphProto } from '../core/onnx/proto.js';
import { halfsToFloats } from '../core/tensor/half.js';
import { InputError } from '../schemas/errors.js';
import type { TensorValue } from '../runtime/session.js';
import type { EngineConfig } from '../schemas/stored.js';
import { beyondReach, changedToken, CheckRun, joined, placeOfChange, wrongShapes, type Change } from './check-run.js';
import { loadModel, prepareModel, type ModelSession } from './model-session.js';
import { probeStreams, type ProbedModel } from './probe-streams.js';
import { placeOf, type OpenedModel } from './open-model.js';

/** Allowed error of float32 values; observed are up to 1e-6. Half precision keeps 11 bits. */
const TOLERANCE = 2e-5;
const HALF_TOLERANCE = 1e-2;
/** Tokens of the context: enough for masks, positions and sliding heads to matter, short enough to cost nothing. */
const CHECK_TOKENS = 6;
const CHECK_ROWS = 3;

/** What `checkSites` checks of the wanted sites. */
export interface CheckScope {
  /** All sites by default. */
  readonly wanted?: readonly string[];
}

type CheckEngine = Pick<EngineConfig, 'provider' | 'threads' | 'optimisation'>;

/**
 * What does not hold of a model's sites: shapes for fewer rows than positions, how far a change of a token or of the stream
 * reaches, and the equations that concern the wanted sites.
 * 1. One session in which streams can be changed at a place. 2. As the model is: shapes, equations. 3. With one token changed;
 * 4. with the stream changed before a block and before its MLP, in the last block that is wanted.
 * @throws as `prepareModel` and `loadModel`
 */
export async function checkSites(
  opened: Pick<OpenedModel, 'path' | 'summary' | 'model' | 'bytes' | 'resolved'>,
  engine: CheckEngine,
  { wanted = opened.summary.sites.map((site) => site.name) }: CheckScope = {},
): Promise<BrokenIdentity[]> {
  const all = opened.resolved.sites.map((site) => site.name);
  const identities = identitiesOf(all, opened.resolved).filter(concerns(wanted));
  const names = [...new Set([...wanted, ...identities.flatMap(({ sites }) => sites)])];
  if (names.length === 0) return [];
  const probed = probeStreams(opened, wanted);
  const prepared = await prepareModel(placeOf(opened), [...names, ...probed.sites], {
    read: { ...opened, model: probed.model },
    added: probed.inputs,
  });
  const model = await loadModel(prepared, engine);
  try {
    return await checkLoaded(opened, { model, identities, probed });
  } finally {
    await model.release();
  }
}

function concerns(wanted: readonly string[]): (identity: Identity) => boolean {
  return ({ sites }) => sites.some((site) => wanted.includes(site));
}

interface LoadedCheck {
  readonly model: ModelSession;
  readonly identities: readonly Identity[];
  readonly probed: ProbedModel;
}

async function checkLoaded(
  opened: Pick<OpenedModel, 'summary' | 'model'>,
  { model, identities, probed }: LoadedCheck,
): Promise<BrokenIdentity[]> {
  const { summary } = opened;
  const graph = graphOf(opened.model);
  const [rows, length] = contextShape(graph, summary);
  const ids = spreadIds(rows * length, summary);
  const run = new CheckRun(model, { rows, length, probed });
  const base = await run.values(ids);
  const wrong = wrongShapes(model.sites, base, { rows, length });
  if (wrong.length > 0) return wrong;
  const place = placeOfChange(ids, { rows, length, ...summary });
  const other = await run.values(changedToken(ids, { length, place, ...summary }));
  // Scores are compared between rows: a model of one row has the changed one as its second.
  const both = rows > 1 ? base : joined(base, other);
  const broken = brokenAmong(identities, [...both]);
  // What a batch is quantised by depends on all of its rows.
  if (graph.node.some(({ opType }) => opType === 'DynamicQuantizeLinear')) return broken;
  const known = new Set([...summary.sites.map(({ name }) => name), ...summary.unresolved.map(({ site }) => site)]);
  const changes: Change[] = [
    { values: other, what: 'a token', reachOf: reachFromToken },
    ...(await run.streamChanges(ids, { base, place, known })),
  ];
  return [...broken, ...changes.flatMap((change) => beyondReach(model.sites, { base, place, change }))];
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
export function brokenText({ equation, error, tolerance, found }: BrokenIdentity): string {
  if (found !== undefined) return `expected ${equation}, found ${found}`;
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

/** Rows and tokens of the check: as many as the model fixes, else a few tokens in fewer rows, so that no axis is another's. */
function contextShape(
  graph: GraphProto,
  { inputs, maxPositions }: OpenedModel['summary'],
): [rows: number, tokens: number] {
  const tokens = inputs.find(({ role }) => role === 'tokens')?.name;
  const shape = graph.input.find(({ name }) => name === tokens)?.type?.tensorType?.shape;
  const [rows, fixed] = shape?.dim.map(({ dimValue }) => dimValue ?? 0) ?? [];
  const length = fixed || Math.min(CHECK_TOKENS, maxPositions ?? CHECK_TOKENS);
  return [rows || (length === CHECK_ROWS ? CHECK_ROWS - 1 : CHECK_ROWS), length];
}

/** Ids spread over the vocabulary by the golden ratio: no two equal in a short context, and the same every time. */
export function spreadIds(
  length: number,
  { firstId, vocab }: { readonly firstId: number; readonly vocab: number },
): Uint32Array {
  const rows = vocab - firstId;
  return Uint32Array.from({ length }, (_, i) => firstId + Math.floor((((i + 1) * 0.6180339887) % 1) * rows));
}
