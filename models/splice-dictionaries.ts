// Models in which the values of sites are replaced at chosen rows: by what stored dictionaries make of them, several at once, or by
// a fixed vector (ablation); and the loss of each next token as an output. Everything that is fed beside the tokens is listed in
// `added`. Runs nothing.
//
//   m [batch, pos]   rows that are replaced; all others pass as they are
//   dictionaries     y ← m ? y_hat(x) : y, x and y those of the model with all of them in place
//   vectors          x ← m ? a : x
//   losses           −log softmax(logits)[target]   [batch, pos], nats
//
// A dictionary that reads a site behind one that it writes (a crosscoder over layers) makes a circle and is refused.
import {
  type Applied,
  applyDictionary,
  declareParameters,
  parameterFeed,
  type PlacedDictionary,
  replaceRows,
  zeroRows,
} from '../core/dictionaries/splice-graph.js';
import type { NamedSites } from '../core/dictionaries/sites.js';
import { parametersOf } from '../core/dictionaries/state.js';
import { readSites } from '../core/hooks/read.js';
import { spliceSites, type SiteSplice } from '../core/hooks/splice.js';
import { storedWidth, type ModelSites, type Site } from '../core/hooks/sites.js';
import { GraphBuilder } from '../core/onnx/builder.js';
import { DATA_TYPE } from '../core/onnx/data-type.js';
import type { ModelProto } from '../core/onnx/proto.js';
import type { Value } from '../core/onnx/shape.js';
import { InputError } from '../schemas/errors.js';

/** A dictionary with the names of its sites in the model. */
export interface ModelDictionary extends PlacedDictionary {
  readonly sites: NamedSites;
}

export interface SplicedModel {
  readonly model: ModelProto;
  /** Graph inputs that the caller feeds. */
  readonly added: readonly string[];
}

/** Feed of the rows to replace: bool [batch, pos]. */
export const ROWS_FEED = 'splice/rows';
/** Feed of the next tokens: int64 [batch, pos]; output: nats [batch, pos]. */
export const LOSSES = { targets: 'losses/targets', nats: 'losses/nats' } as const;

/** Axes of what is fed per token: the model's own names for them may be others. */
const TOKENS = ['?batch', '?pos'];

/** Feed of the vector that replaces a site's rows: float32 [d], the site's axes after the tokens joined. */
export function vectorFeed(site: string): string {
  return `splice/vector/${site}`;
}

type Source = Pick<ModelSites, 'sites'> & { readonly model: ModelProto };

/** The model with every dictionary's reconstruction in place of what it writes. @throws InputError as spliceSites */
export function spliceDictionaries({ model, sites }: Source, dictionaries: readonly ModelDictionary[]): SplicedModel {
  refuseSharedWrites(dictionaries);
  dictionaries.forEach(refuseSharedChoice);
  const names = [...new Set(dictionaries.flatMap((one) => one.sites.names))];
  // Reads as tensors of the graph, made before anything is replaced: they follow the edited values.
  const read = readSites(
    model,
    names.map((name) => siteNamed(sites, name)),
  );
  const tensors = new Map(names.map((name, i) => [name, read.tensors[i] ?? '']));
  const g = GraphBuilder.over(read.model);
  const parameters = dictionaries.map((one) => declareParameters(g, one));
  g.input(ROWS_FEED, 'bool', TOKENS);
  const splices = dictionaries.flatMap((dictionary, n) =>
    dictionary.sites.writes.map((place, w): SiteSplice => {
      const written = dictionary.sites.names[place] as string;
      const edit = (graph: GraphBuilder, value: Value): Value => {
        const { names: own, reads, writes, widths, crossLayer } = dictionary.sites;
        const at = (places: readonly number[]): Value[] =>
          places.map((p, n) => {
            if (p === place) return value;
            // Features of later layers write nothing here, and their sites lie behind this one.
            const later = crossLayer === true && n > w;
            if (later) return zeroRows(graph, value, { from: widths[place] ?? 0, width: widths[p] ?? 0 });
            return graph.value(tensors.get(own[p] ?? '') ?? '');
          });
        const applied: Applied = applyDictionary(graph, dictionary, {
          parameters: parameters[n] ?? {},
          reads: at(reads),
          writes: at(writes),
        });
        return replaceRows(graph, value, {
          replacement: applied.x_hat[w] as Value,
          mask: graph.value(ROWS_FEED),
        });
      };
      return { site: siteNamed(sites, written), edit };
    }),
  );
  const feeds = dictionaries.flatMap((one) => parametersOf(one).map(({ name }) => parameterFeed(one, name)));
  return { model: spliceSites(g.toModel(), splices), added: [ROWS_FEED, ...feeds] };
}

/** The model with a fed vector in place of the rows of each site. */
export function spliceVectors({ model, sites }: Source, names: readonly string[]): SplicedModel {
  const g = GraphBuilder.over(model);
  g.input(ROWS_FEED, 'bool', TOKENS);
  for (const name of names) g.input(vectorFeed(name), 'float32', [widthOf(siteNamed(sites, name))]);
  const splices = names.map((name): SiteSplice => {
    const edit = (graph: GraphBuilder, value: Value): Value => {
      const sizes = (value.shape ?? []).slice(2);
      const shaped =
        sizes.length === 1
          ? graph.value(vectorFeed(name))
          : graph.op('Reshape', [graph.value(vectorFeed(name)), graph.integers(...sizes.map(Number))]);
      const replacement =
        value.dtype === 'float32' ? shaped : graph.op('Cast', [shaped], { attributes: { to: DATA_TYPE[value.dtype] } });
      return replaceRows(graph, value, { replacement, mask: graph.value(ROWS_FEED) });
    };
    return { site: siteNamed(sites, name), edit };
  });
  return { model: spliceSites(g.toModel(), splices), added: [ROWS_FEED, ...names.map(vectorFeed)] };
}

/** The model with the loss of each next token as a further tensor. @throws InputError for a model without logits */
export function appendLosses(model: ModelProto, resolved: Pick<ModelSites, 'results' | 'turnedOutputs'>): SplicedModel {
  const { logits } = resolved.results;
  if (logits === null)
    throw new InputError(
      'Expected a model that gives logits, found no output as wide as its vocabulary; cross-entropy cannot be measured on it.',
      { outputs: resolved.results },
    );
  const turned = resolved.turnedOutputs.find(({ name }) => name === logits);
  const read = turned ? readSites(model, [turned]) : { model, tensors: [logits] };
  const g = GraphBuilder.over(read.model);
  const value = g.value(read.tensors[0] ?? logits);
  const wide = value.dtype === 'float32' ? value : g.op('Cast', [value], { attributes: { to: DATA_TYPE.float32 } });
  const targets = g.input(LOSSES.targets, 'int64', TOKENS);
  const logs = g.op('LogSoftmax', [wide], { attributes: { axis: -1 } });
  const own = g.op('GatherElements', [logs, g.op('Unsqueeze', [targets, g.integers(2)])], { attributes: { axis: 2 } });
  g.op('Neg', [g.op('Squeeze', [own, g.integers(2)])], { name: LOSSES.nats });
  return { model: g.toModel(), added: [LOSSES.targets] };
}

function siteNamed(sites: readonly Site[], name: string): Site {
  const site = sites.find((one) => one.name === name);
  if (site) return site;
  throw new InputError(`Expected a site of the model, found "${name}"; \`assay model inspect\` lists all.`, {
    site: name,
  });
}

function widthOf(site: Site): number {
  const width = storedWidth(site);
  if (width !== null) return width;
  throw new InputError(`Expected a site with a vector per token, found ${site.name} [${site.axes.join(', ')}].`, {
    site: site.name,
  });
}

/** @throws InputError where a choice of the k largest of all layers would need layers that lie behind what it decides */
function refuseSharedChoice(dictionary: ModelDictionary): void {
  const { sites, kind, name } = dictionary;
  const own = parametersOf(dictionary).some((parameter) => parameter.name.startsWith('threshold'));
  if (!sites.crossLayer || !kind.selects || own) return;
  throw new InputError(
    `Expected a cross-layer dictionary whose features fire by thresholds of their own, found ${name}, whose k largest are chosen among all layers together; the later layers are not known where the earlier are written. It cannot be put into the model in one pass.`,
    { dictionary: name },
  );
}

function refuseSharedWrites(dictionaries: readonly ModelDictionary[]): void {
  const written = dictionaries.flatMap(({ sites }) => sites.writes.map((place) => sites.names[place] ?? ''));
  const twice = written.find((name, i) => written.indexOf(name) < i);
  if (twice === undefined) return;
  throw new InputError(
    `Expected dictionaries that write different sites, found two that write ${twice}. Splice one of them.`,
    { site: twice },
  );
}
