// From a corpus to tokens: numbers by the plan, tables row by row, documents without tokens, equal ids across parts.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestOf, sha256Hex } from '../../../../core/identity/digest.js';
import { Tokenizer } from '../../../../core/corpus/tokenizer/tokenizer.js';
import { DataError, InputError } from '../../../../schemas/errors.js';
import type { Commit } from '../../../../schemas/records.js';
import { createCorpusRun } from '../../../../stages/corpus/run.js';
import { corpusTasks } from '../../../../stages/corpus/task.js';
import { listParts } from '../../../../stages/corpus/parts.js';
import { planParts } from '../../../../stages/corpus/plan.js';
import { tokensTasks, type TokensRequest } from '../../../../stages/tokens/task.js';
import { planShards } from '../../../../stages/tokens/plan.js';
import { runTokens } from '../../../../stages/tokens/run.js';
import type { CorpusConfig } from '../../../../stages/corpus/config.js';
import type { StageContext } from '../../../../stages/stage.js';
import { openMemoryStore } from '../../../../storage/objects/memory-store.js';
import { readTable, readTokensTable } from '../../../../storage/tables/read.js';
import { failureOf } from '../../../harness/failure-of.js';
import { CONFIG, folderWith, jsonLines, KEY, runSource } from '../corpus/run-part.js';
import { TOKENIZER } from '../../../harness/fixtures.js';
import { childContext, localChildren } from '../../../harness/local-children.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';
import { commitOf, commits, many, objectsOf } from './corpus-commits.js';

const sha256 = sha256Hex(readFileSync(TOKENIZER));

async function tokenise(documents: readonly unknown[], changes: Partial<TokensRequest['config']> = {}) {
  const folder = await folderWith({ 'a.jsonl': jsonLines(documents) });
  const corpus = await runSource(folder, 'a.jsonl', { split: { fit: 0, calib: 1, test: 0 } });
  const sources = corpus.files.filter((f) => f.table === 'source').map((f) => f.path);
  const output = await tokensTasks.tokens(
    {
      sources,
      tokenizer: { path: TOKENIZER, sha256 },
      key: KEY,
      config: {
        corpusKey: KEY,
        tokenizer: sha256,
        maxDocumentTokens: 1_000_000,
        onBadDocument: 'fail',
        ...changes,
      },
      inputs: { source: [], firstDoc: 70, split: 'calib' },
      shard: 'shard',
      spool: temporaryFolderOfTest('tokens'),
    },
    childContext(),
  );
  const file = (table: string): string => output.files.find((f) => f.table === table)?.path ?? '';
  return {
    statistics: output.statistics,
    documents: (await readTable('documents', file('documents'))).columns,
    tokens: await readTokensTable(file('tokens')),
  };
}

describe('the plan of the tokens stage', () => {
  it('numbers documents part by part, shard by shard', async () => {
    const both = await commits(many('a', 200), many('b', 90));
    const items = planShards('key', both);
    let doc = 0;
    for (const [i, item] of items.entries()) {
      expect(item.inputs.firstDoc).toBe(doc);
      expect(item.input).toBe(digestOf(item.inputs));
      expect(item.aux.objects?.map((o) => o.sha256)).toEqual(item.inputs.source);
      doc += item.aux.objects?.reduce((sum, o) => sum + o.rows, 0) ?? NaN;
      const next = items[i + 1];
      if (next && next.shard.slice(0, 16) === item.shard.slice(0, 16))
        expect(next.shard > item.shard || next.split !== item.split).toBe(true);
    }
    expect(doc).toBe(290);
    const parts = items.map((item) => item.shard.slice(0, 16));
    expect([...new Set(parts)]).toEqual(both.map((c) => c.shard));
  });

  it('keeps the items of the parts before when a part is appended', async () => {
    const both = await commits(many('a', 200), many('b', 90));
    const before = planShards('key', both.slice(0, 1));
    expect(planShards('key', both).slice(0, before.length)).toEqual(before);
  });

  it('refuses an empty corpus', async () => {
    const folder = await folderWith({ 'a.jsonl': '{"id":1}\n' });
    const empty = commitOf(await runSource(folder, 'a.jsonl', { onBadDocument: 'skip' }));
    expect(() => planShards('key', [empty])).toThrow(InputError);
    expect(() => planShards('key', [empty])).toThrow(
      /at least one document, found none in 1 parts \(1 bad ones were left out\)/,
    );
  });

  it('refuses a commit that lacks a shard', async () => {
    const [commit] = await commits(many('a', 3));
    const damaged = { ...commit, objects: [] } as unknown as Commit;
    expect(() => planShards('key', [damaged])).toThrow(/Expected objects of table "source" for shard/);
    expect(() => planShards('key', [{ ...damaged, statistics: {} }])).toThrow(
      /Expected the statistics of a corpus commit/,
    );
  });
});

describe('the tokens task', () => {
  const texts = ['In the beginning', 'é 😀 x', 'God created the heaven'];
  const documents = texts.map((text, i) => ({ id: `d${i}`, text, n: i }));

  it('writes documents and tokens in the order of their numbers', async () => {
    const { documents: rows, tokens, statistics } = await tokenise(documents);
    const tokenizer = new Tokenizer(readFileSync(TOKENIZER));
    expect([...rows.doc]).toEqual([70, 71, 72]);
    expect([...tokens.doc]).toEqual([70, 71, 72]);
    expect([...rows.split]).toEqual(['calib', 'calib', 'calib']);
    let total = 0;
    rows.text.forEach((text, i) => {
      const { ids, starts, ends } = tokenizer.encode(text);
      const [from, to] = [tokens.offsets[i], tokens.offsets[i + 1]];
      expect(tokens.ids.slice(from, to)).toEqual(ids);
      expect(tokens.starts.slice(from, to)).toEqual(starts);
      expect(tokens.ends.slice(from, to)).toEqual(ends);
      expect(rows.tokens[i]).toBe(ids.length);
      expect(rows.meta[i]).toBe(`{"n":${documents.find((d) => d.id === rows.id[i])?.n}}`);
      total += ids.length;
    });
    // 16 + 5 + 22 code points: the emoji counts as one.
    expect(statistics).toEqual({ documents: 3, tokens: total, characters: 43, skipped: 0 });
  });

  it('stops at a document that is too long, naming it', async () => {
    const error = await failureOf(tokenise(documents, { maxDocumentTokens: 2 }));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(
      /at most 2 tokens \(corpus\.maxDocumentTokens\), found "d\d" with \d+ \(shard shard\)/,
    );
    expect(error.details).toMatchObject({ limit: 2, shard: 'shard' });
  });

  it('keeps number and row of a document that is too long where skip is set', async () => {
    const long = { id: 'long', text: 'In the beginning '.repeat(50) };
    const {
      documents: rows,
      tokens,
      statistics,
    } = await tokenise([...documents, long], { maxDocumentTokens: 40, onBadDocument: 'skip' });
    const at = rows.id.indexOf('long');
    expect([...rows.doc]).toEqual([70, 71, 72, 73]);
    expect(rows.tokens[at]).toBe(0);
    expect(tokens.offsets[at + 1]).toBe(tokens.offsets[at]);
    expect(statistics).toMatchObject({ documents: 4, skipped: 1, tokens: tokens.ids.length });
  });
});

describe('the stages', () => {
  function context(store: ReturnType<typeof openMemoryStore>, spool: string): StageContext {
    const { signal } = new AbortController();
    return {
      store,
      cache: { fetch: (object) => Promise.resolve(object.key) },
      children: localChildren({ ...corpusTasks, ...tokensTasks }),
      spool,
      signal,
      stop: signal,
      progress: () => undefined,
    };
  }

  it('read a part from another store and give one output each, without an engine', async () => {
    const store = openMemoryStore('memory://stages-source');
    await store.putIfAbsent('in/texts/b.txt', Buffer.from('In the beginning'));
    await store.putIfAbsent('in/texts/a/c.txt', Buffer.from('God created'));
    const open = (): Promise<typeof store> => Promise.resolve(store);
    const parts = await listParts(['s3://bucket/in/texts/'], {
      baseFolder: '/',
      format: 'auto',
      openSource: open,
    });
    const config: CorpusConfig = {
      keyed: { ...CONFIG, split: { fit: 1, calib: 0, test: 0 } },
      aux: { parts },
    };
    const [item] = planParts(KEY, parts);
    if (!item) throw new TypeError('no item');
    const spool = temporaryFolderOfTest('tokens');
    const result = await createCorpusRun(open)(item, config, context(store, spool));
    const [output] = result.outputs;
    expect(result.finished).toBe(true);
    expect(output).toMatchObject({ key: KEY, engine: null, statistics: { documents: 2 } });
    const commit = {
      ...(await commits(many('a', 1)))[0],
      shard: item.shard,
      objects: objectsOf(output?.files ?? [], item.shard),
      statistics: output?.statistics,
    } as Commit;
    const [tokensItem] = planShards(KEY, [commit]);
    if (!tokensItem) throw new TypeError('no item');
    const keyed = {
      corpusKey: KEY,
      tokenizer: sha256,
      maxDocumentTokens: 100,
      onBadDocument: 'fail',
    } as const;
    const aux = { tokenizer: { key: TOKENIZER, sha256, bytes: 1 } };
    const tokens = await runTokens(tokensItem, { keyed, aux }, context(store, temporaryFolderOfTest('tokens')));
    const documents = tokens.outputs[0]?.files.find((f) => f.table === 'documents');
    const { columns } = await readTable('documents', documents?.path ?? '');
    expect([...columns.id].sort()).toEqual(['a/c.txt', 'b.txt']);
    expect(path.dirname(documents?.path ?? '')).not.toBe(spool);
  });

  it('refuse a part that the configuration does not know', async () => {
    const folder = await folderWith({ 'a.jsonl': many('a', 1) });
    const parts = await listParts(['a.jsonl'], { baseFolder: folder, format: 'auto' });
    const [item] = planParts(KEY, parts);
    if (!item) throw new TypeError('no item');
    const store = openMemoryStore('memory://stages-none');
    const run = createCorpusRun(() => Promise.resolve(store))(
      item,
      { keyed: CONFIG, aux: { parts: [] } },
      context(store, folder),
    );
    expect((await failureOf(run)).message).toMatch(
      /among the 0 parts of the run's configuration, found none; plan the run again/,
    );
  });
});
