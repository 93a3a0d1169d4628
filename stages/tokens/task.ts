// The tokens task of a compute child: the documents of a corpus shard become rows of `documents` and `tokens`.
// A document that is left out keeps its number and its row, without tokens: numbers never depend on the tokenizer.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { TokenBuffer } from '../../core/corpus/tokenizer/token-buffer.js';
import { Tokenizer } from '../../core/corpus/tokenizer/tokenizer.js';
import type { ChildTask } from '../../runtime/child/protocol.js';
import { DataError, InputError } from '../../schemas/errors.js';
import { readSourceTable } from '../../storage/tables/read.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import type { TokensConfig, TokensInputs } from './config.js';
import type { ChildOutput } from '../stage.js';

export interface TokensRequest {
  /** Local copies of the shard's `source` objects, in order. */
  readonly sources: readonly string[];
  readonly tokenizer: { readonly path: string; readonly sha256: string };
  readonly key: string;
  readonly config: TokensConfig['keyed'];
  readonly inputs: TokensInputs;
  readonly shard: string;
  readonly spool: string;
}

export interface TokensStatistics {
  readonly documents: number;
  readonly tokens: number;
  /** Unicode code points of the texts. */
  readonly characters: number;
  /** Documents without tokens because they were too long. */
  readonly skipped: number;
}

/** Documents and tokens handed to the table writers at once. */
const WRITE_DOCUMENTS = 1024;
const WRITE_TOKENS = 2 ** 18;

const runTokens: ChildTask<TokensRequest, ChildOutput> = async (request, context) => {
  const { spool, shard, key, inputs } = request;
  const tokenizer = await loadTokenizer(request.tokenizer);
  const metadata = { key, split: inputs.split, tokenizer: request.tokenizer.sha256 };
  const open = <T extends 'documents' | 'tokens'>(table: T): Promise<TableWriter<T>> =>
    TableWriter.open({ table, path: path.join(spool, `${table}.arrow`), shard, metadata });
  const documents = await open('documents');
  const tokens = await open('tokens');
  const work = new ShardWork(request, tokenizer, { documents, tokens });
  try {
    for (const source of request.sources) {
      const { id, text, meta } = await readSourceTable(source);
      for (let i = 0; i < id.length; i++) {
        context.alive();
        work.add(id[i] ?? '', text[i] ?? '', meta[i] ?? '');
        if (!work.isFull) continue;
        await work.flush();
        context.progress({ tokens: work.counts.tokens });
      }
    }
    await work.flush();
  } catch (error) {
    await Promise.all([documents.abort(), tokens.abort()]);
    throw error;
  }
  const files = [...(await documents.finish()), ...(await tokens.finish())];
  return { files, statistics: { ...work.counts } };
};

/** Every task of this stage, by name. */
export const tokensTasks = { tokens: runTokens };

class ShardWork {
  readonly counts = {
    documents: 0,
    tokens: 0,
    characters: 0,
    skipped: 0,
  } satisfies TokensStatistics;
  readonly #request: TokensRequest;
  readonly #tokenizer: Tokenizer;
  readonly #writers: {
    readonly documents: TableWriter<'documents'>;
    readonly tokens: TableWriter<'tokens'>;
  };
  readonly #buffer = new TokenBuffer();
  #rows = emptyRows();

  constructor(
    request: TokensRequest,
    tokenizer: Tokenizer,
    writers: {
      readonly documents: TableWriter<'documents'>;
      readonly tokens: TableWriter<'tokens'>;
    },
  ) {
    this.#request = request;
    this.#tokenizer = tokenizer;
    this.#writers = writers;
  }

  get isFull(): boolean {
    return this.#rows.id.length >= WRITE_DOCUMENTS || this.#buffer.length >= WRITE_TOKENS;
  }

  add(id: string, text: string, meta: string): void {
    const first = this.#buffer.length;
    this.counts.characters += this.#encode(id, text);
    const { maxDocumentTokens, onBadDocument } = this.#request.config;
    const found = this.#buffer.length - first;
    if (found > maxDocumentTokens) {
      if (onBadDocument === 'fail') throw tooLong(this.#request, id, found);
      this.#buffer.length = first;
      this.counts.skipped++;
    }
    this.counts.tokens += this.#buffer.length - first;
    this.counts.documents++;
    this.#rows.id.push(id);
    this.#rows.text.push(text);
    this.#rows.meta.push(meta);
    this.#rows.ends.push(this.#buffer.length);
  }

  #encode(id: string, text: string): number {
    try {
      return this.#tokenizer.encodeInto(text, this.#buffer);
    } catch (error) {
      if (!(error instanceof DataError || error instanceof InputError)) throw error;
      const { shard } = this.#request;
      const message = `Document "${id}" (shard ${shard}): ${error.message}`;
      throw new DataError(message, { ...error.details, id, shard }, { cause: error });
    }
  }

  async flush(): Promise<void> {
    const { id, text, meta, ends } = this.#rows;
    const rows = id.length;
    if (rows === 0) return;
    const firstDoc = this.#request.inputs.firstDoc + this.counts.documents - rows;
    const doc = Uint32Array.from({ length: rows }, (_, i) => firstDoc + i);
    const offsets = Uint32Array.from([0, ...ends]);
    const tokens = Uint32Array.from({ length: rows }, (_, i) => (offsets[i + 1] ?? 0) - (offsets[i] ?? 0));
    const split = new Array<string>(rows).fill(this.#request.inputs.split);
    await this.#writers.documents.write({ doc, id, split, text, tokens, meta });
    const { ids, starts, ends: tokenEnds, length } = this.#buffer;
    await this.#writers.tokens.write({
      doc,
      offsets,
      ids: ids.subarray(0, length),
      starts: starts.subarray(0, length),
      ends: tokenEnds.subarray(0, length),
    });
    this.#rows = emptyRows();
    this.#buffer.clear();
  }
}

function emptyRows(): { id: string[]; text: string[]; meta: string[]; ends: number[] } {
  return { id: [], text: [], meta: [], ends: [] };
}

function tooLong(request: TokensRequest, id: string, tokens: number): DataError {
  const { config, shard } = request;
  return new DataError(
    `Expected documents of at most ${config.maxDocumentTokens} tokens (corpus.maxDocumentTokens), found "${id}" with ${tokens} (shard ${shard}); ` +
      'cut it, raise the limit, or set corpus.onBadDocument: skip to keep it without tokens.',
    { id, shard, tokens, limit: config.maxDocumentTokens },
  );
}

/** Tokenizers of the last runs: building one of a large vocabulary takes a second. */
const loaded = new Map<string, Tokenizer>();
const LOADED = 2;

async function loadTokenizer(file: TokensRequest['tokenizer']): Promise<Tokenizer> {
  const known = loaded.get(file.sha256);
  if (known) return known;
  const tokenizer = new Tokenizer(await readFile(file.path));
  if (tokenizer.digest !== file.sha256) {
    throw new DataError(
      `Expected a tokenizer with sha256 ${file.sha256}, ${file.path} has ${tokenizer.digest}; remove the worker's cache and resume.`,
      { expected: file.sha256, found: tokenizer.digest },
    );
  }
  for (const oldest of loaded.keys()) if (loaded.size >= LOADED) loaded.delete(oldest);
  loaded.set(file.sha256, tokenizer);
  return tokenizer;
}
