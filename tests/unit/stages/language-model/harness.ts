// Small trainings for tests: random streams on the local disk, a model of a few hundred parameters, the child's task called in
// this process.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256Hex } from '../../../../core/identity/digest.js';
import { encodeSafetensors, safeTensor } from '../../../../core/tensor/safetensors.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import type { LanguageModelConfig } from '../../../../stages/language-model/config.js';
import { languageModelTasks } from '../../../../stages/language-model/task.js';
import type {
  Checkpoint,
  LanguageModelRequest,
  LanguageModelResponse,
} from '../../../../stages/language-model/messages.js';
import type { StreamFile } from '../../../../stages/language-model/token-stream.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';

export const VOCABULARY = 32;
export const CONTEXT = 8;

type Keyed = LanguageModelConfig['keyed'];

/** A model of one block, 24 steps of 4 contexts. */
export function smallConfig(
  changes: {
    readonly model?: Partial<Keyed['model']>;
    readonly training?: Partial<Keyed['training']>;
    readonly rest?: Partial<Keyed>;
  } = {},
): Keyed {
  return {
    model: {
      ...{ architecture: 'gpt2', layers: 1, width: 8, heads: 2, keyValueHeads: 2, headWidth: 4 },
      ...{ mlpWidth: 16, contextTokens: CONTEXT, vocabulary: VOCABULARY, tied: true },
      ...{ normEpsilon: 1e-5, activation: 'gelu_tanh', ropeBase: 10_000 },
      ...changes.model,
    },
    init: { seed: 1 },
    data: { sampling: 'epochs', seed: 5 },
    training: {
      ...{ steps: 24, batch: 4, microBatches: 1, clipNorm: 1 },
      ...{ logEverySteps: 3, validateEverySteps: 10 },
      optimiser: {
        ...{ name: 'adamw', betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.1 },
        ...{ momentum: 0, nesterov: false },
      },
      schedule: { lr: 1e-2, warmupSteps: 4, decay: 'cosine', finalFraction: 0.1 },
      ...changes.training,
    },
    engine: { ort: 'test', provider: 'cpu', threads: 1, optimisation: 'all' },
    ...changes.rest,
  };
}

/** A stream with structure to learn: each token is the one before plus a small random step. */
export async function writeStream(file: string, tokens: number, weights?: Float32Array): Promise<StreamFile> {
  const random = new KeyedRandom('stream', file.split('/').at(-1) ?? '', tokens);
  const ids = new Uint16Array(tokens);
  for (let i = 1; i < tokens; i++) ids[i] = ((ids[i - 1] as number) + 1 + random.nextInt(3)) % VOCABULARY;
  await writeFile(file, new Uint8Array(ids.buffer));
  const beside = weights && `${file}.weights`;
  if (beside) await writeFile(beside, new Uint8Array(weights.buffer));
  return { path: file, tokens, dtype: 'uint16', weights: beside ?? null };
}

export interface World {
  readonly folder: string;
  readonly request: LanguageModelRequest;
}

/** A training of the running test that is ready to run. */
export async function makeWorld(
  config: Keyed = smallConfig(),
  options: { readonly tokens?: number; readonly weights?: (tokens: number) => Float32Array } = {},
): Promise<World> {
  const folder = temporaryFolderOfTest('language-model');
  const tokens = options.tokens ?? 400;
  const at = (name: string): string => path.join(folder, name);
  return {
    folder,
    request: {
      ...{ spool: at('spool'), shard: 'all', key: 'k'.repeat(64), config, stream: 'the-stream' },
      streams: {
        training: await writeStream(at('training'), tokens, options.weights?.(tokens)),
        calib: await writeStream(at('calib'), 100),
        test: await writeStream(at('test'), 150),
      },
      ...{ init: null, batches: null, checkpoint: null },
      ...{ checkpointMs: 1e9, limitMs: 1e9 },
    },
  };
}

export interface RunOptions {
  /** Says no when it has been asked that many times. */
  readonly proceeds?: number;
  readonly onCheckpoint?: (checkpoint: Checkpoint) => void | Promise<void>;
}

/** One call of the child's task. */
export async function runTask(
  request: LanguageModelRequest,
  { proceeds = Infinity, onCheckpoint }: RunOptions = {},
): Promise<LanguageModelResponse> {
  await mkdir(request.spool, { recursive: true });
  let asked = 0;
  return languageModelTasks['language-model'](request, {
    stop: new AbortController().signal,
    alive: () => undefined,
    progress: () => undefined,
    ask: async <T>(what: string, question: unknown): Promise<T> => {
      if (what === 'proceed') return (++asked <= proceeds) as T;
      await onCheckpoint?.(question as Checkpoint);
      return null as T;
    },
  });
}

/** Runs in links that each end after `proceeds` answers, from checkpoint to checkpoint, to the model. */
export async function runInLinks(
  { request, folder }: World,
  proceeds: (link: number) => number,
): Promise<{ readonly response: LanguageModelResponse; readonly links: number }> {
  let checkpoint: LanguageModelRequest['checkpoint'] = null;
  for (let link = 0; ; link++) {
    const spool = path.join(folder, `link-${link}`);
    const response = await runTask({ ...request, spool, checkpoint }, { proceeds: proceeds(link) });
    if (response.output) return { response, links: link + 1 };
    if (response.checkpoint) checkpoint = { path: response.checkpoint.file.path, state: response.checkpoint.state };
  }
}

/** Digests of the outputs by table. */
export function digests({ output }: LanguageModelResponse): Record<string, string> {
  return Object.fromEntries((output?.files ?? []).map((file) => [file.table, file.sha256]));
}

/** A safetensors file of float32 tensors or of int32 offsets. */
export async function writeTensors(
  file: string,
  tensors: Readonly<Record<string, { shape: number[]; data: Float32Array | Int32Array }>>,
): Promise<string> {
  const entries = Object.entries(tensors).map(([name, { shape, data }]) => [name, safeTensor(data, shape)] as const);
  await writeFile(file, Buffer.concat(encodeSafetensors(new Map(entries))));
  return sha256Hex(file);
}
