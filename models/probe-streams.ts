// A model whose stream can be changed at a place from outside: to each probed site a tensor is added that the caller feeds, zeros
// for the model as it is. One loaded session then answers how far an edit at any of them reaches.
import { spliceSites, type SiteSplice } from '../core/hooks/splice.js';
import type { GraphBuilder } from '../core/onnx/builder.js';
import { DATA_TYPE } from '../core/onnx/data-type.js';
import { inferTypes } from '../core/onnx/infer.js';
import type { ModelProto } from '../core/onnx/proto.js';
import type { Value } from '../core/onnx/shape.js';
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

/** The model with probes in the first and the last block that has a wanted site: its stream, and what its MLP reads. */
export function probeStreams(
  { model, resolved }: Pick<OpenedModel, 'model' | 'resolved'>,
  wanted: readonly string[],
): ProbedModel {
  const blocks = [...new Set(wanted.map((name) => /^blocks\.\d+\./.exec(name)?.[0] ?? ''))].filter((block) => block);
  const chosen = new Set([blocks[0], blocks.at(-1)]);
  const types = inferTypes(model);
  const probes: Probe[] = [];
  const splices: SiteSplice[] = [];
  for (const block of chosen) {
    for (const kind of ['hook_resid_pre', 'hook_mlp_in']) {
      const site = resolved.sites.find(({ name }) => name === `${block ?? ''}${kind}`);
      if (site === undefined || site.readOnly !== null || !types.has(site.tensor)) continue;
      const probe = { site: site.name, block: block ?? '', input: `probe/${site.name}`, width: site.width };
      probes.push(probe);
      splices.push({ site, edit: (g, value) => added(g, value, probe) });
    }
  }
  const changed = probes.length === 0 ? model : spliceSites(model, splices);
  return { model: changed, probes, sites: probes.map(({ site }) => site), inputs: probes.map(({ input }) => input) };
}

function added(g: GraphBuilder, value: Value, { input, width }: Probe): Value {
  const given = g.input(input, 'float32', value.shape ?? ['?rows', '?positions', width]);
  const change =
    value.dtype === 'float32' ? given : g.op('Cast', [given], { attributes: { to: DATA_TYPE[value.dtype] } });
  return g.op('Add', [value, change]);
}
