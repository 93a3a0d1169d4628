// The two graphs by which a routed dictionary is applied to many rows: which expert each has, and one expert on rows that are its own.
// Weights are fed, so that one graph serves every expert.
//
//   route     x [B, d], router's tensors → expert int32 [B], weight [B] (1 where the routing is frozen)
//   expert    rows [b, d], the expert's tensors, of a learned router also p [b, 1] → as encode-graph.ts, features from 0 on
import { GraphBuilder } from '../../onnx/builder.js';
import { DATA_TYPE } from '../../onnx/data-type.js';
import { valueNamed } from '../../onnx/named-value.js';
import type { Architecture, Parameter } from '../architecture.js';
import { type EncodeGraphSettings, buildEncodeGraph } from '../encode-graph.js';
import type { DictionaryShape } from '../state.js';
import { rowsFeed } from '../step-graph.js';
import { type ExpertTensor, expertTensors } from './frozen.js';
import { buildOwnExpert } from './learned.js';
import { buildRoute, expertSizes, routedOf, routerParameters } from './router.js';

export const ROUTE_OUTPUTS = { expert: 'expert', weight: 'weight' } as const;
/** Feed of an expert's graph: p of each row [b, 1]. */
export const WEIGHT_FEED = 'route_weight';

export function buildRouteGraph(shape: Pick<EncodeGraphSettings, 'sites' | 'features' | 'batchRows'>): GraphBuilder {
  const g = new GraphBuilder('route');
  const { sites, batchRows } = shape;
  const x = g.input(rowsFeed(0), 'float32', [batchRows, sites.widths[0] ?? 0]);
  const parameters = Object.fromEntries(
    routerParameters(shape).map(({ name, shape: axes }) => [name, g.input(name, 'float32', axes)]),
  );
  const { expert, weight } = buildRoute(g, { routed: routedOf(sites), x, parameters });
  g.output(g.op('Cast', [expert], { attributes: { to: DATA_TYPE.int32 }, name: ROUTE_OUTPUTS.expert }));
  if (weight) g.output(g.op('Squeeze', [weight, g.integers(1)], { name: ROUTE_OUTPUTS.weight }));
  return g;
}

export function buildExpertGraph(shape: EncodeGraphSettings): GraphBuilder {
  const own = { ...shape, ...expertSizes(shape) };
  return buildEncodeGraph(
    routedOf(shape.sites).kind === 'frozen' ? own : { ...own, kind: weighted(own.kind, shape.batchRows) },
  );
}

/** The kind with p as one more tensor that is fed. */
function weighted(kind: Architecture, batchRows: number): Architecture {
  const weight: Parameter = {
    ...{ name: WEIGHT_FEED, kind: 'matrix', shape: [batchRows, 1], unitRows: false, unit: { of: 'number' } },
    initial: (_, { count }) => new Float32Array(count).fill(1),
  };
  return {
    ...kind,
    parameters: (sizes) => [...kind.parameters(sizes), weight],
    buildInference: (tape, inputs) => buildOwnExpert(tape, inputs, valueNamed(inputs.parameters, WEIGHT_FEED)),
  };
}

/** What of a stored tensor an expert's graph is fed. */
export interface ExpertPart {
  readonly name: string;
  /** Shape of what is fed. */
  readonly shape: readonly number[];
  /** Rows of the stored tensor, along its first axis. */
  readonly from: number;
  readonly count: number;
}

/** The tensors of expert `e` within those stored. */
export function expertParts(shape: DictionaryShape, e: number): ExpertPart[] {
  const { kind } = routedOf(shape.sites);
  const plain = { parameters: (sizes: Parameters<Architecture['parameters']>[0]) => shape.kind.parameters(sizes) };
  return expertTensors(plain, shape).map(({ parameter: { name }, own, perFeature }: ExpertTensor) => {
    const rows = own[0] ?? 1;
    if (perFeature) return { name, shape: own, from: e * rows, count: rows };
    return kind === 'frozen' ? { name, shape: own, from: e, count: 1 } : { name, shape: own, from: 0, count: rows };
  });
}
