// Joins trained frozen experts to one dictionary inside the compute child: their tensors end to end, the router beside them. Holds a block
// of one tensor at a time.
import path from 'node:path';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { expertParts } from '../../../core/dictionaries/routing/expert-graph.js';
import { ROUTER } from '../../../core/dictionaries/routing/router.js';
import { computeScale } from '../../../core/dictionaries/scale.js';
import { oneSite } from '../../../core/dictionaries/sites.js';
import { type DictionaryShape, parametersOf } from '../../../core/dictionaries/state.js';
import { safetensorsHeader } from '../../../core/tensor/safetensors.js';
import type { ChildContext } from '../../../runtime/child/protocol.js';
import { DataError } from '../../../schemas/errors.js';
import { writeChunks } from '../../../storage/files/local-file.js';
import { SafetensorsFile } from '../../../storage/files/safetensors-file.js';
import { readTable } from '../../../storage/tables/read.js';
import type { ChildOutput, SpoolFile } from '../../stage.js';
import type { TrainingRow } from '../messages.js';
import { settingsText, writeTraining } from '../train-files.js';
import { joinLogs } from './join-log.js';
import { joinRecalls } from './join-recalls.js';
import type { ExpertAsk, JoinRequest } from './messages.js';
import { type StoredRoutes, readRoutes } from './routes-file.js';

const BLOCK_BYTES = 16 * 2 ** 20;

interface Join {
  readonly request: JoinRequest;
  readonly context: ChildContext;
  readonly shape: DictionaryShape;
  readonly experts: number;
  readonly routes: StoredRoutes;
}

export async function joinExpertsTask(request: JoinRequest, context: ChildContext): Promise<ChildOutput> {
  const { config, statistics } = request;
  const { sae } = config.keyed;
  const routed = sae.routed;
  if (!routed) throw new DataError('Expected a routed dictionary to join experts of, found none.');
  const join: Join = {
    ...{ request, context, routes: await readRoutes(request.routes), experts: routed.experts },
    shape: {
      kind: ARCHITECTURES[sae.architecture],
      sites: { ...oneSite(config.aux.width), routed },
      features: sae.features,
    },
  };
  const weights = await joinWeights(join);
  const logs = [];
  for (let expert = 0; expert < routed.experts; expert++) {
    const file = await ask(context, { expert, table: 'training' });
    logs.push({ rows: await readLog(file), calibRows: countOf(statistics[expert], 'calibRows') });
  }
  const rows = joinLogs(logs);
  const training = await writeTraining({
    ...{ log: rows, folder: request.spool, key: request.key, shard: request.shard },
    metadata: metadataOf(join),
  });
  return { files: [weights, ...training], statistics: statisticsOf(join, rows) };
}

async function joinWeights(join: Join): Promise<SpoolFile> {
  const { request, shape, routes } = join;
  const { sae } = request.config.keyed;
  const parameters = parametersOf(shape);
  const header = {
    ...metadataOf(join),
    ...{ format: 'pt', architecture: sae.architecture, ...settingsText(sae) },
    inputScale: String(computeScale(routes.moments).scale),
  };
  const tensors = parameters.map(({ name, shape: axes }) => ({ name, shape: axes, dtype: 'F32' as const }));
  const router: Readonly<Record<string, Float32Array>> = {
    [ROUTER.weights]: routes.W_router,
    [ROUTER.bias]: routes.b_router,
  };
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield safetensorsHeader(tensors, header);
    for (const { name } of parameters) {
      const own = router[name];
      if (own) yield new Uint8Array(own.buffer as ArrayBuffer, own.byteOffset, own.byteLength);
      else for (let e = 0; e < join.experts; e++) yield* tensorOfExpert(join, name, e);
    }
  }
  const file = await writeChunks(path.join(request.spool, `${request.key}.safetensors`), chunks());
  return { ...file, table: 'weights', extension: 'safetensors', rows: shape.features, batches: [] };
}

/** A tensor of one expert's file. @throws DataError where it has another shape */
async function* tensorOfExpert({ context, shape }: Join, name: string, expert: number): AsyncGenerator<Uint8Array> {
  const path_ = await ask(context, { expert, table: 'weights' });
  const file = await SafetensorsFile.open(path_);
  try {
    const want = expertParts(shape, expert).find((part) => part.name === name)?.shape ?? [];
    const place = file.places.get(name);
    if (place?.shape.join() !== want.join() || place.dtype !== 'F32')
      throw new DataError(
        `Expected tensor ${name} of expert ${expert} of shape [${want.join(', ')}], found ${place ? `${place.dtype} [${place.shape.join(', ')}]` : 'none'} in ${path_}; run \`assay verify\`.`,
        { tensor: name, expert },
      );
    const bytes = place.to - place.from;
    for (let at = 0; at < bytes; at += BLOCK_BYTES) {
      context.alive();
      yield await file.readRange(name, at, Math.min(BLOCK_BYTES, bytes - at));
    }
  } finally {
    await file.close();
  }
}

/** The log of one expert. */
async function readLog(file: string): Promise<TrainingRow[]> {
  const { columns, rows } = await readTable('training', file);
  return Array.from({ length: rows }, (_, i) => ({
    split: columns.split[i] === 'calib' ? 'calib' : 'fit',
    step: Number(columns.step[i]),
    tokens: Number(columns.tokens[i]),
    loss: columns.loss[i] ?? NaN,
    fvu: finite(columns.fvu[i]),
    l0: columns.l0[i] ?? NaN,
    deadFraction: columns.deadFraction[i] ?? NaN,
    lr: columns.lr[i] ?? NaN,
    gradNorm: finite(columns.gradNorm[i]),
  }));
}

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}

function statisticsOf({ request, experts, routes }: Join, log: readonly TrainingRow[]): Record<string, unknown> {
  const { statistics } = request;
  const total = (name: string): number => statistics.reduce((sum, own) => sum + countOf(own, name), 0);
  const last = (split: 'fit' | 'calib'): unknown => {
    const row = log.findLast((one) => one.split === split);
    return row ? { loss: row.loss, fvu: row.fvu, l0: row.l0, deadFraction: row.deadFraction } : null;
  };
  const { scale, variance } = computeScale(routes.moments);
  const fitRows = statistics.map((own) => countOf(own, 'fitRows'));
  return {
    ...{ steps: total('steps'), tokens: total('tokens'), fitRows: total('fitRows'), calibRows: total('calibRows') },
    ...{ epochs: total('tokens') / total('fitRows'), inputScale: scale, variance, sameDocument: null },
    ...{ fit: last('fit'), calib: last('calib') },
    experts: { number: experts, largestShare: (Math.max(...fitRows) * experts) / total('fitRows') },
    ...joinRecalls(statistics.map((own) => own['candidates'])),
  };
}

function countOf(statistics: Readonly<Record<string, unknown>> | undefined, name: string): number {
  const value = statistics?.[name];
  if (typeof value === 'number') return value;
  throw new DataError(
    `Expected ${name} in the statistics of every expert's commit, found none; run \`assay verify\`.`,
    {
      name,
    },
  );
}

function metadataOf({ request }: Join) {
  const { keyed, aux } = request.config;
  return {
    ...{ model: aux.model, site: aux.site, activations: keyed.activationsKey, routes: keyed.routes },
    units: 'raw activation units',
  };
}

function ask(context: ChildContext, request: ExpertAsk): Promise<string> {
  return context.ask<string>('expert', request);
}
