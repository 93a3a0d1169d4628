// Answers the training child's questions for rows: reads blocks from the store by ranged reads, writes them to spool files,
// prefetches the next super-buffer while the child trains on this one, deletes those that are used up.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { nextSuperbuffer, superbufferBlocks, type DataOrder, type SuperbufferId } from '../../core/order/data-order.js';
import type { Block, RowFile } from './messages.js';
import { writeRowFile, type RowSource } from './row-file.js';

export interface RowServerParts {
  readonly order: DataOrder;
  readonly fit: readonly Block[];
  readonly calib: readonly Block[];
  readonly source: RowSource;
  readonly spool: string;
}

interface Held {
  readonly id: SuperbufferId;
  readonly path: string;
  readonly file: Promise<RowFile>;
}

export class RowServer {
  readonly #parts: RowServerParts;
  readonly #ended = new AbortController();
  /** The super-buffer in use and the one after it. */
  #held: Held[] = [];
  #calib: Promise<RowFile> | null = null;

  constructor(parts: RowServerParts) {
    const signal = AbortSignal.any([parts.source.signal, this.#ended.signal]);
    this.#parts = { ...parts, source: { ...parts.source, signal } };
  }

  /** The file of a super-buffer; the next one is read in the background, earlier ones are deleted. */
  async superbuffer(id: SuperbufferId): Promise<RowFile> {
    const wanted = this.#find(id) ?? this.#read(id);
    const file = await wanted.file;
    const followerId = nextSuperbuffer(this.#parts.order, id);
    const follower = this.#find(followerId);
    const used = this.#held.filter((held) => held !== wanted && held !== follower);
    for (const held of used) await discard(held);
    // An epoch of one super-buffer is the same rows again under another number: it is still read anew, in its new order.
    this.#held = [wanted, follower ?? this.#read(followerId)];
    return file;
  }

  /** The file of the calib rows that are measured. */
  calib(): Promise<RowFile> {
    const { calib, source, spool } = this.#parts;
    this.#calib ??= writeRowFile(path.join(spool, 'calib.rows'), calib, source);
    return this.#calib;
  }

  /** Ends reads under way and waits for them, so that nothing writes into the spool folder afterwards. */
  async close(): Promise<void> {
    this.#ended.abort();
    await Promise.allSettled([...this.#held.map((held) => held.file), this.#calib]);
  }

  #find(id: SuperbufferId): Held | undefined {
    return this.#held.find((held) => held.id.epoch === id.epoch && held.id.index === id.index);
  }

  #read(id: SuperbufferId): Held {
    const { order, fit, source, spool } = this.#parts;
    const blocks = superbufferBlocks(order, id).map((block) => fit[block] as Block);
    const file = path.join(spool, `superbuffer-${id.epoch}-${id.index}.rows`);
    const reading = writeRowFile(file, blocks, source);
    reading.catch(() => undefined); // told when it is asked for
    return { id, path: file, file: reading };
  }
}

async function discard({ path: file, file: reading }: Held): Promise<void> {
  await reading.catch(() => undefined);
  await rm(file, { force: true });
}
