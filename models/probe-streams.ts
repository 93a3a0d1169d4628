// A model whose stream can be changed at a place from outside: to each probed site a tensor is added that the caller feeds, zeros
// for the model as it is. One loaded session then answers how far an edit at any of them reaches.
import { spliceSites, type SiteSplice } from '../core/hooks/splice.js';
import type { GraphBuilder } from '../core/onnx/builder.js';
import { DATA_TYPE } from '../core/onnx/data-type.js';
import type { ModelProto } from '../core/onnx/proto.js';
import type { Value } from '../core/onnx/shape.js';
import { InputError } from '../schemas/errors.js';
import type { OpenedModel } from './open-model.js';

export interface Probe {
  readonly site: string;
  /** `blocks.N.` */
  readonly block: string;
  /** The graph input that is added to the site. */
  readonly input: string;
  readonly width: number;
}

export interface ProbedModel {
  readonly model: ModelProto;
  readonly probes: readonly Probe[];
  readonly sites: readonly string[];
  readonly inputs: readonly string[];
}

/** The model with probes in the last block that has a wanted site: its stream, and what its MLP reads; none where neither can be edited. */
export function probeStreams(
  { model, resolved }: Pick<OpenedModel, 'model' | 'resolved'>,
  wanted: readonly string[],
): ProbedModel {
  const blocks = [...new Set(wanted.map((name) => /^blocks\.\d+\./.exec(name)?.[0] ?? ''))].filter((block) => block);
  const chosen = blocks.slice(-1);
  const probes: Probe[] = [];
  const splices: SiteSplice[] = [];
  for (const block of chosen) {
    for (const kind of ['hook_resid_pre', 'hook_mlp_in']) {
      const site = resolved.sites.find(({ name }) => name === `${block}${kind}`);
      if (site === undefined || site.readOnly !== null) continue;
      const probe = { site: site.name, block, input: `probe/${site.name}`, width: site.width };
      probes.push(probe);
      splices.push({ site, edit: (g, value) => added(g, value, probe) });
    }
  }
  const changed = splicedOrNull(model, splices);
  const kept = changed === null ? [] : probes;
  const [sites, inputs] = [kept.map(({ site }) => site), kept.map(({ input }) => input)];
  return { model: changed ?? model, probes: kept, sites, inputs };
}

/** The changed model; null where nothing tells the type of a stream (then the model does not run either). */
function splicedOrNull(model: ModelProto, splices: readonly SiteSplice[]): ModelProto | null {
  if (splices.length === 0) return null;
  try {
    return spliceSites(model, splices);
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

function added(g: GraphBuilder, value: Value, { input, width }: Probe): Value {
  const given = g.input(input, 'float32', value.shape ?? ['?rows', '?positions', width]);
  const change =
    value.dtype === 'float32' ? given : g.op('Cast', [given], { attributes: { to: DATA_TYPE[value.dtype] } });
  return g.op('Add', [value, change]);
}
