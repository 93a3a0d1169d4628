// The stream task of a compute child: the tokens of the chosen splits, laid end to end as a flat little-endian file, each
// document behind the prepended token; beside it, where asked for, the weight of every token in the loss. Two passes over a
// part where the order is that of the file (lengths, then tokens at their places), one where it is that of the numbers.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ChildContext, ChildTask } from '../../runtime/child/protocol.js';
import type { Split } from '../../schemas/stages.js';
import { readTable, readTokensTable } from '../../storage/tables/read.js';
import type { ChildOutput, SpoolFile } from '../stage.js';
import {
  STREAM_TASK,
  type StreamAsks,
  type StreamPart,
  type StreamRequest,
  type StreamStatistics,
} from './messages.js';
import { spanWeights, type TokenPlaces } from './span-weights.js';
import { StreamWriter } from './stream-writer.js';

const WEIGHT_BYTES = 4;

const writeStream: ChildTask<StreamRequest, ChildOutput> = async (request, context) => {
  const { config, spool, parts } = request;
  const tokens = await StreamWriter.open(path.join(spool, 'stream.bin'));
  const weights = config.lossWeights && (await StreamWriter.open(path.join(spool, 'weights.bin')));
  const work = new StreamWork(request, context, { tokens, weights });
  try {
    for (let part = 0; part < parts.length; part++) await work.add(part);
  } catch (error) {
    await tokens.abort();
    await weights?.abort();
    throw error;
  }
  const { statistics } = work;
  const files: SpoolFile[] = [await tokens.finish('stream', statistics.tokens)];
  if (weights) files.push(await weights.finish('weights', statistics.tokens));
  return { files, statistics: { ...statistics } };
};

/** Every task of this stage, by name. */
export const streamTasks = { [STREAM_TASK]: writeStream };

/** A document of a shard. */
interface Document extends TokenPlaces {
  readonly ids: Uint32Array;
}

class StreamWork {
  readonly #request: StreamRequest;
  readonly #context: ChildContext;
  readonly #to: { readonly tokens: StreamWriter; readonly weights: StreamWriter | null };
  #tokens = 0;
  #documents = 0;

  constructor(
    request: StreamRequest,
    context: ChildContext,
    to: { readonly tokens: StreamWriter; readonly weights: StreamWriter | null },
  ) {
    this.#request = request;
    this.#context = context;
    this.#to = to;
  }

  get statistics(): StreamStatistics {
    return { tokens: this.#tokens, documents: this.#documents };
  }

  /** Appends one part of the corpus. */
  async add(part: number): Promise<void> {
    const places = this.#request.config.order === 'file' ? await this.#filePlaces(part) : this.#nextPlaces();
    const { shards } = this.#request.parts[part] as StreamPart;
    for (let shard = 0; shard < shards.length; shard++) {
      await this.#writeShard(part, shard, places);
      this.#context.progress({ tokens: this.#tokens });
    }
  }

  /** Places in the order of numbers: each document begins where the one before ended. */
  #nextPlaces(): (length: number) => number {
    let next = this.#tokens;
    return (length) => {
      const at = next;
      next += length;
      return at;
    };
  }

  /** Places in the order of the file, for documents asked for in the order of numbers. */
  async #filePlaces(part: number): Promise<(length: number) => number> {
    const { shards } = this.#request.parts[part] as StreamPart;
    const lengths: number[] = [];
    const lines: number[] = [];
    const linesOf = await this.#lines(part);
    for (const [shard, { split, first }] of shards.entries()) {
      let line = first;
      for (const file of (await this.#files(part, shard)).tokens) {
        const { offsets } = await readTokensTable(file);
        for (let i = 1; i < offsets.length; i++) {
          lengths.push(this.#lengthOf((offsets[i] as number) - (offsets[i - 1] as number)));
          lines.push(linesOf.get(split)?.[line++] as number);
        }
      }
    }
    const order = Uint32Array.from(lengths.keys());
    order.sort((a, b) => (lines[a] as number) - (lines[b] as number));
    const places = new Float64Array(lengths.length);
    let next = this.#tokens;
    for (const document of order) {
      places[document] = next;
      next += lengths[document] as number;
    }
    let document = 0;
    return () => places[document++] as number;
  }

  /** Where the part's documents stood in their file, by split. */
  async #lines(part: number): Promise<Map<Split, Float64Array>> {
    const { shards } = this.#request.parts[part] as StreamPart;
    const lines = new Map<Split, Float64Array>();
    for (const split of new Set(shards.map((shard) => shard.split))) {
      const files = await this.#ask('lines', { part, split });
      const bytes = Buffer.concat(await Promise.all(files.map((file) => readFile(file))));
      lines.set(split, new Float64Array(new Uint8Array(bytes).buffer));
    }
    return lines;
  }

  async #writeShard(part: number, shard: number, placeOf: (length: number) => number): Promise<void> {
    const { tokens, documents } = await this.#files(part, shard);
    const meta = await this.#meta(documents);
    let row = 0;
    for (const file of tokens) {
      const { offsets, ids, starts, ends } = await readTokensTable(file);
      for (let i = 1; i < offsets.length; i++, row++) {
        const range = [offsets[i - 1] as number, offsets[i] as number] as const;
        const [own, from, to] = [ids, starts, ends].map((list) => list.subarray(...range));
        const document = { ids: own, starts: from, ends: to } as Document;
        await this.#write(placeOf(this.#lengthOf(document.ids.length)), document, meta?.[row]);
      }
    }
  }

  async #write(
    place: number,
    document: Document,
    meta: { readonly id: string; readonly meta: string } | undefined,
  ): Promise<void> {
    const { ids } = document;
    if (ids.length === 0) return;
    const { prependId, dtype, lossWeights } = this.#request.config;
    const before = prependId === null ? [] : [prependId];
    const values = new (dtype === 'uint16' ? Uint16Array : Uint32Array)(before.length + ids.length);
    values.set(before);
    values.set(ids, before.length);
    await this.#to.tokens.put(place * values.BYTES_PER_ELEMENT, values);
    if (this.#to.weights && lossWeights && meta) {
      const rule = { ...lossWeights, id: meta.id };
      const weights = new Float32Array(values.length).fill(lossWeights.default);
      weights.set(spanWeights(meta.meta, document, rule), before.length);
      await this.#to.weights.put(place * WEIGHT_BYTES, weights);
    }
    this.#tokens += values.length;
    this.#documents++;
  }

  /** Tokens that a document takes in the stream; one that was left out for its length takes none. */
  #lengthOf(tokens: number): number {
    return tokens === 0 ? 0 : tokens + (this.#request.config.prependId === null ? 0 : 1);
  }

  async #meta(files: readonly string[]): Promise<{ id: string; meta: string }[] | null> {
    if (this.#to.weights === null) return null;
    const rows: { id: string; meta: string }[] = [];
    for (const file of files) {
      const { id, meta } = (await readTable('documents', file)).columns;
      id.forEach((one, i) => rows.push({ id: one, meta: meta[i] ?? '{}' }));
    }
    return rows;
  }

  #files(part: number, shard: number): Promise<StreamAsks['shard']['answer']> {
    return this.#ask('shard', { part, shard });
  }

  #ask<Name extends keyof StreamAsks>(
    name: Name,
    request: StreamAsks[Name]['request'],
  ): Promise<StreamAsks[Name]['answer']> {
    return this.#context.ask(name, request);
  }
}
