// From documents in hash order to `source` tables, one or more files a shard.
import path from 'node:path';
import { shardCount, shardName, shardOf } from '../../core/corpus/shard-plan.js';
import type { Split } from '../../schemas/stages.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import type { SpoolFile } from '../stage.js';
import type { SpooledDocument } from './spool-buckets.js';
import type { CorpusShard } from './statistics.js';
import { NumbersWriter } from './write-numbers.js';

/** Rows and text handed to the table writer at once. */
const WRITE_ROWS = 1024;
const WRITE_BYTES = 4 * 2 ** 20;

export interface ShardTarget {
  readonly spool: string;
  /** The stage's key, for the files' metadata. */
  readonly key: string;
  readonly partDigest: string;
  readonly split: Split;
  readonly shardTokens: number;
  /** Documents and UTF-8 bytes of text that will come. */
  readonly documents: number;
  readonly textBytes: number;
}

/** Writes the shards of one part and one split; documents must come in hash order. */
export class ShardWriter {
  readonly files: SpoolFile[] = [];
  readonly shards: CorpusShard[] = [];
  /** Where each document stood in its file, in the order of the documents' numbers; complete after `finish`. */
  lineFiles: readonly SpoolFile[] = [];
  readonly #target: ShardTarget;
  readonly #count: number;
  readonly #lines: NumbersWriter;
  #open: {
    readonly index: number;
    readonly writer: TableWriter<'source'>;
    documents: number;
    textBytes: number;
  } | null = null;
  #rows: { id: string[]; text: string[]; meta: string[] } = { id: [], text: [], meta: [] };
  #rowBytes = 0;

  constructor(target: ShardTarget) {
    this.#target = target;
    const shard = `${target.partDigest.slice(0, 16)}-${target.split}`;
    this.#lines = new NumbersWriter({ spool: target.spool, table: 'lines', shard });
    this.#count = shardCount(target.documents, target.textBytes, target.shardTokens);
  }

  async add(document: SpooledDocument): Promise<void> {
    const index = shardOf(document.hash, this.#count);
    if (this.#open?.index !== index) {
      await this.#finishShard();
      this.#open = { index, writer: await this.#openTable(index), documents: 0, textBytes: 0 };
    }
    const { text, meta } = document.read();
    this.#rows.id.push(document.id);
    this.#rows.text.push(text);
    this.#rows.meta.push(meta);
    this.#rowBytes += document.textBytes + meta.length;
    this.#open.documents++;
    this.#open.textBytes += document.textBytes;
    await this.#lines.add(document.line);
    if (this.#rows.id.length >= WRITE_ROWS || this.#rowBytes >= WRITE_BYTES) await this.#flush();
  }

  async finish(): Promise<void> {
    await this.#finishShard();
    this.lineFiles = await this.#lines.finish();
  }

  /** Closes the open file; for a caller that gives up. */
  async abort(): Promise<void> {
    await this.#open?.writer.abort();
    await this.#lines.abort();
  }

  #openTable(index: number): Promise<TableWriter<'source'>> {
    const { spool, key, partDigest, split } = this.#target;
    const shard = shardName(partDigest, split, index);
    const file = path.join(spool, `source-${shard}.arrow`);
    return TableWriter.open({ table: 'source', path: file, shard, metadata: { key, split } });
  }

  async #flush(): Promise<void> {
    if (this.#rows.id.length > 0) await this.#open?.writer.write(this.#rows);
    this.#rows = { id: [], text: [], meta: [] };
    this.#rowBytes = 0;
  }

  async #finishShard(): Promise<void> {
    if (!this.#open) return;
    await this.#flush();
    const { index, writer, documents, textBytes } = this.#open;
    const { partDigest, split } = this.#target;
    const name = shardName(partDigest, split, index);
    this.files.push(...(await writer.finish()).map((file) => ({ ...file, shard: name })));
    this.shards.push({ name, split, documents, textBytes });
    this.#open = null;
  }
}
