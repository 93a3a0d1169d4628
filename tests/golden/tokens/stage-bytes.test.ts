// The bytes that the corpus and tokens stages write, by digest: where they change, the stage's version must be raised
// (stages/corpus/run.ts, stages/tokens/run.ts) and stage-bytes.json renewed from this test's message.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { sha256Hex } from '../../../core/identity/digest.js';
import { corpusStage } from '../../../stages/corpus/stage.js';
import { tokensTasks } from '../../../stages/tokens/task.js';
import { tokensStage } from '../../../stages/tokens/stage.js';
import { TOKENIZER } from '../../harness/fixtures.js';
import { childContext } from '../../harness/local-children.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';
import { folderWith, jsonLines, KEY, runSource } from '../../unit/stages/corpus/run-part.js';

const recorded = JSON.parse(readFileSync(new URL('stage-bytes.json', import.meta.url), 'utf8')) as unknown;

it('are those recorded for the versions of the stages', async () => {
  const documents = Array.from({ length: 60 }, (_, i) => ({
    id: `doc-${i}`,
    text: `In the beginning ${i} é 漢字 👩‍👩‍👧 ${'word '.repeat(i)}`,
    n: i,
  }));
  const folder = await folderWith({ 'a.jsonl': jsonLines(documents) });
  const corpus = await runSource(folder, 'a.jsonl', { shardTokens: 500 });
  const sha256 = sha256Hex(readFileSync(TOKENIZER));
  const [shard] = corpus.statistics.shards;
  const tokens = await tokensTasks.tokens(
    {
      sources: corpus.files.filter((f) => f.shard === shard?.name).map((f) => f.path),
      tokenizer: { path: TOKENIZER, sha256 },
      key: KEY,
      config: {
        corpusKey: KEY,
        tokenizer: sha256,
        maxDocumentTokens: 1000,
        onBadDocument: 'fail',
      },
      inputs: { source: [], firstDoc: 0, split: 'fit' },
      shard: shard?.name ?? '',
      spool: temporaryFolderOfTest('tokens'),
    },
    childContext(),
  );
  const digests = (files: typeof tokens.files): string[] => files.map((f) => `${f.table} ${f.shard ?? ''} ${f.sha256}`);
  const found = {
    corpus: { version: corpusStage.version, files: digests(corpus.files) },
    tokens: { version: tokensStage.version, files: digests(tokens.files) },
  };
  expect(found).toEqual(recorded);
});
