// From a training file to the resolved training: opens tokenizer, sources and given files, checks that they fit together,
// fills in every default. Reads, writes nothing.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256Hex } from '../../core/identity/digest.js';
import { InputError } from '../../schemas/errors.js';
import { passMachineFault } from '../../schemas/system-errors.js';
import type { ResolvedModel, ResolvedTraining } from '../../schemas/resolved-training.js';
import type { StoredFile } from '../../schemas/stored.js';
import type { TrainingFile } from '../../schemas/training-file.js';
import { checkFirstRecord } from '../../stages/corpus/first-record.js';
import { listParts } from '../../stages/corpus/parts.js';
import { corpusRule } from '../../stages/corpus/rule.js';
import { datasetNames } from '../../stages/dataset-names.js';
import { tokensKey } from '../../stages/tokens/stage.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { getData } from '../../storage/records/data-stream.js';
import { latestRevision } from '../../storage/records/resolved-runs.js';
import { latestSnapshot } from '../../storage/records/snapshots.js';
import { resolveEngine, sourceOpener } from './engine.js';
import { GivenFiles, resolveLanguageModel } from './resolve-language-model.js';
import { modelSections, resolveModelTraining } from './resolve-model.js';
import { upload, type Upload } from './upload.js';

export interface ResolveTrainingOptions {
  readonly folder: string;
  readonly revision: number;
  readonly store: ObjectStore;
}

/** @throws InputError that names the file or field that does not fit */
export async function resolveTraining(
  file: TrainingFile,
  options: ResolveTrainingOptions,
): Promise<{ readonly training: ResolvedTraining; readonly uploads: readonly Upload[] }> {
  const source = file.corpus ? await ownCorpus(file, options) : await otherRun(file, options);
  const given = new GivenFiles(options.folder);
  const engine = await resolveEngine(file.compute);
  const models: ResolvedModel[] = [];
  const { checkpointSeconds } = file.compute;
  for (const section of modelSections(file)) {
    const parts = { tokensKey: source.tokensKey, json: source.json, seed: file.seed, given, engine, checkpointSeconds };
    models.push(await resolveLanguageModel(parts, { section, training: resolveModelTraining(file.training, section) }));
  }
  const { corpus, tokens, tokenizer } = source;
  const { name } = file;
  const { revision } = options;
  return {
    training: {
      ...{ formatVersion: 1, kind: 'language-model', name, revision, file, corpus, tokens },
      ...{ tokenizer, models },
    },
    uploads: [...source.uploads, ...given.uploads],
  };
}

interface Source {
  readonly corpus: ResolvedTraining['corpus'];
  readonly tokens: ResolvedTraining['tokens'];
  readonly tokensKey: string;
  readonly tokenizer: StoredFile;
  /** Content of tokenizer.json. */
  readonly json: Uint8Array;
  readonly uploads: readonly Upload[];
}

async function ownCorpus(file: TrainingFile, options: ResolveTrainingOptions): Promise<Source> {
  const { folder, revision } = options;
  const { name, seed, storeOptions, corpus: section } = file;
  if (!section) throw new InputError('Expected a corpus, found none.');
  const place = path.resolve(folder, file.tokenizer ?? '');
  const json = await readTokenizer(place);
  const rule = { openSource: sourceOpener(file), baseFolder: folder, format: section.format };
  const parts = await listParts(section.sources, { ...rule, idField: section.id });
  for (const part of parts) {
    await checkFirstRecord(part, corpusRule(section), rule);
  }
  const own = upload({ path: place }, { sha256: sha256Hex(json), bytes: json.length }, 'json');
  const corpus: NonNullable<ResolvedTraining['corpus']> = {
    name,
    file: { seed, corpus: section, storeOptions },
    limitDocuments: null,
    parts,
    model: { tokenizer: own.stored },
  };
  return {
    corpus,
    tokens: { run: name, revision },
    tokensKey: tokensKey(corpus).key,
    tokenizer: own.stored,
    json,
    uploads: [own],
  };
}

async function readTokenizer(place: string): Promise<Uint8Array> {
  try {
    return await readFile(place);
  } catch (error) {
    passMachineFault(error);
    throw new InputError(
      `Cannot read the tokenizer "${place}": ${(error as Error).message}. Give the path of a tokenizer.json in \`tokenizer\`.`,
      { path: place },
      { cause: error },
    );
  }
}

/** The tokens of a run that is finished as far as its tokens. */
async function otherRun(file: TrainingFile, { store }: ResolveTrainingOptions): Promise<Source> {
  const name = file.tokens ?? '';
  const snapshot = await latestSnapshot(store, datasetNames(name).tokens);
  if (!snapshot?.complete) {
    const found = snapshot ? 'incomplete ones' : 'none';
    throw new InputError(
      `Expected the complete tokens of run "${name}" in ${store.url}, found ${found}; start it with \`assay run … --until tokens\`, or correct \`tokens\`.`,
      { field: 'tokens', run: name, store: store.url },
    );
  }
  const run = await latestRevision(store, name);
  if (run?.revision !== snapshot.revision)
    throw new InputError(
      `Expected the tokens of run "${name}" to be those of its latest revision ${run?.revision ?? 0}, found revision ${snapshot.revision}; \`assay resume ${name}\` first.`,
      { field: 'tokens', run: name },
    );
  const { tokenizer } = run.model;
  return {
    corpus: null,
    tokens: { run: name, revision: snapshot.revision },
    tokensKey: snapshot.key,
    tokenizer,
    json: await getData(store, tokenizer),
    uploads: [],
  };
}
