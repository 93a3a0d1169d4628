// Gathers what `find` needs of a dictionary (settings of its keys, model, tokenizer, weights as local files) and encodes a text.
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { z } from 'zod';
import type { findDocument } from '../../schemas/documents/features.js';
import { DataError } from '../../schemas/errors.js';
import { resolveAutoProvider } from '../../runtime/devices.js';
import type { ActivationsConfig } from '../../stages/activations/config.js';
import { sitesText } from '../../core/dictionaries/sites.js';
import { activationKeys, type EncodeConfig } from '../../stages/encode/config.js';
import { encodedDictionary } from '../../stages/train/dictionary.js';
import { encodeText, type FindInput } from './encode-text.js';
import { fetchModel } from '../../models/fetch-model.js';
import { readModelFiles, type ModelFiles } from '../../stages/activations/run-model-files.js';
import { createPinnedReader } from '../../stages/pinned.js';
import { workOfRun } from '../../stages/work.js';
import type { ResolvedDictionary, ResolvedRun } from '../../schemas/resolved-run.js';
import { readResolvedRun } from '../../storage/records/resolved-runs.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { DictionaryName } from '../datasets/given-names.js';
import { openLocalCopies } from '../dictionary/local-copies.js';
import { pinDictionary } from '../dictionary/snapshots.js';
import { findWeights } from '../dictionary/stored-weights.js';
import { openLabels } from '../labels/feature-labels.js';
import { keyFields } from '../runs/stage-keys.js';
import { makeOwnFolder } from '../../storage/files/own-folder.js';

export interface FindRequest {
  readonly name: DictionaryName;
  readonly text: string;
  /** Folder for copies of stored files. */
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
  readonly blocking: FindInput['blocking'];
}

/** The text's tokens with the features that fire on them. */
export async function findFeatures(store: ObjectStore, request: FindRequest): Promise<z.infer<typeof findDocument>> {
  const { name, text, signal, blocking } = request;
  const spool = await makeOwnFolder(tmpdir(), 'assay-find-');
  try {
    const input = await gather(store, request);
    const tokens = await encodeText({ ...input, text, spool, signal, blocking });
    const characters = Array.from(text);
    const fired = new Set(tokens.flatMap(({ features }) => features.map(({ feature }) => feature)));
    const labels = await (await openLabels(store, name)).of([...fired]);
    return {
      dict: `${name.run}/${name.dictionary}`,
      site: sitesText(input.dictionary.sites),
      text,
      tokens: tokens.map(({ features, ...token }) => ({
        ...token,
        token: characters.slice(token.start, token.end).join(''),
        features: features.map((one) => ({ ...one, label: labels.get(one.feature)?.label ?? null })),
      })),
    };
  } finally {
    await rm(spool, { recursive: true, force: true });
  }
}

type Gathered = Omit<FindInput, 'text' | 'spool' | 'signal' | 'blocking'>;

async function gather(store: ObjectStore, request: FindRequest): Promise<Gathered> {
  const { name, signal, cacheFolder } = request;
  const { acts } = await pinDictionary(store, name);
  const run = await readResolvedRun(store, { name: name.run, revision: acts.revision });
  const own = dictionaryOf(run, name);
  // The pre-image of a key is exactly the `keyed` part of the settings that it was made of.
  const encode = (await keyFields(store, 'encode', acts.key)) as unknown as EncodeConfig['keyed'];
  const [activationsKey = ''] = activationKeys(encode);
  const activations = (await keyFields(store, 'activations', activationsKey)) as unknown as ActivationsConfig['keyed'];
  const weights = await findWeights(store, name, encode.dictionary);
  const cache = openLocalCopies(store, cacheFolder);
  const provider = encode.engine.provider === 'cpu' ? 'cpu' : await resolveAutoProvider();
  const engine = { ...encode.engine, provider };
  return {
    tokenizer: await cache.fetch(run.model.tokenizer, signal),
    model: await fetchModel(cache, await modelOf(store, run), signal),
    activations: { ...activations, engine },
    sites: run.sites.map((site) => site.name),
    encode: { ...encode, engine },
    dictionary: {
      ...encodedDictionary(run, own),
      weights: await cache.fetch(weights, signal),
    },
  };
}

async function modelOf(store: ObjectStore, run: ResolvedRun): Promise<ModelFiles> {
  const files = await readModelFiles(run, createPinnedReader(store, workOfRun(run)));
  if (files) return files;
  throw new DataError(
    `Expected the model that run ${run.name} trains, found that it is not published; \`assay resume ${run.name}\` publishes it again.`,
    { run: run.name },
  );
}

function dictionaryOf(run: ResolvedRun, name: DictionaryName): ResolvedDictionary {
  const own = run.dictionaries.find((dictionary) => dictionary.name === name.dictionary);
  if (own !== undefined) return own;
  throw new DataError(
    `Expected dictionary "${name.dictionary}" in the stored configuration of ${run.name} revision ${run.revision}, found none; \`assay verify\` its datasets.`,
    { run: run.name, revision: run.revision, dictionary: name.dictionary },
  );
}
